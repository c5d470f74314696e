// Opens container, group and device and sends them to another program: sender NAME.
#include "runs.h"

int main(int argc, char **argv) {
  MUST(argc == 2);
  int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%s", argv[1]);
  MUST(bind(listener, (struct sockaddr *)&name, sizeof name) == 0 && listen(listener, 1) == 0);
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  unsigned char *memory = pages(1);
  memset(memory, 0x5a, PAGE);
  MUST(map_page(s, memory, 0x1000) == 0);
  int peer = accept(listener, NULL, NULL);
  MUST(peer >= 0);
  char byte = 3, room[CMSG_SPACE(3 * sizeof(int))] = {0};
  struct iovec v = {&byte, 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room,
                     .msg_controllen = sizeof room};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(3 * sizeof(int));
  memcpy(CMSG_DATA(c), &s, 3 * sizeof(int));
  MUST(sendmsg(peer, &m, 0) == 1);
  // Its own references go; those in the receiver keep everything open.
  close(s.device);
  close(s.group);
  MUST(recv(peer, &byte, 1, 0) == 1);
  MUST(unmap_bytes(s, 0x2000, PAGE) == (int64_t)PAGE);
  say("sender: unmapped what the receiver had mapped");
  MUST(send(peer, &byte, 1, 0) == 1);
  MUST(recv(peer, &byte, 1, 0) == 0);
  MUST(open(group_node(FIRST), O_RDWR) >= 0);
  say("sender: the group is free");
  return 0;
}
