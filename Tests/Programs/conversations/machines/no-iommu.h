// What conversations about groups without an IOMMU share.
#ifndef NO_IOMMU_H
#define NO_IOMMU_H
#include "../conversation.h"

MAYBE const char *number_of(const char *bdf) {
  static char link[128], target[256];
  snprintf(link, sizeof link, "/sys/bus/pci/devices/%s/iommu_group", bdf);
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) give_up(link);
  target[length] = 0;
  return strrchr(target, '/') + 1;
}

MAYBE const char *node_of(const char *bdf) {
  static char nodes[4][64];
  static unsigned turn;
  char *node = nodes[turn++ % 4];
  snprintf(node, sizeof nodes[0], "/dev/vfio/noiommu-%s", number_of(bdf));
  return node;
}

// Every call of a container; `extensions` asks for those after the version, where there is one.
MAYBE void every_call(int container, void (*extensions)(int container)) {
  struct vfio_iommu_type1_info info = {.argsz = sizeof info};
  struct vfio_iommu_type1_dirty_bitmap start = {
    .argsz = sizeof start, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START};
  unsigned char *memory = pages(1);
  CALL(container, VFIO_GET_API_VERSION, 0);
  if (extensions) extensions(container);
  CALL(container, VFIO_IOMMU_GET_INFO, &info);
  CALL(container, VFIO_IOMMU_GET_INFO, at(0xdead0000));
  MAP(READ_WRITE, memory, 0x10000, PAGE);
  UNMAP(0x10000, PAGE);
  CALL(container, VFIO_IOMMU_DIRTY_PAGES, &start);
  CALL(container, _IO(VFIO_TYPE, 199), 0);
}
#endif
