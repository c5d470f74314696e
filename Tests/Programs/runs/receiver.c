// A program that opens no node: it works with what another program sends it. receiver NAME
#include "runs.h"

int main(int argc, char **argv) {
  MUST(argc == 2);
  int peer = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%s", argv[1]);
  int connected = -1;
  for (int i = 0; i < 5000 && connected; i++) {
    connected = connect(peer, (struct sockaddr *)&name, sizeof name);
    if (connected) wait_ms(1);
  }
  MUST(connected == 0);
  char byte, room[CMSG_SPACE(3 * sizeof(int))];
  struct iovec v = {&byte, 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room,
                     .msg_controllen = sizeof room};
  MUST(recvmsg(peer, &m, 0) == 1 && !(m.msg_flags & MSG_CTRUNC));
  struct session s;
  memcpy(&s, CMSG_DATA(CMSG_FIRSTHDR(&m)), 3 * sizeof(int));
  say("receiver: group flags %#x", viable_and_set(s.group));
  say("receiver: API version %d", ioctl(s.container, VFIO_GET_API_VERSION));
  struct vfio_device_info info = {.argsz = sizeof info};
  MUST(ioctl(s.device, VFIO_DEVICE_GET_INFO, &info) == 0);
  say("receiver: %u regions", info.num_regions);
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  unsigned char *memory = pages(1);
  memset(memory, 0, PAGE);
  MUST(map_page(s, memory, 0x1000) < 0 && errno == EEXIST);
  MUST(map_page(s, memory, 0x2000) == 0);
  MUST(copied(bar, 0x1000, 0x2000, 48));
  say("receiver: DMA from the sender's memory to its own: %s", picture(memory, 96));
  int second = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  MUST(second >= 0);
  close(second);
  MUST(send(peer, &byte, 1, 0) == 1 && recv(peer, &byte, 1, 0) == 1);
  MUST(unmap_bytes(s, 0x2000, PAGE) == 0);
  munmap((void *)bar, PAGE);
  finish(s);
  say("receiver: done");
  return 0;
}
