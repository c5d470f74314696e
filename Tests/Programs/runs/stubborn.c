// A mediated driver that does not let go: the unmap fails, nothing else does, and once it has let go
// all is well. Type1 stops the kernel here, so there is no recording.
#include "../conversations/mediated/pins.h"
#include "runs.h"

int main(void) {
  struct session s = start_mediated(PINS, VFIO_TYPE1v2_IOMMU);
  int container = s.container, d = s.device;
  unsigned char *p = numbered_pages(16);
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  MAP(READ_WRITE, p + 4 * PAGE, 0x104000, 4 * PAGE);
  pin(d, 0x105000, 2, 3);
  keep(d, -1);
  UNMAP(0x100000, 8 * PAGE);
  told(d);
  heading("nothing went, and that mapping takes no more pins");
  pin(d, 0x104000, 1, 3);
  pin(d, 0x103000, 1, 3);
  copy(d, PINS_READ, 0x105000, 8, 0);
  UNMAP(0x100000, 4 * PAGE);
  told(d);
  heading("another process fares no better");
  CHILD(UNMAP_EVERYTHING());
  told(d);
  heading("it lets go");
  keep(d, 0);
  UNMAP_EVERYTHING();
  told(d);
  MAP(READ_WRITE, p + 4 * PAGE, 0x104000, 4 * PAGE);
  pin(d, 0x104000, 1, 3);
  heading("it never does: the container ends all the same");
  keep(d, -1);
  UNMAP_EVERYTHING();
  finish(s);
  s = start_mediated(PINS, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  MAP(READ_WRITE, p, 0x104000, 4 * PAGE);
  UNMAP_EVERYTHING();
  told(s.device);
  finish(s);
  return 0;
}
