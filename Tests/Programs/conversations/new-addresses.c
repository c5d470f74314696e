// VADDR: addresses taken away from mappings that stay, and given back, while devices go on.
#include "dirty.h"
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static int container;

static void map_address(const char *what, uint32_t flags, const void *memory, uint64_t iova,
                        uint64_t size) {
  say("MAP_DMA(%s, iova %#llx, size %#llx) = %s", what, (unsigned long long)iova,
      (unsigned long long)size, outcome(map_quiet(container, flags, memory, iova, size)));
}
#define GIVE(memory, iova, size) map_address("VADDR " #memory, 4, memory, iova, size)
#define TAKE(iova, size) UNMAP_flags(container, "VADDR", 4, iova, size)

static void rules(int type, const char *title) {
  heading(title);
  struct session s = start(FIRST, type);
  container = s.container;
  unsigned char *memory = pages(8);
  say("CHECK_EXTENSION(UPDATE_VADDR) = %s",
      outcome(ioctl(container, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR)));
  TAKE(0, 0x100000);
  UNMAP_flags(container, "ALL | VADDR", 6, 0, 0);
  UNMAP_flags(container, "ALL | VADDR", 6, 0, PAGE);
  TAKE(0x800, PAGE);
  TAKE(0x1000, 0);
  MAP(READ_WRITE, memory, 0x10000, 4 * PAGE);
  MAP(READ_ONLY, memory, 0x14000, 2 * PAGE);
  MAP(READ_WRITE, memory, 0x20000, 2 * PAGE);
  GIVE(memory, 0x10000, 4 * PAGE);
  GIVE(memory, 0x40000, PAGE);
  map_address("READ | VADDR", 5, memory, 0x10000, 4 * PAGE);
  map_address("0", 0, memory, 0x10000, 4 * PAGE);
  heading("ranges");
  TAKE(0x11000, PAGE);
  TAKE(0x10000, PAGE);
  GIVE(memory, 0x10000, 4 * PAGE);
  TAKE(0x10000, 6 * PAGE);
  TAKE(0x14000, 2 * PAGE);
  TAKE(0x10000, 0x20000);
  GIVE(memory, 0x20000, 2 * PAGE);
  GIVE(memory, 0x10000, 6 * PAGE);
  GIVE(memory, 0x10000, 2 * PAGE);
  GIVE(memory, 0x11000, PAGE);
  GIVE(memory + 1, 0x10000, 4 * PAGE);
  GIVE(memory, 0x10000, 4 * PAGE);
  GIVE(memory, 0x14000, 2 * PAGE);
  UNMAP_flags(container, "ALL | VADDR", 6, 0, 0);
  UNMAP_flags(container, "ALL | VADDR", 6, 0, 0);
  heading("any address will do");
  GIVE(at(0), 0x10000, 4 * PAGE);
  GIVE(at(0xffff888000000000), 0x14000, 2 * PAGE);
  GIVE(at(0xfffffffffffff000), 0x20000, 2 * PAGE);
  GIVE(at(0xffffffffffffe000), 0x20000, 2 * PAGE);
  heading("meanwhile");
  TAKE(0x20000, 2 * PAGE);
  MAP(READ_WRITE, memory, 0x30000, PAGE);
  UNMAP(0x30000, PAGE);
  int group = open(group_node(SECOND), O_RDWR);
  say("another group: %s", outcome(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container)));
  MAP(READ_WRITE, memory, 0x20000, PAGE);
  UNMAP(0x20000, 2 * PAGE);
  say("another group: %s", outcome(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container)));
  say("out again: %s", outcome(ioctl(group, VFIO_GROUP_UNSET_CONTAINER)));
  close(group);
  if (type == VFIO_TYPE1v2_IOMMU) {
    say("start: %s", outcome(tracking(container, 1)));
    TAKE(0x10000, 4 * PAGE);
    get(container, "invalid and dirty", 0x10000, 4 * PAGE, 0);
    unmap_get(container, "gone", 0x10000, 4 * PAGE, 0);
  }
  UNMAP_EVERYTHING();
  finish(s);
}

static void devices(void) {
  heading("a device goes on");
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  unsigned char *memory = pages(2), *elsewhere = pages(2);
  MAP(READ_WRITE, memory, 0x10000, 2 * PAGE);
  memset(memory, 0x11, PAGE);
  TAKE(0x10000, 2 * PAGE);
  dma_in(bar, 0x10000, 64);
  dma_out(bar, 0x11000, 64);
  say("while the address is invalid: %s", picture(memory + PAGE, 128));
  void *moved = mremap(memory, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
  say("moved: %d", moved == elsewhere);
  GIVE(elsewhere, 0x10000, 2 * PAGE);
  memset(elsewhere, 0x22, PAGE);
  dma_in(bar, 0x10000, 64);
  dma_out(bar, 0x11000, 96);
  say("at the new address: %s", picture(elsewhere + PAGE, 128));
  UNMAP(0x10000, 2 * PAGE);
  munmap((void *)bar, PAGE);
  finish(s);
}

static void set_limit(unsigned long count) {
  struct rlimit limit = {count * PAGE, 64 * PAGE};
  say("limit of %lu pages: %s", count, outcome(setrlimit(RLIMIT_MEMLOCK, &limit)));
}

static void drop_ipc_lock(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data)) give_up("capget");
  data[0].effective &= ~(1U << CAP_IPC_LOCK);
  say("without CAP_IPC_LOCK: %s", outcome(syscall(SYS_capset, &header, data)));
}

static void owners(void) {
  heading("another process takes the memory over");
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  int file = memfd_create("memory", 0);
  if (ftruncate(file, 8 * PAGE)) give_up("ftruncate");
  unsigned char *memory = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  set_limit(8);
  drop_ipc_lock();
  MAP(READ_WRITE, memory, 0x10000, 8 * PAGE);
  MAP(READ_WRITE, memory, 0x30000, PAGE);
  TAKE(0x10000, 8 * PAGE);
  MAP(READ_WRITE, memory, 0x30000, PAGE);
  GIVE(memory, 0x10000, 8 * PAGE);
  TAKE(0x10000, 8 * PAGE);
  CHILD({
    memory = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    set_limit(7);
    GIVE(memory, 0x10000, 8 * PAGE);
    set_limit(8);
    GIVE(memory, 0x10000, 8 * PAGE);
    MAP(READ_WRITE, memory, 0x30000, PAGE);
    UNMAP(0x30000, PAGE);
    memset(memory, 0x33, PAGE);
    dma_in(bar, 0x10000, 64);
    dma_out(bar, 0x11000, 64);
    say("the child's memory: %s", picture(memory + PAGE, 128));
  });
  say("the same file here: %s", picture(memory + PAGE, 128));
  MAP(READ_WRITE, memory, 0x30000, 8 * PAGE);
  MAP(READ_WRITE, memory, 0x40000, PAGE);
  UNMAP_EVERYTHING();
  munmap((void *)bar, PAGE);
  finish(s);
}

int main(void) {
  rules(VFIO_TYPE1v2_IOMMU, "v2");
  rules(VFIO_TYPE1_IOMMU, "v1");
  devices();
  owners();
  return 0;
}
