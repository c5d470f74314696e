// Descriptors from one program to another: SCM_RIGHTS over a Unix socket.
#ifndef RIGHTS_H
#define RIGHTS_H
#include "conversation.h"

#include <sys/socket.h>
#include <sys/un.h>

MAYBE struct sockaddr_un abstract(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", name);
  return address;
}

// A socket that other programs find by a name.
MAYBE int listen_at(const char *name) {
  int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = abstract(name);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8)) give_up(name);
  return listener;
}
// Waits until somebody listens there.
MAYBE int connect_to(const char *name) {
  int peer = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = abstract(name);
  for (int i = 0; i < 5000; i++, wait_ms(1))
    if (!connect(peer, (struct sockaddr *)&address, sizeof address)) return peer;
  give_up(name);
}

// One letter, and descriptors with it.
MAYBE void send_with(int peer, char letter, const int *fds, size_t count) {
  char room[CMSG_SPACE(8 * sizeof(int))] = {0};
  struct iovec v = {&letter, 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room,
                     .msg_controllen = CMSG_SPACE(count * sizeof(int))};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(count * sizeof(int));
  memcpy(CMSG_DATA(c), fds, count * sizeof(int));
  if (sendmsg(peer, &m, 0) != 1) give_up("sendmsg");
}
MAYBE char receive_with(int peer, int *fds, size_t count) {
  char letter, room[CMSG_SPACE(8 * sizeof(int))] = {0};
  struct iovec v = {&letter, 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  if (recvmsg(peer, &m, MSG_CMSG_CLOEXEC) != 1 || m.msg_flags & MSG_CTRUNC) give_up("recvmsg");
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  if (!c || c->cmsg_len != CMSG_LEN(count * sizeof(int))) give_up("no descriptors");
  memcpy(fds, CMSG_DATA(c), count * sizeof(int));
  return letter;
}

// One letter alone.
MAYBE void send_letter(int peer, char letter) {
  if (send(peer, &letter, 1, MSG_NOSIGNAL) != 1) give_up("send");
}
// Waits for it; 0 when the other end is gone.
MAYBE char receive_letter(int peer) {
  char letter = 0;
  return recv(peer, &letter, 1, 0) == 1 ? letter : 0;
}
#endif
