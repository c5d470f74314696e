// Paths that lead through /proc to an open file: what stat and realpath say of where they end.
#include "conversation.h"

#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static void status(const char *text, int result, const struct stat *s) {
  if (result) {
    say("%s = %s", text, strerrorname_np(errno));
    return;
  }
  const char *type = S_ISCHR(s->st_mode) ? "character device" : S_ISREG(s->st_mode) ? "regular file"
                     : S_ISLNK(s->st_mode) ? "link" : (s->st_mode & S_IFMT) == 0 ? "no type" : "other";
  say("%s: %s, mode %04o, links %lu, size %ld, blocks %ld, rdev %s", text, type, s->st_mode & 07777,
      (unsigned long)s->st_nlink, (long)s->st_size, (long)s->st_blocks, s->st_rdev ? "yes" : "no");
}

static void resolve(const char *text, const char *path) {
  char room[PATH_MAX] = "";
  errno = 0;
  char *result = realpath(path, room);
  say("realpath of %s: %s", text, result ? result : strerrorname_np(errno));
  result = canonicalize_file_name(path);
  say("canonicalize_file_name: %s", result ? result : strerrorname_np(errno));
  free(result);
}

static void seen(const char *name, int fd, const char *node) {
  heading(name);
  struct stat s, n;
  struct statx x;
  char own[64], other[64], number[16];
  snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
  snprintf(number, sizeof number, "%d", fd);
  int result = stat(own, &s);
  status("stat", result, &s);
  if (node) {
    if (stat(node, &n)) give_up(node);
    say("the node's: device %s, inode %s, rdev %s", s.st_dev == n.st_dev ? "same" : "another",
        s.st_ino == n.st_ino ? "same" : "another", s.st_rdev == n.st_rdev ? "same" : "another");
  }
  status("lstat", lstat(own, &s), &s);
  result = statx(AT_FDCWD, own, 0, STATX_BASIC_STATS, &x);
  say("statx = %d: mode %06o, links %u, size %llu, rdev %s", result, x.stx_mode, x.stx_nlink,
      (unsigned long long)x.stx_size, x.stx_rdev_major || x.stx_rdev_minor ? "yes" : "no");
  int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
  status("fstatat below a descriptor", fstatat(directory, number, &s, 0), &s);
  status("fstatat of the link", fstatat(directory, number, &s, AT_SYMLINK_NOFOLLOW), &s);
  close(directory);
  snprintf(other, sizeof other, "/dev/fd/%d", fd);
  status("stat below /dev/fd", stat(other, &s), &s);
  snprintf(other, sizeof other, "/proc/%d/task/%d/fd/%d", getpid(), getpid(), fd);
  status("stat below the thread", stat(other, &s), &s);
  resolve("the link", own);
  snprintf(other, sizeof other, "/proc/%d/fd/%d", getpid(), fd);
  CHILD(status("a child's stat", stat(other, &s), &s); resolve("its parent's link", other));
  char script[200];
  for (const char *test = "cfe"; *test; test++) {
    snprintf(script, sizeof script, "test -%c %s", *test, other);
    result = system(script);
    say("test -%c = %d", *test, WEXITSTATUS(result));
  }
  snprintf(script, sizeof script, "stat -L -c '%%F, %%a, %%h' %s; readlink -f %s | sed s,/[0-9]*/,/PID/,", other, other);
  fflush(stdout);
  system(script);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  seen("container", s.container, "/dev/vfio/vfio");
  seen("group", s.group, "/dev/vfio/3");
  seen("device", s.device, NULL);
  heading("others");
  struct stat n;
  status("a null device", stat("/dev/null", &n), &n);
  status("a name that is not there", stat("/proc/self/fd/999", &n), &n);
  resolve("a name that is not there", "/proc/self/fd/999");
  resolve("the node", "/dev/../dev/vfio/vfio");
  resolve("a group's node", "/dev/vfio/./3");
  return 0;
}
