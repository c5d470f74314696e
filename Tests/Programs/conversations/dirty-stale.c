// What Linux 6.12 leaves behind a mapping's last page when it reports it from inside a word: bits
// that later reports show. `ioasid run --bug-compatible` does the same.
#include "dirty.h"

static int container;

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  unsigned char *memory = pages(64);
  say("start: %s", outcome(tracking(container, 1)));
  MAP(READ_WRITE, memory, 0x100000, 16 * PAGE);
  MAP(READ_WRITE, memory, 0x110000, 4 * PAGE);
  get(container, "16 and 4 pages", 0x100000, 20 * PAGE, 0);
  get(container, "again", 0x100000, 20 * PAGE, 0);
  get(container, "again", 0x100000, 20 * PAGE, 0);
  get(container, "the 4 alone", 0x110000, 4 * PAGE, 0);
  get(container, "the 16 alone", 0x100000, 16 * PAGE, 0);
  heading("what the program left in the word");
  MAP(READ_WRITE, memory, 0x120000, 8 * PAGE);
  get(container, "8 pages at bit 4", 0x11c000, 12 * PAGE, 0x5000000000000003);
  get(container, "again, clean", 0x11c000, 12 * PAGE, 0);
  get(container, "alone", 0x120000, 8 * PAGE, 0);
  heading("more than a word");
  MAP(READ_WRITE, memory, 0x200000, 62 * PAGE);
  for (int i = 0; i < 3; i++) get(container, "62 pages at bit 3", 0x1fd000, 65 * PAGE, 0);
  MAP(READ_WRITE, memory, 0x300000, 64 * PAGE);
  for (int i = 0; i < 3; i++) get(container, "64 pages at bit 40", 0x2d8000, 104 * PAGE, 0x100);
  get(container, "alone", 0x300000, 64 * PAGE, 0);
  heading("unmapping shows them too");
  unmap_get(container, "62 pages", 0x200000, 62 * PAGE, 0);
  unmap_get(container, "64 pages", 0x300000, 64 * PAGE, 0);
  unmap_get(container, "16 and 4 pages", 0x100000, 20 * PAGE, 0);
  MAP(READ_WRITE, memory, 0x110000, 4 * PAGE);
  get(container, "mapped anew", 0x110000, 4 * PAGE, 0);
  heading("stop forgets them");
  get(container, "8 pages at bit 4", 0x11c000, 12 * PAGE, 0);
  say("stop: %s", outcome(tracking(container, 0)));
  say("start: %s", outcome(tracking(container, 1)));
  get(container, "8 pages alone", 0x120000, 8 * PAGE, 0);
  heading("a fault leaves them as well");
  unsigned char *area = pages(1);
  mprotect(area, PAGE, PROT_READ);
  say("get: %s", outcome(dirty_call(container, 48, 4, 0x11c000, 12 * PAGE, PAGE, 8, area)));
  get(container, "8 pages alone", 0x120000, 8 * PAGE, 0);
  UNMAP_EVERYTHING();
  finish(s);
  return 0;
}
