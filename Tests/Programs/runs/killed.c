// Processes that are killed at any moment, beside one that goes on: killed TIMES.
#include "runs.h"

static struct session s;

// Maps and unmaps 64 pages for ever: its own container, or the one inherited.
static void churn(struct session mine, uint64_t base, unsigned char *memory) {
  volatile unsigned char *bar = map_bar(mine.device, PAGE);
  for (uint64_t i = 0;; i++) {
    map_page(mine, memory, base + i % 64 * PAGE);
    put32(bar, LIVENESS, (uint32_t)i);
    if (i % 7 == 0) dma_in(bar, base + i % 64 * PAGE, 256);
    if (i % 64 == 63) unmap_bytes(mine, base, 64 * PAGE);
  }
}

static void end_at_random(pid_t child) {
  struct timespec moment = {0, rand() % 8000000};
  nanosleep(&moment, NULL);
  MUST(kill(child, SIGKILL) == 0);
  int status;
  MUST(waitpid(child, &status, 0) == child);
  MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(int argc, char **argv) {
  int times = argc > 1 ? atoi(argv[1]) : 50;
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  unsigned char *memory = pages(3);
  MUST(map_page(s, memory, 0x1000) == 0 && map_page(s, memory + PAGE, 0x2000) == 0);
  fflush(stdout);
  for (int i = 0; i < times; i++) {
    pid_t child = fork();
    if (child == 0) churn(s, 0x100000, memory + 2 * PAGE);
    end_at_random(child);
    // The survivor: its registers, its memory, its DMA.
    memset(memory, i + 1, PAGE);
    MUST(copied(bar, 0x1000, 0x2000, 200));
    MUST(memory[PAGE] == (unsigned char)(i + 1) && memory[PAGE + 199] == (unsigned char)(i + 1));
    // What the dead mapped reaches nothing, and is there until it is unmapped.
    dma_in(bar, 0x100000, 64);
    int64_t left = unmap_bytes(s, 0x100000, 64 * PAGE);
    MUST(left >= 0 && left <= 64 * (int64_t)PAGE && left % (int64_t)PAGE == 0);
    for (uint64_t page = 0; page < 64; page++)
      MUST(map_page(s, memory, 0x100000 + page * PAGE) == 0);
    MUST(unmap_bytes(s, 0x100000, 64 * PAGE) == 64 * (int64_t)PAGE);
  }
  say("the survivor of a shared container went on");
  for (int i = 0; i < times; i++) {
    pid_t child = fork();
    if (child == 0) {
      struct session own = start(SECOND, VFIO_TYPE1v2_IOMMU);
      churn(own, 0x100000, memory + 2 * PAGE);
    }
    end_at_random(child);
    struct session own = start(SECOND, VFIO_TYPE1v2_IOMMU);
    MUST(unmap_all(own) == 0 && map_page(own, memory, 0) == 0);
    finish(own);
  }
  say("the group of a killed process was free each time");
  MUST(unmap_all(s) == 2 * (int64_t)PAGE);
  return 0;
}
