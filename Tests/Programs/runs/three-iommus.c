// Devices behind three IOMMUs that differ, in one container: what is mapped is reached by each, what
// is refused by none, and what one of them left behind the others keep.
#include "runs.h"

enum { WIDE, NARROW, HIGH, COUNT };
static const char *names[COUNT] = {FIRST, SECOND, THIRD};
static int container, groups[COUNT], devices[COUNT];
static volatile unsigned char *bars[COUNT];
static unsigned char *memory;

static void begin(int which) {
  MUST((devices[which] = ioctl(groups[which], VFIO_GROUP_GET_DEVICE_FD, names[which])) >= 0);
  bars[which] = map_bar(devices[which], PAGE);
  bus_master(devices[which], 1);
}

static void end(int which) {
  munmap((void *)bars[which], PAGE);
  close(devices[which]);
  MUST(!ioctl(groups[which], VFIO_GROUP_UNSET_CONTAINER));
}

// Which devices reach memory at an IOVA: each writes a byte of its own there.
static const char *reach(uint64_t iova, volatile unsigned char *at, int members) {
  static char text[8];
  int used = 0;
  memset(memory + 16 * PAGE, 0, PAGE);
  MUST(!map_quiet(container, READ_WRITE, memory + 16 * PAGE, 0x900000, PAGE));
  for (int i = 0; i < COUNT; i++) {
    if (!(members & 1 << i)) continue;
    memory[16 * PAGE] = 0xa0 + i;
    *at = 0;
    dma_in(bars[i], 0x900000, 1);
    put32(bars[i], DMA_SOURCE, DEVICE_BUFFER);
    *(volatile uint64_t *)(bars[i] + DMA_TARGET) = iova;
    put32(bars[i], DMA_COUNT, 1);
    put32(bars[i], DMA_COMMAND, FROM_DEVICE);
    for (int j = 0; j < 5000 && get32(bars[i], DMA_COMMAND) & 1; j++) wait_ms(1);
    if (*at == 0xa0 + i) text[used++] = "wnh"[i];
  }
  text[used] = 0;
  uint64_t size = PAGE;
  MUST(!unmap_quiet(container, 0, 0x900000, &size));
  return used ? text : "none";
}

int main(void) {
  memory = pages(32);
  MUST((container = open("/dev/vfio/vfio", O_RDWR)) >= 0);
  for (int i = 0; i < COUNT; i++) MUST((groups[i] = open(group_node(names[i]), O_RDWR)) >= 0);
  MUST(!ioctl(groups[WIDE], VFIO_GROUP_SET_CONTAINER, &container));
  MUST(!ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
  begin(WIDE);
  struct session s = {.container = container};
  MUST(!map_page(s, memory, 0x200000));
  MUST(!map_page(s, memory + PAGE, 0x1000));
  say("mapped for one: %s", reach(0x200000, memory, 1));
  MUST(ioctl(groups[HIGH], VFIO_GROUP_SET_CONTAINER, &container) == -1 && errno == EINVAL);
  say("refused, and nothing changed: %s", reach(0x1000, memory + PAGE, 1));
  MUST(unmap_bytes(s, 0x1000, PAGE) == PAGE);
  MUST(!ioctl(groups[HIGH], VFIO_GROUP_SET_CONTAINER, &container));
  MUST(!ioctl(groups[NARROW], VFIO_GROUP_SET_CONTAINER, &container));
  begin(NARROW);
  begin(HIGH);
  say("mapped before two more came: %s", reach(0x200000, memory, 7));
  MUST(!map_page(s, memory + 2 * PAGE, 0x7fffffe000));
  say("mapped for all: %s", reach(0x7fffffe000, memory + 2 * PAGE, 7));
  MUST(map_page(s, memory + 3 * PAGE, 0x8000000000) == -1 && errno == EINVAL);
  say("beyond one: %s", reach(0x8000000000, memory + 3 * PAGE, 7));
  munmap(memory + 6 * PAGE, PAGE);
  MUST(map_quiet(container, READ_WRITE, memory + 4 * PAGE, 0x300000, 4 * PAGE) == -1);
  MUST(errno == EFAULT);
  say("missing memory: %s", reach(0x300000, memory + 4 * PAGE, 7));
  MUST(unmap_bytes(s, 0x7fffffe000, PAGE) == PAGE);
  say("unmapped: %s", reach(0x7fffffe000, memory + 2 * PAGE, 7));
  end(NARROW);
  MUST(!map_page(s, memory + 3 * PAGE, 0x8000000000));
  say("wider without the narrow one: %s", reach(0x8000000000, memory + 3 * PAGE, 5));
  MUST(ioctl(groups[NARROW], VFIO_GROUP_SET_CONTAINER, &container) == -1 && errno == EINVAL);
  end(WIDE);
  say("what the first mapped is the last one's: %s", reach(0x200000, memory, 4));
  end(HIGH);
  MUST(map_page(s, memory, 0x200000) == -1 && errno == EINVAL);
  say("done");
  return 0;
}
