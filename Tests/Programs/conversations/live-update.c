// A program replaces itself by exec, its descriptors kept, while its device goes on writing: the
// memory is a file's, the addresses are given up before and given back after, and nothing is lost.
#include "conversation.h"

#include <stdatomic.h>

enum { CONTAINER = 40, GROUP = 41, DEVICE = 42, MEMORY = 43, COUNTS = 44 };
enum { LENGTH = 8 * PAGE, SLOTS = 16, SLOT_BYTES = 256, AT = 0x100000 };

struct counts {
  _Atomic int phase, done, written[3];
};

static struct counts *counts(void) {
  void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, COUNTS, 0);
  if (p == MAP_FAILED) give_up("mmap");
  return p;
}

static void keep(int fd, int number) {
  if (dup2(fd, number) < 0) give_up("dup2");
  close(fd);
}

static unsigned char *map_memory(void) {
  void *p = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY, 0);
  if (p == MAP_FAILED) give_up("mmap");
  return p;
}

// Drives the device: slot after slot, each with a pattern of its own, from the first page to the
// others.
static void drive(void) {
  struct counts *c = counts();
  volatile unsigned char *bar = map_bar(DEVICE, PAGE);
  unsigned char *memory = map_memory();
  for (int i = 0; i < SLOTS; i++) {
    int phase = atomic_load(&c->phase);
    memset(memory, 0x40 + i, SLOT_BYTES);
    uint64_t slot = AT + PAGE + (unsigned)i * SLOT_BYTES;
    if (!dma_in(bar, AT, SLOT_BYTES) || !dma_out(bar, slot, SLOT_BYTES)) break;
    atomic_fetch_add(&c->written[phase], 1);
    wait_ms(5);
    // In each phase a quarter of them at least: whoever is quicker waits.
    while (i == SLOTS / 4 - 1 && atomic_load(&c->phase) < 1) wait_ms(1);
    while (i == SLOTS / 2 - 1 && atomic_load(&c->phase) < 2) wait_ms(1);
  }
  atomic_store(&c->done, 1);
  _exit(0);
}

static int after_exec(void) {
  struct counts *c = counts();
  volatile unsigned char *bar = map_bar(DEVICE, PAGE);
  unsigned char *memory = map_memory();
  say("a new program");
  // The addresses are still invalid: the device goes on in the file's pages.
  while (atomic_load(&c->written[1]) < SLOTS / 4) wait_ms(1);
  say("the device wrote meanwhile: %d", memory[PAGE + SLOTS / 4 * SLOT_BYTES] == 0x40 + SLOTS / 4);
  int container = CONTAINER;
  MAP(READ_WRITE, memory, AT, LENGTH);
  say("MAP_DMA(VADDR) = %s", outcome(map_quiet(container, 4, memory, AT, LENGTH)));
  say("MAP_DMA(VADDR) = %s", outcome(map_quiet(container, 4, memory, AT, LENGTH)));
  atomic_store(&c->phase, 2);
  while (!atomic_load(&c->done)) wait_ms(1);
  say("phases with writes: %d", (c->written[0] > 0) + (c->written[1] > 0) + (c->written[2] > 0));
  say("writes: %d", c->written[0] + c->written[1] + c->written[2]);
  for (int i = 0; i < SLOTS; i++)
    say("slot %d: %s", i, picture(memory + PAGE + i * SLOT_BYTES, SLOT_BYTES));
  memset(memory, 0x77, SLOT_BYTES);
  dma_in(bar, AT, SLOT_BYTES);
  dma_out(bar, AT + 4 * PAGE, SLOT_BYTES);
  say("the new program's own: %s", picture(memory + 4 * PAGE, SLOT_BYTES));
  int status;
  wait(&status);
  say("the driver ended: %d", status);
  UNMAP(AT, LENGTH);
  close(DEVICE);
  close(GROUP);
  close(CONTAINER);
  return 0;
}

int main(int count, char **words) {
  if (count > 1) return after_exec();
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  keep(s.container, CONTAINER);
  keep(s.group, GROUP);
  keep(s.device, DEVICE);
  keep(memfd_create("memory", 0), MEMORY);
  keep(memfd_create("counts", 0), COUNTS);
  if (ftruncate(MEMORY, LENGTH) || ftruncate(COUNTS, PAGE)) give_up("ftruncate");
  bus_master(DEVICE, 1);
  unsigned char *memory = map_memory();
  struct counts *c = counts();
  int container = CONTAINER;
  MAP(READ_WRITE, memory, AT, LENGTH);
  if (fork() == 0) drive();
  while (atomic_load(&c->written[0]) < 2) wait_ms(1);
  UNMAP_flags(container, "VADDR", 4, AT, LENGTH);
  while (atomic_load(&c->written[0]) < SLOTS / 4) wait_ms(1);
  char *again[] = {words[0], "again", NULL};
  atomic_store(&c->phase, 1);
  execv("/proc/self/exe", again);
  give_up("exec");
}
