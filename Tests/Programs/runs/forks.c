// Processes that fork made: each uses what all share, the device reaches the memory of each.
#include "runs.h"

static struct session s;
static volatile unsigned char *bar;

static void exchange_with_child(volatile uint64_t *words) {
  unsigned char *memory = pages(2);
  memset(memory, 0x11, PAGE);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    // The same address as the parent's, and not the same memory.
    memset(memory, 0x22, PAGE);
    MUST(map_page(s, memory, 0x200000) == 0);
    MUST(map_page(s, memory + PAGE, 0x201000) == 0);
    set_word(&words[0], 1);
    wait_until(&words[1], 1);
    MUST(memory[PAGE] == 0x11 && memory[PAGE + 63] == 0x11 && memory[PAGE + 64] == 0);
    MUST(copied(bar, 0x100000, 0x201000, 64));
    MUST(unmap_bytes(s, 0x200000, 2 * PAGE) == 2 * (int64_t)PAGE);
    _exit(0);
  }
  MUST(map_page(s, memory, 0x100000) == 0);
  MUST(map_page(s, memory + PAGE, 0x101000) == 0);
  wait_until(&words[0], 1);
  MUST(copied(bar, 0x200000, 0x101000, 128));
  say("the device read the child's memory: %s", picture(memory + PAGE, 256));
  MUST(copied(bar, 0x100000, 0x201000, 64));
  set_word(&words[1], 1);
  MUST(went_well(child));
  MUST(unmap_bytes(s, 0x200000, PAGE) == 0);
  say("the child found the parent's bytes, and unmapped");
  MUST(unmap_all(s) == 2 * (int64_t)PAGE);
}

// A child that ends with its mappings in place: they stay, and what they reach is gone.
static void orphaned_mappings(void) {
  unsigned char *memory = pages(2);
  memset(memory, 0x33, 2 * PAGE);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    MUST(map_page(s, memory, 0x300000) == 0);
    _exit(0);
  }
  MUST(went_well(child));
  MUST(map_page(s, memory, 0x300000) < 0 && errno == EEXIST);
  MUST(unmap_bytes(s, 0x300000, PAGE) == (int64_t)PAGE);
  MUST(map_page(s, memory, 0x300000) == 0);
  MUST(dma_in(bar, 0x300000, 16) && unmap_all(s) == (int64_t)PAGE);
  say("the mapping of a child that ended was there, and could be unmapped");
}

// The parent ends first; what it opened lives on in its child.
static int parent_first(volatile uint64_t *words) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  fflush(stdout);
  pid_t parent = fork();
  if (parent == 0) {
    struct session own = start(SECOND, VFIO_TYPE1v2_IOMMU);
    volatile unsigned char *registers = map_bar(own.device, PAGE);
    bus_master(own.device, 1);
    unsigned char *memory = pages(2);
    memset(memory, 0x44, PAGE);
    MUST(map_page(own, memory + PAGE, 0x1000) == 0);
    if (fork()) _exit(0);
    memset(memory, 0x55, PAGE);
    while (getppid() != (pid_t)words[9]) wait_ms(1);
    MUST(map_page(own, memory, 0x5000) == 0);
    MUST(map_page(own, memory + PAGE, 0x6000) == 0);
    MUST(copied(registers, 0x5000, 0x6000, 32));
    say("the parent ended first: %s", picture(memory + PAGE, 64));
    MUST(unmap_bytes(own, 0x1000, PAGE) == (int64_t)PAGE);
    set_word(&words[2], 1);
    wait_until(&words[3], 1);
    fflush(stdout);
    _exit(0);
  }
  MUST(went_well(parent));
  wait_until(&words[2], 1);
  MUST(open(group_node(SECOND), O_RDWR) < 0 && errno == EBUSY);
  set_word(&words[3], 1);
  while (wait(NULL) > 0) continue;
  int group = open(group_node(SECOND), O_RDWR);
  MUST(group >= 0);
  say("with the last process the group is free");
  close(group);
  return 0;
}

int main(void) {
  volatile uint64_t *words = shared_words();
  words[9] = (uint64_t)getpid();
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  exchange_with_child(words);
  orphaned_mappings();
  return parent_first(words);
}
