// A hundred thousand mappings that come and go, followed by another process: churn TIMES.
#include "runs.h"

int main(int argc, char **argv) {
  uint64_t times = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
  unsigned char *memory = pages(2);
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  MUST(map_page(s, memory, 0x1000) == 0);
  volatile uint64_t *words = shared_words();
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    memset(memory, 0x66, PAGE);
    uint64_t followed = 0;
    while (!__atomic_load_n(&words[0], __ATOMIC_ACQUIRE)) {
      MUST(map_page(s, memory, 0x1000) < 0 && errno == EEXIST);
      MUST(map_page(s, memory, 0x40000000 + followed % 512 * PAGE) == 0);
      if (++followed % 512 == 0)
        MUST(unmap_bytes(s, 0x40000000, 0x10000000) == 512 * (int64_t)PAGE);
    }
    MUST(unmap_bytes(s, 0x40000000, 0x10000000) == (int64_t)(followed % 512 * PAGE));
    // Every page the parent left, and none that it took away.
    for (uint64_t i = 0; i < 1000; i++)
      MUST((map_page(s, memory, 0x80000000 + i * PAGE) == 0) == (i % 3 != 0));
    words[1] = followed;
    _exit(0);
  }
  for (uint64_t i = 0; i < times; i++) {
    MUST(map_page(s, memory, 0x2000 + i % 100 * PAGE) == 0);
    MUST(unmap_bytes(s, 0x2000 + i % 100 * PAGE, PAGE) == (int64_t)PAGE);
  }
  for (uint64_t i = 0; i < 1000; i++) MUST(map_page(s, memory, 0x80000000 + i * PAGE) == 0);
  for (uint64_t i = 0; i < 1000; i++)
    if (i % 3) MUST(unmap_bytes(s, 0x80000000 + i * PAGE, PAGE) == (int64_t)PAGE);
  set_word(&words[0], 1);
  MUST(went_well(child));
  MUST(words[1] > 0);
  memset(memory, 0x77, PAGE);
  MUST(map_page(s, memory + PAGE, 0x2000) == 0 && copied(bar, 0x1000, 0x2000, 16));
  MUST(memory[PAGE] == 0x77);
  MUST(unmap_all(s) == 1002 * (int64_t)PAGE);
  say("%lu mappings came and went", times);
  return 0;
}
