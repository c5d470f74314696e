// The last close of a device while its group stays: what is mapped stays pinned, and the device is
// disabled. Run behind each IOMMU, because some make a table only as a device is attached.
#include "../conversations/conversation.h"

#include <sys/socket.h>

static struct session s;
static int container;

static void state(const char *when) {
  int group = open(group_node(FIRST), O_RDWR);
  say("%s: the node %s", when, opened(group));
  if (group >= 0) close(group);
}

static void command(void) {
  say("command %04x, line %02x, message control %04x", config_get(s.device, 4, 2),
      config_get(s.device, 0x3c, 1), config_get(s.device, 0x42, 2));
}

static void reopen(void) {
  s.device = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("GET_DEVICE_FD: %s", opened(s.device));
  command();
}

// A round trip through the device, from one mapping to another.
static void round_trip(unsigned char *target) {
  bus_master(s.device, 1);
  volatile unsigned char *bar = map_bar(s.device, 0x1000);
  dma_in(bar, 0x10000, 16);
  dma_out(bar, 0x20000, 16);
  munmap((void *)bar, 0x1000);
  say("arrived: %s", picture(target, 32));
}

int main(void) {
  unsigned char *source = pages(1), *target = pages(1);
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  int first = s.device;
  command();
  memset(source, 0x11, PAGE);
  MAP(READ_WRITE, source, 0x10000, PAGE);
  MAP(READ_WRITE, target, 0x20000, PAGE);
  // The device goes on with the page that was mapped, whatever stands there later.
  munmap(source, PAGE);
  round_trip(target);

  heading("closed and opened");
  int event = eventfd(0, EFD_NONBLOCK);
  say("arm = %s", outcome(arm(s.device, 1, event)));
  config_put(s.device, 0x3c, 1, 0x55);
  config_put(s.device, 0x10, 4, ~0U);
  command();
  DO(close(s.device));
  state("closed");
  MAP(READ_WRITE, target, 0x30000, PAGE);
  UNMAP(0x30000, PAGE);
  reopen();
  say("the same number: %d", s.device == first);
  say("BAR 0 %08x", config_get(s.device, 0x10, 4) & 0xfff);
  say("the loopback of what was armed: %s",
      outcome(set_irqs(s.device, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 1, 0, 1, NULL, 0)));
  memset(target, 0, PAGE);
  round_trip(target);

  heading("two descriptors, a copy, a mapping");
  int again = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST), copy = dup(s.device);
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  CALL(s.group, VFIO_GROUP_UNSET_CONTAINER, 0);
  DO(close(s.device));
  DO(close(copy));
  bus_master(again, 1);
  DO(close(again));
  say("by the mapping: id %08x", get32(bar, ID));
  CALL(s.group, VFIO_GROUP_UNSET_CONTAINER, 0);
  munmap((void *)bar, PAGE);
  reopen();

  heading("a child has it longer");
  int ends[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  pid_t child = fork();
  if (child == 0) {
    char letter;
    close(ends[0]);
    if (read(ends[1], &letter, 1) != 1) _exit(1);
    say("the child: id %08x", get32(map_bar(s.device, PAGE), ID));
    _exit(0);
  }
  close(ends[1]);
  DO(close(s.device));
  CALL(s.group, VFIO_GROUP_UNSET_CONTAINER, 0);
  if (write(ends[0], "x", 1) != 1) return 1;
  waitpid(child, NULL, 0);
  reopen();
  memset(target, 0, PAGE);
  round_trip(target);

  heading("a child dies with it");
  child = fork();
  if (child == 0) {
    arm(s.device, 1, event);
    bus_master(s.device, 1);
    for (;;) pause();
  }
  DO(close(s.device));
  wait_ms(200);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  reopen();
  memset(target, 0, PAGE);
  round_trip(target);

  heading("out of the container");
  DO(close(s.device));
  CALL(s.group, VFIO_GROUP_UNSET_CONTAINER, 0);
  CALL(s.group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
  reopen();
  MAP(READ_WRITE, target, 0x20000, PAGE);
  DO(close(s.group));
  DO(close(s.device));
  state("everything but the container closed");
  return 0;
}
