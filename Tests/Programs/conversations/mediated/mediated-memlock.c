// Pages that a driver pins are charged to the process that mapped them, each once, and only while
// no IOMMU has them.
#include "pins.h"
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static int container, d;

static void limit(unsigned long count) {
  struct rlimit limit = {count * PAGE, count * PAGE};
  say("limit of %lu pages: %s", count, outcome(setrlimit(RLIMIT_MEMLOCK, &limit)));
}

static void drop_capability(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data)) give_up("capget");
  data[0].effective &= ~(1U << CAP_IPC_LOCK);
  if (syscall(SYS_capset, &header, data)) give_up("capset");
}

int main(void) {
  unsigned char *p = numbered_pages(64);
  drop_capability();
  limit(16);
  struct session s = start_mediated(PINS, VFIO_TYPE1v2_IOMMU);
  container = s.container, d = s.device;
  heading("a map is free");
  MAP(READ_WRITE, p, 0x100000, 64 * PAGE);
  heading("pins are not");
  pin(d, 0x100000, 16, 3);
  pin(d, 0x100000, 16, 3);
  pin(d, 0x110000, 1, 3);
  unpin(d, 0x100000, 16);
  pin(d, 0x110000, 1, 3);
  unpin(d, 0x100000, 16);
  pin(d, 0x110000, 16, 3);
  heading("one too many: none is held");
  pin(d, 0x10f000, 18, 3);
  unpin(d, 0x110000, 16);
  pin(d, 0x100000, 17, 3);
  pin(d, 0x100000, 16, 3);
  heading("ENOMEM before a later EFAULT");
  munmap(p + 63 * PAGE, PAGE);
  pin(d, 0x120000, 32, 3);
  unpin(d, 0x100000, 16);
  pin(d, 0x13a000, 6, 3);
  heading("the same memory mapped twice is charged twice");
  MAP(READ_WRITE, p, 0x800000, 16 * PAGE);
  pin(d, 0x100000, 8, 3);
  pin(d, 0x800000, 8, 3);
  pin(d, 0x808000, 1, 3);
  UNMAP_EVERYTHING();
  heading("all of it is given back");
  MAP(READ_WRITE, p, 0x100000, 16 * PAGE);
  pin(d, 0x100000, 16, 3);
  UNMAP_EVERYTHING();
  finish(s);
  return 0;
}
