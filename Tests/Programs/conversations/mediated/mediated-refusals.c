// Why a pin is refused, and in which order: no partial success.
#include "pins.h"

int main(void) {
  struct session s = start_mediated(PINS, VFIO_TYPE1v2_IOMMU);
  int container = s.container, d = s.device;
  unsigned char *p = numbered_pages(600);
  heading("nothing mapped");
  pin(d, 0x10000, 1, 3);
  pin(d, 0x10000, 0, 3);
  pin(d, 0x10000, 513, 3);
  pin(d, 0x10000, -1, 3);
  say("nowhere to put pages: %s",
      answer(command(d, (struct pins_command){.operation = PINS_PIN_NOWHERE, .iova = 0x10000,
                                              .count = 1, .prot = 1}).result));
  heading("what a mapping allows");
  MAP(READ_WRITE, p, 0x100000, 600 * PAGE);
  MAP(READ_ONLY, p, 0x1000000, 4 * PAGE);
  MAP(WRITE_ONLY, p, 0x2000000, 4 * PAGE);
  for (int prot = 0; prot < 4; prot++) {
    pin(d, 0x100000, 1, prot);
    pin(d, 0x1000000, 1, prot);
    pin(d, 0x2000000, 1, prot);
  }
  pin(d, 0x100000, 1, 4);
  pin(d, 0x100000, 1, 7);
  pin(d, 0x100000, 512, 3);
  pin(d, 0x100000, 513, 3);
  heading("some pages only");
  pin(d, 0x100000 + 599 * PAGE, 1, 3);
  pin(d, 0x100000 + 599 * PAGE, 2, 3);
  pin(d, 0x1000000 + 3 * PAGE, 2, 1);
  pin(d, 0xfffffffffffff000, 1, 1);
  pin(d, 0xfffffffffffff000, 2, 1);
  heading("memory that is not there");
  munmap(p + 2 * PAGE, PAGE);
  mprotect(p + 4 * PAGE, PAGE, PROT_READ);
  mprotect(p + 5 * PAGE, PAGE, PROT_NONE);
  MAP(READ_WRITE, p, 0x3000000, 8 * PAGE);
  MAP(READ_ONLY, p, 0x4000000, 8 * PAGE);
  MAP(READ_WRITE, at(0x7f0000000000), 0x5000000, 2 * PAGE);
  for (int i = 0; i < 8; i++) pin(d, 0x3000000 + i * PAGE, 1, 1);
  for (int i = 0; i < 8; i++) pin(d, 0x4000000 + i * PAGE, 1, 1);
  pin(d, 0x3000000, 8, 1);
  pin(d, 0x5000000, 1, 1);
  heading("which refusal comes first");
  pin(d, 0x4000000 + 5 * PAGE, 8, 3);   // protection before memory
  pin(d, 0x4000000 + 5 * PAGE, 8, 1);   // memory before the end of the mapping
  pin(d, 0x4000000 + 6 * PAGE, 8, 1);   // the end of the mapping
  heading("the device that cannot be told to let go");
  finish(s);
  s = start_mediated(DEAF, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  MAP(READ_WRITE, p, 0x100000, 2 * PAGE);
  pin(s.device, 0x100000, 1, 3);
  pin(s.device, 0x100000, 513, 3);
  copy(s.device, PINS_READ, 0x100000, 8, 0);
  heading("version 1");
  finish(s);
  s = start_mediated(PINS, VFIO_TYPE1_IOMMU);
  container = s.container;
  MAP(READ_WRITE, p, 0x100000, 2 * PAGE);
  pin(s.device, 0x100000, 1, 3);
  pin(s.device, 0x100000, 513, 3);
  pin(s.device, 0x100000, 0, 3);
  pin(s.device, 0x900000, 1, 3);
  copy(s.device, PINS_READ, 0x100000, 8, 0);
  finish(s);
  return 0;
}
