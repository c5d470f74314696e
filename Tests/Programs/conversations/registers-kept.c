// A device whose descriptors are closed while its registers are mapped is open still: its group
// stays, and the device can be had again. And descriptors closed by a child that shares them.
#include "conversation.h"

#include <sched.h>
#include <sys/syscall.h>

static struct session s;
static volatile unsigned char *bar;

static void status(void) {
  struct vfio_group_status status = {.argsz = sizeof status};
  CALL(s.group, VFIO_GROUP_GET_STATUS, &status);
  say("flags %#x", status.flags);
}

// The device once more, in the state in which it was left.
static void again(const char *when) {
  s.device = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("%s, again: %s", when, opened(s.device));
  if (s.device >= 0) say("command %#x", config_get(s.device, 4, 2));
}

static void leave(void) { CALL(s.group, VFIO_GROUP_UNSET_CONTAINER, 0); }

static void join(void) {
  CALL(s.group, VFIO_GROUP_SET_CONTAINER, &s.container);
  CALL(s.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

static void closed(void) {
  heading("closed");
  bar = map_bar(s.device, PAGE);
  config_put(s.device, 4, 2, 0x106);
  close(s.device);
  say("the register answers: %#x", get32(bar, ID));
  status();
  leave();
  DO(open(group_node(FIRST), O_RDWR));
  again("closed");
  volatile unsigned char *other = map_bar(s.device, PAGE);
  put32(other, LIVENESS, 0x1234);
  say("both mappings: %#x %#x", get32(bar, LIVENESS), get32(other, LIVENESS));
  munmap((void *)other, PAGE);
  munmap((void *)bar, PAGE);
  say("command %#x", config_get(s.device, 4, 2));
  close(s.device);
  again("with nothing mapped");
}

static void otherwise(void) {
  heading("closed otherwise");
  bar = map_bar(s.device, PAGE);
  config_put(s.device, 4, 2, 0x106);
  if (dup2(STDIN_FILENO, s.device) < 0) give_up("dup2");
  again("dup2 over it");
  DO(syscall(SYS_close_range, s.device, s.device, 0));
  again("close_range");
  int copy = dup(s.device);
  close(s.device);
  close(copy);
  again("two of them");
  close(s.device);
  mmap((void *)bar, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  leave();
  join();
  again("covered");
}

static void with_a_child(void) {
  heading("a child has the registers");
  int pipes[2];
  if (pipe(pipes)) give_up("pipe");
  bar = map_bar(s.device, PAGE);
  config_put(s.device, 4, 2, 0x106);
  close(s.device);
  CHILD(again("in a child"));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    char byte;
    close(s.group);
    close(s.container);
    _exit(read(pipes[0], &byte, 1) == 1 && get32(bar, ID) == 0x010000ed ? 4 : 5);
  }
  munmap((void *)bar, PAGE);
  leave();
  again("in the parent");
  close(s.device);
  int end;
  if (write(pipes[1], "", 1) != 1) give_up("write");
  waitpid(child, &end, 0);
  say("the child: %d", WEXITSTATUS(end));
  leave();
  join();
  again("when it has ended");
}

static char stack[65536] __attribute__((aligned(16)));
static int close_device(void *unused UNUSED) { return close(s.device); }

static void shared_table(void) {
  heading("closed by a child that shares the descriptors");
  int end;
  pid_t child = clone(close_device, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL);
  if (child < 0) give_up("clone");
  waitpid(child, &end, 0);
  say("the child: %d", WEXITSTATUS(end));
  status();
  again("closed");
  leave();
  close(s.device);
  leave();
  status();
}

int main(void) {
  alarm(60);
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  closed();
  otherwise();
  with_a_child();
  shared_table();
  return 0;
}
