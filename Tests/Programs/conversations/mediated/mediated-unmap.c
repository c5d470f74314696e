// An unmap waits until drivers let go, and tells them whole mappings.
#include "pins.h"

static int container, d;

int main(void) {
  struct session s = start_mediated(PINS, VFIO_TYPE1v2_IOMMU);
  container = s.container, d = s.device;
  unsigned char *p = numbered_pages(64);
  heading("nothing pinned");
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  UNMAP(0x100000, 4 * PAGE);
  told(d);
  heading("one page pinned of four");
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  pin(d, 0x102000, 1, 3);
  UNMAP(0x100000, 4 * PAGE);
  told(d);
  heading("a request that cuts is refused, and nobody is told");
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  pin(d, 0x102000, 1, 3);
  UNMAP(0x102000, PAGE);
  told(d);
  heading("several mappings, two of them pinned");
  for (int i = 1; i < 5; i++) MAP(READ_WRITE, p + i * 4 * PAGE, 0x100000 + i * 4 * PAGE, 4 * PAGE);
  pin(d, 0x100000 + 13 * PAGE, 2, 3);
  UNMAP(0x100000, 20 * PAGE);
  told(d);
  heading("a pin over two mappings");
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  MAP(READ_WRITE, p + 4 * PAGE, 0x104000, 4 * PAGE);
  pin(d, 0x103000, 2, 3);
  UNMAP(0x100000, 4 * PAGE);
  told(d);
  UNMAP(0x104000, 4 * PAGE);
  told(d);
  heading("heard at the third time");
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  pin(d, 0x100000, 4, 3);
  keep(d, 2);
  UNMAP(0x100000, 4 * PAGE);
  told(d);
  heading("heard at the eleventh time");
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  pin(d, 0x100000, 4, 3);
  keep(d, 10);
  UNMAP_EVERYTHING();
  told(d);
  heading("the device is closed: its driver lets go by itself");
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  pin(d, 0x100000, 4, 3);
  close(d);
  UNMAP(0x100000, 4 * PAGE);
  heading("opened again");
  d = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, PINS);
  say("device: %s", opened(d));
  told(d);
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  pin(d, 0x100000, 4, 3);
  s.device = d;
  finish(s);
  return 0;
}
