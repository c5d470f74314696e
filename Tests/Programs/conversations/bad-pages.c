// MAP_DMA of memory that cannot be had: what is refused, what is left, shown by DMA.
#include "conversation.h"

static struct session s;
static volatile unsigned char *bar;

// What edu reads at an IOVA: its buffer is first filled from a known page.
static unsigned char *known, *result;
static void prepare(void) {
  known = pages(2);
  result = known + PAGE;
  memset(known, 0x77, PAGE);
  map_quiet(s.container, READ_ONLY, known, 0x50000000, PAGE);
  map_quiet(s.container, WRITE_ONLY, result, 0x50001000, PAGE);
}
static const char *device_sees(uint64_t iova) {
  memset(result, 0, PAGE);
  dma_in(bar, 0x50000000, 64);
  dma_in(bar, iova, 64);
  dma_out(bar, 0x50001000, 64);
  return picture(result, 64);
}

int main(void) {
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container;
  bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  unsigned char *area = pages(8);
  prepare();
  memset(area, 0x11, 8 * PAGE);

  heading("protection");
  mprotect(area, PAGE, PROT_NONE);
  MAP(READ_WRITE, area, 0x10000, PAGE);
  MAP(READ_ONLY, area, 0x10000, PAGE);
  MAP(WRITE_ONLY, area, 0x10000, PAGE);
  mprotect(area, PAGE, PROT_READ);
  MAP(READ_WRITE, area, 0x10000, PAGE);
  MAP(WRITE_ONLY, area, 0x10000, PAGE);
  MAP(READ_ONLY, area, 0x10000, PAGE);
  UNMAP(0x10000, PAGE);
  mprotect(area, PAGE, PROT_WRITE);
  MAP(READ_WRITE, area, 0x10000, PAGE);
  UNMAP(0x10000, PAGE);
  MAP(READ_ONLY, area, 0x10000, PAGE);
  UNMAP(0x10000, PAGE);
  mprotect(area, PAGE, PROT_EXEC);
  MAP(READ_ONLY, area, 0x10000, PAGE);
  UNMAP(0x10000, PAGE);
  mprotect(area, PAGE, PROT_READ | PROT_WRITE);
  void *code = (void *)((uintptr_t)&main & ~(PAGE - 1));
  MAP(READ_ONLY, code, 0x10000, PAGE);
  MAP(READ_WRITE, code, 0x20000, PAGE);
  UNMAP(0x10000, PAGE);

  heading("a hole in the middle: all or nothing");
  munmap(area + 4 * PAGE, PAGE);
  if (mmap(area + 4 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
      == MAP_FAILED)
    return 1;
  MAP(READ_WRITE, area, 0x10000, 8 * PAGE);
  munmap(area + 4 * PAGE, PAGE);
  MAP(READ_WRITE, area, 0x10000, 8 * PAGE);
  say("device at the first page: %s", device_sees(0x10000));
  say("device at the last good page: %s", device_sees(0x13000));
  MAP(READ_WRITE, area, 0x10000, 5 * PAGE);
  MAP(READ_WRITE, area, 0x10000, 4 * PAGE);
  say("device at the first page: %s", device_sees(0x10000));
  say("device at the last good page: %s", device_sees(0x13000));
  say("device behind it: %s", device_sees(0x14000));
  MAP(READ_WRITE, area + 5 * PAGE, 0x15000, 3 * PAGE);
  say("device behind the hole: %s", device_sees(0x15000));
  MAP(READ_WRITE, area + 4 * PAGE, 0x14000, PAGE);
  UNMAP(0x10000, 4 * PAGE);
  say("device after unmap: %s", device_sees(0x10000));
  UNMAP(0x15000, 3 * PAGE);

  heading("only the last page is bad");
  mprotect(area + 3 * PAGE, PAGE, PROT_READ);
  MAP(READ_WRITE, area, 0x10000, 4 * PAGE);
  say("device at the first page: %s", device_sees(0x10000));
  MAP(READ_ONLY, area, 0x10000, 4 * PAGE);
  say("device at the last page: %s", device_sees(0x13000));
  UNMAP(0x10000, 4 * PAGE);

  heading("files");
  int file = memfd_create("file", 0);
  if (ftruncate(file, 2 * PAGE)) return 1;
  unsigned char *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  MAP(READ_WRITE, m, 0x10000, 2 * PAGE);
  UNMAP(0x10000, 2 * PAGE);
  MAP(READ_WRITE, m, 0x10000, 3 * PAGE);
  MAP(READ_WRITE, m + 2 * PAGE, 0x10000, PAGE);
  MAP(READ_ONLY, m, 0x10000, 4 * PAGE);
  if (ftruncate(file, PAGE)) return 1;
  MAP(READ_WRITE, m, 0x10000, 2 * PAGE);
  MAP(READ_WRITE, m, 0x10000, PAGE);
  m[0] = 0x66;
  say("device: %s", device_sees(0x10000));
  if (pwrite(file, "\x55", 1, 0) != 1) return 1;
  say("device after a write to the file: %s", device_sees(0x10000));
  UNMAP(0x10000, PAGE);
  unsigned char *ro = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
  MAP(READ_WRITE, ro, 0x10000, PAGE);
  MAP(READ_ONLY, ro, 0x10000, PAGE);
  UNMAP(0x10000, PAGE);
  unsigned char *private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  MAP(READ_WRITE, private, 0x10000, PAGE);
  private[1] = 0x44;
  say("device at a private copy: %s", device_sees(0x10000));
  say("the file: %s", picture(m, 4));
  UNMAP(0x10000, PAGE);

  heading("memory never touched");
  unsigned char *fresh = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                              -1, 0);
  MAP(READ_WRITE, fresh, 0x10000, 4 * PAGE);
  say("device: %s", device_sees(0x12000));
  fresh[2 * PAGE] = 0x99;
  say("device after a store: %s", device_sees(0x12000));
  UNMAP(0x10000, 4 * PAGE);
  fresh = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MAP(READ_ONLY, fresh, 0x10000, PAGE);
  say("device: %s", device_sees(0x10000));
  fresh[0] = 0x98;
  say("device after a store: %s", device_sees(0x10000));
  UNMAP(0x10000, PAGE);
  unsigned char *reserved = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  MAP(READ_WRITE, reserved, 0x10000, PAGE);
  UNMAP(0x10000, PAGE);

  heading("the same page twice");
  area[0] = 0x21;
  MAP(READ_WRITE, area, 0x10000, PAGE);
  MAP(READ_WRITE, area, 0x20000, PAGE);
  area[1] = 0x22;
  say("device at one: %s", device_sees(0x10000));
  say("device at the other: %s", device_sees(0x20000));
  UNMAP(0x10000, PAGE);
  say("device at the other after one went: %s", device_sees(0x20000));
  UNMAP_EVERYTHING();
  munmap((void *)bar, PAGE);
  finish(s);
  return 0;
}
