// UNMAP_DMA's worked examples, on v2 and on v1: A = [0, 0x4000), B = [0x4000, 0x8000),
// C = [0x10000, 0x12000).
#include "conversation.h"

static unsigned char *memory;

static const char *survivors(int container) {
  static char text[64];
  const struct {
    const char *name;
    uint64_t iova, size;
  } three[] = {{"A", 0, 4 * PAGE}, {"B", 4 * PAGE, 4 * PAGE}, {"C", 16 * PAGE, 2 * PAGE}};
  text[0] = 0;
  for (int i = 0; i < 3; i++) {
    int whole = 1, none = 1;
    for (uint64_t p = 0; p < three[i].size; p += PAGE) {
      if (map_quiet(container, READ_ONLY, memory, three[i].iova + p, PAGE) == 0) {
        whole = 0;
        uint64_t size = PAGE;
        unmap_quiet(container, 0, three[i].iova + p, &size);
      } else {
        none = 0;
      }
    }
    if (!none) strcat(strcat(text, three[i].name), whole ? " " : "(part) ");
  }
  return text[0] ? text : "nothing";
}

static void example(int container, uint32_t flags, uint64_t iova, uint64_t size) {
  uint64_t all = 0;
  unmap_quiet(container, VFIO_DMA_UNMAP_FLAG_ALL, 0, &all);
  map_quiet(container, READ_WRITE, memory, 0, 4 * PAGE);
  map_quiet(container, READ_WRITE, memory, 4 * PAGE, 4 * PAGE);
  map_quiet(container, READ_WRITE, memory, 16 * PAGE, 2 * PAGE);
  uint64_t answer = size;
  const char *result = outcome(unmap_quiet(container, flags, iova, &answer));
  say("iova %#llx size %#llx flags %u = %s, size %#llx, left: %s", (unsigned long long)iova,
      (unsigned long long)size, flags, result, (unsigned long long)answer, survivors(container));
}

static void all(const char *title, int type) {
  heading(title);
  struct session s = start(FIRST, type);
  const uint64_t rows[][2] = {
      {0, 0x4000}, {0, 0x8000}, {0, 0x20000}, {0, 0x1000}, {0x1000, 0x1000}, {0x3000, 0x1000},
      {0x2000, 0x6000}, {0, 0x5000}, {0x4000, 0x4000}, {0x3000, 0x2000}, {0x3000, 0x5000},
      {0x8000, 0x9000}, {0x11000, 0xf000}, {0x8000, 0x8000}, {0x10000, 0xffffffffffff0000},
      {0x10000, 0xfffffffffffef000}, {0, 0xfffffffffffff000}, {0, 0x8000000000000000},
      {0x8000000000000000, 0x8000000000000000}, {0, 0}, {0x1000, 0}, {0, 0x800}, {0x800, 0x1000},
      {0x20000, 0x800}, {0x1000, 0xfffffffffffff000}, {0x2000, 0xfffffffffffff000},
      {0xfffffffffffff000, 0x1000}, {0xfffffffffffff000, 0x2000}, {0x4000, 0x10000},
      {0x7000, 0xa000}, {0x7000, 0xb000}, {0x11000, 0x1000}, {0x10000, 0x1000}, {0xf000, 0x2000},
      {0xf000, 0x3000}, {0xf000, 0x4000}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    example(s.container, 0, rows[i][0], rows[i][1]);
  example(s.container, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0);
  example(s.container, VFIO_DMA_UNMAP_FLAG_ALL, 0, PAGE);
  example(s.container, VFIO_DMA_UNMAP_FLAG_ALL, PAGE, 0);
  example(s.container, VFIO_DMA_UNMAP_FLAG_ALL, 1, 0);
  example(s.container, VFIO_DMA_UNMAP_FLAG_ALL, 0, 1);
  example(s.container, 8, 0, 0x4000);
  example(s.container, 0x80000000, 0, 0x4000);
  example(s.container, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, 0, 0x4000);
  example(s.container, 3, 0, 0);
  example(s.container, 5, 0, 0x4000);

  int container = s.container;
  UNMAP_EVERYTHING();
  UNMAP_EVERYTHING();
  const uint32_t sizes[] = {0, 8, 16, 23, 24, 25, 47, 48, 4096, 0xffffffff};
  for (int i = 0; i < 10; i++) {
    map_quiet(container, READ_WRITE, memory, 0, PAGE);
    struct vfio_iommu_type1_dma_unmap u = {.argsz = sizes[i], .size = PAGE};
    const char *result = outcome(ioctl(container, VFIO_IOMMU_UNMAP_DMA, &u));
    say("argsz %u = %s, size %#llx", sizes[i], result, (unsigned long long)u.size);
  }
  finish(s);
}

int main(void) {
  memory = pages(16);
  all("v2", VFIO_TYPE1v2_IOMMU);
  all("v1", VFIO_TYPE1_IOMMU);
  return 0;
}
