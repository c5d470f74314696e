// A mediated device, its container and its pins outlive the program that made them.
#include "pins.h"

static unsigned char *page_of_ours(int number) {
  unsigned char *p = pages(4);
  *(uint64_t *)p = 0xbeef00 + (uint64_t)number;
  return p;
}

// The program that was executed: it has the descriptors and nothing else.
static int inherit(char **words) {
  struct session s = {atoi(words[2]), atoi(words[3]), atoi(words[4])};
  int container = s.container, d = s.device;
  say("executed");
  told(d);
  MAP(READ_WRITE, page_of_ours(2), 0x200000, 4 * PAGE);
  pin(d, 0x200000, 1, 3);
  // The memory of the program before is gone.
  copy(d, PINS_READ, 0x100000, 8, 0);
  pin(d, 0x103000, 1, 3);
  UNMAP(0x100000, 4 * PAGE);
  told(d);
  UNMAP_EVERYTHING();
  told(d);
  finish(s);
  return 0;
}

int main(int count, char **words) {
  if (count == 5) return inherit(words);
  struct session s = start_mediated(PINS, VFIO_TYPE1v2_IOMMU);
  int container = s.container, d = s.device;
  MAP(READ_WRITE, page_of_ours(1), 0x100000, 4 * PAGE);
  pin(d, 0x100000, 2, 3);
  // A child that is killed takes nothing along.
  pid_t child = fork();
  if (child == 0) {
    pin(d, 0x102000, 1, 3);
    raise(SIGKILL);
  }
  waitpid(child, NULL, 0);
  pin(d, 0x100000, 1, 3);
  char numbers[3][16];
  int descriptors[3] = {s.container, s.group, s.device};
  for (int i = 0; i < 3; i++) {
    snprintf(numbers[i], sizeof numbers[i], "%d", descriptors[i]);
    if (fcntl(descriptors[i], F_SETFD, 0)) give_up("fcntl");
  }
  execl("/proc/self/exe", words[0], "inherit", numbers[0], numbers[1], numbers[2], NULL);
  give_up("exec");
}
