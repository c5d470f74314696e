// A program that opens as root and works as somebody else, as daemons do: in a child that gives its
// rights up before it ever calls, and then itself. What was opened stays theirs; nothing more opens.
#include "runs.h"

static void drop(void) {
  MUST(setgid(65534) == 0 && setuid(65534) == 0);
  MUST(open(group_node(SECOND), O_RDWR) < 0 && errno == EACCES);
}

static void work(struct session s, volatile unsigned char *bar, uint64_t iova) {
  unsigned char *memory = pages(2);
  memset(memory, 0x66, PAGE);
  MUST(map_page(s, memory, iova) == 0 && map_page(s, memory + PAGE, iova + PAGE) == 0);
  MUST(copied(bar, iova, iova + PAGE, 64) && memory[PAGE + 63] == 0x66);
  MUST(viable_and_set(s.group) == 3);
  MUST(unmap_bytes(s, iova, 2 * PAGE) == 2 * (int64_t)PAGE);
}

int main(void) {
  umask(077);
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  pid_t child = fork();
  if (child == 0) {
    drop();
    MUST(prctl(PR_SET_DUMPABLE, 1) == 0);
    work(s, bar, 0x10000);
    _exit(0);
  }
  MUST(went_well(child));
  drop();
  MUST(prctl(PR_SET_DUMPABLE, 1) == 0);
  work(s, bar, 0x20000);
  say("done");
  return 0;
}
