// Takes the first device's group and keeps it until its input ends: holder [BUSY]
// With an argument: says what opening the group gives, and ends.
#include "runs.h"

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    int group = open(group_node(FIRST), O_RDWR);
    say("the group: %s", opened(group));
    return 0;
  }
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  put32(bar, LIVENESS, 0xffff0000);
  say("held, register %08x", get32(bar, LIVENESS));
  char byte;
  while (read(0, &byte, 1) > 0) continue;
  return 0;
}
