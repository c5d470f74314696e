#define _GNU_SOURCE 1
#include "clinux_kernel.h"
#include "clinux_shared.h"
#include "kernel.h"
#include "places.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

int64_t clinux_pread(int32_t descriptor, uint64_t address, uint64_t count, int64_t offset) {
  if (offset < 0) return enter(SYS_read, descriptor, (long)address, (long)count, 0, 0, 0);
  return enter(SYS_pread64, descriptor, (long)address, (long)count, offset, 0, 0);
}
int64_t clinux_pwrite(int32_t descriptor, uint64_t address, uint64_t count, int64_t offset) {
  if (offset < 0) return enter(SYS_write, descriptor, (long)address, (long)count, 0, 0, 0);
  return enter(SYS_pwrite64, descriptor, (long)address, (long)count, offset, 0, 0);
}

uint64_t clinux_device_number(int32_t descriptor) {
  struct stat status;
  if (enter(SYS_fstat, descriptor, (long)&status, 0, 0, 0, 0)) return 0;
  return S_ISCHR(status.st_mode) ? status.st_rdev : 0;
}

uint64_t clinux_device_at(const char *path) {
  struct stat status;
  if (enter_at(SYS_newfstatat, path, (long)&status, 0)) return 0;
  return S_ISCHR(status.st_mode) ? status.st_rdev : 0;
}

int32_t clinux_closes_on_exec(int32_t descriptor) {
  long flags = enter(SYS_fcntl, descriptor, F_GETFD, 0, 0, 0, 0);
  return flags < 0 ? (int32_t)flags : (flags & FD_CLOEXEC) != 0;
}
int32_t clinux_set_closes_on_exec(int32_t descriptor, int32_t closes) {
  return (int32_t)enter(SYS_fcntl, descriptor, F_SETFD, closes ? FD_CLOEXEC : 0, 0, 0, 0);
}

int32_t clinux_take_descriptor(int32_t pid, int32_t number) {
  long process = enter(SYS_pidfd_open, pid, 0, 0, 0, 0, 0);
  if (process < 0) return (int32_t)process;
  long taken = enter(SYS_pidfd_getfd, process, number, 0, 0, 0, 0);
  clinux_close((int32_t)process);
  return (int32_t)taken;
}

int32_t clinux_is_process(int32_t pid) { return pid > 0 && enter(SYS_kill, pid, 0, 0, 0, 0, 0) != -ESRCH; }

// Whether a descriptor of the directory /proc/PID/fd is one of a device. Its path is no help: that says where the node
// was mounted, in a namespace that the process may have left.
static int leads_to(int32_t directory, const char *name, uint64_t device) {
  struct statx status;
  // What a file server would have to be asked is not asked.
  long r = enter(SYS_statx, directory, (long)name, AT_STATX_DONT_SYNC, STATX_TYPE, (long)&status, 0);
  return r == 0 && S_ISCHR(status.stx_mode) && makedev(status.stx_rdev_major, status.stx_rdev_minor) == device;
}

// The same for this process, number by number: one that gave up its user may not look into its own /proc.
static int32_t find_own(uint64_t device, int32_t after) {
  uint64_t limit = clinux_descriptor_limit();
  int32_t end = limit < 65536 ? (int32_t)limit : 65536;
  for (int32_t number = after + 1; number < end; number++)
    if (clinux_device_number(number) == device) return number;
  return -ENOENT;
}

int32_t clinux_find_device(int32_t pid, uint64_t device, int32_t after) {
  char path[32] = "/proc/self/fd", records[1024];
  if (pid) snprintf(path, sizeof path, "/proc/%d/fd", pid);
  int32_t directory = clinux_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), lowest = -ENOENT;
  if (directory < 0) return pid ? directory : find_own(device, after);
  for (long n; (n = enter(SYS_getdents64, directory, (long)records, sizeof records, 0, 0, 0)) > 0;)
    // struct linux_dirent64: the record's length at 16, the name at 19.
    for (long at = 0; at < n; at += *(uint16_t *)(records + at + 16)) {
      const char *name = records + at + 19;
      if (*name < '0' || *name > '9') continue;
      int32_t number = (int32_t)strtol(name, 0, 10);
      if (number > after && (lowest < 0 || number < lowest) && leads_to(directory, name, device)) lowest = number;
    }
  clinux_close(directory);
  return lowest;
}

// What a process has of the description that holds a device's node alone, or -ENOENT.
static int32_t take_held_of(int32_t pid, uint64_t device) {
  for (int32_t number = -1; (number = clinux_find_device(pid, device, number)) >= 0;) {
    int32_t taken = clinux_take_descriptor(pid, number);
    if (taken >= 0 && clinux_is_held(taken, 1) == 0) return taken;
    if (taken >= 0) clinux_close(taken);
  }
  return -ENOENT;
}

int32_t clinux_take_held(uint64_t device) {
  char records[2048];
  int32_t directory = clinux_open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), taken = -ENOENT;
  if (directory < 0) return directory;
  for (long n; taken < 0 && (n = enter(SYS_getdents64, directory, (long)records, sizeof records, 0, 0, 0)) > 0;)
    for (long at = 0; taken < 0 && at < n; at += *(uint16_t *)(records + at + 16)) {
      int32_t pid = (int32_t)strtol(records + at + 19, 0, 10);
      if (pid > 0) taken = take_held_of(pid, device);
    }
  clinux_close(directory);
  return taken;
}

int32_t clinux_maps_file(int32_t pid, const char *name) {
  char path[32] = "/proc/self/maps", target[256], window[8192];
  // The name ends the line: another may begin with it.
  size_t kept = 0, length = (size_t)snprintf(target, sizeof target, "%s\n", name);
  if (length >= sizeof target) return 0;
  if (pid) snprintf(path, sizeof path, "/proc/%d/maps", pid);
  int32_t file = clinux_open(path, O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return 0;
  int found = 0;
  for (long n; !found && (n = enter(SYS_read, file, (long)(window + kept), (long)(sizeof window - 1 - kept), 0, 0, 0)) > 0;) {
    size_t filled = kept + (size_t)n;
    window[filled] = 0;
    found = strstr(window, target) != 0;
    kept = filled < length ? filled : length;
    memmove(window, window + filled - kept, kept);
  }
  clinux_close(file);
  return found;
}

static int has_description(int32_t pid, int32_t self, uint64_t device, int32_t besides) {
  for (int32_t number = -1; (number = clinux_find_device(pid, device, number)) >= 0;) {
    if (pid == self) {
      if (number != besides && clinux_is_held(number, 1) == 0) return 1;
      continue;
    }
    int32_t taken = clinux_take_descriptor(pid, number);
    if (taken < 0) return 1;
    int32_t another = clinux_is_held(taken, 1);
    clinux_close(taken);
    if (another == 0) return 1;
  }
  return 0;
}

int32_t clinux_is_in_use(const char *node, int32_t besides) {
  char records[2048];
  int32_t self = (int32_t)enter(SYS_getpid, 0, 0, 0, 0, 0, 0), used = 0;
  int32_t directory = clinux_open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  // What cannot be known counts as in use.
  if (directory < 0) return 1;
  for (long n; !used && (n = enter(SYS_getdents64, directory, (long)records, sizeof records, 0, 0, 0)) > 0;)
    for (long at = 0; !used && at < n; at += *(uint16_t *)(records + at + 16)) {
      int32_t pid = (int32_t)strtol(records + at + 19, 0, 10);
      used = pid > 0 && (has_description(pid, self, clinux_device_number(besides), besides) || clinux_maps_file(pid, node));
    }
  clinux_close(directory);
  return used;
}

int32_t clinux_make_parking(uint64_t *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  socklen_t length = sizeof address;
  long parking = enter(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0, 0);
  if (parking < 0) return (int32_t)parking;
  // Without a name the kernel chooses one; connected to itself, it takes from nobody else.
  long r = enter(SYS_bind, parking, (long)&address, sizeof address.sun_family, 0, 0, 0);
  if (r == 0) r = enter(SYS_getsockname, parking, (long)&address, (long)&length, 0, 0, 0);
  if (r == 0) r = enter(SYS_connect, parking, (long)&address, length, 0, 0, 0);
  if (r == 0 && (*name = clinux_parking_name((int32_t)parking)) != 0) return (int32_t)parking;
  clinux_close((int32_t)parking);
  return r < 0 ? (int32_t)r : -EINVAL;
}

uint64_t clinux_parking_name(int32_t parking) {
  struct sockaddr_un address = {0};
  socklen_t length = sizeof address;
  if (enter(SYS_getsockname, parking, (long)&address, (long)&length, 0, 0, 0)) return 0;
  uint64_t name = 0;
  // A zero byte and five hexadecimal digits.
  if (address.sun_family != AF_UNIX || length != sizeof address.sun_family + 6 || address.sun_path[0]) return 0;
  memcpy(&name, address.sun_path + 1, 5);
  return name;
}

struct parked {
  uint64_t key;
  struct iovec content;
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int32_t))];
  struct msghdr message;
};

static void prepare(struct parked *parked) {
  parked->content = (struct iovec){&parked->key, sizeof parked->key};
  parked->message = (struct msghdr){.msg_iov = &parked->content,
                                    .msg_iovlen = 1,
                                    .msg_control = parked->control,
                                    .msg_controllen = sizeof parked->control};
}

int32_t clinux_park(int32_t parking, uint64_t key, int32_t descriptor) {
  struct parked parked = {.key = key};
  prepare(&parked);
  struct cmsghdr *header = CMSG_FIRSTHDR(&parked.message);
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof descriptor), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  long r = enter(SYS_sendmsg, parking, (long)&parked.message, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0, 0);
  return r < 0 ? (int32_t)r : 0;
}

// The oldest file and its key.
static int32_t receive(int32_t parking, uint64_t *key) {
  struct parked parked = {0};
  prepare(&parked);
  int32_t descriptor = -EMFILE;
  long r = enter(SYS_recvmsg, parking, (long)&parked.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, 0, 0, 0);
  if (r < 0) return (int32_t)r;
  *key = parked.key;
  struct cmsghdr *header = CMSG_FIRSTHDR(&parked.message);
  // Without a free number the kernel drops the file.
  if (header && header->cmsg_len == CMSG_LEN(sizeof descriptor))
    memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return descriptor;
}

int32_t clinux_unpark(int32_t parking, uint64_t key) {
  uint64_t first = 0, found;
  for (int turned = 0;; turned = 1) {
    int32_t descriptor = receive(parking, &found);
    if (descriptor == -EAGAIN) return -ENOENT;
    if (descriptor < 0 || found == key) return descriptor;
    // Others go to the back, until all have.
    clinux_park(parking, found, descriptor);
    clinux_close(descriptor);
    if (turned && found == first) return -ENOENT;
    if (!turned) first = found;
  }
}
