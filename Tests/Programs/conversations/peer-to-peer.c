// DMA of one device into registers of another, through a mapping of its BAR.
#include "conversation.h"

static volatile unsigned char *first, *second;
static unsigned char *memory;

// What the first device writes goes out of its buffer, which it fills from memory.
static int copy(uint64_t from, uint64_t to, uint32_t count) {
  return dma_in(first, from, count) && dma_out(first, to, count);
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container;
  memory = pages(4);
  uint32_t *words = (uint32_t *)memory;
  int other, device;
  OPEN(other, group_node(SECOND), O_RDWR);
  CALL(other, VFIO_GROUP_SET_CONTAINER, &container);
  say("GET_DEVICE_FD: %s", opened(device = ioctl(other, VFIO_GROUP_GET_DEVICE_FD, SECOND)));
  first = map_bar(s.device, 64 * PAGE);
  second = map_bar(device, 64 * PAGE);
  bus_master(s.device, 1);
  bus_master(device, 1);
  heading("memory, and the registers of the second device");
  MAP(READ_WRITE, memory, 0x100000, PAGE);
  MAP(READ_WRITE, (void *)second, 0x200000, PAGE);
  heading("the first device reads the second one's identification");
  copy(0x200000 + ID, 0x100000 + 0x100, 4);
  say("in memory: %08x", words[0x40]);
  heading("and writes its liveness register");
  words[0] = 0x12345678;
  copy(0x100000, 0x200000 + LIVENESS, 4);
  say("the second one has %08x", get32(second, LIVENESS));
  words[0] = 0x11223344, words[1] = 0x55667788;
  copy(0x100000, 0x200000 + DMA_SOURCE, 8);
  say("and %llx in a register of eight bytes",
      (unsigned long long)*(volatile uint64_t *)(second + DMA_SOURCE));
  copy(0x200000 + DMA_SOURCE, 0x100000 + 0x200, 8);
  say("which reads back as %08x %08x", words[0x80], words[0x81]);
  heading("the second device in the first one's");
  MAP(READ_WRITE, (void *)first, 0x400000, PAGE);
  words[0] = 0x0badcafe;
  dma_in(second, 0x100000, 4);
  dma_out(second, 0x400000 + LIVENESS, 4);
  say("the first one has %08x", get32(first, LIVENESS));
  heading("what may not be written is not");
  UNMAP(0x200000, PAGE);
  MAP(READ_ONLY, (void *)second, 0x200000, PAGE);
  words[0] = 0x99999999;
  put32(second, LIVENESS, 0xffffffff);
  copy(0x100000, 0x200000 + LIVENESS, 4);
  say("the second one has %08x", get32(second, LIVENESS));
  copy(0x200000 + ID, 0x100000 + 0x100, 4);
  say("its identification: %08x", words[0x40]);
  heading("and after UNMAP nothing is reached");
  UNMAP(0x200000, PAGE);
  words[0x40] = 0;
  copy(0x200000 + ID, 0x100000 + 0x100, 4);
  say("in memory: %s", words[0x40] == 0x010000ed ? "the identification" : "not the identification");
  heading("a mapping over memory and registers");
  unsigned char *both = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(both, 0x5a, PAGE);
  void *tail = mmap(both + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, device, 0);
  say("registers behind memory: %s", tail == both + PAGE ? "ok" : "not there");
  MAP(READ_WRITE, both, 0x300000, 2 * PAGE);
  copy(0x300ffc, 0x100000 + 0x100, 4);
  say("the last bytes of memory: %08x", words[0x40]);
  copy(0x301000 + ID, 0x100000 + 0x100, 4);
  say("the first of the registers: %08x", words[0x40]);
  UNMAP(0x300000, 2 * PAGE);
  heading("registers that may not be written");
  void *closed = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, 0);
  MAP(READ_WRITE, closed, 0x500000, PAGE);
  MAP(READ_ONLY, closed, 0x500000, PAGE);
  UNMAP_EVERYTHING();
  close(device);
  finish(s);
  return 0;
}
