// What a container of groups without an IOMMU answers a program that may have them: every call in
// each of its states, and files closed in several orders. Rights and the parameter are `no-iommu`'s.
#include "no-iommu.h"

static void ask_extensions(int container) {
  for (long i = 0; i <= 12; i++)
    say("CHECK_EXTENSION(%ld) = %s", i, outcome(ioctl(container, VFIO_CHECK_EXTENSION, i)));
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
  every_call(container, ask_extensions);
  OPEN(group, node_of(FIRST), O_RDWR);
  say("again: %s", outcome(open(node_of(FIRST), O_RDWR)));
  status(group);
  lookup(group);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  status(group);
  every_call(container, ask_extensions);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  heading("SET_IOMMU");
  for (long type = 0; type < 12; type++)
    if (type != VFIO_NOIOMMU_IOMMU)
      say("SET_IOMMU(%ld) = %s", type, outcome(ioctl(container, VFIO_SET_IOMMU, type)));
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  every_call(container, ask_extensions);
  heading("a device");
  lookup(group);
  say("GET_DEVICE_FD: %s", opened(device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST)));
  struct vfio_device_info info = {.argsz = sizeof info};
  CALL(device, VFIO_DEVICE_GET_INFO, &info);
  say("flags %#x, %u regions, %u interrupts", info.flags, info.num_regions, info.num_irqs);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  heading("a second group");
  OPEN(other, node_of(SECOND), O_RDWR);
  status(other);
  CALL(other, VFIO_GROUP_SET_CONTAINER, &container);
  status(other);
  CALL(other, VFIO_GROUP_UNSET_CONTAINER, 0);
  status(other);
  CALL(other, VFIO_GROUP_SET_CONTAINER, &container);
  heading("one closes, the device first and last");
  close(group);
  say("its node: %s", outcome(open(node_of(FIRST), O_RDWR)));
  CALL(device, VFIO_DEVICE_GET_INFO, &info);
  close(device);
  OPEN(group, node_of(FIRST), O_RDWR);
  status(group);
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  CALL(other, VFIO_GROUP_UNSET_CONTAINER, 0);
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  every_call(container, ask_extensions);
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
