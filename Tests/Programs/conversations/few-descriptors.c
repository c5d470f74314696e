// A program that may have sixteen descriptors has all of them.
#include "conversation.h"

#include <sys/resource.h>

static int last_of_all(void) {
  int last = -1;
  for (int copy; (copy = dup(0)) >= 0;) last = copy;
  say("dup: %s", outcome(-1));
  return last;
}

int main(void) {
  for (int i = 3; i < 64; i++) close(i);
  struct rlimit limit = {16, 16};
  DO(setrlimit(RLIMIT_NOFILE, &limit));
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  say("container %d, group %d, device %d", s.container, s.group, s.device);
  say("last %d", last_of_all());
  int container = s.container;
  unsigned char *memory = pages(1);
  MAP(READ_WRITE, memory, 0, PAGE);
  say("another device: %s", opened(ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST)));
  say("another container: %s", opened(open("/dev/vfio/vfio", O_RDWR)));
  for (int i = 6; i < 16; i++) close(i);
  int device = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("another device: %d", device);
  DO(getrlimit(RLIMIT_NOFILE, &limit));
  say("%ld of %ld", (long)limit.rlim_cur, (long)limit.rlim_max);

  heading("as daemons do");
  for (int i = 3; i < 1024; i++) close(i);
  s = start(FIRST, VFIO_TYPE1_IOMMU);
  say("container %d, group %d, device %d", s.container, s.group, s.device);
  say("id %08x", get32(map_bar(s.device, PAGE), ID));
  closefrom(3);
  say("the group: %s", opened(open(group_node(FIRST), O_RDWR)));
  return 0;
}
