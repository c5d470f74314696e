// Pages that a driver pins are charged to the process that mapped them, each once, and only while
// no IOMMU has them.
#include "pins.h"
#include "../limits.h"

static int container, d;

int main(void) {
  unsigned char *p = numbered_pages(64);
  if (set_ipc_lock(0)) give_up("capset");
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
