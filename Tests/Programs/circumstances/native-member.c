// A group with a member that a driver of the kernel's own has, as the caller has seen to.
#include "../conversations/conversation.h"

static void status_of(int group) {
  struct vfio_group_status status = {.argsz = sizeof status};
  CALL(group, VFIO_GROUP_GET_STATUS, &status);
  say("flags %u", status.flags);
}

int main(void) {
  int container, group;
  OPEN(container, "/dev/vfio/vfio", O_RDWR);
  OPEN(group, "/dev/vfio/6", O_RDWR);
  status_of(group);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, "0000:02:01.0");
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  status_of(group);
  return 0;
}
