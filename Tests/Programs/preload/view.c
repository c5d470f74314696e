// Shows a run's file system to a program, as the launcher does: one tmpfs on which device nodes do not open,
// seen as /dev/vfio and /sys/module/ioasid. usage: view PRELOAD PROGRAM [ARG…]. Exit 77: not allowed here.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void need(int result, const char *what) {
  if (result == 0) return;
  printf("%s: %s\n", what, strerror(errno));
  exit(77);
}

static void file(const char *path) { close(open(path, O_CREAT | O_RDWR, 0666)); }

static void keep(const char *from, const char *to) {
  file(to);
  need(mount(from, to, 0, MS_BIND, 0), from);
}

int main(int count, char **arguments) {
  (void)count;
  umask(0);
  need(unshare(CLONE_NEWNS), "unshare");
  need(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0), "private mounts");
  need(mount("ioasid", "/sys/module", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"), "tmpfs");
  mkdir("/sys/module/dev", 0755);
  mkdir("/sys/module/run", 0755);
  mkdir("/sys/module/ioasid", 0755);
  file("/sys/module/run/machine");
  mkdir("/sys/module/run/files", 0777);
  need(mknod("/sys/module/dev/vfio", S_IFCHR | 0666, makedev(10, 196)), "mknod");
  need(mknod("/sys/module/dev/3", S_IFCHR | 0600, makedev(240, 3)), "mknod");
  // A file system of its own, so that the machine's /dev stays as it is.
  mkdir("/sys/module/nodes", 0755);
  need(mount("none", "/sys/module/nodes", "tmpfs", 0, "mode=755"), "tmpfs");
  keep("/dev/null", "/sys/module/nodes/null");
  keep("/dev/zero", "/sys/module/nodes/zero");
  keep("/dev/urandom", "/sys/module/nodes/urandom");
  symlink("/proc/self/fd", "/sys/module/nodes/fd");
  mkdir("/sys/module/nodes/shm", 01777);
  mkdir("/sys/module/nodes/vfio", 0755);
  need(mount("/sys/module/nodes", "/dev", 0, MS_MOVE, 0), "/dev");
  need(mount("/sys/module/dev", "/dev/vfio", 0, MS_BIND, 0), "/dev/vfio");
  need(mount("/sys/module/run", "/sys/module/ioasid", 0, MS_BIND, 0), "/sys/module/ioasid");
  sigset_t none;
  sigemptyset(&none);  // whoever started us may have blocked what the program counts on
  sigprocmask(SIG_SETMASK, &none, 0);
  setenv("LD_PRELOAD", arguments[1], 1);
  execvp(arguments[2], arguments + 2);
  need(-1, arguments[2]);
}
