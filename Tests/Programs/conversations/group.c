// Opening a group, its status, joining and leaving a container.
#include "conversation.h"

static void status_of(int group) {
  struct vfio_group_status s = {.argsz = sizeof s, .flags = 0xffffffff};
  const char *result = outcome(ioctl(group, VFIO_GROUP_GET_STATUS, &s));
  say("GET_STATUS = %s, argsz %u, flags %#x", result, s.argsz, s.flags);
}

int main(void) {
  const char *node = group_node(FIRST);
  int group, again, container;
  heading("open");
  OPEN(group, node, O_RDWR);
  OPEN(again, node, O_RDWR);
  OPEN(again, node, O_RDONLY);
  int copy = dup(group);
  close(group);
  OPEN(again, node, O_RDWR);
  close(copy);
  OPEN(group, node, O_RDONLY);
  status_of(group);
  close(group);
  OPEN(group, "/dev/vfio/999", O_RDWR);
  OPEN(group, "/dev/vfio/03", O_RDWR);
  OPEN(group, node, O_RDWR);

  heading("status");
  status_of(group);
  for (uint32_t argsz = 0; argsz < 18; argsz += argsz < 10 ? 1 : 4) {
    struct vfio_group_status s[3] = {{.argsz = argsz, .flags = 0x5a5a5a5a}, {7, 7}, {7, 7}};
    const char *result = outcome(ioctl(group, VFIO_GROUP_GET_STATUS, s));
    say("argsz %u = %s, now argsz %u flags %#x next %u", argsz, result, s[0].argsz, s[0].flags,
        s[1].argsz);
  }
  CALL(group, VFIO_GROUP_GET_STATUS, NULL);
  CALL(group, VFIO_GROUP_GET_STATUS, at(0xdead000000000000));

  heading("join");
  CALL(group, VFIO_GROUP_SET_CONTAINER, NULL);
  CALL(group, VFIO_GROUP_SET_CONTAINER, at(16));
  int number = -1;
  CALL(group, VFIO_GROUP_SET_CONTAINER, &number);
  number = 999;
  CALL(group, VFIO_GROUP_SET_CONTAINER, &number);
  number = open("/dev/null", O_RDWR);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &number);
  number = open("/dev/vfio/vfio", O_PATH);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &number);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &group);
  number = eventfd(0, 0);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &number);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  OPEN(container, "/dev/vfio/vfio", O_RDWR);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  status_of(group);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  int second = open("/dev/vfio/vfio", O_RDWR);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &second);
  number = 999;
  CALL(group, VFIO_GROUP_SET_CONTAINER, &number);
  CALL(group, VFIO_GROUP_SET_CONTAINER, NULL);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, at(16));
  status_of(group);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &second);

  heading("a read-only container serves as well");
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  int read_only = open("/dev/vfio/vfio", O_RDONLY);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &read_only);
  CALL(read_only, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  unsigned char *memory = pages(1);
  say("MAP_DMA = %s", outcome(map_quiet(read_only, READ_WRITE, memory, 0x10000, PAGE)));

  heading("busy with a device");
  int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  int twin = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("two descriptors of one device: %s, %s", device >= 0 ? "ok" : "no", twin >= 0 ? "ok" : "no");
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  status_of(group);
  close(device);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  void *bar = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, twin, 0);
  close(twin);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  munmap(bar, PAGE);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  status_of(group);

  heading("node busy until the last reference");
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  close(group);
  OPEN(group, node, O_RDWR);
  bar = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, 0);
  close(device);
  OPEN(group, node, O_RDWR);
  munmap(bar, PAGE);
  OPEN(group, node, O_RDWR);
  status_of(group);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);

  heading("the group of three");
  int three;
  OPEN(three, group_node(THIRD), O_RDWR);
  status_of(three);
  CALL(three, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  CALL(three, VFIO_GROUP_GET_DEVICE_FD, "0000:01:00.0");
  CALL(three, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  int a = ioctl(three, VFIO_GROUP_GET_DEVICE_FD, THIRD), b = ioctl(three, VFIO_GROUP_GET_DEVICE_FD, FOURTH);
  say("both devices: %s, %s", a >= 0 ? "ok" : "no", b >= 0 ? "ok" : "no");
  CALL(three, VFIO_GROUP_UNSET_CONTAINER, 0);
  close(a);
  CALL(three, VFIO_GROUP_UNSET_CONTAINER, 0);
  close(b);
  CALL(three, VFIO_GROUP_UNSET_CONTAINER, 0);
  return 0;
}
