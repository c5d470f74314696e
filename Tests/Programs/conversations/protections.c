// What a device reaches of private memory that the program closed after mapping it: all of it,
// because type1 pinned the pages. Unmapping and mapping anew asks for permissions again.
#include "conversation.h"

static struct session s;
static volatile unsigned char *bar;
static unsigned char *memory, *mirror;
static int container;

// Writes a pattern by the device to the memory while it is closed, and reads it back by the device.
static void converse(const char *name, int protection, unsigned char seed) {
  for (int i = 0; i < 4000; i++) mirror[i] = (unsigned char)(i * 3 + seed);
  dma_in(bar, 0x20000, 4000);
  if (mprotect(memory, 2 * PAGE, protection)) give_up("mprotect");
  dma_out(bar, 0x10100, 4000);
  memset(mirror, 0, PAGE);
  dma_in(bar, 0x10100, 4000);
  dma_out(bar, 0x20000, 4000);
  int read = 1;
  for (int i = 0; i < 4000; i++) read &= mirror[i] == (unsigned char)(i * 3 + seed);
  if (mprotect(memory, 2 * PAGE, PROT_READ | PROT_WRITE)) give_up("mprotect");
  say("%s: write %s, read %s", name, memcmp(memory + 0x100, mirror, 4000) ? "lost" : "arrived",
      read ? "right" : "wrong");
}

int main(void) {
  s = start(THIRD, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  memory = pages(2);
  mirror = pages(1);
  MAP(READ_WRITE, memory, 0x10000, 2 * PAGE);
  MAP(READ_WRITE, mirror, 0x20000, PAGE);
  converse("open", PROT_READ | PROT_WRITE, 1);
  converse("read only", PROT_READ, 2);
  converse("closed", PROT_NONE, 3);
  converse("executable", PROT_READ | PROT_EXEC, 4);

  heading("a new mapping of closed memory");
  UNMAP(0x10000, 2 * PAGE);
  mprotect(memory, PAGE, PROT_READ);
  MAP(READ_WRITE, memory, 0x10000, 2 * PAGE);
  MAP(READ_ONLY, memory, 0x10000, 2 * PAGE);
  UNMAP(0x10000, 2 * PAGE);
  mprotect(memory, 2 * PAGE, PROT_NONE);
  MAP(READ_ONLY, memory, 0x10000, 2 * PAGE);
  mprotect(memory, 2 * PAGE, PROT_READ | PROT_WRITE);
  MAP(READ_WRITE, memory, 0x10000, 2 * PAGE);
  return 0;
}
