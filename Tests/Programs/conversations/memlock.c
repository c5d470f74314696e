// Locked memory: what a MAP may pin, and who is asked when.
#include "limits.h"

enum { LIMIT_PAGES = 16 };

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container;
  unsigned char *memory = pages(64);
  heading("the capability lifts the limit");
  limit(LIMIT_PAGES);
  MAP(READ_WRITE, memory, 0x100000, 32 * PAGE);
  UNMAP(0x100000, 32 * PAGE);
  heading("the limit, page by page");
  say("without CAP_IPC_LOCK: %s", outcome(set_ipc_lock(0)));
  MAP(READ_WRITE, memory, 0x100000, 17 * PAGE);
  MAP(READ_WRITE, memory, 0x100000, 16 * PAGE);
  MAP(READ_WRITE, memory, 0x200000, PAGE);
  MAP(READ_WRITE, memory, 0x100000, PAGE);
  UNMAP(0x100000, 16 * PAGE);
  MAP(READ_WRITE, memory, 0x100000, 8 * PAGE);
  heading("the same memory twice is charged twice");
  MAP(READ_WRITE, memory, 0x200000, 8 * PAGE);
  MAP(READ_WRITE, memory, 0x300000, PAGE);
  UNMAP(0x200000, 8 * PAGE);
  heading("a bad page before and behind the limit");
  munmap(memory + 4 * PAGE, PAGE);
  MAP(READ_WRITE, memory, 0x200000, 8 * PAGE);
  munmap(memory + 24 * PAGE, PAGE);
  MAP(READ_WRITE, memory + 8 * PAGE, 0x200000, 20 * PAGE);
  MAP(READ_WRITE, memory + 16 * PAGE, 0x200000, 8 * PAGE);
  UNMAP(0x200000, 8 * PAGE);
  MAP(READ_WRITE, memory + 16 * PAGE, 0x200000, 9 * PAGE);
  MAP(READ_WRITE, memory + 15 * PAGE, 0x200000, 10 * PAGE);
  heading("memory that the program locked itself counts too");
  DO(mlock(memory + 32 * PAGE, 4 * PAGE));
  MAP(READ_WRITE, memory + 32 * PAGE, 0x200000, 5 * PAGE);
  MAP(READ_WRITE, memory + 32 * PAGE, 0x200000, 4 * PAGE);
  DO(munlock(memory + 32 * PAGE, 4 * PAGE));
  MAP(READ_WRITE, memory + 32 * PAGE, 0x300000, 4 * PAGE);
  UNMAP_EVERYTHING();
  heading("registers are not charged");
  volatile unsigned char *bar = map_bar(s.device, 64 * PAGE);
  MAP(READ_WRITE, (void *)bar, 0x400000, 64 * PAGE);
  MAP(READ_WRITE, memory + 32 * PAGE, 0x100000, 16 * PAGE);
  UNMAP_EVERYTHING();
  heading("another container of the same process");
  int other, group;
  OPEN(other, "/dev/vfio/vfio", O_RDWR);
  OPEN(group, group_node(SECOND), O_RDWR);
  DO(ioctl(group, VFIO_GROUP_SET_CONTAINER, &other));
  DO(ioctl(other, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
  MAP(READ_WRITE, memory + 32 * PAGE, 0x100000, 10 * PAGE);
  say("other container: %s", outcome(map_quiet(other, READ_WRITE, memory + 32 * PAGE, 0x100000, 7 * PAGE)));
  say("other container: %s", outcome(map_quiet(other, READ_WRITE, memory + 32 * PAGE, 0x100000, 6 * PAGE)));
  UNMAP_EVERYTHING();
  say("other container: %s", outcome(map_quiet(other, READ_WRITE, memory + 40 * PAGE, 0x200000, 10 * PAGE)));
  heading("a child has its own");
  CHILD({
    MAP(READ_WRITE, memory + 32 * PAGE, 0x500000, 17 * PAGE);
    MAP(READ_WRITE, memory + 32 * PAGE, 0x500000, 16 * PAGE);
  });
  heading("the capability again");
  say("with CAP_IPC_LOCK: %s", outcome(set_ipc_lock(1)));
  MAP(READ_WRITE, memory + 32 * PAGE, 0x600000, 20 * PAGE);
  say("without CAP_IPC_LOCK: %s", outcome(set_ipc_lock(0)));
  MAP(READ_WRITE, memory + 32 * PAGE, 0x700000, PAGE);
  finish(s);
  return 0;
}
