// What a program does with descriptors, one promise of the preload a mode. Prints "ok" and ends with 0, or the
// check that failed.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
enum { api_version = 0x3b64, set_container = 0x3b68, get_device = 0x3b6a, reset = 0x3b6f, map_dma = 0x3b71 };
enum { count_open = 0x3be0, hide_one = 0x3be2, resets = 0x3be4, open_inside = 0x3be5, keeps = 0x3be6, looks = 0x3be7 };
static const char container_path[] = "/dev/vfio/vfio", group_path[] = "/dev/vfio/3";

#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
      exit(1); \
    } \
  } while (0)
#define FAILS(call, error) CHECK((errno = 0, (call)) == -1 && errno == (error))

static int container(void) { return open(container_path, O_RDWR | O_CLOEXEC); }
static int device(void) {
  int group = open(group_path, O_RDWR);
  CHECK(group >= 0);
  int found = ioctl(group, get_device, "0000:00:05.0");
  CHECK(found >= 0);
  CHECK(close(group) == 0);
  return found;
}
static int is_container(int d) { return d >= 0 && ioctl(d, api_version) == 0; }

static void opens(void) {
  int found[] = {open(container_path, O_RDWR), open64(container_path, O_RDWR), openat(AT_FDCWD, container_path, O_RDWR),
                 openat64(AT_FDCWD, container_path, O_RDWR), creat(container_path, 0600),
                 (int)syscall(SYS_open, container_path, O_RDWR), (int)syscall(SYS_openat, AT_FDCWD, container_path, O_RDWR)};
  for (unsigned k = 0; k < sizeof found / sizeof *found; k++) CHECK(is_container(found[k]));
  for (unsigned k = 1; k < sizeof found / sizeof *found; k++) CHECK(found[k] == found[k - 1] + 1);  // the lowest free
  uint64_t how[3] = {O_RDWR | O_CLOEXEC, 0, 0};
  CHECK(is_container((int)syscall(437, AT_FDCWD, container_path, how, sizeof how)));
  int directory = open("/dev/vfio", O_RDONLY | O_DIRECTORY);
  CHECK(is_container(openat(directory, "vfio", O_RDWR)));
  CHECK(chdir("/dev") == 0 && is_container(open("vfio/../vfio/vfio", O_RDWR)));
  CHECK(fcntl(container(), F_GETFD) == FD_CLOEXEC && fcntl(found[0], F_GETFD) == 0);
  FAILS(open("/dev/vfio/7", O_RDWR), ENOENT);
  FAILS(open("/dev/vfio/vfio/x", O_RDWR), ENOTDIR);
  FAILS(open(container_path, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
  FAILS(open(container_path, O_RDWR | O_DIRECTORY), ENOTDIR);
  FILE *stream = fopen(container_path, "r+e");
  CHECK(stream && is_container(fileno(stream)) && fcntl(fileno(stream), F_GETFD) == FD_CLOEXEC);
  int number = fileno(stream);
  CHECK(fclose(stream) == 0 && open("/dev/null", O_RDWR) == number);
  FAILS(ioctl(number, api_version), ENOTTY);
  stream = freopen(container_path, "r+", fopen("/dev/null", "r"));
  CHECK(stream && is_container(fileno(stream)));
}

/// What the mode of a node forbids is refused, to a user whom modes bind.
static void permissions(void) {
  CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
  CHECK(is_container(container()));
  FAILS(open(group_path, O_RDWR), EACCES);
  FAILS(open(group_path, O_RDONLY), EACCES);
}

static void answers(void) {
  int c = container(), d = device();
  char bytes[8];
  struct iovec vector[2] = {{bytes, 2}, {bytes + 2, 2}};
  FAILS(read(c, bytes, 1), EINVAL);
  FAILS(write(c, bytes, 1), EINVAL);
  FAILS(pread(c, bytes, 1, 0), EINVAL);
  FAILS(pwrite(c, bytes, 1, 0), EINVAL);
  FAILS(readv(c, vector, 2), EINVAL);
  FAILS(lseek(c, 0, SEEK_SET), ESPIPE);
  FAILS(lseek(d, 0, SEEK_SET), ESPIPE);
  FAILS(lseek(d, 0, 9), EINVAL);
  CHECK(mmap(0, 4096, PROT_READ, MAP_SHARED, c, 0) == MAP_FAILED && errno == ENODEV);
  CHECK(pread(d, bytes, 4, 0) == 4 && memcmp(bytes, "\xe8\x11\x34\x12", 4) == 0);
  CHECK(syscall(SYS_pread64, d, bytes, 4, 0) == 4);
  memset(bytes, 0, 4);
  CHECK(preadv(d, vector, 2, 0) == 4 && memcmp(bytes, "\xe8\x11\x34\x12", 4) == 0);
  FAILS(preadv(d, (void *)8, 2, 0), EFAULT);
  FAILS(preadv(d, vector, 1025, 0), EINVAL);
  FAILS(preadv2(d, vector, 2, 0, RWF_SYNC), EOPNOTSUPP);
  FAILS(pread(d, bytes, 4, -1), EINVAL);
  FAILS(ioctl(d, 0x3bff), ENOTTY);
  CHECK(pwritev(d, vector, 2, 8) == 4);
  CHECK(ioctl(c, FIOCLEX) == 0 && fcntl(c, F_GETFD) == FD_CLOEXEC && ioctl(c, FIONCLEX) == 0 && fcntl(c, F_GETFD) == 0);
  int on = 1;
  CHECK(ioctl(c, FIONBIO, &on) == 0 && (fcntl(c, F_GETFL) & O_NONBLOCK));
  CHECK(syscall(SYS_ioctl, d, reset) == 0 && ioctl(d, resets) == 1);
}

static void status(void) {
  int c = container(), g = open(group_path, O_RDWR), d = ioctl(g, get_device, "x");
  struct stat s;
  struct statx x;
  CHECK(fstat(c, &s) == 0 && s.st_mode == (S_IFCHR | 0666) && s.st_rdev == makedev(10, 196) && s.st_size == 0);
  CHECK(fstat64(g, (void *)&s) == 0 && s.st_mode == (S_IFCHR | 0600) && s.st_rdev == makedev(240, 3));
  CHECK(fstat(d, &s) == 0 && s.st_mode == 0600 && s.st_rdev == 0 && s.st_size == 0);
  CHECK(fstatat(g, "", &s, AT_EMPTY_PATH) == 0 && S_ISCHR(s.st_mode));
  CHECK(statx(g, "", AT_EMPTY_PATH, STATX_ALL, &x) == 0 && x.stx_mode == (S_IFCHR | 0600) && x.stx_rdev_minor == 3);
  CHECK(stat(container_path, &s) == 0 && S_ISCHR(s.st_mode) && access(container_path, R_OK | W_OK) == 0);
}

static void duplicates(void) {
  int d = device(), copies[] = {dup(d), fcntl(d, F_DUPFD, 100), fcntl(d, F_DUPFD_CLOEXEC, 200), dup2(d, 50), dup3(d, 51, O_CLOEXEC)};
  CHECK(copies[1] == 100 && copies[2] == 200 && dup2(d, d) == d);
  CHECK(fcntl(200, F_GETFD) == FD_CLOEXEC && fcntl(51, F_GETFD) == FD_CLOEXEC && fcntl(50, F_GETFD) == 0);
  for (int k = 0; k < 5; k++) CHECK(ioctl(copies[k], reset) == 0);
  CHECK(ioctl(d, resets) == 5 && ioctl(d, count_open) == 1);
  CHECK(close(d) == 0);
  FAILS(ioctl(d, reset), EBADF);
  CHECK(ioctl(50, reset) == 0 && close(50) == 0);
  int null = open("/dev/null", O_RDWR);
  CHECK(dup2(null, 51) == 51);
  FAILS(ioctl(51, reset), ENOTTY);
  CHECK(close_range(90, 150, 0) == 0);
  FAILS(ioctl(100, reset), EBADF);
  int c = container();
  CHECK(ioctl(c, count_open) == 2);
  closefrom(200);
  FAILS(ioctl(200, reset), EBADF);
  CHECK(close(copies[0]) == 0 && ioctl(c, count_open) == 1);  // the engine heard of the last
  FAILS(close(c + 1000), EBADF);
}

/// The engine's own descriptors are not there.
static void hidden(void) {
  int c = container(), h = ioctl(c, hide_one), null = open("/dev/null", O_RDWR);
  struct stat s;
  char byte;
  CHECK(h > null && null == c + 1);  // the lowest numbers stay the program's
  FAILS(close(h), EBADF);
  FAILS(dup(h), EBADF);
  FAILS(dup2(h, 60), EBADF);
  FAILS(dup2(null, h), EBUSY);
  FAILS(fcntl(h, F_GETFD), EBADF);
  FAILS(read(h, &byte, 1), EBADF);
  FAILS(write(h, "", 1), EBADF);
  FAILS(fstat(h, &s), EBADF);
  FAILS(lseek(h, 0, SEEK_SET), EBADF);
  FAILS(ioctl(h, FIOCLEX), EBADF);
  CHECK(mmap(0, 4096, PROT_READ, MAP_PRIVATE, h, 0) == MAP_FAILED && errno == EBADF);
  dup2(null, h - 1), dup2(null, h + 1);
  CHECK(close_range(c, ~0u, 0) == 0);
  FAILS(fcntl(h - 1, F_GETFD), EBADF);
  CHECK(syscall(SYS_dup3, null, h + 1, 0) == -1 && fcntl(h + 1, F_GETFD) == -1);
  int found = 0;
  DIR *numbers = opendir("/proc/self/fd");
  for (struct dirent *e; (e = readdir(numbers));) found |= atoi(e->d_name) == h;
  CHECK(found);  // the kernel still has it
}

static void inherited(void) {
  char number[3][16];
  int group = open(group_path, O_RDWR), c = open(container_path, O_RDWR), d = fcntl(device(), F_DUPFD, 70);
  snprintf(number[0], 16, "%d", group), snprintf(number[1], 16, "%d", c), snprintf(number[2], 16, "%d", d);
  CHECK(ioctl(d, reset) == 0);
  execl("/proc/self/exe", "descriptors", "heir", number[0], number[1], number[2], (char *)0);
}

static void heir(char **numbers) {
  int group = atoi(numbers[0]), c = atoi(numbers[1]), d = atoi(numbers[2]);
  struct stat s;
  char bytes[4];
  FILE *maps = fopen("/proc/self/maps", "r");
  for (char line[512]; fgets(line, sizeof line, maps);) CHECK(!strstr(line, "libioasid-engine"));
  fclose(maps);
  int copy = dup(d);
  CHECK(pread(d, bytes, 4, 0) == 4 && memcmp(bytes, "\xe8\x11\x34\x12", 4) == 0);
  CHECK(fstat(group, &s) == 0 && S_ISCHR(s.st_mode) && s.st_rdev == makedev(240, 3));
  CHECK(ioctl(copy, reset) == 0 && ioctl(group, set_container, &c) == 0 && ioctl(c, api_version) == 0);
  CHECK(ioctl(group, count_open) == 3);
  CHECK(close(d) == 0 && close(copy) == 0 && ioctl(group, count_open) == 2);
}

static void sockets(void) {
  int pair[2], d = device();
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
  union { struct cmsghdr header; char bytes[CMSG_SPACE(sizeof(int))]; } control;
  char byte = 0, bytes[4];
  struct iovec vector = {&byte, 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (fork() == 0) {
    CHECK(recvmsg(pair[1], &message, 0) == 1);
    memcpy(&d, CMSG_DATA(&control.header), sizeof d);
    CHECK(pread(d, bytes, 4, 0) == 4 && memcmp(bytes, "\xe8\x11\x34\x12", 4) == 0 && ioctl(d, reset) == 0);
    exit(0);
  }
  control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof d), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&control.header), &d, sizeof d);
  CHECK(sendmsg(pair[0], &message, 0) == 1);
  int result;
  CHECK(wait(&result) > 0 && result == 0);
}

static void children(void) {
  int d = device(), result;
  pid_t child = vfork();
  if (child == 0) {
    close(d);  // in the child's table alone; our memory is shared
    dup2(0, d + 1);
    _exit(0);
  }
  CHECK(waitpid(child, &result, 0) == child && result == 0 && ioctl(d, reset) == 0);
  if ((child = fork()) == 0) {
    CHECK(ioctl(d, reset) == 0 && close(d) == 0);
    FAILS(ioctl(d, reset), EBADF);
    exit(is_container(container()) ? 0 : 1);
  }
  CHECK(waitpid(child, &result, 0) == child && result == 0 && ioctl(d, reset) == 0);
  CHECK(system("exit 3") == 3 << 8 && ioctl(d, reset) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addclose(&actions, d);
  char *arguments[] = {"true", 0};
  CHECK(posix_spawnp(&child, "true", &actions, 0, arguments, environ) == 0);
  CHECK(waitpid(child, &result, 0) == child && result == 0 && ioctl(d, reset) == 0);
}

/// The kernel without libc, which nobody stands in front of.
static int bare(long call, long argument) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(call), "D"(argument), "S"(0L) : "rcx", "r11", "memory");
  return (int)result;
}

/// Numbers that come and go where nobody looks: a call of VFIO's finds out what stands behind one now.
static void unseen(void) {
  int c = container(), copy = bare(SYS_dup, c), other = bare(SYS_eventfd2, 0);
  CHECK(ioctl(c, map_dma, 7) == 8);  // the container's own door
  CHECK(ioctl(c, map_dma, 9) == 99);  // which sends one that needs room another way
  errno = 5;
  CHECK(ioctl(copy, map_dma, 7) == 7 && errno == 5);  // not known yet
  CHECK(ioctl(copy, map_dma, 7) == 8 && errno == 5);
  FAILS(ioctl(other, map_dma, 7), ENOTTY);
  CHECK(bare(SYS_close, other) == 0 && bare(SYS_dup, c) == other);
  CHECK(is_container(other) && ioctl(other, map_dma, 7) == 8);
  FAILS(ioctl(device(), map_dma, 7), ENOTTY);
  FAILS(ioctl(1000, map_dma, 7), EBADF);
  // The engine is given the number of one that was closed, and hears of that when it can.
  int d = device(), before = ioctl(c, count_open);
  while (open("/dev/null", O_RDWR) < d) continue;
  CHECK(bare(SYS_close, d) == 0 && ioctl(c, open_inside) == d);
  CHECK(ioctl(c, count_open) == before - 1);
}

static void *memory(void) {
  void *m = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(m != MAP_FAILED);
  return m;
}

/// A device that the engine keeps although it is closed: it is asked at each munmap until it does not.
static void kept(void) {
  int c = container(), d = device(), others[] = {device(), device(), device()};
  CHECK(ioctl(c, keeps, 1) == 0 && munmap(memory(), 4096) == 0 && ioctl(c, looks) == 0);
  CHECK(close(d) == 0 && munmap(memory(), 4096) == 0 && ioctl(c, looks) == 1);
  void *m = memory();
  CHECK(mmap(m, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m && ioctl(c, looks) == 2);
  CHECK(ioctl(c, keeps, 0) == 0 && syscall(SYS_munmap, m, 4096UL) == 0 && ioctl(c, looks) == 3);
  CHECK(munmap(memory(), 4096) == 0 && ioctl(c, looks) == 3);
  CHECK(ioctl(c, keeps, 1) == 0 && dup2(c, others[0]) == others[0]);
  CHECK(munmap(memory(), 4096) == 0 && ioctl(c, looks) == 4);
  CHECK(ioctl(c, keeps, 0) == 0 && munmap(memory(), 4096) == 0 && ioctl(c, looks) == 5 && ioctl(c, keeps, 1) == 0);
  CHECK(close_range((unsigned)others[1], (unsigned)others[1], 0) == 0);
  CHECK(munmap(memory(), 4096) == 0 && ioctl(c, looks) == 6);
  CHECK(ioctl(c, keeps, 0) == 0 && munmap(memory(), 4096) == 0 && ioctl(c, looks) == 7);
}

static void *hammer(void *shared) {
  int d = *(int *)shared;
  for (int k = 0; k < 500; k++) {
    int c = container(), copy = dup(d);
    CHECK(is_container(c) && ioctl(copy, reset) == 0 && close(copy) == 0 && close(c) == 0);
  }
  return 0;
}

static void threads(void) {
  int d = device();
  pthread_t all[8];
  for (int k = 0; k < 8; k++) CHECK(pthread_create(all + k, 0, hammer, &d) == 0);
  for (int k = 0; k < 8; k++) CHECK(pthread_join(all[k], 0) == 0);
  CHECK(ioctl(d, resets) == 4000 && ioctl(d, count_open) == 1);
}

int main(int count, char **arguments) {
  if (count < 2) return 2;
  static const struct { const char *name; void (*run)(void); } modes[] = {
      {"opens", opens}, {"permissions", permissions}, {"answers", answers}, {"status", status}, {"duplicates", duplicates},
      {"hidden", hidden}, {"inherited", inherited}, {"sockets", sockets}, {"children", children}, {"threads", threads},
      {"unseen", unseen}, {"kept", kept}};
  if (strcmp(arguments[1], "heir") == 0) heir(arguments + 2);
  for (unsigned k = 0; k < sizeof modes / sizeof *modes; k++)
    if (strcmp(arguments[1], modes[k].name) == 0) modes[k].run();
  puts("ok");
  return 0;
}
