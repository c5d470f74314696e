// What edu's DMA engine reaches: permissions, holes, ends, and after the mapping is gone.
#include "conversation.h"

static struct session s;
static volatile unsigned char *bar;
static unsigned char *memory;
static int container, event;

static void into(uint64_t iova, uint32_t count) { dma_in(bar, iova, count); }
static void out(uint64_t iova, uint32_t count) { dma_out(bar, iova, count); }

// Fills the device's buffer with 0x77.
static void fill(void) {
  memset(memory + 15 * PAGE, 0x77, PAGE);
  into(0x5000f000, 4095);
}
// What the device's buffer holds.
static const char *held(uint32_t count) {
  memset(memory + 15 * PAGE, 0xcc, PAGE);
  out(0x5000f000, count);
  return picture(memory + 15 * PAGE, count);
}

int main(void) {
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  memory = pages(16);
  event = eventfd(0, EFD_NONBLOCK);
  map_quiet(container, READ_WRITE, memory + 15 * PAGE, 0x5000f000, PAGE);

  heading("a round trip");
  for (int i = 0; i < 4096; i++) memory[i] = (unsigned char)(i * 13);
  MAP(READ_WRITE, memory, 0x10000, 2 * PAGE);
  into(0x10000, 4095);
  out(0x11000, 4095);
  say("4095 bytes: %s, next byte %02x", memcmp(memory, memory + PAGE, 4095) ? "differ" : "equal",
      memory[2 * PAGE - 1]);
  say("command %08x, source %08x, target %08x, count %08x", get32(bar, DMA_COMMAND),
      get32(bar, DMA_SOURCE), get32(bar, DMA_TARGET), get32(bar, DMA_COUNT));
  memset(memory + PAGE, 0, PAGE);
  into(0x10001, 7);
  out(0x11003, 5);
  say("odd places: %02x %02x %02x %02x", memory[PAGE + 2], memory[PAGE + 3], memory[PAGE + 7],
      memory[PAGE + 8]);
  dma(bar, 0x10000, DEVICE_BUFFER + 100, 16, TO_DEVICE);
  dma(bar, DEVICE_BUFFER + 104, 0x11010, 8, FROM_DEVICE);
  say("inside the device's buffer: %s",
      memcmp(memory + 4, memory + PAGE + 0x10, 8) ? "differ" : "equal");
  dma(bar, 0x10000, DEVICE_BUFFER + 4000, 95, TO_DEVICE);
  dma(bar, DEVICE_BUFFER + 4000, 0x11100, 95, FROM_DEVICE);
  say("near the end of it: %s", memcmp(memory, memory + PAGE + 0x100, 95) ? "differ" : "equal");
  memset(memory + PAGE, 0, PAGE);
  into(0x10000, 1);
  out(0x11000, 1);
  say("one byte: %02x %02x", memory[PAGE], memory[PAGE + 1]);

  heading("reading where nothing is mapped");
  fill();
  into(0x90000, 64);
  say("buffer: %s", held(128));
  say("command %08x, interrupts %08x", get32(bar, DMA_COMMAND), get32(bar, INTERRUPTS));
  fill();
  into(0, 64);
  say("buffer after IOVA 0: %s", held(128));
  heading("writing where nothing is mapped");
  out(0x90000, 64);
  say("command %08x, interrupts %08x", get32(bar, DMA_COMMAND), get32(bar, INTERRUPTS));

  heading("over the end of a mapping");
  memset(memory, 0x31, PAGE);
  memset(memory + PAGE, 0x32, PAGE);
  fill();
  into(0x11fc0, 128);
  say("buffer: %s", held(192));
  fill();
  out(0x11fc0, 128);
  say("memory: %s", picture(memory + PAGE + 0xf80, 128));
  heading("into the start of a mapping");
  fill();
  into(0xffc0, 128);
  say("buffer: %s", held(192));
  memset(memory, 0x31, PAGE);
  fill();
  out(0xffc0, 128);
  say("memory: %s", picture(memory, 128));

  heading("two neighbours");
  memset(memory, 0x31, PAGE);
  memset(memory + PAGE, 0x32, PAGE);
  memset(memory + 4 * PAGE, 0x33, PAGE);
  MAP(READ_WRITE, memory + 4 * PAGE, 0x12000, PAGE);
  into(0x11fc0, 128);
  say("buffer: %s", held(128));
  fill();
  out(0x11fc0, 128);
  say("memory: %s", picture(memory + PAGE + 0xfc0, 64));
  say("memory: %s", picture(memory + 4 * PAGE, 128));
  memset(memory + PAGE, 0x32, PAGE);
  into(0x10800, 4095);
  say("three pages: %s", held(4095));

  heading("permissions");
  memset(memory + 5 * PAGE, 0x35, 2 * PAGE);
  MAP(READ_ONLY, memory + 5 * PAGE, 0x20000, PAGE);
  MAP(WRITE_ONLY, memory + 6 * PAGE, 0x21000, PAGE);
  MAP(WRITE_ONLY, memory + 11 * PAGE, 0x23000, PAGE);
  memset(memory + 11 * PAGE, 0x3c, PAGE);
  fill();
  into(0x23000, 64);
  say("read from a write-only mapping: %s", held(128));
  fill();
  out(0x20000, 64);
  say("written to a read-only mapping: %s", picture(memory + 5 * PAGE, 128));
  into(0x20000, 64);
  say("read from it: %s", held(128));
  fill();
  out(0x21000, 64);
  say("written to a write-only mapping: %s", picture(memory + 6 * PAGE, 128));
  memset(memory + 6 * PAGE, 0x36, PAGE);
  fill();
  into(0x21000, 64);
  say("read from it: %s", held(128));
  fill();
  into(0x20fc0, 128);
  say("read from read-only into write-only: %s", held(192));
  memset(memory + 5 * PAGE, 0x35, 2 * PAGE);
  fill();
  out(0x20fc0, 128);
  say("written over both: %s", picture(memory + 5 * PAGE + 0xfc0, 128));

  heading("after UNMAP");
  UNMAP(0x12000, PAGE);
  fill();
  memset(memory + 4 * PAGE, 0x39, PAGE);
  into(0x12000, 64);
  say("buffer: %s", held(64));
  fill();
  out(0x12000, 64);
  say("memory: %s", picture(memory + 4 * PAGE, 64));
  MAP(READ_WRITE, memory + 7 * PAGE, 0x12000, PAGE);
  out(0x12000, 64);
  say("mapped elsewhere: %s", picture(memory + 7 * PAGE, 128));

  heading("addresses beyond the device's mask");
  MAP(READ_WRITE, memory + 8 * PAGE, 0x100010000, PAGE);
  memset(memory + 8 * PAGE, 0x38, PAGE);
  memset(memory, 0x31, PAGE);
  *(volatile uint64_t *)(bar + DMA_SOURCE) = 0x100010000;
  put32(bar, DMA_TARGET, DEVICE_BUFFER);
  put32(bar, DMA_COUNT, 64);
  put32(bar, DMA_COMMAND, TO_DEVICE);
  while (get32(bar, DMA_COMMAND) & 1) wait_ms(1);
  say("source stays %016llx", *(volatile unsigned long long *)(bar + DMA_SOURCE));
  say("what was read: %s", held(64));
  MAP(READ_WRITE, memory + 9 * PAGE, 0xfffff000, PAGE);
  memset(memory + 9 * PAGE, 0x3a, PAGE);
  fill();
  into(0xffffff80, 128);
  say("the last page of 32 bits: %s", held(192));
  fill();
  into(0xffffffc0, 128);
  say("over the end of 32 bits: %s", held(192));
  MAP(READ_WRITE, memory + 10 * PAGE, 0x100000000, PAGE);
  memset(memory + 10 * PAGE, 0x3b, PAGE);
  fill();
  into(0xffffffc0, 128);
  say("and with a mapping behind it: %s", held(192));

  heading("the interrupt window");
  fill();
  into(0xfee00000, 64);
  say("reading it: %s", held(64));

  heading("without bus mastering");
  bus_master(s.device, 0);
  memset(memory, 0x31, PAGE);
  fill();
  into(0x10000, 64);
  out(0x10000, 64);
  say("memory: %s", picture(memory, 64));
  say("command %08x", get32(bar, DMA_COMMAND));
  bus_master(s.device, 1);
  say("buffer: %s", held(64));

  heading("with an interrupt");
  arm(s.device, VFIO_PCI_MSI_IRQ_INDEX, event);
  dma(bar, 0x10000, DEVICE_BUFFER, 64, TO_DEVICE | THEN_INTERRUPT);
  say("counted %s, status %08x", counted(event, 1000), get32(bar, INTERRUPTS));
  put32(bar, ACKNOWLEDGE, 0x100);
  dma(bar, 0x90000, DEVICE_BUFFER, 64, TO_DEVICE | THEN_INTERRUPT);
  say("counted after a fault %s, status %08x", counted(event, 1000), get32(bar, INTERRUPTS));
  put32(bar, ACKNOWLEDGE, 0x100);
  dma(bar, 0x10000, DEVICE_BUFFER, 64, TO_DEVICE);
  say("counted without asking %s, status %08x", counted(event, 200), get32(bar, INTERRUPTS));
  say("command %08x", get32(bar, DMA_COMMAND));

  heading("the group goes, the mappings too");
  munmap((void *)bar, PAGE);
  finish(s);
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  memset(memory, 0x31, PAGE);
  out(0x10000, 64);
  say("memory: %s", picture(memory, 64));
  container = s.container;
  MAP(READ_WRITE, memory, 0x10000, PAGE);
  map_quiet(container, READ_WRITE, memory + 15 * PAGE, 0x5000f000, PAGE);
  memset(memory, 0x42, PAGE);
  into(0x10000, 64);
  say("buffer: %s", held(64));
  munmap((void *)bar, PAGE);
  finish(s);

  heading("two devices of one group, one container");
  s = start(THIRD, VFIO_TYPE1v2_IOMMU);
  int fourth = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FOURTH);
  volatile unsigned char *bars[2] = {map_bar(s.device, PAGE), map_bar(fourth, PAGE)};
  bus_master(s.device, 1);
  bus_master(fourth, 1);
  map_quiet(s.container, READ_WRITE, memory, 0x10000, 4 * PAGE);
  memset(memory, 0x51, PAGE);
  memset(memory + PAGE, 0x52, PAGE);
  for (int i = 0; i < 2; i++) {
    say("in %d", dma_in(bars[i], 0x10000 + i * PAGE, 64));
    say("out %d", dma_out(bars[i], 0x12000 + i * PAGE, 64));
    say("memory: %s", picture(memory + (2 + i) * PAGE, 128));
  }
  put32(bars[0], LIVENESS, 1);
  put32(bars[1], LIVENESS, 2);
  say("separate registers: %08x %08x", get32(bars[0], LIVENESS), get32(bars[1], LIVENESS));
  return 0;
}
