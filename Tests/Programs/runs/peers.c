// Two devices that write each other's registers, each driven by a thread and then by a process of its
// own: nobody waits for ever, and every write arrives.
#include "runs.h"

#include <pthread.h>

enum { ROUNDS = 400 };
static const char *names[] = {FIRST, SECOND};
static volatile unsigned char *bars[2];
static unsigned char *memory;
static const uint64_t sources[] = {0x100000, 0x101000}, peers[] = {0x200000, 0x300000};

static void *drive(void *argument) {
  int me = (int)(intptr_t)argument;
  uint32_t *words = (uint32_t *)(memory + me * PAGE);
  for (uint32_t i = 1; i <= ROUNDS; i++) {
    words[0] = i;
    MUST(dma_in(bars[me], sources[me], 4));
    MUST(dma_out(bars[me], peers[!me] + LIVENESS, 4));
    // Nobody else writes the other one's liveness register: it reads as the complement.
    MUST(get32(bars[!me], LIVENESS) == ~i);
  }
  return NULL;
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int group = open(group_node(SECOND), O_RDWR);
  MUST(!ioctl(group, VFIO_GROUP_SET_CONTAINER, &s.container));
  int devices[] = {s.device, ioctl(group, VFIO_GROUP_GET_DEVICE_FD, names[1])};
  memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memset(memory, 0, 2 * PAGE);
  for (int i = 0; i < 2; i++) {
    bars[i] = map_bar(devices[i], PAGE);
    bus_master(devices[i], 1);
    MUST(!map_page(s, memory + i * PAGE, sources[i]));
    MUST(!map_page(s, (void *)bars[i], peers[i]));
  }
  pthread_t threads[2];
  for (intptr_t i = 0; i < 2; i++) MUST(!pthread_create(&threads[i], NULL, drive, (void *)i));
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  say("two threads: %d writes each", ROUNDS);
  // Registers that one process mapped are reached while that process drives the device.
  put32(bars[0], LIVENESS, 0);
  CHILD({
    uint32_t *words = (uint32_t *)memory;
    words[0] = 7;
    dma_in(bars[1], sources[0], 4);
    dma_out(bars[1], peers[0] + LIVENESS, 4);
    say("a child's DMA into what its parent mapped: %s",
        get32(bars[0], LIVENESS) == 0xffffffff ? "a fault" : "arrived");
  });
  // A device cannot be its own peer here.
  dma_in(bars[0], peers[0] + ID, 4);
  say("a device and itself: status %x", get32(bars[0], DMA_COMMAND) & 1);
  say("done");
  return 0;
}
