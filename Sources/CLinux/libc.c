#define _GNU_SOURCE 1
#include "clinux_libc.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t answer(int64_t result) { return result < 0 ? -(int64_t)errno : result; }
static void *pointer(uint64_t address) { return (void *)(uintptr_t)address; }

int64_t clinux_libc_open(const char *path, int32_t flags) { return answer(open(path, flags, 0666)); }
int64_t clinux_libc_close(int32_t descriptor) { return answer(close(descriptor)); }

int64_t clinux_libc_ioctl(int32_t descriptor, uint64_t request, uint64_t argument) {
  return answer(ioctl(descriptor, request, argument));
}

int64_t clinux_libc_read(int32_t descriptor, uint64_t address, uint64_t count, int64_t offset) {
  return answer(offset == -1 ? read(descriptor, pointer(address), count)
                             : pread(descriptor, pointer(address), count, offset));
}

int64_t clinux_libc_write(int32_t descriptor, uint64_t address, uint64_t count, int64_t offset) {
  return answer(offset == -1 ? write(descriptor, pointer(address), count)
                             : pwrite(descriptor, pointer(address), count, offset));
}

static int64_t place(void *address) { return address == MAP_FAILED ? -(int64_t)errno : (int64_t)(uintptr_t)address; }

int64_t clinux_libc_mmap(uint64_t address, uint64_t length, int32_t protection, int32_t flags, int32_t descriptor,
                         int64_t offset) {
  return place(mmap(pointer(address), length, protection, flags, descriptor, offset));
}

int64_t clinux_libc_munmap(uint64_t address, uint64_t length) { return answer(munmap(pointer(address), length)); }

int64_t clinux_libc_mprotect(uint64_t address, uint64_t length, int32_t protection) {
  return answer(mprotect(pointer(address), length, protection));
}

int64_t clinux_libc_mremap(uint64_t address, uint64_t length, uint64_t new_length, int32_t flags,
                           uint64_t new_address) {
  return place(mremap(pointer(address), length, new_length, flags, pointer(new_address)));
}

int64_t clinux_libc_eventfd(void) { return answer(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

static void forbid(int resource, struct rlimit *kept, int32_t on) {
  struct rlimit none;
  if (on) {
    if (getrlimit(resource, kept)) return;
    none = *kept;
    none.rlim_cur = 0;
  }
  setrlimit(resource, on ? &none : kept);
}

int capset(void *, const void *);
int capget(void *, void *);

void clinux_libc_forbid_locking(int32_t on) {
  static struct rlimit kept;
  forbid(RLIMIT_MEMLOCK, &kept, on);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (capget(&header, data)) return;
  const uint32_t bit = 1u << CAP_IPC_LOCK;
  data[0].effective = on ? data[0].effective & ~bit : data[0].effective | (data[0].permitted & bit);
  capset(&header, data);
}

void clinux_libc_forbid_opening(int32_t on) {
  static struct rlimit kept;
  forbid(RLIMIT_NOFILE, &kept, on);
}

int64_t clinux_libc_fork(int32_t *mine) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return -errno;
  pid_t child = fork();
  if (child < 0) {
    int error = errno;
    close(ends[0]);
    close(ends[1]);
    return -error;
  }
  close(ends[child == 0 ? 0 : 1]);
  if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  *mine = ends[child == 0 ? 1 : 0];
  return child;
}

void clinux_libc_exit(void) { _exit(0); }

int64_t clinux_libc_send(int32_t socket, const void *bytes, uint64_t count) {
  for (uint64_t done = 0; done < count;) {
    ssize_t sent = send(socket, (const char *)bytes + done, count - done, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return -EPIPE;
    if (sent > 0) done += (uint64_t)sent;
  }
  return 0;
}

int64_t clinux_libc_receive(int32_t socket, void *bytes, uint64_t count) {
  for (uint64_t done = 0; done < count;) {
    ssize_t got = recv(socket, (char *)bytes + done, count - done, 0);
    if (got == 0 || (got < 0 && errno != EINTR)) return -EPIPE;
    if (got > 0) done += (uint64_t)got;
  }
  return 0;
}

void clinux_libc_wait(int32_t child) {
  while (waitpid(child, 0, 0) < 0 && errno == EINTR) {
  }
}

int64_t clinux_libc_give(int32_t socket, int32_t descriptor) {
  char word = 0, control[CMSG_SPACE(sizeof descriptor)] __attribute__((aligned(8))) = {0};
  struct iovec vector = {&word, 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof descriptor);
  memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  return answer(sendmsg(socket, &message, MSG_NOSIGNAL));
}

int64_t clinux_libc_take(int32_t socket) {
  char word, control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
  struct iovec vector = {&word, 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) return -errno;
  struct cmsghdr *head = got == 1 ? CMSG_FIRSTHDR(&message) : 0;
  if (!head || head->cmsg_type != SCM_RIGHTS) return -EPIPE;
  int descriptor;
  memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
  return descriptor;
}
