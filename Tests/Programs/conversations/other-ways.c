// The same files by other ways: libc's second names for its functions, system calls by number,
// links of /proc and /dev/fd, openat2(2), and what is asked of a descriptor rather than of its file.
#include "conversation.h"

#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/uio.h>

extern int __open(const char *, int, ...), __open64(const char *, int, ...), __close(int);
extern int __dup2(int, int), __fcntl(int, int, ...);
extern ssize_t __read(int, void *, size_t), __write(int, const void *, size_t);
extern ssize_t __pread64(int, void *, size_t, off_t), __pwrite64(int, const void *, size_t, off_t);
extern off_t __lseek(int, off_t, int);

static const char *node = "/dev/vfio/vfio";

// What an open answers, and whether it is a container.
static void opening(const char *how, long fd) {
  const char *result = opened(fd);
  say("%s: %s, version %s", how, result, fd < 0 ? "none" : outcome(ioctl((int)fd, VFIO_GET_API_VERSION)));
  if (fd >= 0) close((int)fd);
}
#define OPENING(expression) opening(#expression, expression)

static void second_names(struct session s) {
  uint32_t word = 0;
  OPENING(__open(node, O_RDWR));
  OPENING(__open64(node, O_RDWR));
  DO(__pread64(s.device, &word, 4, (off_t)config_offset(0)));
  say("identity %08x", word);
  DO(__read(s.device, &word, 4));
  say("register %08x", word);
  DO(__write(s.device, &word, 0));
  word = 0x102;
  DO(__pwrite64(s.device, &word, 2, (off_t)config_offset(4)));
  DO(__lseek(s.device, 0, SEEK_SET));
  DO(__fcntl(s.device, F_GETFD));
  DO(__dup2(s.container, 200));
  CALL(200, VFIO_GET_API_VERSION, 0);
  DO(__close(200));
  CALL(200, VFIO_GET_API_VERSION, 0);
}

static void by_number(struct session s) {
  uint32_t words[2] = {0};
  struct iovec one = {words, 4}, two[2] = {{words, 4}, {words + 1, 4}};
  unsigned long at = config_offset(0), none = 0, last = -1UL;
  DO(syscall(SYS_preadv2, s.device, &one, 1UL, at, none, none));
  DO(syscall(SYS_preadv2, s.device, two, 2UL, at, none, none));
  say("%08x %08x", words[0], words[1]);
  DO(syscall(SYS_preadv2, s.device, &one, 1UL, last, last, none));
  DO(syscall(SYS_preadv2, s.device, &one, 1UL, at, none, (unsigned long)RWF_NOWAIT));
  DO(syscall(SYS_pwritev2, s.device, &one, 1UL, at, none, (unsigned long)RWF_APPEND));
  DO(syscall(SYS_pwritev2, s.device, &one, 1UL, at, none, (unsigned long)RWF_DSYNC));
  DO(syscall(SYS_preadv2, s.container, &one, 1UL, none, none, none));
  DO(syscall(SYS_pwritev2, s.group, &one, 1UL, none, none, none));
}

static void look_up(const char *what, int directory, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags, .resolve = resolve};
  char text[96];
  snprintf(text, sizeof text, "openat2(%s, flags %#llx, resolve %#llx)", what, (unsigned long long)flags,
           (unsigned long long)resolve);
  opening(text, syscall(SYS_openat2, directory, path, &how, sizeof how));
}

static void look_ups(void) {
  int dev = open("/dev", O_RDONLY | O_DIRECTORY);
  look_up("/dev/vfio/vfio", AT_FDCWD, node, O_RDWR, 0);
  look_up("/dev, vfio/vfio", dev, "vfio/vfio", O_RDWR, RESOLVE_BENEATH);
  look_up("/dev, ../dev/vfio/vfio", dev, "../dev/vfio/vfio", O_RDWR, RESOLVE_BENEATH);
  look_up("/dev, /vfio/vfio", dev, "/vfio/vfio", O_RDWR, RESOLVE_IN_ROOT);
  look_up("/dev, /../vfio/vfio", dev, "/../vfio/vfio", O_RDWR | O_NOFOLLOW, RESOLVE_IN_ROOT);
  look_up("/dev, /vfio/none", dev, "/vfio/none", O_RDWR, RESOLVE_IN_ROOT);
  look_up("/dev/vfio/vfio", AT_FDCWD, node, O_RDWR, RESOLVE_NO_SYMLINKS);
  close(dev);
}

static const char *type(mode_t mode) {
  return S_ISCHR(mode) ? "character device" : mode & S_IFMT ? "other" : "no type";
}

// What a link to an open file leads to: the file itself.
static void links(const char *what, int fd) {
  const char *places[] = {"/proc/self/fd", "/dev/fd", "/proc/thread-self/fd"};
  for (int i = 0; i < 3; i++) {
    char path[64];
    struct stat s, at, of;
    struct statx x;
    snprintf(path, sizeof path, "%s/%d", places[i], fd);
    if (stat(path, &s) || fstatat(AT_FDCWD, path, &at, 0) || fstat(fd, &of) ||
        statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &x))
      give_up(path);
    say("%s by %s: %s %04o, the same for fstatat %s, statx %s, fstat %s", what, places[i], type(s.st_mode),
        s.st_mode & 07777, s.st_mode == at.st_mode && s.st_rdev == at.st_rdev ? "yes" : "no",
        s.st_mode == x.stx_mode ? "yes" : "no", s.st_mode == of.st_mode && s.st_rdev == of.st_rdev ? "yes" : "no");
    say("of size %ld", (long)s.st_size);
    if (lstat(path, &s)) give_up(path);
    say("not followed: %s", S_ISLNK(s.st_mode) ? "a link" : "the file");
    int place = open(path, O_PATH);
    CALL(place, VFIO_GET_API_VERSION, 0);
    struct vfio_group_status status = {.argsz = sizeof status};
    CALL(place, VFIO_GROUP_GET_STATUS, &status);
    close(place);
  }
}

static void questions(const char *what, int fd) {
  heading(what);
  int bytes = 0;
  CALL(fd, FIGETBSZ, NULL);
  CALL(fd, FIGETBSZ, &bytes);
  say("blocks of %d", bytes);
  CALL(fd, _IOWR('f', 11, char[32]), NULL);  // FS_IOC_FIEMAP
  DO(fcntl(fd, F_ADD_SEALS, 0));
  const struct {
    unsigned long length, offset;
  } ranges[] = {{1UL << 47, 0}, {-4096UL, 0}, {-1UL, 0}, {4096, -4096UL}, {4096, -8192UL}, {4096, 1}};
  for (unsigned i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
    void *p = mmap(NULL, ranges[i].length, PROT_READ, MAP_SHARED, fd, (off_t)ranges[i].offset);
    say("mmap of %#lx at %#lx: %s", ranges[i].length, ranges[i].offset,
        p == MAP_FAILED ? strerrorname_np(errno) : "ok");
  }
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  heading("second names");
  second_names(s);
  heading("by number");
  by_number(s);
  heading("openat2");
  look_ups();
  heading("links");
  links("container", s.container);
  links("group", s.group);
  links("device", s.device);
  questions("container", s.container);
  questions("group", s.group);
  questions("device", s.device);
  int reader = open(node, O_RDONLY);
  DO(fcntl(reader, F_ADD_SEALS, 0));
  heading("protections that there are none of");
  void *bar = (void *)map_bar(s.device, PAGE);
  DO(mprotect(bar, PAGE, 0x40));
  DO(mprotect(bar, PAGE, PROT_READ | 0x100));
  say("the register answers: %#x", get32(bar, ID));
  heading("an eventfd by its place alone");
  char path[64];
  int event = eventfd(0, 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", event);
  DO(arm(s.device, VFIO_PCI_MSI_IRQ_INDEX, open(path, O_PATH)));
  DO(arm(s.device, VFIO_PCI_MSI_IRQ_INDEX, open("/", O_PATH)));
  finish(s);
  return 0;
}
