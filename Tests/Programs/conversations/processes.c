// Children, exec, descriptors sent through a socket, sudden death.
#include "rights.h"

static unsigned char *memory;

static void use(const char *who, int container, int device, uint64_t iova) {
  uint32_t id = 0;
  const char *result = outcome(pread(device, &id, 4, 0));
  say("%s: BAR read %s, %08x", who, result, id);
  say("%s: MAP %s", who, outcome(map_quiet(container, READ_WRITE, memory, iova, PAGE)));
}

// The program once more, with descriptors at known numbers: container 40, group 41, device 42.
static int after_exec(void) {
  struct vfio_device_info info = {.argsz = sizeof info};
  struct vfio_group_status status = {.argsz = sizeof status};
  say("exec: CHECK_EXTENSION %s", outcome(ioctl(40, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU)));
  const char *result = outcome(ioctl(41, VFIO_GROUP_GET_STATUS, &status));
  say("exec: GET_STATUS %s, flags %#x", result, status.flags);
  result = outcome(ioctl(42, VFIO_DEVICE_GET_INFO, &info));
  say("exec: GET_INFO %s, regions %u", result, info.num_regions);
  memory = pages(1);
  use("exec", 40, 42, 0x70000);
  volatile unsigned char *bar = map_bar(42, PAGE);
  say("exec: register %08x", get32(bar, ID));
  memset(memory, 0x77, PAGE);
  bus_master(42, 1);
  dma_in(bar, 0x70000, 64);
  memset(memory, 0, PAGE);
  dma_out(bar, 0x70000, 64);
  say("exec: DMA to its own memory: %s", picture(memory, 128));
  say("exec: GET_DEVICE_FD %s", opened(ioctl(41, VFIO_GROUP_GET_DEVICE_FD, FIRST)));
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) return after_exec();
  memory = pages(4);
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container, fd;
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);

  heading("a child uses what it inherited");
  put32(bar, LIVENESS, 0x10101010);
  CHILD({
    use("child", container, s.device, 0x10000);
    say("child: register %08x", get32(bar, LIVENESS));
    put32(bar, LIVENESS, 0x20202020);
  });
  say("parent: register %08x", get32(bar, LIVENESS));
  MAP(READ_WRITE, memory, 0x10000, PAGE);
  UNMAP(0x10000, PAGE);
  MAP(READ_WRITE, memory, 0x10000, PAGE);

  heading("a child closes; the parent goes on");
  CHILD({
    munmap((void *)bar, PAGE);
    finish(s);
  });
  use("parent", container, s.device, 0x20000);
  say("parent: register %08x", get32(bar, LIVENESS));
  OPEN(fd, group_node(FIRST), O_RDWR);

  heading("a child unmaps what the parent mapped");
  CHILD(UNMAP(0x20000, PAGE));
  UNMAP(0x20000, PAGE);
  heading("the child takes the interrupt");
  int event = eventfd(0, EFD_NONBLOCK);
  say("arm = %s", outcome(arm(s.device, 1, event)));
  CHILD({
    put32(bar, RAISE, 1);
    say("child: counted %s", counted(event, 1000));
    put32(bar, ACKNOWLEDGE, 1);
  });
  put32(bar, RAISE, 1);
  say("parent: counted %s", counted(event, 1000));
  put32(bar, ACKNOWLEDGE, 1);
  disarm(s.device, 1);

  heading("vfork and exec");
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    dup2(s.container, 40);
    dup2(s.group, 41);
    dup2(s.device, 42);
    execl("/proc/self/exe", argv[0], "again", NULL);
    _exit(9);
  }
  int status;
  waitpid(child, &status, 0);
  say("exec: status %d", status);
  heading("close-on-exec");
  fflush(stdout);
  child = fork();
  if (child == 0) {
    char script[128];
    snprintf(script, sizeof script, "test -e /proc/self/fd/%d && echo open || echo closed",
             s.device);
    execl("/bin/sh", "sh", "-c", script, NULL);
    _exit(9);
  }
  waitpid(child, &status, 0);

  heading("through a socket");
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)) return 1;
  fflush(stdout);
  child = fork();
  if (child == 0) {
    munmap((void *)bar, PAGE);
    finish(s);
    int got, device;
    receive_with(pair[1], &got, 1);
    receive_with(pair[1], &device, 1);
    use("receiver", got, device, 0x80000);
    volatile unsigned char *own = map_bar(device, PAGE);
    say("receiver: register %08x", get32(own, ID));
    fflush(stdout);
    _exit(0);
  }
  send_with(pair[0], 'c', &s.container, 1);
  send_with(pair[0], 'd', &s.device, 1);
  waitpid(child, &status, 0);
  say("receiver: status %d", status);
  UNMAP(0x80000, PAGE);

  heading("a child that is killed");
  munmap((void *)bar, PAGE);
  finish(s);
  fflush(stdout);
  int ready[2];
  if (pipe(ready)) return 1;
  child = fork();
  if (child == 0) {
    s = start(FIRST, VFIO_TYPE1v2_IOMMU);
    for (uint64_t i = 0;; i++) {
      map_quiet(s.container, READ_WRITE, memory, i % 1000 * PAGE, PAGE);
      if (i == 500 && write(ready[1], "x", 1) != 1) _exit(1);
      if (i % 1000 == 999) {
        uint64_t size = 0;
        unmap_quiet(s.container, VFIO_DMA_UNMAP_FLAG_ALL, 0, &size);
      }
    }
  }
  char byte;
  if (read(ready[0], &byte, 1) != 1) return 1;
  OPEN(fd, group_node(FIRST), O_RDWR);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  say("killed: %s", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "no");
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  say("the group is free again");
  UNMAP_EVERYTHING();
  MAP(READ_WRITE, memory, 0, PAGE);
  return 0;
}
