// A program that brings its own malloc: the four functions that glibc asks for, and no other.
#include "conversation.h"

#include <pthread.h>

static unsigned char arena[128 << 20];
static size_t used;
static __thread int inside;

// Each block lies behind its size. Nothing is ever given back.
void *malloc(size_t bytes) {
  if (inside++) abort();
  size_t start = __sync_fetch_and_add(&used, (bytes + 31) & ~15UL);
  inside--;
  if (start + bytes + 16 > sizeof arena) return NULL;
  *(size_t *)(arena + start) = bytes;
  return arena + start + 16;
}
void free(void *block) {
  uintptr_t place = (uintptr_t)block - (uintptr_t)arena;
  if (block && place >= sizeof arena) abort();
}
void *calloc(size_t count, size_t bytes) { return malloc(count * bytes); }
void *realloc(void *block, size_t bytes) {
  void *larger = malloc(bytes);
  if (!block || !larger) return larger;
  size_t old = ((size_t *)block)[-2];
  return memcpy(larger, block, old < bytes ? old : bytes);
}

static int container;

static void *mapper(void *argument) {
  unsigned char *memory = pages(1);
  uint64_t iova = (uint64_t)(uintptr_t)argument << 32;
  long failures = 0;
  for (int i = 0; i < 1000; i++) {
    uint64_t size = PAGE;
    failures += map_quiet(container, READ_WRITE, memory, iova + (uint64_t)i * PAGE, PAGE) != 0;
    if (i % 2) failures += unmap_quiet(container, 0, iova + (uint64_t)i * PAGE, &size) != 0;
  }
  return (void *)failures;
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; i++) pthread_create(&threads[i], NULL, mapper, (void *)(i + 1));
  for (int i = 0; i < 4; i++) {
    void *failures;
    pthread_join(threads[i], &failures);
    say("failures %ld", (long)failures);
  }
  unsigned char *memory = pages(1);
  CHILD(MAP(READ_WRITE, memory, 0x10000, PAGE));
  UNMAP_EVERYTHING();
  say("id %08x", get32(map_bar(s.device, PAGE), ID));
  int event = eventfd(0, 0);
  say("arm = %s", outcome(arm(s.device, 1, event)));
  finish(s);
  return 0;
}
