// The programs that `ioasid bench` measures: plain C, libc and <linux/vfio.h> only. Each prints lines of a name and
// figures; the tool makes ratios and medians of them. Clocks are read around loops, never inside.
#define _GNU_SOURCE 1
#include "bench.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { buffer_pages = 1024, noop_calls = 20000 };

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void fail(const char *what) {
  int error = errno;
  struct rlimit locked;
  fprintf(stderr, "ioasid-bench: %s: %s", what, strerror(error));
  if (error == ENOMEM && !getrlimit(RLIMIT_MEMLOCK, &locked) && locked.rlim_cur != RLIM_INFINITY)
    fprintf(stderr, "; more than %lu KiB may not be locked (ulimit -l): be root, or raise it", (unsigned long)locked.rlim_cur / 1024);
  fprintf(stderr, "\n");
  exit(1);
}

// One field of /proc/self/smaps_rollup in bytes: what is resident, with what is shared with others.
static long resident(void) {
  FILE *file = fopen("/proc/self/smaps_rollup", "r");
  char line[256];
  long kilobytes = -1;
  if (!file) fail("/proc/self/smaps_rollup");
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "Rss: %ld", &kilobytes) == 1) break;
  fclose(file);
  return kilobytes * 1024;
}

double noop(int null, long calls) {
  int ignored;
  double start = now();
  for (long i = 0; i < calls; i++) ioctl(null, 0x5401 /* TCGETS */, &ignored);
  return (now() - start) / (double)calls;
}

static int container, null;
static char *buffer;

static uint64_t iova_of(long index, int scattered) {
  // An odd multiplier visits every page of 64 GiB once before it comes back.
  uint64_t place = scattered ? (uint64_t)index * 0x9e3779b1u & 0xffffff : (uint64_t)index;
  return 0x100000000u + place * page;
}

static void map(long index, int scattered) {
  struct vfio_iommu_type1_dma_map call = {
      .argsz = sizeof call,
      .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
      .vaddr = (uint64_t)(buffer + index % buffer_pages * page),
      .iova = iova_of(index, scattered),
      .size = page,
  };
  if (ioctl(container, VFIO_IOMMU_MAP_DMA, &call)) fail("MAP_DMA");
}

static void unmap(long index, int scattered) {
  struct vfio_iommu_type1_dma_unmap call = {.argsz = sizeof call, .iova = iova_of(index, scattered), .size = page};
  if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &call) || call.size != page) fail("UNMAP_DMA");
}

int container_of(const char *number) {
  char path[64];
  snprintf(path, sizeof path, "/dev/vfio/%s", number);
  int group = open(path, O_RDWR), opened = open("/dev/vfio/vfio", O_RDWR);
  if (group < 0) fail(path);
  if (opened < 0) fail("/dev/vfio/vfio");
  if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &opened)) fail("SET_CONTAINER");
  if (ioctl(opened, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) fail("SET_IOMMU");
  return opened;
}

static void begin(void) {
  container = container_of("3");
  null = open("/dev/null", O_RDWR);
  if (null < 0) fail("/dev/null");
  buffer = mmap(0, buffer_pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (buffer == MAP_FAILED) fail("mmap");
}

// The bytes that the run keeps for its containers: their files, by what is allocated.
static long journal(void) {
  static const char directory[] = "/sys/module/ioasid/journals";
  DIR *files = opendir(directory);
  struct dirent *entry;
  struct stat status;
  long blocks = 0;
  if (!files) fail(directory);
  while ((entry = readdir(files)))
    if (entry->d_name[0] != '.' && !fstatat(dirfd(files), entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
      blocks += status.st_blocks;
  closedir(files);
  return blocks * 512;
}

// `count` live mappings; then each run takes random ones away and makes them again, `passes` times `batch` of them, and
// measures a no-op ioctl.
static void dma(long count, int scattered, long runs, long passes, long batch) {
  long *order = malloc(sizeof *order * (size_t)count);
  uint64_t seed = 1;
  begin();
  if (!order || batch > count) fail("order");
  for (long i = 0; i < count; i++) order[i] = i;
  noop(null, noop_calls);
  long before = resident();
  for (long i = 0; i < count; i++) map(i, scattered);
  printf("filled %ld %ld %ld\n", count, resident() - before, journal());
  for (long run = -1; run < runs; run++) {
    double idle = noop(null, noop_calls), mapping = 0, unmapping = 0, calls = (double)passes * (double)batch;
    for (long pass = 0; pass < passes; pass++) {
      for (long i = 0; i < batch; i++) {  // the first of a shuffle: distinct and random
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        long other = i + (long)((seed >> 33) % (uint64_t)(count - i)), index = order[i];
        order[i] = order[other];
        order[other] = index;
      }
      double start = now();
      for (long i = 0; i < batch; i++) unmap(order[i], scattered);
      double middle = now();
      for (long i = 0; i < batch; i++) map(order[i], scattered);
      mapping += now() - middle;
      unmapping += middle - start;
    }
    idle = (idle + noop(null, noop_calls)) / 2;
    if (run >= 0) printf("run %.2f %.2f %.2f\n", idle, mapping / calls, unmapping / calls);  // the first is the warm-up
  }
  printf("churned %ld %ld %ld\n", count, resident() - before, journal());
  free(order);
}

// How long a process takes from its start to its end; `environment` says whether the preload is in it.
static double life(char **environment) {
  char *words[] = {"/proc/self/exe", "nothing", 0};
  int status;
  pid_t child;
  double start = now();
  if (posix_spawn(&child, words[0], 0, 0, words, environment)) fail("posix_spawn");
  if (waitpid(child, &status, 0) < 0 || status) fail("waitpid");
  return now() - start;
}

// Process starts without and with the preload, in turn. Needs LD_PRELOAD to be set.
static void starts(long runs) {
  char *none[] = {0}, *preload[] = {0, 0};
  for (char **entry = environ; *entry; entry++)
    if (!strncmp(*entry, "LD_PRELOAD=", 11)) preload[0] = *entry;
  if (!preload[0]) fail("LD_PRELOAD");
  for (long run = -3; run < runs; run++) {
    double without = 0, with = 0;
    for (int i = 0; i < 10; i++) {
      without += life(none) / 10;
      with += life(preload) / 10;
    }
    if (run >= 0) printf("run %.0f %.0f\n", without, with);
  }
}

static void usage(void) {
  fputs("usage: ioasid-bench dma COUNT SCATTERED RUNS PASSES BATCH | ioctl RUNS | starts RUNS | rest | pins PAGES BATCH RUNS |\n"
        "       copies BYTES RUNS | dirty PAGES EACH RUNS | threads RUNS GROUP... |\n"
        "       neighbour BYTES RUNS GROUP GROUP | nothing | costs fresh|huge|scattered GROUP [DEVICE]\n", stderr);
  exit(2);
}

int main(int count, char **words) {
  if (count < 2) usage();
  if (!strcmp(words[1], "dma") && count == 7)
    dma(atol(words[2]), atoi(words[3]), atol(words[4]), atol(words[5]), atol(words[6]));
  else if (!strcmp(words[1], "ioctl") && count == 3) {
    if ((null = open("/dev/null", O_RDWR)) < 0) fail("open");
    noop(null, noop_calls);
    for (long run = 0; run < atol(words[2]); run++) printf("run %.3f\n", noop(null, 100000));
  } else if (!strcmp(words[1], "rest") && count == 2)
    printf("resident %ld\n", resident());
  else if (!strcmp(words[1], "starts") && count == 3)
    starts(atol(words[2]));
  else if (!strcmp(words[1], "pins") && count == 5)
    pins(atol(words[2]), atol(words[3]), atol(words[4]));
  else if (!strcmp(words[1], "copies") && count == 4)
    copies(atol(words[2]), atol(words[3]));
  else if (!strcmp(words[1], "dirty") && count == 5)
    dirty(atol(words[2]), atol(words[3]), atol(words[4]));
  else if (!strcmp(words[1], "threads") && count > 3)
    parallel(atol(words[2]), words + 3, count - 3);
  else if (!strcmp(words[1], "neighbour") && count == 6)
    neighbour((size_t)atol(words[2]), atol(words[3]), words + 4);
  else if (!strcmp(words[1], "costs") && (count == 4 || count == 5)) {
    if (!costs(words[2], words[3], words[4])) usage();
  } else if (strcmp(words[1], "nothing"))
    usage();
}
