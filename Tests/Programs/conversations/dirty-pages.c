// Dirty pages and VADDR: the refusals in order, and what is granted.
#include "conversation.h"

static int container;

static void dirty(const char *what, uint32_t argsz, uint32_t flags, uint64_t iova, uint64_t size,
                  uint64_t page, uint64_t bytes, void *data) {
  unsigned char area[64] = {0};
  struct vfio_iommu_type1_dirty_bitmap *d = (void *)area;
  d->argsz = argsz;
  d->flags = flags;
  struct vfio_iommu_type1_dirty_bitmap_get g = {iova, size, {page, bytes, data}};
  memcpy(area + 8, &g, sizeof g);
  say("%s: %s", what, outcome(ioctl(container, VFIO_IOMMU_DIRTY_PAGES, d)));
}

static void all(int type, const char *title) {
  heading(title);
  struct session s = start(FIRST, type);
  container = s.container;
  unsigned char *memory = pages(8);
  APART uint64_t map[8];
  memset(map, 0, sizeof map);
  MAP(READ_WRITE, memory, 0x10000, 4 * PAGE);
  CALL(container, VFIO_IOMMU_DIRTY_PAGES, NULL);
  dirty("argsz 7", 7, 1, 0, 0, 0, 0, NULL);
  for (uint32_t f = 0; f < 9; f++) {
    char text[16];
    snprintf(text, sizeof text, "flags %u", f);
    if (f != 1 && f != 2) dirty(text, 48, f, 0x10000, 4 * PAGE, PAGE, 8, map);
  }
  dirty("get, argsz 47", 47, 4, 0x10000, 4 * PAGE, PAGE, 8, map);
  dirty("stop", 8, 2, 0, 0, 0, 0, NULL);
  dirty("start", 8, 1, 0, 0, 0, 0, NULL);
  dirty("start again", 8, 1, 0, 0, 0, 0, NULL);
  dirty("get", 48, 4, 0x10000, 4 * PAGE, PAGE, 8, map);
  say("bitmap %#llx", (unsigned long long)map[0]);
  dirty("get half", 48, 4, 0x10000, 2 * PAGE, PAGE, 8, map);
  dirty("get page size 8192", 48, 4, 0x10000, 4 * PAGE, 8192, 8, map);
  dirty("get bitmap 4", 48, 4, 0x10000, 4 * PAGE, PAGE, 4, map);
  dirty("get size 0", 48, 4, 0x10000, 0, PAGE, 8, map);
  dirty("get NULL", 48, 4, 0x10000, 4 * PAGE, PAGE, 8, NULL);
  dirty("get kernel", 48, 4, 0x10000, 4 * PAGE, PAGE, 8, at(0xffff888000000000));
  dirty("get wraps", 48, 4, 0xfffffffffffff000, 2 * PAGE, PAGE, 8, map);
  dirty("stop", 8, 2, 0, 0, 0, 0, NULL);
  heading("VADDR");
  UNMAP_flags(container, "VADDR", 4, 0x10000, 4 * PAGE);
  UNMAP_flags(container, "VADDR", 4, 0x10000, 4 * PAGE);
  struct vfio_iommu_type1_dma_map m = {32, 4, (uintptr_t)memory, 0x10000, 2 * PAGE};
  CALL(container, VFIO_IOMMU_MAP_DMA, &m);
  m.size = 4 * PAGE;
  CALL(container, VFIO_IOMMU_MAP_DMA, &m);
  CALL(container, VFIO_IOMMU_MAP_DMA, &m);
  UNMAP(0x10000, 4 * PAGE);
  finish(s);
}

int main(void) {
  all(VFIO_TYPE1v2_IOMMU, "v2");
  all(VFIO_TYPE1_IOMMU, "v1");
  return 0;
}
