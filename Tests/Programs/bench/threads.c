// Containers beside each other, as `ioasid bench` measures them: a thread for each.
#define _GNU_SOURCE 1
#include "bench.h"
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint64_t base = 1ULL << 32;

static void map(int container, char *memory, uint64_t bytes) {
  struct vfio_iommu_type1_dma_map call = {
      .argsz = sizeof call,
      .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
      .vaddr = (uint64_t)memory,
      .iova = base,
      .size = bytes,
  };
  if (ioctl(container, VFIO_IOMMU_MAP_DMA, &call)) fail("MAP_DMA");
}

static void unmap(int container, uint64_t bytes) {
  struct vfio_iommu_type1_dma_unmap call = {.argsz = sizeof call, .iova = base, .size = bytes};
  if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &call) || call.size != bytes) fail("UNMAP_DMA");
}

static char *memory_of(size_t bytes) {
  char *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

// One thread's work: rounds done until it is told to stop, and in how long.
struct worker {
  pthread_t thread;
  int container, null;
  char *memory;
  atomic_long rounds;
} __attribute__((aligned(128)));
static atomic_int at_work, is_over;

static void *call_nothing(void *argument) {
  struct worker *me = argument;
  int ignored;
  long rounds = 0;
  for (atomic_fetch_add(&at_work, 1); !atomic_load_explicit(&is_over, memory_order_relaxed); rounds++)
    for (int i = 0; i < 64; i++) ioctl(me->null, 0x5401 /* TCGETS */, &ignored);
  atomic_store(&me->rounds, rounds);
  return 0;
}

static void *map_and_unmap(void *argument) {
  struct worker *me = argument;
  long rounds = 0;
  for (atomic_fetch_add(&at_work, 1); !atomic_load_explicit(&is_over, memory_order_relaxed); rounds++)
    for (int i = 0; i < 32; i++) {
      map(me->container, me->memory, page);
      unmap(me->container, page);
    }
  atomic_store(&me->rounds, rounds);
  return 0;
}

// Rounds a second of `count` threads together.
static double rate(struct worker *workers, int count, void *(*work)(void *)) {
  double rounds = 0;
  atomic_store(&at_work, 0);
  atomic_store(&is_over, 0);
  for (int i = 0; i < count; i++)
    if (pthread_create(&workers[i].thread, 0, work, &workers[i])) fail("pthread_create");
  while (atomic_load(&at_work) < count) usleep(100);
  double start = now();
  usleep(40000);
  atomic_store(&is_over, 1);
  double seconds = (now() - start) / 1e9;
  for (int i = 0; i < count; i++) {
    pthread_join(workers[i].thread, 0);
    rounds += (double)atomic_load(&workers[i].rounds);
  }
  return rounds / seconds;
}

// Each run: what more threads bring to calls that do nothing, and to MAP and UNMAP in containers of their own.
void parallel(long runs, char **groups, int count) {
  struct worker *workers = aligned_alloc(128, sizeof *workers * (size_t)count);
  if (!workers) fail("workers");
  for (int i = 0; i < count; i++) {
    workers[i] = (struct worker){.container = container_of(groups[i]), .null = open("/dev/null", O_RDWR)};
    if (workers[i].null < 0) fail("/dev/null");
    workers[i].memory = memory_of(page);
  }
  for (long run = -1; run < runs; run++) {
    // One and all in turn, twice, so that a machine that others use is as busy for both.
    double nothing[2] = {0, 0}, maps[2] = {0, 0};
    for (int turn = 0; turn < 4; turn++) {
      nothing[turn % 2] += rate(workers, turn % 2 ? count : 1, call_nothing);
      maps[turn % 2] += rate(workers, turn % 2 ? count : 1, map_and_unmap);
    }
    if (run >= 0) printf("run %.4f %.4f\n", nothing[1] / nothing[0], maps[1] / maps[0]);
  }
}

static size_t large_bytes;

static void *map_much(void *argument) {
  struct worker *me = argument;
  for (atomic_fetch_add(&at_work, 1); !atomic_load(&is_over);) {
    map(me->container, me->memory, large_bytes);
    unmap(me->container, large_bytes);
  }
  return 0;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

enum { samples = 4000 };

// The median of MAPs of a page.
static double median(struct worker *me) {
  static double times[samples];
  for (int i = 0; i < samples; i++) {
    double start = now();
    map(me->container, me->memory, page);
    times[i] = now() - start;
    unmap(me->container, page);
  }
  qsort(times, samples, sizeof *times, compare);
  return times[samples / 2];
}

void neighbour(size_t bytes, long runs, char **groups) {
  large_bytes = bytes;
  struct worker small = {.container = container_of(groups[0]), .memory = memory_of(page)};
  struct worker large = {.container = container_of(groups[1]), .memory = memory_of(large_bytes)};
  for (long run = -1; run < runs; run++) {
    double alone = median(&small);
    atomic_store(&at_work, 0);
    atomic_store(&is_over, 0);
    if (pthread_create(&large.thread, 0, map_much, &large)) fail("pthread_create");
    while (!atomic_load(&at_work)) usleep(100);
    double beside = median(&small);
    atomic_store(&is_over, 1);
    pthread_join(large.thread, 0);
    if (run >= 0) printf("run %.1f %.1f\n", alone, beside);
  }
}
