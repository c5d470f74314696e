// IOMMU_GET_INFO with every argsz, byte by byte, and through two groups.
#include "conversation.h"

static void decode(int container) {
  unsigned char bytes[512] = {0};
  struct vfio_iommu_type1_info *info = (struct vfio_iommu_type1_info *)bytes;
  info->argsz = sizeof bytes;
  CALL(container, VFIO_IOMMU_GET_INFO, info);
  say("argsz %u flags %#x pgsizes %#llx cap_offset %u", info->argsz, info->flags,
      (unsigned long long)info->iova_pgsizes, info->cap_offset);
  for (uint32_t at = info->cap_offset; at;) {
    struct vfio_info_cap_header *h = (struct vfio_info_cap_header *)(bytes + at);
    say("capability at %u: id %u version %u next %u", at, h->id, h->version, h->next);
    if (h->id == 1) {
      struct vfio_iommu_type1_info_cap_iova_range *r = (void *)h;
      for (uint32_t i = 0; i < r->nr_iovas; i++)
        say("  [%#llx, %#llx]", (unsigned long long)r->iova_ranges[i].start,
            (unsigned long long)r->iova_ranges[i].end);
    } else if (h->id == 2) {
      struct vfio_iommu_type1_info_cap_migration *m = (void *)h;
      say("  flags %#x pgsizes %#llx bitmap %#llx", m->flags,
          (unsigned long long)m->pgsize_bitmap, (unsigned long long)m->max_dirty_bitmap_size);
    } else if (h->id == 3) {
      say("  available %u", ((struct vfio_iommu_type1_info_dma_avail *)h)->avail);
    }
    at = h->next;
  }
}

static void every_size(int container, uint32_t flags) {
  unsigned char bytes[256];
  for (uint32_t argsz = 0; argsz <= 200; argsz++) {
    memset(bytes, 0xa5, sizeof bytes);
    struct vfio_iommu_type1_info *info = (struct vfio_iommu_type1_info *)bytes;
    info->argsz = argsz;
    info->flags = flags;
    const char *result = outcome(ioctl(container, VFIO_IOMMU_GET_INFO, info));
    uint32_t sum = 0;
    size_t touched = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
      sum = sum * 31 + bytes[i];
      if (bytes[i] != 0xa5) touched = i + 1;
    }
    say("argsz %u: %s, argsz %u flags %#x cap_offset %#x, touched %zu, sum %08x", argsz, result,
        info->argsz, info->flags, info->cap_offset, touched, sum);
  }
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container;
  unsigned char *memory = pages(8);
  heading("fresh");
  decode(container);
  unsigned char bytes[128] = {0};
  bytes[0] = 128;
  ioctl(container, VFIO_IOMMU_GET_INFO, bytes);
  for (int row = 0; row < 128; row += 16) {
    char line[64];
    for (int i = 0; i < 16; i++) sprintf(line + 3 * i, " %02x", bytes[row + i]);
    say("%3d:%s", row, line);
  }
  heading("every argsz");
  every_size(container, 0);
  heading("input flags");
  struct vfio_iommu_type1_info info = {.argsz = sizeof info, .flags = 0xffffffff, .cap_offset = 77};
  CALL(container, VFIO_IOMMU_GET_INFO, &info);
  say("argsz %u flags %#x cap_offset %u", info.argsz, info.flags, info.cap_offset);
  info.argsz = 0xffffffff;
  CALL(container, VFIO_IOMMU_GET_INFO, NULL);
  CALL(container, VFIO_IOMMU_GET_INFO, at(0xdead000000000000));
  unsigned char *area = pages(2);
  mprotect(area + PAGE, PAGE, PROT_NONE);
  for (unsigned before = 8; before <= 128; before += 8) {
    unsigned char *place = area + PAGE - before;
    memset(place, 0xa5, before);
    struct vfio_iommu_type1_info *i = (struct vfio_iommu_type1_info *)place;
    i->argsz = 256;
    const char *result = outcome(ioctl(container, VFIO_IOMMU_GET_INFO, i));
    unsigned touched = 0;
    for (unsigned b = 4; b < before; b++)
      if (place[b] != 0xa5) touched = b + 1;
    say("%u bytes before a closed page: %s, argsz %u, touched %u", before, result, i->argsz,
        touched);
  }
  struct vfio_iommu_type1_info *fixed = (struct vfio_iommu_type1_info *)area;
  fixed->argsz = 256;
  mprotect(area, PAGE, PROT_READ);
  CALL(container, VFIO_IOMMU_GET_INFO, fixed);

  heading("entries available");
  MAP(READ_WRITE, memory, 0, PAGE);
  MAP(READ_WRITE, memory, 0x10000, 8 * PAGE);
  decode(container);
  MAP(READ_WRITE, at(16 * PAGE), 0x20000, PAGE);
  decode(container);
  UNMAP_EVERYTHING();

  heading("another group joins and leaves");
  int other = open(group_node(THIRD), O_RDWR);
  CALL(other, VFIO_GROUP_SET_CONTAINER, &container);
  decode(container);
  close(s.device);
  close(s.group);
  decode(container);
  close(other);
  CALL(container, VFIO_IOMMU_GET_INFO, &info);

  heading("v1");
  close(container);
  s = start(FIRST, VFIO_TYPE1_IOMMU);
  decode(s.container);
  return 0;
}
