// A whole life of container, group and device under the resource limits of a program.
#include "conversation.h"

#include <sys/resource.h>

static void life(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container;
  unsigned char *area = pages(2);
  memset(area, 0x3c, PAGE);
  MAP(READ_WRITE, area, 0x10000, 2 * PAGE);
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  dma_in(bar, 0x10000, 64);
  dma_out(bar, 0x11000, 64);
  say("copied %s", picture(area + PAGE, 128));
  int event = eventfd(0, 0);
  say("arm INTx %s", outcome(arm(s.device, VFIO_PCI_INTX_IRQ_INDEX, event)));
  finish(s);
}

static void limited(int resource, rlim_t now, rlim_t most) {
  struct rlimit limit = {now, most}, after;
  if (setrlimit(resource, &limit)) give_up("setrlimit");
  life();
  getrlimit(resource, &after);
  say("the limit is kept: %s", after.rlim_cur == now && after.rlim_max == most ? "yes" : "no");
}

// What the child says comes through a pipe: a file would be limited itself.
static void under(const char *name, int resource, rlim_t now, rlim_t most) {
  heading(name);
  int said[2], own = dup(1);
  if (own < 0 || pipe(said) || dup2(said[1], 1) < 0) exit(1);
  CHILD(limited(resource, now, most));
  dup2(own, 1);
  close(own);
  close(said[1]);
  char text[4096];
  ssize_t n = read(said[0], text, sizeof text - 1);
  close(said[0]);
  printf("%.*s", (int)(n < 0 ? 0 : n), text);
}

int main(void) {
  // With the signal's own action: a file that grows too far would end the program.
  signal(SIGXFSZ, SIG_DFL);
  under("files of 512 bytes, for now", RLIMIT_FSIZE, 512, RLIM_INFINITY);
  under("files of no bytes, for now", RLIMIT_FSIZE, 0, RLIM_INFINITY);
  under("16 descriptors", RLIMIT_NOFILE, 16, 16);
  under("one process", RLIMIT_NPROC, 1, 1);
  under("no core", RLIMIT_CORE, 0, 0);
  under("4 GiB of addresses", RLIMIT_AS, 4L << 30, 4L << 30);
  under("64 MiB of data", RLIMIT_DATA, 64 << 20, 64 << 20);
  under("64 KiB locked", RLIMIT_MEMLOCK, 64 << 10, 64 << 10);
  return 0;
}
