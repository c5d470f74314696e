// Whose limit a MAP is held against: run as a user without CAP_IPC_LOCK, with a limit of 8 MiB.
#include "../conversations/conversation.h"

#include <sys/resource.h>

static int container;

// Maps megabytes until one is refused, at most so many.
static void fill(long most) {
  long mapped = 0;
  for (; mapped < most; mapped++) {
    unsigned char *memory = pages(256);
    uint64_t iova = ((uint64_t)getpid() % 1024 << 32) + ((uint64_t)mapped << 20);
    if (map_quiet(container, READ_WRITE, memory, iova, 1 << 20)) {
      say("%ld MiB, then %s", mapped, outcome(-1));
      return;
    }
  }
  say("%ld MiB", mapped);
}

int main(void) {
  struct rlimit limit = {8 << 20, 8 << 20};
  setrlimit(RLIMIT_MEMLOCK, &limit);
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  say("user %d", getuid() != 0);
  heading("a process alone");
  fill(16);
  unsigned char *more = pages(1);
  MAP(READ_WRITE, more, 0x100000, PAGE);
  heading("a child has a limit of its own");
  CHILD(fill(16));
  heading("its mappings are still there, and hold nobody back");
  CHILD(fill(4));
  MAP(READ_WRITE, more, 0x100000, PAGE);
  UNMAP_EVERYTHING();
  fill(8);
  UNMAP_EVERYTHING();
  heading("another container of the same process");
  fill(6);
  struct session t = start(SECOND, VFIO_TYPE1v2_IOMMU);
  container = t.container;
  fill(16);
  heading("what the process locks itself");
  UNMAP_EVERYTHING();
  unsigned char *locked = pages(256);
  DO(mlock(locked, 256 * PAGE));
  fill(16);
  return 0;
}
