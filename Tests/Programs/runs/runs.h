// What the programs of RunTests share: each says in a few lines what it did, and fails with one.
#ifndef RUNS_H
#define RUNS_H
#include "../conversations/conversation.h"

#include <sys/prctl.h>
#include <sys/resource.h>

// Ends the program, loudly, unless `truth` holds.
#define MUST(truth) \
  do { \
    if (!(truth)) { \
      say("%s:%d: %s: %s", __FILE_NAME__, __LINE__, #truth, strerrorname_np(errno)); \
      fflush(stdout); \
      _exit(1); \
    } \
  } while (0)

MAYBE int map_page(struct session s, void *at, uint64_t iova) {
  return map_quiet(s.container, READ_WRITE, at, iova, PAGE);
}

// How many bytes an unmapping took; -1 when it was refused.
MAYBE int64_t unmap_bytes(struct session s, uint64_t iova, uint64_t size) {
  return unmap_quiet(s.container, 0, iova, &size) ? -1 : (int64_t)size;
}
MAYBE int64_t unmap_all(struct session s) {
  uint64_t size = 0;
  return unmap_quiet(s.container, VFIO_DMA_UNMAP_FLAG_ALL, 0, &size) ? -1 : (int64_t)size;
}

// Lets the device carry `count` bytes from one IOVA to another.
MAYBE int copied(volatile unsigned char *bar, uint64_t from, uint64_t to, uint32_t count) {
  return dma_in(bar, from, count) && dma_out(bar, to, count);
}

// Waits for a child; true when it exited with 0.
MAYBE int went_well(pid_t child) {
  int status;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Words between a parent and its children: one anonymous shared page.
MAYBE volatile uint64_t *shared_words(void) {
  void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  MUST(p != MAP_FAILED);
  return p;
}
MAYBE void wait_until(volatile uint64_t *word, uint64_t value) {
  for (int i = 0; i < 30000 && __atomic_load_n(word, __ATOMIC_ACQUIRE) < value; i++) wait_ms(1);
  MUST(__atomic_load_n(word, __ATOMIC_ACQUIRE) >= value);
}
MAYBE void set_word(volatile uint64_t *word, uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

MAYBE uint32_t viable_and_set(int group) {
  struct vfio_group_status status = {.argsz = sizeof status};
  MUST(ioctl(group, VFIO_GROUP_GET_STATUS, &status) == 0);
  return status.flags;
}
#endif
