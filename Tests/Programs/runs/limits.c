// A descriptor table that is full, an address space that is full, and the limit of mappings.
#include "runs.h"

static int filler[4096], filled;

static void fill(void) {
  struct rlimit limit = {256, 256};
  MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  while ((filler[filled] = dup(0)) >= 0) filled++;
  MUST(errno == EMFILE);
}
static void empty(int count) {
  while (count-- > 0) close(filler[--filled]);
}

static void descriptors(struct session s, unsigned char *memory) {
  volatile unsigned char *bar = map_bar(s.device, PAGE), *again = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  fill();
  MUST(map_page(s, memory, 0x1000) == 0 && map_page(s, memory + PAGE, 0x2000) == 0);
  memset(memory, 0x3c, PAGE);
  MUST(copied(bar, 0x1000, 0x2000, 100) && memory[PAGE + 99] == 0x3c);
  MUST(munmap((void *)again, PAGE) == 0);
  MUST(viable_and_set(s.group) == 3);
  put32(bar, LIVENESS, 1);
  MUST(get32(bar, LIVENESS) == ~1u);
  MUST(copied(bar, 0x2000, 0x1000, 100));
  MUST(open("/dev/vfio/vfio", O_RDWR) < 0 && errno == EMFILE);
  MUST(open(group_node(SECOND), O_RDWR) < 0 && errno == EMFILE);
  MUST(ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST) < 0 && errno == EMFILE);
  MUST(ioctl(s.group, VFIO_GROUP_UNSET_CONTAINER) < 0 && errno == EBUSY);
  MUST(viable_and_set(s.group) == 3);
  say("a full descriptor table: what is open works, nothing more opens");
  empty(1);
  int last = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  MUST(last >= 0 && close(last) == 0);
  last = open("/dev/vfio/vfio", O_RDWR);
  MUST(last >= 0 && ioctl(last, VFIO_GET_API_VERSION) == 0 && close(last) == 0);
  last = open(group_node(SECOND), O_RDWR);
  MUST(last >= 0 && viable_and_set(last) == 1 && close(last) == 0);
  say("one free descriptor is enough for each");
  empty(filled);
  MUST(copied(bar, 0x1000, 0x2000, 100));
  munmap((void *)bar, PAGE);
  MUST(unmap_all(s) == 2 * (int64_t)PAGE);
}

static void mappings(struct session s, unsigned char *memory) {
  uint64_t count = 0;
  while (map_page(s, memory, count * PAGE) == 0) count++;
  say("after %lu mappings: %s", count, strerrorname_np(errno));
  MUST(unmap_bytes(s, 0, PAGE) == (int64_t)PAGE && map_page(s, memory, 0) == 0);
  MUST(unmap_all(s) == (int64_t)(count * PAGE));
}

static void address_space(void) {
  struct rlimit before, limit;
  MUST(getrlimit(RLIMIT_AS, &before) == 0);
  limit = before;
  limit.rlim_cur = 1;
  MUST(setrlimit(RLIMIT_AS, &limit) == 0);
  int container = open("/dev/vfio/vfio", O_RDWR);
  const char *result = opened(container);
  MUST(setrlimit(RLIMIT_AS, &before) == 0);
  say("a full address space: %s", result);
  if (container >= 0) close(container);
  container = open("/dev/vfio/vfio", O_RDWR);
  MUST(container >= 0 && ioctl(container, VFIO_GET_API_VERSION) == 0);
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  unsigned char *memory = pages(2);
  address_space();
  mappings(s, memory);
  descriptors(s, memory);
  say("done");
  return 0;
}
