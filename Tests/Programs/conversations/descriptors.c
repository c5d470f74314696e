// What the three kinds of descriptors are to the rest of the system.
#include "conversation.h"

#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

static const char *type_name(mode_t mode) {
  return S_ISCHR(mode) ? "character device" : S_ISREG(mode) ? "regular file"
         : S_ISDIR(mode) ? "directory" : (mode & S_IFMT) == 0 ? "no type" : "other";
}

static void facts(const char *name, int fd) {
  struct stat s;
  heading(name);
  if (fstat(fd, &s)) give_up("fstat");
  say("fstat: %s, mode %04o, links %lu, uid %u, gid %u, size %ld, has rdev %s", type_name(s.st_mode),
      s.st_mode & 07777, (unsigned long)s.st_nlink, s.st_uid, s.st_gid, (long)s.st_size,
      s.st_rdev ? "yes" : "no");
  say("blksize %ld, blocks %ld", (long)s.st_blksize, (long)s.st_blocks);
  struct statx x;
  DO(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
  say("statx: %s, mode %04o, rdev %s", type_name(x.stx_mode), x.stx_mode & 07777,
      x.stx_rdev_major || x.stx_rdev_minor ? "yes" : "no");
  say("F_GETFD = %#x", fcntl(fd, F_GETFD));
  say("F_GETFL = %#x", fcntl(fd, F_GETFL));
  char link[64], target[256] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (readlink(link, target, sizeof target - 1) < 0) give_up("readlink");
  say("/proc/self/fd: %s", target);
  int terminal = isatty(fd);
  say("isatty = %d %s", terminal, strerrorname_np(errno));
  DO(lseek(fd, 0, SEEK_SET));
  DO(lseek(fd, 16, SEEK_SET));
  DO(lseek(fd, 0, SEEK_CUR));
  DO(lseek(fd, 0, SEEK_END));
  char byte[8] = {0};
  DO(read(fd, byte, 0));
  DO(read(fd, byte, 4));
  DO(write(fd, byte, 0));
  DO(write(fd, byte, 4));
  DO(pread(fd, byte, 4, 0));
  DO(pread(fd, byte, 4, -1));
  struct iovec v[2] = {{byte, 4}, {byte + 4, 4}};
  DO(readv(fd, v, 2));
  DO(preadv(fd, v, 1, 0));
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI, 0};
  int ready = poll(&p, 1, 0);
  say("poll = %d, revents %#x", ready, p.revents);
  p.events = 0;
  ready = poll(&p, 1, 0);
  say("poll for nothing = %d, revents %#x", ready, p.revents);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  struct timeval none = {0, 0};
  say("select readable = %d", select(fd + 1, &set, NULL, NULL, &none));
  int e = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  say("epoll_ctl = %s", outcome(epoll_ctl(e, EPOLL_CTL_ADD, fd, &event)));
  close(e);
  DO(fsync(fd));
  DO(ftruncate(fd, 0));
  DO(fallocate(fd, 0, 0, 4096));
  DO(flock(fd, LOCK_EX | LOCK_NB));
  DO(flock(fd, LOCK_UN));
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  DO(fcntl(fd, F_SETLK, &range));
  DO(fcntl(fd, F_GETLK, &range));
  say("F_GETLK says type %d", range.l_type);
  int n = 0;
  DO(ioctl(fd, FIONREAD, &n));
  n = 1;
  DO(ioctl(fd, FIONBIO, &n));
  say("F_GETFL after FIONBIO = %#x", fcntl(fd, F_GETFL));
  DO(fcntl(fd, F_SETFL, 0));
  say("F_GETFL after F_SETFL 0 = %#x", fcntl(fd, F_GETFL));
  DO(ioctl(fd, FIOCLEX));
  say("F_GETFD after FIOCLEX = %#x", fcntl(fd, F_GETFD));
  DO(ioctl(fd, FIONCLEX));
  say("F_GETFD after FIONCLEX = %#x", fcntl(fd, F_GETFD));
  void *m = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  say("mmap shared: %s", m == MAP_FAILED ? strerrorname_np(errno) : "ok");
  if (m != MAP_FAILED) munmap(m, PAGE);
  m = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
  say("mmap private: %s", m == MAP_FAILED ? strerrorname_np(errno) : "ok");
  if (m != MAP_FAILED) munmap(m, PAGE);
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  facts("container", s.container);
  facts("group", s.group);
  facts("device", s.device);

  heading("copies");
  int copy = dup(s.container), low;
  CALL(copy, VFIO_GET_API_VERSION, 0);
  close(copy);
  copy = dup2(s.container, 200);
  say("dup2 to 200 = %d", copy);
  CALL(copy, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU);
  say("dup2 over it = %d", dup2(s.group, 200));
  CALL(copy, VFIO_GET_API_VERSION, 0);
  struct vfio_group_status status = {.argsz = sizeof status};
  CALL(copy, VFIO_GROUP_GET_STATUS, &status);
  say("dup2 of a plain file over it = %d", dup2(open("/dev/null", O_RDWR), 200));
  CALL(copy, VFIO_GROUP_GET_STATUS, &status);
  say("dup3 with O_CLOEXEC = %d", dup3(s.device, 200, O_CLOEXEC));
  say("F_GETFD = %#x", fcntl(200, F_GETFD));
  struct vfio_device_info info = {.argsz = sizeof info};
  CALL(copy, VFIO_DEVICE_GET_INFO, &info);
  DO(dup3(s.device, s.device, 0));
  DO(dup2(s.device, -1));
  copy = fcntl(s.device, F_DUPFD, 300);
  say("F_DUPFD from 300 = %d, F_GETFD %#x", copy, fcntl(copy, F_GETFD));
  CALL(copy, VFIO_DEVICE_GET_INFO, &info);
  low = fcntl(s.device, F_DUPFD_CLOEXEC, 400);
  say("F_DUPFD_CLOEXEC from 400 = %d, F_GETFD %#x", low, fcntl(low, F_GETFD));
  DO(close_range(250, 500, 0));
  CALL(copy, VFIO_DEVICE_GET_INFO, &info);
  DO(close_range(200, 200, CLOSE_RANGE_CLOEXEC));
  say("F_GETFD = %#x", fcntl(200, F_GETFD));
  close(200);

  heading("numbers are handed out lowest first");
  int a = dup(0);
  close(a);
  int again = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("GET_DEVICE_FD takes the lowest free number: %s", again == a ? "yes" : "no");
  close(again);
  again = open("/dev/vfio/vfio", O_RDWR);
  say("open takes the lowest free number: %s", again == a ? "yes" : "no");
  close(again);
  DO(close(again));
  CALL(again, VFIO_GET_API_VERSION, 0);

  heading("ways to open");
  int fd;
  OPEN(fd, "/dev/vfio/vfio", O_RDONLY);
  CALL(fd, VFIO_GET_API_VERSION, 0);
  say("F_GETFL = %#x", fcntl(fd, F_GETFL));
  close(fd);
  OPEN(fd, "/dev/vfio/vfio", O_WRONLY | O_CLOEXEC);
  CALL(fd, VFIO_GET_API_VERSION, 0);
  say("F_GETFL = %#x, F_GETFD = %#x", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  close(fd);
  OPEN(fd, "/dev/vfio/vfio", O_RDWR | O_NONBLOCK | O_APPEND);
  say("F_GETFL = %#x", fcntl(fd, F_GETFL));
  close(fd);
  OPEN(fd, "/dev/vfio/vfio", O_RDWR | O_DIRECTORY);
  OPEN(fd, "/dev/vfio/vfio", O_RDWR | O_CREAT | O_EXCL);
  OPEN(fd, "/dev/vfio/vfio", O_RDWR | O_TRUNC);
  CALL(fd, VFIO_GET_API_VERSION, 0);
  close(fd);
  OPEN(fd, "/dev/vfio/vfio", O_PATH);
  CALL(fd, VFIO_GET_API_VERSION, 0);
  say("F_GETFL = %#x", fcntl(fd, F_GETFL));
  close(fd);
  OPEN(fd, "/dev/vfio/vfio/", O_RDWR);
  OPEN(fd, "/dev/vfio/vfio/x", O_RDWR);
  OPEN(fd, "/dev/vfio/no-such", O_RDWR);
  OPEN(fd, "/dev/vfio/../vfio/./vfio", O_RDWR);
  CALL(fd, VFIO_GET_API_VERSION, 0);
  close(fd);
  OPEN(fd, "/dev//vfio//vfio", O_RDWR);
  CALL(fd, VFIO_GET_API_VERSION, 0);
  close(fd);
  int directory = open("/dev/vfio", O_RDONLY | O_DIRECTORY);
  fd = openat(directory, "vfio", O_RDWR);
  say("openat(/dev/vfio, vfio): %s", opened(fd));
  CALL(fd, VFIO_GET_API_VERSION, 0);
  close(fd);
  fd = open("/dev/vfio/vfio", O_RDWR);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int reopened = open(path, O_RDWR);
  say("open(/proc/self/fd/container): %s", opened(reopened));
  CALL(reopened, VFIO_GET_API_VERSION, 0);
  close(reopened);
  close(fd);
  FILE *stream = fopen("/dev/vfio/vfio", "r+");
  say("fopen: %s", stream ? "ok" : strerrorname_np(errno));
  if (stream) {
    CALL(fileno(stream), VFIO_GET_API_VERSION, 0);
    fclose(stream);
  }

  heading("the nodes");
  struct stat t;
  const char *nodes[] = {"/dev/vfio", "/dev/vfio/vfio", group_node(FIRST), group_node(THIRD)};
  for (int i = 0; i < 4; i++) {
    const char *result = outcome(stat(nodes[i], &t));
    say("stat %s: %s, %s, mode %04o, uid %u gid %u, has rdev %s", nodes[i], result,
        type_name(t.st_mode), t.st_mode & 07777, t.st_uid, t.st_gid, t.st_rdev ? "yes" : "no");
  }
  stat("/dev/vfio/vfio", &t);
  say("/dev/vfio/vfio is %u:%u", major(t.st_rdev), minor(t.st_rdev));
  struct stat one, two;
  stat(group_node(FIRST), &one);
  stat(group_node(THIRD), &two);
  say("groups share a major: %s; their minors differ: %s",
      major(one.st_rdev) == major(two.st_rdev) ? "yes" : "no",
      minor(one.st_rdev) != minor(two.st_rdev) ? "yes" : "no");
  fstat(s.group, &two);
  say("fstat of the group agrees with its node: %s",
      one.st_rdev == two.st_rdev && one.st_ino == two.st_ino && one.st_dev == two.st_dev ? "yes"
                                                                                         : "no");
  say("access R_OK|W_OK %s: %s", nodes[2], outcome(access(nodes[2], R_OK | W_OK)));
  finish(s);
  return 0;
}
