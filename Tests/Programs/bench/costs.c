// What MAP_DMA and UNMAP_DMA cost by size and by live mappings: through the legacy nodes (the kernel's or ours), and as
// bare calls on an iommufd of this program's own, over the same memory in turn. Meant for a machine whose nanoseconds are
// instructions, so each figure is a mean of calls that differ in their addresses only.
#define _GNU_SOURCE 1
#include "bench.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// <linux/iommufd.h> and the cdev part of <linux/vfio.h> are newer than some build hosts.
struct ioas_alloc { uint32_t size, flags, out; };
struct ioas_map { uint32_t size, flags, ioas, reserved; uint64_t address, length, iova; };
struct ioas_unmap { uint32_t size, ioas; uint64_t iova, length; };
struct vfio_ioas { uint32_t size, ioas; uint16_t op, reserved; };
struct bind_iommufd { uint32_t argsz, flags; int32_t iommufd; uint32_t device; };
struct attach_pt { uint32_t argsz, flags, table; };
enum { ioas_alloc_call = 0x3b81, ioas_map_call = 0x3b85, ioas_unmap_call = 0x3b86, vfio_ioas_call = 0x3b88, bind_call = 0x3b76, attach_call = 0x3b77,
       set_space = 1, ioas_fixed = 1, ioas_write = 2, ioas_read = 4 };

static const size_t arena_bytes = 256u << 20, huge_page = 2u << 20;
static const struct { size_t bytes; long calls, runs; } sizes[] = {
    {4u << 10, 256, 96}, {64u << 10, 64, 48}, {2u << 20, 8, 48}, {256u << 20, 1, 24}};
static const long live_counts[] = {1, 1000, 20000};
static const uint64_t live_base = 0x100000000u, measured_base = 0x1000000000u;

// The C library is what a run stands in front of; a bare call goes past it.
static long bare_ioctl(int descriptor, unsigned long request, void *argument) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"((long)SYS_ioctl), "D"((long)descriptor), "S"(request), "d"(argument)
                   : "rcx", "r11", "memory");
  if (result >= 0) return result;
  errno = (int)-result;
  return -1;
}
// How a mapping is asked for: by MAP_DMA through the C library, by MAP_DMA sent past it to an iommufd, or by IOMMU_IOAS_MAP.
struct side {
  const char *name;
  int descriptor;
  uint32_t space;
  enum { legacy, sent, bare } way;
};

static void map(const struct side *side, void *memory, uint64_t iova, size_t bytes) {
  long result;
  if (side->way == bare) {
    struct ioas_map call = {
        .size = sizeof call,
        .flags = ioas_fixed | ioas_write | ioas_read,
        .ioas = side->space,
        .address = (uint64_t)memory,
        .length = bytes,
        .iova = iova,
    };
    result = bare_ioctl(side->descriptor, ioas_map_call, &call);
  } else {
    struct vfio_iommu_type1_dma_map call = {
        .argsz = sizeof call,
        .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        .vaddr = (uint64_t)memory,
        .iova = iova,
        .size = bytes,
    };
    result = side->way == legacy ? ioctl(side->descriptor, VFIO_IOMMU_MAP_DMA, &call)
                                 : bare_ioctl(side->descriptor, VFIO_IOMMU_MAP_DMA, &call);
  }
  if (result) fail("map");
}

static void unmap(const struct side *side, uint64_t iova, size_t bytes) {
  long result;
  uint64_t removed;
  if (side->way == bare) {
    struct ioas_unmap call = {.size = sizeof call, .ioas = side->space, .iova = iova, .length = bytes};
    result = bare_ioctl(side->descriptor, ioas_unmap_call, &call);
    removed = call.length;
  } else {
    struct vfio_iommu_type1_dma_unmap call = {.argsz = sizeof call, .iova = iova, .size = bytes};
    result = side->way == legacy ? ioctl(side->descriptor, VFIO_IOMMU_UNMAP_DMA, &call)
                                 : bare_ioctl(side->descriptor, VFIO_IOMMU_UNMAP_DMA, &call);
    removed = call.size;
  }
  if (result || removed != bytes) fail("unmap");
}

// An iommufd with a device of its own: what no shim can go below.
static struct side bare_side(const char *device) {
  char path[280];
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/vfio-dev", device);
  DIR *names = opendir(path);
  struct dirent *name;
  if (!names) fail(path);
  while ((name = readdir(names)) && name->d_name[0] == '.') {}
  if (!name) fail(path);
  snprintf(path, sizeof path, "/dev/vfio/devices/%s", name->d_name);
  closedir(names);
  int iommufd = open("/dev/iommu", O_RDWR), node = open(path, O_RDWR);
  if (iommufd < 0) fail("/dev/iommu");
  if (node < 0) fail(path);
  struct bind_iommufd bind = {.argsz = sizeof bind, .iommufd = iommufd};
  struct ioas_alloc space = {.size = sizeof space};
  if (bare_ioctl(node, bind_call, &bind)) fail("BIND_IOMMUFD");
  if (bare_ioctl(iommufd, ioas_alloc_call, &space)) fail("IOAS_ALLOC");
  struct attach_pt attach = {.argsz = sizeof attach, .table = space.out};
  struct vfio_ioas choice = {.size = sizeof choice, .ioas = space.out, .op = set_space};
  if (bare_ioctl(node, attach_call, &attach)) fail("ATTACH_PT");
  if (bare_ioctl(iommufd, vfio_ioas_call, &choice)) fail("VFIO_IOAS");
  return (struct side){.name = "bare", .descriptor = iommufd, .space = space.out, .way = bare};
}

// Takes, for good, what is free in small pieces: they are given out first, and how many there are differs from boot to boot.
static void take_pieces(void) {
  char *pieces = mmap(0, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pieces == MAP_FAILED) fail("arena");
  madvise(pieces, arena_bytes, MADV_NOHUGEPAGE);
  for (size_t place = 0; place < arena_bytes; place += page) pieces[place] = 1;
}

// fresh: 4 KiB pages as a machine just booted gives them, side by side; scattered: touched in random order, so that
// neighbours lie apart; huge: pages of 2 MiB.
static char *arena(const char *kind) {
  int is_huge = !strcmp(kind, "huge"), is_scattered = !strcmp(kind, "scattered");
  if (!is_huge && !is_scattered && strcmp(kind, "fresh")) return 0;
  if (is_huge) {
    FILE *pool = fopen("/proc/sys/vm/nr_hugepages", "w");
    if (pool) {
      fprintf(pool, "%zu", arena_bytes / huge_page);
      fclose(pool);
    }
  }
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | (is_huge ? MAP_HUGETLB : 0);
  char *room = mmap(0, arena_bytes + huge_page, PROT_READ | PROT_WRITE, flags | (is_huge ? 0 : MAP_NORESERVE), -1, 0);
  if (room == MAP_FAILED && is_huge) room = mmap(0, arena_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (room == MAP_FAILED) fail("arena");
  char *start = (char *)(((uintptr_t)room + huge_page - 1) & ~(uintptr_t)(huge_page - 1));
  if (!is_huge) madvise(room, arena_bytes + huge_page, MADV_NOHUGEPAGE);
  if (!is_huge && !is_scattered) take_pieces();
  size_t step = is_huge ? huge_page : page, count = arena_bytes / step, place = 0;
  for (size_t i = 0; i < count; i++) {
    place = is_scattered ? (place + 0x9e37) % count : i;  // an odd step visits every page of a power of two
    start[place * step] = 1;
  }
  return start;
}

static double clock_cost(void) {
  double start = now();
  for (int i = 0; i < 100; i++) now();
  return (now() - start) / 101;
}

// Returns right after a timer tick, so that as many fall into a long call on each side.
static void await_tick(void) {
  for (double last = now(), next; (next = now()) - last < 2000; last = next) {}
}

// One row: each side in turn, so that what the memory does to one it does to the other.
static void row(const struct side *sides, int count, char *memory, size_t bytes, long calls, long live, long runs) {
  double clock = clock_cost();
  for (long run = -1; run < runs; run++)
    for (int side = 0; side < count; side++) {
      if (calls == 1) await_tick();
      double start = now();
      for (long i = 0; i < calls; i++) map(&sides[side], memory + (size_t)i * bytes, measured_base + (uint64_t)i * bytes, bytes);
      double middle = now();
      if (calls == 1) await_tick();
      double again = now();
      for (long i = 0; i < calls; i++) unmap(&sides[side], measured_base + (uint64_t)i * bytes, bytes);
      double end = now(), each = (double)calls;
      if (run >= 0)  // the first is the warm-up
        printf("%s-%zu-%ld %.1f %.1f\n", sides[side].name, bytes, live, (middle - start - clock) / each, (end - again - clock) / each);
    }
}

int costs(const char *kind, const char *group, const char *device) {
  struct side sides[3] = {{.name = "legacy", .way = legacy}};
  int count = device ? 3 : 1, null = open("/dev/null", O_RDWR);
  char *memory = arena(kind);
  if (!memory) return 0;
  sides[0].descriptor = container_of(group);
  if (device) {
    sides[1] = sides[2] = bare_side(device);
    sides[2].name = "sent";
    sides[2].way = sent;
  }
  for (int run = 0; run < 3; run++) printf("noop %.1f\n", noop(null, 20000));
  long live = 0;
  for (size_t i = 0; i < sizeof live_counts / sizeof *live_counts; i++) {
    // The row's own mapping is one of the live ones.
    for (; live < live_counts[i] - 1; live++)
      for (int side = 0; side < count && side < 2; side++)  // the last two share a space
        map(&sides[side], memory + live % 1024 * page, live_base + (uint64_t)live * page, page);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
      row(sides, count, memory, sizes[s].bytes, sizes[s].calls, live_counts[i], sizes[s].runs);
  }
  return 1;
}
