// A task that clone(2) made with this one's memory and thread-local storage, and no descriptors or
// process id of ours: it locks memory and sets limits while the parent maps.
#include "runs.h"

#include <sched.h>

static volatile uint64_t rounds;
static volatile int ends;

static int other(void *memory) {
  struct rlimit limit;
  getrlimit(RLIMIT_CORE, &limit);
  while (!ends) {
    mlock(memory, PAGE);
    munlock(memory, PAGE);
    setrlimit(RLIMIT_CORE, &limit);
    rounds++;
  }
  return 0;
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  unsigned char *memory = pages(2), *stack = pages(64);
  pid_t child = clone(other, stack + 64 * PAGE, CLONE_VM | SIGCHLD, memory + PAGE);
  MUST(child > 0);
  while (!rounds) sched_yield();
  for (int i = 0; i < 4000 || rounds < 400; i++) {
    MUST(map_page(s, memory, 0) == 0);
    MUST(unmap_bytes(s, 0, PAGE) == (int64_t)PAGE);
  }
  ends = 1;
  MUST(went_well(child));
  say("done");
  return 0;
}
