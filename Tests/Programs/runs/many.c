// Many processes in one container: many LIVE, with so many of them mapping at once.
#include "runs.h"

static struct session s;
static unsigned char *memory;

static void in_one_container(void) {
  enum { processes = 8, rounds = 100 };
  volatile uint64_t *words = shared_words();
  fflush(stdout);
  pid_t child[processes];
  for (uint64_t i = 0; i < processes; i++)
    if ((child[i] = fork()) == 0) {
      uint64_t base = 0x1000000 + i * 0x100000;
      for (int round = 0; round < rounds; round++) {
        for (uint64_t page = 0; page < 16; page++)
          MUST(map_page(s, memory, base + page * PAGE) == 0);
        MUST(unmap_bytes(s, base, 0x100000) == 16 * (int64_t)PAGE);
      }
      // All for the same pages: each page has one winner.
      for (uint64_t page = 0; page < 256; page++) {
        if (map_page(s, memory, 0x8000000 + page * PAGE) == 0)
          __atomic_fetch_add(words, 1, __ATOMIC_RELAXED);
        else
          MUST(errno == EEXIST);
      }
      _exit(0);
    }
  for (int i = 0; i < processes; i++) MUST(went_well(child[i]));
  MUST(words[0] == 256);
  MUST(unmap_all(s) == 256 * (int64_t)PAGE);
  say("eight processes in one container: %lu pages won", words[0]);
}

// More than have a place at one time.
static void one_after_another(void) {
  for (int i = 0; i < 150; i++) {
    pid_t child = fork();
    if (child == 0) {
      MUST(map_page(s, memory, 0x3000) == 0 && unmap_bytes(s, 0x3000, PAGE) == (int64_t)PAGE);
      _exit(0);
    }
    MUST(went_well(child));
  }
  say("150 processes one after another");
}

static void at_once(int live) {
  volatile uint64_t *words = shared_words();
  pid_t child[1024];
  for (int i = 0; i < live; i++)
    if ((child[i] = fork()) == 0) {
      int result = map_page(s, memory, 0x10000000 + (uint64_t)i * PAGE);
      MUST(result == 0 || errno == ENOMEM);
      __atomic_fetch_add(&words[result == 0 ? 1 : 2], 1, __ATOMIC_RELAXED);
      __atomic_fetch_add(&words[0], 1, __ATOMIC_RELEASE);
      wait_until(&words[3], 1);
      _exit(0);
    }
  wait_until(&words[0], (uint64_t)live);
  set_word(&words[3], 1);
  for (int i = 0; i < live; i++) MUST(went_well(child[i]));
  say("%d at once: %lu mapped, %lu had no place", live, words[1], words[2]);
  MUST(unmap_all(s) == (int64_t)(words[1] * PAGE));
}

int main(int argc, char **argv) {
  MUST(argc == 2);
  memory = pages(1);
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  in_one_container();
  one_after_another();
  at_once(atoi(argv[1]));
  one_after_another();
  return 0;
}
