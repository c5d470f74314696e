// What needs a mediated device, as `ioasid bench` measures it: pins, copies, dirty pages. The driver is
// ioasid-bench-driver, in this process.
#define _GNU_SOURCE 1
#include "bench.h"
#include "../bench-driver/driver.h"
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint64_t base = 1ULL << 40;
static int container, device;

static int node(const char *name) {
  char link[256], target[256], path[64];
  snprintf(link, sizeof link, "/sys/bus/mdev/devices/%s/iommu_group", name);
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) fail(link);
  target[length] = 0;
  snprintf(path, sizeof path, "/dev/vfio/%.20s", strrchr(target, '/') + 1);
  return open(path, O_RDWR);
}

static void begin(void) {
  static const char name[] = "ioasid-bench-driver";
  int group = node(name);
  container = open("/dev/vfio/vfio", O_RDWR);
  if (container < 0 || group < 0) fail("open");
  if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container)) fail("SET_CONTAINER");
  if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) fail("SET_IOMMU");
  device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
  if (device < 0) fail("GET_DEVICE_FD");
}

// Memory of 4 KiB pages, all there.
static char *memory_of(size_t bytes) {
  char *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  memset(memory, 1, bytes);
  return memory;
}

static void map(char *memory, uint64_t iova, uint64_t bytes) {
  struct vfio_iommu_type1_dma_map call = {
      .argsz = sizeof call,
      .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
      .vaddr = (uint64_t)memory,
      .iova = iova,
      .size = bytes,
  };
  if (ioctl(container, VFIO_IOMMU_MAP_DMA, &call)) fail("MAP_DMA");
}

// Each run pins `pages` pages of 4 KiB, `batch` a call, and gives them back, again and again.
void pins(long pages, long batch, long runs) {
  size_t bytes = (size_t)pages * page;
  begin();
  char *memory = memory_of(bytes);
  map(memory, base, bytes);
  for (long run = -1; run < runs; run++) {
    // What the processor itself takes to look at each page.
    double start = now();
    for (int round = 0; round < 16; round++)
      for (long i = 0; i < pages; i++)
        __atomic_fetch_or((uint64_t *)(memory + (size_t)i * page + (size_t)(i % 64) * 64), 0, __ATOMIC_SEQ_CST);
    double touch = (now() - start) / (double)pages / 16;
    struct pins call = {.iova = base, .pages = (uint64_t)pages, .batch = (uint32_t)batch, .rounds = 16};
    if (ioctl(device, BENCH_PINS, &call)) fail("pins");
    if (run >= 0) printf("run %.3f %.3f %.3f\n", touch, call.pin, call.unpin);
  }
}

// Each run copies `bytes` between a driver's buffer and mapped memory, by memcpy and by vfio_dma_rw in turn.
void copies(long bytes, long runs) {
  begin();
  char *memory = memory_of((size_t)bytes);
  map(memory, base, (uint64_t)bytes);
  long rounds = (256l << 20) / bytes;
  for (long run = -1; run < runs; run++) {
    struct copies call = {
        .iova = base, .bytes = (uint64_t)bytes, .memory = (uint64_t)memory, .rounds = rounds < 4 ? 4 : (uint32_t)rounds};
    if (ioctl(device, BENCH_COPIES, &call)) fail("copies");
    if (run >= 0) printf("run %.1f %.1f %.1f\n", call.plain, call.read, call.write);
  }
}

// One plain OR of a bitmap into another.
static double plain_or(uint64_t *into, const uint64_t *from, size_t words) {
  double start = now();
  for (size_t i = 0; i < words; i++) into[i] |= from[i];
  __asm__ volatile("" : : "r"(into) : "memory");
  return now() - start;
}

static void expect(const uint64_t *bitmap, size_t words, uint64_t bits) {
  for (size_t i = 0; i < words; i++)
    if (bitmap[i] != bits) {
      fprintf(stderr, "ioasid-bench: word %zu of the bitmap is %#llx\n", i, (unsigned long long)bitmap[i]);
      exit(1);
    }
}

// GET_BITMAP over `pages` pages in mappings of `each`: with every page dirty, and then clean; and UNMAP_DMA with a
// bitmap. What makes pages dirty is that a driver held them.
void dirty(long pages, long each, long runs) {
  size_t words = (size_t)pages / 64, bytes = words * 8;
  uint64_t all = (uint64_t)pages * page, part = (uint64_t)each * page;
  begin();
  char *memory = memory_of(part);
  uint64_t *bitmap = (uint64_t *)memory_of(bytes), *other = (uint64_t *)memory_of(bytes);
  char call[sizeof(struct vfio_iommu_type1_dirty_bitmap) + sizeof(struct vfio_iommu_type1_dirty_bitmap_get)];
  struct vfio_iommu_type1_dirty_bitmap *request = (void *)call;
  struct vfio_iommu_type1_dirty_bitmap_get get = {base, all, {page, bytes, (__u64 *)bitmap}};
  *request = (struct vfio_iommu_type1_dirty_bitmap){sizeof call, VFIO_IOMMU_DIRTY_PAGES_FLAG_START};
  for (uint64_t at = 0; at < all; at += part) map(memory, base + at, part);
  if (ioctl(container, VFIO_IOMMU_DIRTY_PAGES, call)) fail("DIRTY_PAGES START");
  request->flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
  memcpy(call + sizeof *request, &get, sizeof get);
  for (long run = -1; run < runs; run++) {
    double times[4], ors = 0;
    for (int step = 0; step < 4; step++) {  // all dirty, clean, all dirty and unmapped, all mapped again
      struct pins hold = {.iova = base, .pages = (uint64_t)pages, .batch = 512, .rounds = 1};
      if (step % 2 == 0 && ioctl(device, BENCH_PINS, &hold)) fail("pins");
      ors += plain_or(bitmap, other, words) / 4;
      double start = now();
      if (step < 2) {
        if (ioctl(container, VFIO_IOMMU_DIRTY_PAGES, call)) fail("DIRTY_PAGES GET_BITMAP");
      } else if (step == 2) {
        char unmap[sizeof(struct vfio_iommu_type1_dma_unmap) + sizeof(struct vfio_bitmap)];
        *(struct vfio_iommu_type1_dma_unmap *)unmap = (struct vfio_iommu_type1_dma_unmap){
            .argsz = sizeof unmap, .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, .iova = base, .size = all};
        memcpy(unmap + sizeof(struct vfio_iommu_type1_dma_unmap), &get.bitmap, sizeof get.bitmap);
        if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, unmap)) fail("UNMAP_DMA");
      } else
        for (uint64_t at = 0; at < all; at += part) map(memory, base + at, part);
      times[step] = now() - start;
      if (step < 3) expect(bitmap, words, step == 1 ? 0 : ~0ull);
    }
    if (run >= 0) printf("run %.0f %.0f %.0f %.0f\n", ors, times[1], times[0], times[2]);
  }
}
