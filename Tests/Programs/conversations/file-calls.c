// Calls that every file answers, on files that are no ordinary ones: sizes, locks, links, copies, streams.
#include "conversation.h"

#include <sys/file.h>
#include <sys/sendfile.h>

static int plain, pipes[2];

static void lock(int fd, const char *text, int command, int type, int whence, off_t from, off_t length) {
  struct flock l = {.l_type = (short)type, .l_whence = (short)whence, .l_start = from, .l_len = length};
  const char *result = outcome(fcntl(fd, command, &l));
  say("%s = %s: type %d, whence %d, start %lld, length %lld", text, result, l.l_type, l.l_whence,
      (long long)l.l_start, (long long)l.l_len);
}
#define LOCK(command, type, whence, from, length) \
  lock(fd, #command "(" #type ", " #whence ", " #from ", " #length ")", command, type, whence, from, length)

static void locks(int fd) {
  LOCK(F_SETLK, F_WRLCK, SEEK_SET, 0, 0);
  LOCK(F_GETLK, F_WRLCK, SEEK_SET, 0, 0);
  CHILD(LOCK(F_GETLK, F_RDLCK, SEEK_SET, 5, 1); LOCK(F_SETLK, F_RDLCK, SEEK_SET, 5, 1));
  LOCK(F_SETLK, F_UNLCK, SEEK_SET, 0, 0);
  LOCK(F_SETLK, F_RDLCK, SEEK_SET, 0, 1);
  LOCK(F_SETLK, F_WRLCK, SEEK_CUR, 10, 10);
  CHILD(LOCK(F_GETLK, F_WRLCK, SEEK_SET, 2, 0));
  LOCK(F_SETLK, F_WRLCK, SEEK_END, 0, 0);
  LOCK(F_SETLK, F_WRLCK, SEEK_SET, 100, -10);
  LOCK(F_SETLK, F_WRLCK, SEEK_SET, 5, -10);
  LOCK(F_SETLK, F_WRLCK, SEEK_SET, -1, 1);
  LOCK(F_SETLK, F_WRLCK, 7, 0, 1);
  LOCK(F_SETLK, 9, SEEK_SET, 0, 1);
  LOCK(F_SETLK, F_WRLCK, SEEK_SET, 1LL << 62, 1LL << 62);
  LOCK(F_SETLK, F_WRLCK, SEEK_SET, 1LL << 62, (1LL << 62) + 1);
  LOCK(F_SETLK, F_UNLCK, SEEK_SET, 0, 0);
  LOCK(F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 0);
  LOCK(F_OFD_GETLK, F_WRLCK, SEEK_SET, 0, 0);
  CHILD(LOCK(F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 0); LOCK(F_SETLK, F_WRLCK, SEEK_SET, 0, 0));
  LOCK(F_OFD_SETLKW, F_UNLCK, SEEK_SET, 0, 0);
  LOCK(F_SETLKW, F_WRLCK, SEEK_SET, 0, 4);
  LOCK(F_SETLKW, F_UNLCK, SEEK_SET, 0, 4);
  DO(lockf(fd, F_TLOCK, 0));
  DO(lockf(fd, F_TEST, 0));
  CHILD(DO(lockf(fd, F_TEST, 0)); DO(lockf(fd, F_TLOCK, 10)));
  DO(lockf(fd, F_ULOCK, 0));
  DO(lockf(fd, F_LOCK, 10));
  DO(lockf(fd, F_ULOCK, 0));
  DO(lockf(fd, 9, 0));
  DO(flock(fd, LOCK_SH | LOCK_NB));
  DO(flock(fd, LOCK_UN));
  DO(fcntl(fd, F_SETLK, at(1)));
}

static void sizes(int fd) {
  DO(fsync(fd));
  DO(fdatasync(fd));
  DO(ftruncate(fd, 0));
  DO(ftruncate(fd, 1 << 20));
  DO(ftruncate(fd, -1));
  DO(fallocate(fd, 0, 0, 0));
  DO(fallocate(fd, 0, -1, 1));
  DO(fallocate(fd, 0, 0, 4096));
  DO(fallocate(fd, 3, 0, 4096));
  DO(fallocate(fd, 2, 0, 4096));
  DO(fallocate(fd, 0x1000, 0, 4096));
  DO(posix_fallocate(fd, 0, 4096));
  DO(posix_fallocate(fd, 0, 0));
  DO(posix_fallocate(fd, -1, 1));
  DO(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
  DO(sync_file_range(fd, 0, 4096, SYNC_FILE_RANGE_WRITE));
  DO(sync_file_range(fd, 0, 4096, 0x1000));
  DO(sync_file_range(fd, -1, 4096, 0));
  DO(syncfs(fd) < 0 ? -1 : 0);
  DO(readahead(fd, 0, 4096));
}

static void copies(int fd) {
  off_t zero = 0;
  loff_t start = 0;
  DO(copy_file_range(fd, &start, plain, NULL, 4, 0));
  DO(copy_file_range(plain, &start, fd, NULL, 4, 0));
  DO(copy_file_range(fd, NULL, plain, NULL, 0, 0));
  DO(sendfile(fd, plain, &zero, 4));
  DO(sendfile(plain, fd, &zero, 4));
  DO(sendfile(plain, fd, NULL, 4));
  DO(sendfile(plain, fd, NULL, 0));
  DO(sendfile(pipes[1], fd, &zero, 4));
  DO(splice(fd, NULL, pipes[1], NULL, 4, 0));
  DO(splice(fd, &start, pipes[1], NULL, 4, 0));
  DO(splice(fd, NULL, pipes[1], NULL, 0, 0));
  DO(splice(fd, NULL, plain, NULL, 4, 0));
  if (write(pipes[1], "abcd", 4) != 4) exit(1);
  DO(splice(pipes[0], NULL, fd, NULL, 4, SPLICE_F_NONBLOCK));
  DO(splice(pipes[0], NULL, fd, &start, 4, SPLICE_F_NONBLOCK));
  char four[4];
  DO(read(pipes[0], four, 4));
  DO(tee(fd, pipes[1], 4, 0));
}

static void controls(int fd) {
  DO(fcntl(fd, F_SETLEASE, F_RDLCK));
  DO(fcntl(fd, F_GETLEASE));
  DO(fcntl(fd, F_ADD_SEALS, 0));
  DO(fcntl(fd, F_GET_SEALS));
  DO(fcntl(fd, F_SETPIPE_SZ, 4096));
  DO(fcntl(fd, F_GETPIPE_SZ));
  DO(fcntl(fd, 9999, 0));
  DO(fchdir(fd));
  struct stat s;
  if (fstat(fd, &s)) give_up("fstat");
  DO(fchmod(fd, 0640));
  struct stat now;
  if (fstat(fd, &now)) give_up("fstat");
  // A device's inode is nobody's: its mode is not kept.
  if (S_ISCHR(now.st_mode)) say("mode %04o", now.st_mode & 07777);
  DO(fchmod(fd, s.st_mode & 07777));
  DO(fchown(fd, 0, 0));
  DO(fchown(fd, -1, -1));
}

static const char *link_of(int fd, size_t room) {
  static char path[64], target[256];
  memset(target, 0, sizeof target);
  snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), fd);
  ssize_t n = readlink(path, target, room);
  if (n < 0) return strerrorname_np(errno);
  for (size_t i = (size_t)n; i < sizeof target; i++)
    if (target[i]) return "wrote beyond its answer";
  return target;
}

static int again(const char *what, int fd, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int other = open(path, flags);
  say("open(/proc/self/fd/%s, %#x): %s", what, flags, opened(other));
  return other;
}

static void modes(void) {
  char bytes[4];
  int reader = open("/dev/vfio/vfio", O_RDONLY), writer = open("/dev/vfio/vfio", O_WRONLY);
  DO(read(reader, bytes, 4));
  DO(write(reader, bytes, 4));
  DO(pread(reader, bytes, 4, -1));
  DO(pwrite(reader, bytes, 4, -1));
  DO(pwrite(reader, bytes, 4, 0));
  DO(read(writer, bytes, 4));
  DO(write(writer, bytes, 4));
  DO(pread(writer, bytes, 4, 0));
  DO(fallocate(reader, 0, 0, 4096));
  DO(ftruncate(reader, 0));
  int fd = reader;
  LOCK(F_SETLK, F_WRLCK, SEEK_SET, 0, 0);
  LOCK(F_SETLK, F_RDLCK, SEEK_SET, 0, 0);
  fd = writer;
  LOCK(F_SETLK, F_RDLCK, SEEK_SET, 0, 0);
  LOCK(F_SETLK, F_WRLCK, SEEK_SET, 0, 0);
  void *m = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, writer, 0);
  say("mmap of one that only writes: %s", m == MAP_FAILED ? strerrorname_np(errno) : "ok");
  CALL(reader, VFIO_GET_API_VERSION, 0);
  CALL(writer, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU);
  close(reader);
  close(writer);
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  plain = memfd_create("plain", 0);
  if (ftruncate(plain, 4096) || pipe(pipes)) return 1;
  const struct {
    const char *name;
    int fd;
  } files[] = {{"container", s.container}, {"group", s.group}, {"device", s.device}};
  for (int i = 0; i < 3; i++) {
    heading(files[i].name);
    sizes(files[i].fd);
    locks(files[i].fd);
    copies(files[i].fd);
    controls(files[i].fd);
    say("link %s", link_of(files[i].fd, 255));
    say("link of 7 bytes %s", link_of(files[i].fd, 7));
    say("link of 24 bytes %s", link_of(files[i].fd, 24));
  }
  heading("none of it did harm");
  int container = s.container;
  unsigned char *area = pages(1);
  MAP(READ_WRITE, area, 0x10000, PAGE);
  UNMAP(0x10000, PAGE);
  struct vfio_group_status status = {.argsz = sizeof status};
  CALL(s.group, VFIO_GROUP_GET_STATUS, &status);
  struct vfio_device_info info = {.argsz = sizeof info};
  CALL(s.device, VFIO_DEVICE_GET_INFO, &info);

  heading("access modes");
  modes();

  heading("opened again by their links");
  int other = again("container", s.container, O_RDWR | O_TRUNC);
  CALL(other, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU);
  struct vfio_iommu_type1_info facts = {.argsz = sizeof facts};
  CALL(other, VFIO_IOMMU_GET_INFO, &facts);
  CALL(s.container, VFIO_IOMMU_GET_INFO, &facts);
  close(other);
  again("group", s.group, O_RDWR);
  again("device", s.device, O_RDWR);
  other = again("container", s.container, O_RDONLY | O_CLOEXEC);
  say("F_GETFL = %#x, F_GETFD = %#x", fcntl(other, F_GETFL), fcntl(other, F_GETFD));
  close(other);

  finish(s);
  return 0;
}
