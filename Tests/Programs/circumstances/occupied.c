// A group of which another program holds something.
#include "../conversations/conversation.h"

int main(void) {
  int container, group;
  OPEN(container, "/dev/vfio/vfio", O_RDWR);
  group = open(group_node(FIRST), O_RDWR);
  say("the group: %s", opened(group));
  if (group < 0) return 0;
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("the device: %s", opened(device));
  if (device >= 0) say("id %08x", get32(map_bar(device, PAGE), ID));
  return 0;
}
