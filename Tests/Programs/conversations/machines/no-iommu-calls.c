// What a container of groups without an IOMMU answers a program that may have them: every call in
// each of its states, and files closed in several orders. Rights and the parameter are `no-iommu`'s.
#include "../conversation.h"

static const char *node(const char *bdf) {
  static char text[2][64];
  static unsigned turn;
  char link[128], target[256], *to = text[turn++ % 2];
  snprintf(link, sizeof link, "/sys/bus/pci/devices/%s/iommu_group", bdf);
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) give_up(link);
  target[length] = 0;
  snprintf(to, sizeof text[0], "/dev/vfio/noiommu-%.20s", strrchr(target, '/') + 1);
  return to;
}

static void every_call(int container) {
  struct vfio_iommu_type1_info info = {.argsz = sizeof info};
  struct vfio_iommu_type1_dirty_bitmap start = {
    .argsz = sizeof start, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START};
  unsigned char *memory = pages(1);
  CALL(container, VFIO_GET_API_VERSION, 0);
  for (long i = 0; i <= 12; i++)
    say("CHECK_EXTENSION(%ld) = %s", i, outcome(ioctl(container, VFIO_CHECK_EXTENSION, i)));
  CALL(container, VFIO_IOMMU_GET_INFO, &info);
  CALL(container, VFIO_IOMMU_GET_INFO, at(0xdead0000));
  MAP(READ_WRITE, memory, 0x10000, PAGE);
  UNMAP(0x10000, PAGE);
  CALL(container, VFIO_IOMMU_DIRTY_PAGES, &start);
  CALL(container, _IO(VFIO_TYPE, 199), 0);
}

static void status(int group) {
  struct vfio_group_status status = {.argsz = sizeof status};
  CALL(group, VFIO_GROUP_GET_STATUS, &status);
  say("flags %#x", status.flags);
}

static void lookup(int group) {
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, SECOND);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, FIRST " x");
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, at(0xdead0000));
}

int main(void) {
  int container, group, other, device;
  heading("no driver");
  OPEN(container, "/dev/vfio/vfio", O_RDWR);
  every_call(container);
  OPEN(group, node(FIRST), O_RDWR);
  say("again: %s", outcome(open(node(FIRST), O_RDWR)));
  status(group);
  lookup(group);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  status(group);
  every_call(container);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  heading("SET_IOMMU");
  for (long type = 0; type < 12; type++)
    if (type != VFIO_NOIOMMU_IOMMU)
      say("SET_IOMMU(%ld) = %s", type, outcome(ioctl(container, VFIO_SET_IOMMU, type)));
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  every_call(container);
  heading("a device");
  lookup(group);
  say("GET_DEVICE_FD: %s", opened(device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST)));
  struct vfio_device_info info = {.argsz = sizeof info};
  CALL(device, VFIO_DEVICE_GET_INFO, &info);
  say("flags %#x, %u regions, %u interrupts", info.flags, info.num_regions, info.num_irqs);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  heading("a second group");
  OPEN(other, node(SECOND), O_RDWR);
  status(other);
  CALL(other, VFIO_GROUP_SET_CONTAINER, &container);
  status(other);
  CALL(other, VFIO_GROUP_UNSET_CONTAINER, 0);
  status(other);
  CALL(other, VFIO_GROUP_SET_CONTAINER, &container);
  heading("one closes, the device first and last");
  close(group);
  say("its node: %s", outcome(open(node(FIRST), O_RDWR)));
  CALL(device, VFIO_DEVICE_GET_INFO, &info);
  close(device);
  OPEN(group, node(FIRST), O_RDWR);
  status(group);
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  CALL(other, VFIO_GROUP_UNSET_CONTAINER, 0);
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  every_call(container);
  heading("the container first");
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  close(container);
  say("GET_DEVICE_FD: %s", opened(device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST)));
  status(group);
  close(device);
  close(group);
  close(other);
  return 0;
}
