// vfio_dma_rw: a driver copies by bus address.
#include "pins.h"

static int container, d;

static void word(const char *what, struct pins_command c) {
  say("%s %llx", what, (unsigned long long)*(__u64 *)c.data);
}

int main(void) {
  struct session s = start_mediated(PINS, VFIO_TYPE1v2_IOMMU);
  container = s.container, d = s.device;
  unsigned char *p = numbered_pages(16);
  copy(d, PINS_READ, 0x100000, 8, 0);
  MAP(READ_WRITE, p, 0x100000, 2 * PAGE);
  MAP(READ_ONLY, p + 2 * PAGE, 0x102000, PAGE);
  MAP(WRITE_ONLY, p + 3 * PAGE, 0x103000, PAGE);
  MAP(READ_WRITE, at(0x7f0000000000), 0x200000, PAGE);
  heading("reading");
  word("got", copy(d, PINS_READ, 0x101000, 8, 0));
  word("got", copy(d, PINS_READ, 0x100ffc, 8, 0));
  word("got", copy(d, PINS_READ, 0x102000, 8, 0));
  copy(d, PINS_READ, 0x103000, 8, 0);
  copy(d, PINS_READ, 0x100000, 0, 0);
  copy(d, PINS_READ, 0x200000, 8, 0);
  heading("across the end of what may be read");
  struct pins_command c = copy(d, PINS_READ, 0x102ff8, 16, 0xee);
  say("bytes %s", picture(c.data, 24));
  heading("writing");
  copy(d, PINS_WRITE, 0x100010, 16, 0xa1);
  say("page 0 %s", picture(p, PAGE));
  copy(d, PINS_WRITE, 0x100ff8, 16, 0xb2);
  say("page 0 %s", picture(p + 0xf00, 0x100));
  say("page 1 %s", picture(p + PAGE, 0x20));
  copy(d, PINS_WRITE, 0x102000, 8, 0xc3);
  copy(d, PINS_WRITE, 0x103000, 8, 0xd4);
  copy(d, PINS_WRITE, 0x200000, 8, 0xe5);
  heading("across the end of what may be written");
  copy(d, PINS_WRITE, 0x101ff8, 16, 0xf6);
  say("page 1 %s", picture(p + PAGE + 0xff0, 0x10));
  say("page 2 %s", picture(p + 2 * PAGE, 0x20));
  heading("past the last mapping");
  copy(d, PINS_READ, 0x103ff8, 16, 0);
  UNMAP(0x102000, 2 * PAGE);
  copy(d, PINS_WRITE, 0x101ffc, 8, 0x99);
  say("page 1 %s", picture(p + PAGE + 0xff0, 0x10));
  heading("into memory that cannot be written");
  mprotect(p, PAGE, PROT_READ);
  copy(d, PINS_WRITE, 0x100000, 8, 0x11);
  copy(d, PINS_READ, 0x100010, 8, 0);
  mprotect(p, PAGE, PROT_NONE);
  copy(d, PINS_READ, 0x100010, 8, 0);
  mprotect(p, PAGE, PROT_READ | PROT_WRITE);
  heading("in another process");
  CHILD({
    copy(d, PINS_READ, 0x100000, 8, 0);
    copy(d, PINS_WRITE, 0x100000, 8, 0x77);
    copy(d, PINS_READ, 0x900000, 8, 0);
    pin(d, 0x101000, 1, 3);
    unpin(d, 0x101000, 1);
  });
  heading("over four pages and two mappings");
  MAP(READ_WRITE, p + 8 * PAGE, 0x102000, 2 * PAGE);
  c = copy(d, PINS_READ, 0x101f80, 256, 0);
  say("bytes %s", picture(c.data, 256));
  finish(s);
  return 0;
}
