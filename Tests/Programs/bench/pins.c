// Pins by a mediated driver, as `ioasid bench` measures them: the driver is ioasid-bench-driver, in this process.
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096 };

void pins(long pages, long batch, long runs);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "ioasid-bench: %s: %s\n", what, strerror(errno));
  exit(1);
}

// As the driver has it.
struct pins {
  uint64_t iova, pages;
  uint32_t batch, rounds;
  double pin, unpin;
};

static int node(const char *name) {
  char link[256], target[256], path[64];
  snprintf(link, sizeof link, "/sys/bus/mdev/devices/%s/iommu_group", name);
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) fail(link);
  target[length] = 0;
  snprintf(path, sizeof path, "/dev/vfio/%.20s", strrchr(target, '/') + 1);
  return open(path, O_RDWR);
}

// Each run pins `pages` pages of 4 KiB, `batch` a call, and gives them back, again and again.
void pins(long pages, long batch, long runs) {
  static const char name[] = "ioasid-bench-driver";
  int group = node(name), container = open("/dev/vfio/vfio", O_RDWR);
  if (container < 0 || group < 0) fail("open");
  if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container)) fail("SET_CONTAINER");
  if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) fail("SET_IOMMU");
  int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
  if (device < 0) fail("GET_DEVICE_FD");
  size_t bytes = (size_t)pages * page;
  char *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  memset(memory, 1, bytes);
  struct vfio_iommu_type1_dma_map map = {
      sizeof map, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE, (uint64_t)(uintptr_t)memory, 1ULL << 32, bytes};
  if (ioctl(container, VFIO_IOMMU_MAP_DMA, &map)) fail("MAP_DMA");
  for (long run = -1; run < runs; run++) {
    // What the processor itself takes to look at each page.
    double start = now();
    for (int round = 0; round < 16; round++)
      for (long i = 0; i < pages; i++)
        __atomic_fetch_or((uint64_t *)(memory + (size_t)i * page + (size_t)(i % 64) * 64), 0, __ATOMIC_SEQ_CST);
    double touch = (now() - start) / (double)pages / 16;
    struct pins call = {.iova = 1ULL << 32, .pages = (uint64_t)pages, .batch = (uint32_t)batch, .rounds = 16};
    if (ioctl(device, 1, &call)) fail("pins");
    if (run >= 0) printf("run %.3f %.3f %.3f\n", touch, call.pin, call.unpin);
  }
}
