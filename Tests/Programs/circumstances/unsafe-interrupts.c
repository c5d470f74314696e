// Without remapping of interrupts, and without leave to do without: run while
// allow_unsafe_interrupts is N.
#include "../conversations/conversation.h"

static void status(int group) {
  struct vfio_group_status s = {.argsz = sizeof s};
  const char *result = outcome(ioctl(group, VFIO_GROUP_GET_STATUS, &s));
  say("GET_STATUS = %s, flags %u", result, s.flags);
}

int main(void) {
  int container, group, other, again;
  OPEN(container, "/dev/vfio/vfio", O_RDWR);
  group = open(group_node(FIRST), O_RDWR);
  other = open(group_node(THIRD), O_RDWR);
  status(group);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  status(group);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1_NESTING_IOMMU);
  CALL(container, VFIO_SET_IOMMU, 9);
  CALL(container, VFIO_SET_IOMMU, 2);
  CALL(container, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU);
  say("GET_DEVICE_FD = %s", opened(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST)));
  heading("two groups");
  CALL(other, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  CALL(other, VFIO_GROUP_UNSET_CONTAINER, 0);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  status(group);
  heading("again");
  OPEN(again, "/dev/vfio/vfio", O_RDWR);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &again);
  CALL(again, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  DO(close(group));
  say("the node: %s", opened(open(group_node(FIRST), O_RDWR)));
  return 0;
}
