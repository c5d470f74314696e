// MAP_DMA's refusals, each row of the order, alone and together with later ones.
#include "conversation.h"

static int container;
static unsigned char *memory;

static void raw(const char *what, uint32_t argsz, uint32_t flags, uint64_t vaddr, uint64_t iova,
                uint64_t size) {
  struct vfio_iommu_type1_dma_map m = {argsz, flags, vaddr, iova, size};
  say("%s: %s", what, outcome(ioctl(container, VFIO_IOMMU_MAP_DMA, &m)));
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  memory = pages(64);
  uint64_t here = (uintptr_t)memory;

  heading("structure");
  CALL(container, VFIO_IOMMU_MAP_DMA, NULL);
  CALL(container, VFIO_IOMMU_MAP_DMA, at(1));
  CALL(container, VFIO_IOMMU_MAP_DMA, at(0x7ffffffff000));
  CALL(container, VFIO_IOMMU_MAP_DMA, at(0xffff800000000000));
  CALL(container, VFIO_IOMMU_MAP_DMA, at(0xffffffffffffffff));
  const uint32_t sizes[] = {0, 1, 8, 24, 31, 32, 33, 4096, 0x7fffffff, 0xffffffff};
  for (int i = 0; i < 10; i++) {
    char text[32];
    snprintf(text, sizeof text, "argsz %u", sizes[i]);
    raw(text, sizes[i], 3, here, 0x10000 + 0x1000 * i, PAGE);
  }
  UNMAP_EVERYTHING();

  heading("flags");
  for (uint32_t flags = 0; flags < 16; flags++) {
    char text[32];
    snprintf(text, sizeof text, "flags %#x", flags);
    raw(text, 32, flags, here, 0x10000 + 0x1000 * flags, PAGE);
  }
  raw("flags 0x80000001", 32, 0x80000001, here, 0x80000, PAGE);
  raw("flags 0 and size 0", 32, 0, here, 0x80000, 0);
  raw("flag 8 and argsz 0", 0, 8, here, 0x80000, 0);
  UNMAP_EVERYTHING();

  heading("alignment");
  raw("size 0", 32, 3, here, 0x10000, 0);
  raw("size 1", 32, 3, here, 0x10000, 1);
  raw("size 0xfff", 32, 3, here, 0x10000, 0xfff);
  raw("size 0x1001", 32, 3, here, 0x10000, 0x1001);
  raw("iova +1", 32, 3, here, 0x10001, PAGE);
  raw("iova +0x800", 32, 3, here, 0x10800, PAGE);
  raw("vaddr +1", 32, 3, here + 1, 0x10000, PAGE);
  raw("vaddr +0x800", 32, 3, here + 0x800, 0x10000, PAGE);
  raw("size 0, iova and vaddr odd", 32, 3, 1, 1, 0);

  heading("wrapping");
  raw("iova + size = 2^64", 32, 3, here, 0xfffffffffffff000, PAGE);
  raw("iova + size > 2^64", 32, 3, here, 0xfffffffffffff000, 2 * PAGE);
  raw("size 2^64 - 4096", 32, 3, here, 0, 0xfffffffffffff000);
  raw("size 2^63", 32, 3, 0, 0, 0x8000000000000000);
  raw("vaddr + size = 2^64", 32, 3, 0xfffffffffffff000, 0x10000, PAGE);
  raw("vaddr + size > 2^64", 32, 3, 0xfffffffffffff000, 0x10000, 2 * PAGE);

  heading("overlap");
  raw("[0x100000, +4)", 32, 3, here, 0x100000, 4 * PAGE);
  raw("the same again", 32, 3, here, 0x100000, 4 * PAGE);
  raw("its first page", 32, 3, here, 0x100000, PAGE);
  raw("its last page", 32, 3, here, 0x103000, PAGE);
  raw("over its start", 32, 3, here, 0xff000, 2 * PAGE);
  raw("over its end", 32, 3, here, 0x103000, 2 * PAGE);
  raw("around it", 32, 3, here, 0xff000, 6 * PAGE);
  raw("just before", 32, 3, here, 0xff000, PAGE);
  raw("just after", 32, 3, here, 0x104000, PAGE);
  raw("overlap with a bad address", 32, 3, 0x10000, 0x100000, PAGE);
  raw("overlap that reaches the reserved window", 32, 3, here, 0x100000, 0xff000000);
  raw("VADDR at nothing", 32, 4, here, 0x200000, PAGE);
  raw("VADDR at a valid mapping", 32, 4, here, 0x100000, 4 * PAGE);
  raw("VADDR with READ", 32, 5, here, 0x100000, 4 * PAGE);
  raw("VADDR, size 0", 32, 4, here, 0x100000, 0);

  heading("reserved and beyond");
  raw("last page before the window", 32, 3, here, 0xfedff000, PAGE);
  raw("into the window", 32, 3, here, 0xfedfe000, 3 * PAGE);
  raw("first page of the window", 32, 3, here, 0xfee00000, PAGE);
  raw("last page of the window", 32, 3, here, 0xfeeff000, PAGE);
  raw("out of the window", 32, 3, here, 0xfeeff000, 2 * PAGE);
  raw("first page after", 32, 3, here, 0xfef00000, PAGE);
  raw("over the whole window", 32, 3, here, 0xfed00000, 0x300000);
  raw("window with a bad address", 32, 3, 0x10000, 0xfee00000, PAGE);
  raw("last page of 48 bits", 32, 3, here, 0xfffffffff000, PAGE);
  raw("first page of 49 bits", 32, 3, here, 0x1000000000000, PAGE);
  raw("across 48 bits", 32, 3, here, 0xffffffffe000, 3 * PAGE);
  raw("across 48 bits, unmapped start", 32, 3, here, 0xffffffffd000, 4 * PAGE);
  raw("page 0", 32, 3, here, 0, PAGE);
  UNMAP_EVERYTHING();

  heading("bad addresses");
  raw("page 0 of memory", 32, 3, 0, 0x10000, PAGE);
  raw("low memory", 32, 3, 0x10000, 0x10000, PAGE);
  raw("the end of user space", 32, 3, 0x7ffffffff000, 0x10000, PAGE);
  raw("kernel memory", 32, 3, 0xffff888000000000, 0x10000, PAGE);
  raw("non-canonical", 32, 3, 0x800000000000, 0x10000, PAGE);
  raw("the last page of all", 32, 3, 0xfffffffffffff000, 0x10000, PAGE);
  raw("huge size", 32, 3, here, 0x10000, 0x8000000000);
  UNMAP_EVERYTHING();
  return 0;
}
