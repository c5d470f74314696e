// An engine that does nothing but answer, so that the preload can be held to its own promises: it opens real
// files of the run's file system, counts what it is asked, and traps one page of each device.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>
#include "ioasid_engine.h"

enum { api_version = 0x3b64, set_container = 0x3b68, get_device = 0x3b6a, reset = 0x3b6f, map_dma = 0x3b71 };
/// Requests of the fake alone: how many files are open; sleep inside; hide a descriptor; fault inside; open and
/// close a file under the lock; whether devices that are closed are kept; how often it looked whether they must be.
enum {
  count_open = 0x3be0, linger = 0x3be1, hide_one = 0x3be2, fault_inside = 0x3be3, copied = 0x3be4,
  open_inside = 0x3be5, keeps = 0x3be6, looks = 0x3be7,
};

#define FILES 4096
static struct { _Atomic uint32_t references; uint32_t kind; ino_t inode; _Atomic uint64_t resets; } files[FILES];
static _Atomic int live, lock, keeping, looked;
static uint64_t highest;
static const struct ioasid_host *host;
static _Atomic uint64_t trapped_at;

static void take(void) {
  while (atomic_exchange(&lock, 1)) continue;
}
static void give(void) { atomic_store(&lock, 0); }

static uint64_t token(uint32_t kind, ino_t inode) {
  take();
  uint64_t found = 0, unused = 0;
  for (uint64_t k = 1; k <= highest && !found; k++) {
    if (files[k].references && files[k].inode == inode) found = k;
    if (!files[k].references && !unused) unused = k;
  }
  if (!found) {
    found = unused ? unused : ++highest;
    files[found].kind = kind;
    files[found].inode = inode;
    files[found].resets = 0;
    atomic_fetch_add(&live, 1);
  }
  files[found].references++;
  give();
  return found;
}

static void number(struct ioasid_open_file *file) {
  if (file->kind == ioasid_container) file->major = 10, file->minor = 196, file->container = file->file;
  if (file->kind == ioasid_group) file->major = 240, file->minor = 3;
}

static int64_t make(uint32_t kind, int32_t flags, struct ioasid_open_file *out) {
  static _Atomic int serial;
  char name[64];
  snprintf(name, sizeof name, "/sys/module/ioasid/files/%c%d.%d", "?cgd"[kind], getpid(), atomic_fetch_add(&serial, 1));
  int descriptor = open(name, O_RDWR | O_CREAT | (flags & O_CLOEXEC), 0600);
  if (descriptor < 0) return -errno;
  struct stat status;
  unlink(name);
  fstat(descriptor, &status);
  ftruncate(descriptor, 4096);
  pwrite(descriptor, "\xe8\x11\x34\x12", 4, 0);
  *out = (struct ioasid_open_file){.file = token(kind, status.st_ino), .kind = kind, .descriptor = descriptor};
  number(out);
  return descriptor;
}

static int64_t fake_open(uint64_t inode, int32_t flags, struct ioasid_open_file *out) {
  struct stat container;
  stat("/dev/vfio/vfio", &container);
  return make(container.st_ino == inode ? ioasid_container : ioasid_group, flags, out);
}

static int64_t fake_adopt(int32_t descriptor, uint64_t inode, struct ioasid_open_file *out) {
  char name[64], link[64] = "";
  snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
  if (readlink(name, link, sizeof link - 1) < 0) return -errno;
  const char *file = strrchr(link, '/');
  uint32_t kind = file[1] == 'c' ? ioasid_container : file[1] == 'g' ? ioasid_group : ioasid_device;
  *out = (struct ioasid_open_file){.file = token(kind, inode), .kind = kind, .descriptor = descriptor};
  number(out);
  return 0;
}

static int64_t fake_ioctl(uint64_t file, int32_t descriptor, uint64_t request, uint64_t argument,
                          struct ioasid_open_file *opened) {
  struct ioasid_open_file other;
  (void)descriptor;
  switch (request) {
  case api_version: return 0;
  case get_device: return files[file].kind == ioasid_group ? make(ioasid_device, O_CLOEXEC, opened) : -ENOTTY;
  case set_container: {
    int32_t pinned = host->pin(*(int32_t *)argument, &other);
    if (pinned == 0) return -EBADF;
    int64_t result = other.kind == ioasid_container ? 0 : -EINVAL;
    host->unpin(pinned);
    return result;
  }
  case reset:
    take();  // a handler that came in here and called us again would wait for ever
    files[file].resets++;
    for (volatile int k = 0; k < 200; k++) continue;
    give();
    return 0;
  case copied: return (int64_t)files[file].resets;
  case count_open: return live;
  case map_dma: return files[file].kind == ioasid_container ? (int64_t)argument : -ENOTTY;
  case linger: take(); usleep((useconds_t)argument); give(); return 0;
  case hide_one: return host->hide(open("/dev/null", O_RDWR | O_CLOEXEC));
  case open_inside: {
    take();
    int32_t number = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
    close(number);
    give();
    return number;
  }
  case keeps: keeping = (int)argument; return 0;
  case looks: return looked;
  case fault_inside: {
    int64_t result = 0;
    take();
    // 8b 07: mov (%rdi),%eax, as in the program's own accesses.
    __asm__ volatile("mov (%%rdi),%%eax" : "=a"(result) : "D"(argument) : "memory");
    give();
    return (int32_t)result == 0x5a5a ? 0 : -EFAULT;
  }
  default: return -ENOTTY;
  }
}

/// A container's own door: it answers one more.
static int64_t fake_container(uint64_t container, uint64_t request, uint64_t argument) {
  // A call that waits for more room.
  if (argument == 9) return IOASID_NOT_OURS;
  return fake_ioctl(container, -1, request, argument, 0) + 1;
}

static int64_t fake_again(void) { return 99; }

static int64_t fake_read(uint64_t file, int32_t descriptor, uint64_t address, uint64_t count, int64_t offset) {
  (void)file;
  if (offset < 0) return -EINVAL;
  int64_t result = pread(descriptor, (void *)address, count, offset);
  return result < 0 ? -errno : result;
}

static int64_t fake_write(uint64_t file, int32_t descriptor, uint64_t address, uint64_t count, int64_t offset) {
  (void)file;
  if (offset < 0) return -EINVAL;
  int64_t result = pwrite(descriptor, (void *)address, count, offset);
  return result < 0 ? -errno : result;
}

static int64_t fake_map(uint64_t file, int32_t descriptor, uint64_t address, uint64_t length, int32_t protection,
                        int32_t flags, int64_t offset) {
  (void)file, (void)protection, (void)descriptor, (void)offset;
  void *at = mmap((void *)address, length, PROT_NONE, (flags & MAP_FIXED) | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return -errno;
  trapped_at = (uint64_t)at;
  return (int64_t)at;
}

static int32_t fake_traps(uint64_t address, uint64_t length) {
  return trapped_at != 0 && address < trapped_at + 4096 && trapped_at < address + length;
}

static int64_t fake_unmap(uint64_t address, uint64_t length) {
  trapped_at = 0;
  return munmap((void *)address, length) < 0 ? -errno : 0;
}

static int64_t fake_protect(uint64_t address, uint64_t length, int32_t protection) {
  (void)address, (void)length, (void)protection;
  return 0;
}

static int64_t fake_remap(uint64_t address, uint64_t length, uint64_t new_length, int32_t flags, uint64_t new_address) {
  (void)address, (void)length, (void)new_length, (void)flags, (void)new_address;
  return -EINVAL;
}

static void fake_covered(uint64_t address, uint64_t length) {
  (void)address, (void)length;
  trapped_at = 0;
}

static int32_t fake_keep(uint64_t file, int32_t descriptor) {
  return descriptor >= 0 && files[file].kind == ioasid_device && keeping;
}

static int32_t fake_unmapped(void) {
  looked++;
  return keeping;
}

static void fake_limits(void) {}

static int64_t fake_attribute(int32_t descriptor, uint64_t argument) {
  (void)descriptor;
  (void)argument;
  return IOASID_NOT_OURS;
}

static void fake_release(uint64_t file) {
  take();
  if (--files[file].references == 0) atomic_fetch_sub(&live, 1);
  give();
}

/// Performs the one instruction that the programs use, 8b 07: mov (%rdi),%eax.
static int32_t fake_fault(int32_t signal_number, void *info, void *context) {
  (void)signal_number;
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  if (!fake_traps((uint64_t)((siginfo_t *)info)->si_addr, 1)) return 0;
  if (memcmp((void *)registers[REG_RIP], "\x8b\x07", 2) != 0) return 0;
  registers[REG_RAX] = 0x5a5a;
  registers[REG_RIP] += 2;
  return 1;
}

static uint64_t fake_load(uint64_t registers, void *to, uint64_t count) {
  uint64_t left = trapped_at + 4096 - registers;
  if (count > left) count = left;
  if (to) memset(to, 0x5a, count);
  return count;
}

static uint64_t fake_store(uint64_t registers, const void *from, uint64_t count) {
  (void)from;
  return fake_load(registers, 0, count);
}

static const struct ioasid_engine engine = {
    .open = fake_open, .adopt = fake_adopt, .container = fake_container, .again = fake_again, .ioctl = fake_ioctl,
    .attribute = fake_attribute, .read = fake_read, .write = fake_write, .map = fake_map, .unmap = fake_unmap,
    .protect = fake_protect, .remap = fake_remap, .traps = fake_traps, .covered = fake_covered, .keep = fake_keep,
    .unmapped = fake_unmapped, .release = fake_release, .limits = fake_limits, .fault = fake_fault,
    .load = fake_load, .store = fake_store,
};

const struct ioasid_engine *ioasid_engine_start(const struct ioasid_host *given) {
  host = given;
  return &engine;
}
