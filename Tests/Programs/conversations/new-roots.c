// Programs that lock themselves up once they have what they need, as daemons do: chroot(2),
// pivot_root(2) and a mount namespace of their own. What is open goes on.
#include "conversation.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#define JAIL "/tmp/conversation-jail"

static void use(struct session s) {
  int container = s.container;
  unsigned char *memory = pages(2);
  MAP(READ_WRITE, memory, 0x100000, 2 * PAGE);
  int event = eventfd(0, 0);
  DO(arm(s.device, VFIO_PCI_MSI_IRQ_INDEX, event));
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  put32(bar, RAISE, 1);
  say("interrupts: %s", counted(event, 5000));
  put32(bar, ACKNOWLEDGE, 1);
  DO(disarm(s.device, VFIO_PCI_MSI_IRQ_INDEX));
  memset(memory, 0x5a, PAGE);
  DO(dma_in(bar, 0x100000, 64));
  DO(dma_out(bar, 0x101000, 64));
  say("%s", picture(memory + PAGE, PAGE));
  munmap((void *)bar, PAGE);
  UNMAP(0x100000, 2 * PAGE);
  int again = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("the device again: %s", opened(again));
  if (again >= 0) say("vendor and device %#x", config_get(again, 0, 4));
  close(again);
  say("another container: %s", opened(open("/dev/vfio/vfio", O_RDWR)));
  CHILD({
    volatile unsigned char *registers = map_bar(s.device, PAGE);
    say("identification %#x", get32(registers, ID));
    MAP(READ_WRITE, memory, 0x300000, PAGE);
    UNMAP(0x300000, PAGE);
  });
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  config_put(s.device, 4, 2, 6);
  mkdir(JAIL, 0755);
  heading("chroot");
  CHILD({
    DO(chroot(JAIL));
    DO(chdir("/"));
    use(s);
  });
  heading("pivot_root");
  CHILD({
    DO(unshare(CLONE_NEWNS));
    DO(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    DO(mount("jail", JAIL, "tmpfs", 0, NULL));
    DO(chdir(JAIL));
    DO(syscall(SYS_pivot_root, ".", "."));
    DO(umount2(".", MNT_DETACH));
    use(s);
  });
  rmdir(JAIL);
  // Nobody is left in the namespace that the nodes were opened in.
  heading("a namespace of its own");
  DO(unshare(CLONE_NEWNS));
  use(s);
  finish(s);
  return 0;
}
