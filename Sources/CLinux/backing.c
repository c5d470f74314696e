// The files behind shared memory: what stands at an address, which descriptor is of it, and copies through one.
#define _GNU_SOURCE 1
#include "clinux.h"
#include "clinux_shared.h"
#include "kernel.h"
#include "places.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int32_t status_of(int32_t descriptor, struct stat *status) {
  return (int32_t)enter(SYS_fstat, descriptor, (long)status, 0, 0, 0, 0);
}

static int is_backing(int32_t descriptor, uint64_t device, uint64_t inode, mode_t kind) {
  struct stat status;
  long flags = enter(SYS_fcntl, descriptor, F_GETFL, 0, 0, 0, 0);
  return flags >= 0 && !(flags & O_PATH) && (flags & O_ACCMODE) == O_RDWR && status_of(descriptor, &status) == 0 &&
         (status.st_mode & S_IFMT) == kind && status.st_dev == device && status.st_ino == inode;
}

static int32_t find(uint64_t device, uint64_t inode, int32_t guess, mode_t kind) {
  char records[1024];
  long n, found = -ENOENT;
  if (guess >= 0 && is_backing(guess, device, inode, kind)) return guess;
  int32_t directory = clinux_open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) return directory;
  while (found < 0 && (n = enter(SYS_getdents64, directory, (long)records, sizeof records, 0, 0, 0)) > 0) {
    // struct linux_dirent64: the record's length at 16, the name at 19.
    for (long at = 0; at < n && found < 0; at += *(uint16_t *)(records + at + 16)) {
      const char *name = records + at + 19;
      if (*name < '0' || *name > '9') continue;
      int32_t descriptor = (int32_t)strtol(name, 0, 10);
      if (is_backing(descriptor, device, inode, kind)) found = descriptor;
    }
  }
  enter(SYS_close, directory, 0, 0, 0, 0, 0);
  return (int32_t)found;
}

int32_t clinux_find_file(uint64_t device, uint64_t inode, int32_t guess) {
  return find(device, inode, guess, S_IFREG);
}
int32_t clinux_find_node(uint64_t device, uint64_t inode) { return find(device, inode, -1, S_IFCHR); }

int32_t clinux_file_identity(const char *path, uint64_t *device, uint64_t *inode) {
  struct stat status;
  int32_t failure = (int32_t)enter_at(SYS_newfstatat, path, (long)&status, 0);
  if (failure) return failure;
  *device = status.st_dev;
  *inode = status.st_ino;
  return 0;
}

// One line of /proc/self/maps: numbers in front, the rest is not needed.
struct area {
  uint64_t start, end, offset, major, minor, inode;
  int is_shared, protection;
};

static int parse(const char *line, struct area *area) {
  char *at;
  area->start = strtoull(line, &at, 16);
  if (*at++ != '-') return 0;
  area->end = strtoull(at, &at, 16);
  if (strlen(at) < 6) return 0;
  area->protection = (at[1] == 'r' ? PROT_READ : 0) | (at[2] == 'w' ? PROT_WRITE : 0);
  area->is_shared = at[4] == 's';
  area->offset = strtoull(at + 5, &at, 16);
  area->major = strtoull(at, &at, 16);
  if (*at++ != ':') return 0;
  area->minor = strtoull(at, &at, 16);
  area->inode = strtoull(at, &at, 10);
  return 1;
}

// Whether the areas from `address` on are one run of a shared file; the first of them in `first`.
static int take(const struct area *area, uint64_t address, uint64_t *covered, uint64_t end, struct area *first) {
  if (area->end <= address + *covered || *covered == end - address) return 1;
  if (area->start > address + *covered || !area->is_shared || !area->inode) return 0;
  uint64_t skipped = address + *covered - area->start;
  if (*covered == 0) {
    *first = *area;
    first->offset += skipped;
  } else if (area->inode != first->inode || area->major != first->major || area->minor != first->minor ||
             area->offset + skipped != first->offset + *covered) {
    return 0;
  }
  *covered = (area->end < end ? area->end : end) - address;
  return 1;
}

int32_t clinux_file_behind(uint64_t address, uint64_t length, uint64_t *device, uint64_t *inode, uint64_t *offset) {
  char text[4096];
  struct area first = {0}, area;
  uint64_t covered = 0;
  size_t kept = 0;
  int fits = 1;
  if (address + length < address) return 0;
  int32_t file = clinux_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return 0;
  for (int64_t n; fits && covered < length && (n = clinux_read(file, text + kept, sizeof text - 1 - kept)) > 0;) {
    kept += (size_t)n;
    text[kept] = 0;
    char *line = text;
    for (char *end; fits && (end = strchr(line, '\n')); line = end + 1) {
      *end = 0;
      if (parse(line, &area)) fits = take(&area, address, &covered, address + length, &first);
    }
    kept -= (size_t)(line - text);
    // A name that fills the buffer: nothing behind the numbers matters.
    if (kept > sizeof text / 2) break;
    memmove(text, line, kept);
  }
  clinux_close(file);
  if (!fits || covered < length || first.offset & 4095) return 0;
  *device = gnu_dev_makedev((unsigned)first.major, (unsigned)first.minor);
  *inode = first.inode;
  *offset = first.offset;
  return 1;
}

int32_t clinux_area_at(uint64_t address, uint64_t *end, int32_t *protection, uint64_t *device, uint64_t *inode,
                       uint64_t *offset) {
  char text[4096];
  struct area area;
  size_t kept = 0;
  int32_t found = 0;
  int32_t file = clinux_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return 0;
  for (int64_t n; !found && (n = clinux_read(file, text + kept, sizeof text - 1 - kept)) > 0;) {
    kept += (size_t)n;
    text[kept] = 0;
    char *line = text;
    for (char *stop; !found && (stop = strchr(line, '\n')); line = stop + 1) {
      *stop = 0;
      found = parse(line, &area) && area.start <= address && address < area.end;
    }
    kept -= (size_t)(line - text);
    if (kept > sizeof text / 2) break;
    memmove(text, line, kept);
  }
  clinux_close(file);
  if (!found) return 0;
  *end = area.end;
  *protection = area.protection;
  *device = gnu_dev_makedev((unsigned)area.major, (unsigned)area.minor);
  *inode = area.is_shared ? area.inode : 0;
  *offset = area.offset + (address - area.start);
  return 1;
}

// Huge pages can be mapped and not written by calls: their file's blocks are as large as they are.
static int32_t copy_mapped(int32_t descriptor, uint64_t offset, void *here, size_t count, int is_write) {
  struct stat status;
  if (status_of(descriptor, &status)) return -EFAULT;
  uint64_t unit = status.st_blksize > 4096 ? (uint64_t)status.st_blksize : 4096, start = offset / unit * unit;
  uint64_t length = (offset + count - start + unit - 1) / unit * unit;
  if (offset + count > (uint64_t)status.st_size) return -EFAULT;
  int64_t there = clinux_map(0, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, (int64_t)start);
  if (there < 0 && there > -4096) return -EFAULT;
  char *at = (char *)there + (offset - start);
  int32_t failure = is_write ? clinux_copy(at, here, count) : clinux_copy(here, at, count);
  clinux_unmap((uint64_t)there, length);
  return failure ? -EFAULT : 0;
}

int32_t clinux_read_file(int32_t descriptor, uint64_t offset, void *to, size_t count) {
  long done = enter(SYS_pread64, descriptor, (long)to, (long)count, (long)offset, 0, 0);
  return done == (long)count ? 0 : copy_mapped(descriptor, offset, to, count, 0);
}
int32_t clinux_write_file(int32_t descriptor, uint64_t offset, const void *from, size_t count) {
  // Never longer than it is: memory beyond a file's end is not there.
  return copy_mapped(descriptor, offset, (void *)from, count, 1);
}
