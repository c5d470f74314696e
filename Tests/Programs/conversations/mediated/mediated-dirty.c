// Dirty pages where only drivers write: what is pinned, what was, and what they copied.
#include "pins.h"

static int container, d;

static void track(uint32_t flags) {
  struct vfio_iommu_type1_dirty_bitmap b = {.argsz = sizeof b, .flags = flags};
  DO(ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &b));
}

static void get(uint64_t iova, uint64_t count) {
  unsigned char bytes[sizeof(struct vfio_iommu_type1_dirty_bitmap) +
                      sizeof(struct vfio_iommu_type1_dirty_bitmap_get)] = {0};
  struct vfio_iommu_type1_dirty_bitmap *b = (void *)bytes;
  struct vfio_iommu_type1_dirty_bitmap_get *g = (void *)b->data;
  APART uint64_t words[4];
  memset(words, 0, sizeof words);
  b->argsz = sizeof bytes;
  b->flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
  g->iova = iova;
  g->size = count * PAGE;
  g->bitmap.pgsize = PAGE;
  g->bitmap.size = sizeof words;
  g->bitmap.data = (void *)words;
  int result = ioctl(container, VFIO_IOMMU_DIRTY_PAGES, b);
  say("GET(%#llx, %llu pages) = %s: %llx", (unsigned long long)iova, (unsigned long long)count,
      outcome(result), (unsigned long long)words[0]);
}

int main(void) {
  struct session s = start_mediated(PINS, VFIO_TYPE1v2_IOMMU);
  container = s.container, d = s.device;
  unsigned char *p = numbered_pages(64);
  MAP(READ_WRITE, p, 0x100000, 64 * PAGE);
  heading("pinned before");
  pin(d, 0x101000, 2, 3);
  pin(d, 0x104800, 1, 3);
  track(VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
  get(0x100000, 64);
  get(0x100000, 64);
  heading("pinned meanwhile, read only too");
  pin(d, 0x108000, 4, 1);
  get(0x100000, 64);
  unpin(d, 0x108000, 2);
  get(0x100000, 64);
  get(0x100000, 64);
  heading("pinned and given back between two reports");
  pin(d, 0x110000, 1, 3);
  unpin(d, 0x110000, 1);
  get(0x100000, 64);
  get(0x100000, 64);
  heading("copied");
  copy(d, PINS_WRITE, 0x120ff0, 32, 1);
  copy(d, PINS_READ, 0x130000, 32, 1);
  get(0x100000, 64);
  get(0x100000, 64);
  heading("a mapping made meanwhile");
  MAP(READ_WRITE, p, 0x200000, 8 * PAGE);
  get(0x200000, 8);
  pin(d, 0x201000, 1, 3);
  get(0x200000, 8);
  UNMAP(0x200000, 8 * PAGE);
  heading("a physical group: everything");
  int group = open(group_node(FIRST), O_RDWR);
  DO(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
  get(0x100000, 64);
  get(0x100000, 64);
  heading("it leaves: everything once more");
  DO(ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
  get(0x100000, 64);
  get(0x100000, 64);
  heading("stopped and started");
  track(VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
  track(VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
  get(0x100000, 64);
  track(VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
  heading("all of it goes");
  UNMAP_EVERYTHING();
  told(d);
  finish(s);
  return 0;
}
