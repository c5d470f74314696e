#define _GNU_SOURCE 1
#include "clinux_shared.h"
#include "kernel.h"
#include "places.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

// The last byte a file can have: a lock there meets none of the program's, whose ranges the preload ends before it.
static const int64_t held_byte = INT64_MAX;

int32_t clinux_hold(int32_t descriptor) {
  // A lock for reading wants a description that can read, one for writing a description that can write.
  long flags = enter(SYS_fcntl, descriptor, F_GETFL, 0, 0, 0, 0);
  if (flags < 0) return (int32_t)flags;
  struct flock lock = {
      .l_type = (flags & O_ACCMODE) == O_WRONLY ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_start = held_byte, .l_len = 1};
  return (int32_t)enter(SYS_fcntl, descriptor, F_OFD_SETLK, (long)&lock, 0, 0, 0);
}

int32_t clinux_hold_alone(int32_t descriptor) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = held_byte, .l_len = 1};
  return (int32_t)enter(SYS_fcntl, descriptor, F_OFD_SETLK, (long)&lock, 0, 0, 0);
}

int32_t clinux_is_held(int32_t descriptor, int32_t alone) {
  struct flock lock = {.l_type = alone ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET, .l_start = held_byte, .l_len = 1};
  long r = enter(SYS_fcntl, descriptor, F_OFD_GETLK, (long)&lock, 0, 0, 0);
  return r < 0 ? (int32_t)r : lock.l_type != F_UNLCK;
}

struct look {
  const char *path;
  int32_t alone, result;
};

static int32_t look_at(const char *path, int32_t alone) {
  int32_t probe = (int32_t)enter_at(SYS_openat, path, O_RDWR | O_CLOEXEC, 0);
  if (probe < 0) return probe;
  int32_t held = clinux_is_held(probe, alone);
  enter(SYS_close, probe, 0, 0, 0, 0, 0);
  return held;
}

// Runs on a descriptor table of its own, a copy of the full one: what it closes stays open in the program's.
static int look_beside(void *context) {
  struct look *look = context;
  enter(SYS_close_range, 0, 0, 0, 0, 0, 0);
  look->result = look_at(look->path, look->alone);
  enter(SYS_exit, 0, 0, 0, 0, 0, 0);
  return 0;
}

int32_t clinux_is_file_held(const char *path, int32_t alone) {
  enum { stack_bytes = 16384 };
  struct look look = {path, alone, look_at(path, alone)};
  if (look.result != -EMFILE) return look.result;
  int64_t stack = clinux_map(0, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack < 0 && stack > -4096) return -EMFILE;
  uint64_t all = ~0ull, before = 0;
  enter(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, sizeof all, 0, 0);
  int child = clone(look_beside, (char *)stack + stack_bytes, CLONE_VM | CLONE_VFORK, &look);
  if (child > 0) enter(SYS_wait4, child, 0, __WCLONE, 0, 0, 0);
  enter(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof before, 0, 0);
  clinux_unmap((uint64_t)stack, stack_bytes);
  return look.result;
}

int32_t clinux_open(const char *path, int32_t flags, uint32_t mode) {
  int32_t file = (int32_t)enter_at(SYS_openat, path, flags, mode);
  // A run's file is for all its processes, whatever the umask of the one that makes it.
  if (file >= 0 && (flags & O_CREAT)) enter(SYS_fchmod, file, mode, 0, 0, 0, 0);
  return file;
}
int32_t clinux_close(int32_t descriptor) { return (int32_t)enter(SYS_close, descriptor, 0, 0, 0, 0, 0); }

int32_t clinux_identity(int32_t descriptor, uint64_t *device, uint64_t *inode, uint64_t *size) {
  struct stat status;
  long r = enter(SYS_fstat, descriptor, (long)&status, 0, 0, 0, 0);
  if (r == 0) {
    *device = status.st_dev;
    *inode = status.st_ino;
    *size = (uint64_t)status.st_size;
  }
  return (int32_t)r;
}

int32_t clinux_resize(int32_t descriptor, uint64_t size) {
  struct rlimit64 { uint64_t now, most; } limit, raised;
  // Beyond the limit ftruncate sends SIGXFSZ, which is no business of the program's.
  // getrlimit, because a program may have denied itself prlimit64.
  if (enter(SYS_getrlimit, RLIMIT_FSIZE, (long)&limit, 0, 0, 0, 0) || limit.now >= size)
    return (int32_t)enter(SYS_ftruncate, descriptor, (long)size, 0, 0, 0, 0);
  raised = limit;
  raised.now = size;
  if (raised.most < size) raised.most = size;
  if (enter(SYS_prlimit64, 0, RLIMIT_FSIZE, (long)&raised, 0, 0, 0)) return -ENOMEM;
  long r = enter(SYS_ftruncate, descriptor, (long)size, 0, 0, 0, 0);
  enter(SYS_prlimit64, 0, RLIMIT_FSIZE, (long)&limit, 0, 0, 0);
  return (int32_t)r;
}
int32_t clinux_unlink(const char *path) { return (int32_t)enter_at(SYS_unlinkat, path, 0, 0); }
int32_t clinux_status_flags(int32_t descriptor) {
  return (int32_t)enter(SYS_fcntl, descriptor, F_GETFL, 0, 0, 0, 0);
}
int32_t clinux_duplicate(int32_t descriptor, int32_t lowest) {
  return (int32_t)enter(SYS_fcntl, descriptor, F_DUPFD_CLOEXEC, lowest, 0, 0, 0);
}

// Ends `path`, which has room for a number after its first `at` characters, with the number and a zero.
static void append(char *path, int at, int32_t number) {
  char digits[12];
  int n = 0;
  for (; n == 0 || number; number /= 10) digits[n++] = (char)('0' + number % 10);
  while (n) path[at++] = digits[--n];
  path[at] = 0;
}

int64_t clinux_link_number(int32_t descriptor, const char *directory) {
  char path[32] = "/proc/self/fd/", text[256];
  append(path, 14, descriptor);
  long r = enter_at(SYS_readlinkat, path, (long)text, sizeof text - 1);
  if (r < 0) return r;
  text[r] = 0;
  // What stands in front says where the file was mounted, in a namespace that the process may have left.
  char *last = strrchr(text, '/');
  size_t length = strlen(directory), at = last ? (size_t)(last - text) : 0;
  if (at < length || memcmp(last - length, directory, length) || (at > length && last[-1 - (long)length] != '/'))
    return -ENOTTY;
  char *end;
  int64_t number = strtoll(last + 1, &end, 10);
  return end == last + 1 || *end ? -ENOTTY : number;
}

int32_t clinux_make_memory_file(void) {
  return (int32_t)enter(SYS_memfd_create, (long)"ioasid", 1 /* close-on-exec */, 0, 0, 0, 0);
}

int32_t clinux_make_event(void) {
  return (int32_t)enter(SYS_eventfd2, 0, O_NONBLOCK | O_CLOEXEC, 0, 0, 0, 0);
}

int64_t clinux_eventfd_identity(int32_t descriptor) {
  char path[32] = "/proc/self/fdinfo/", text[256];
  if (descriptor < 0) return -EBADF;
  long r = enter(SYS_fcntl, descriptor, F_GETFL, 0, 0, 0, 0);
  if (r < 0) return r;
  if (r & 010000000) return -EBADF;  // O_PATH: of a place, of no file
  append(path, 18, descriptor);
  int32_t file = clinux_open(path, O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return file;
  r = enter(SYS_read, file, (long)text, sizeof text - 1, 0, 0, 0);
  clinux_close(file);
  text[r < 0 ? 0 : r] = 0;
  static const char word[] = "eventfd-id:";
  const char *found = strstr(text, word);
  return found ? strtoll(found + sizeof word - 1, 0, 10) : -EINVAL;
}

void clinux_drain_event(int32_t descriptor) {
  uint64_t count;
  struct pollfd poll = {.fd = descriptor, .events = POLLIN};
  if (enter(SYS_poll, (long)&poll, 1, 0, 0, 0, 0) == 1) enter(SYS_read, descriptor, (long)&count, sizeof count, 0, 0, 0);
}

uint64_t clinux_lock_limit(void) {
  struct rlimit limit;
  return enter(SYS_getrlimit, RLIMIT_MEMLOCK, (long)&limit, 0, 0, 0, 0) ? 0 : limit.rlim_cur;
}

uint64_t clinux_descriptor_limit(void) {
  struct rlimit limit;
  return enter(SYS_getrlimit, RLIMIT_NOFILE, (long)&limit, 0, 0, 0, 0) ? 0 : limit.rlim_cur;
}

uint64_t clinux_locked_bytes(void) {
  char text[4096];
  int32_t file = clinux_open("/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return 0;
  long r = enter(SYS_read, file, (long)text, sizeof text - 1, 0, 0, 0);
  clinux_close(file);
  text[r < 0 ? 0 : r] = 0;
  static const char word[] = "VmLck:";
  const char *found = strstr(text, word);
  return found ? strtoull(found + sizeof word - 1, 0, 10) * 1024 : 0;
}

int64_t clinux_write(int32_t descriptor, const void *bytes, size_t count) {
  return enter(SYS_write, descriptor, (long)bytes, (long)count, 0, 0, 0);
}
int64_t clinux_read(int32_t descriptor, void *bytes, size_t count) {
  return enter(SYS_read, descriptor, (long)bytes, (long)count, 0, 0, 0);
}
int64_t clinux_ioctl(int32_t descriptor, uint64_t request, uint64_t argument) {
  return enter(SYS_ioctl, descriptor, (long)request, (long)argument, 0, 0, 0);
}

int64_t clinux_seek(int32_t descriptor, int64_t offset, int32_t whence) {
  return enter(SYS_lseek, descriptor, offset, whence, 0, 0, 0);
}

int32_t clinux_signal_event(int32_t descriptor) {
  static const uint64_t one = 1;
  struct pollfd poll = {.fd = descriptor, .events = POLLOUT};
  if (enter(SYS_poll, (long)&poll, 1, 0, 0, 0, 0) != 1 || !(poll.revents & POLLOUT)) return -EAGAIN;
  return (int32_t)clinux_write(descriptor, &one, sizeof one);
}

int32_t clinux_signal_event_of(int32_t pid, int32_t descriptor, int64_t identity) {
  long process = enter(SYS_pidfd_open, pid, 0, 0, 0, 0, 0);
  if (process < 0) return (int32_t)process;
  long event = enter(SYS_pidfd_getfd, process, descriptor, 0, 0, 0, 0);
  clinux_close((int32_t)process);
  if (event < 0) return (int32_t)event;
  long r = -EBADF;
  if (clinux_eventfd_identity((int32_t)event) == identity) {
    clinux_signal_event((int32_t)event);
    r = 0;
  }
  clinux_close((int32_t)event);
  return (int32_t)r;
}

int32_t clinux_find_event(int64_t identity) {
  char records[1024];
  long n, found = -ENOENT;
  int32_t directory = clinux_open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) return directory;
  while (found < 0 && (n = enter(SYS_getdents64, directory, (long)records, sizeof records, 0, 0, 0)) > 0) {
    // struct linux_dirent64: the record's length at 16, the name at 19.
    for (long at = 0; at < n && found < 0; at += *(uint16_t *)(records + at + 16)) {
      const char *name = records + at + 19;
      if (*name < '0' || *name > '9') continue;
      int32_t descriptor = (int32_t)strtol(name, 0, 10);
      if (clinux_eventfd_identity(descriptor) == identity) found = descriptor;
    }
  }
  clinux_close(directory);
  return (int32_t)found;
}

#if __has_feature(thread_sanitizer)
// Only libc tells the sanitizer that another memory stands at an address from now on: unsaid, what two
// threads did one after the other to two memories in one place is a race.
int64_t clinux_map(uint64_t address, uint64_t length, int32_t protection, int32_t flags, int32_t descriptor,
                   int64_t offset) {
  void *mapped = mmap((void *)address, length, protection, flags, descriptor, offset);
  return mapped == MAP_FAILED ? -errno : (int64_t)mapped;
}
int64_t clinux_unmap(uint64_t address, uint64_t length) { return munmap((void *)address, length) ? -errno : 0; }
#else
int64_t clinux_map(uint64_t address, uint64_t length, int32_t protection, int32_t flags, int32_t descriptor,
                   int64_t offset) {
  return enter(SYS_mmap, (long)address, (long)length, protection, flags, descriptor, offset);
}
int64_t clinux_unmap(uint64_t address, uint64_t length) {
  return enter(SYS_munmap, (long)address, (long)length, 0, 0, 0, 0);
}
#endif
int64_t clinux_protect(uint64_t address, uint64_t length, int32_t protection) {
  return enter(SYS_mprotect, (long)address, (long)length, protection, 0, 0, 0);
}
int64_t clinux_remap(uint64_t address, uint64_t length, uint64_t new_length, int32_t flags, uint64_t new_address) {
  return enter(SYS_mremap, (long)address, (long)length, (long)new_length, flags, (long)new_address, 0);
}
int64_t clinux_punch(uint64_t address, uint64_t length) {
  return enter(SYS_madvise, (long)address, (long)length, MADV_REMOVE, 0, 0, 0);
}

uint64_t clinux_readable(uint64_t address, uint64_t length) {
  enum { in_start, in_end, at_permission, in_rest } state = in_start;
  uint64_t start = 0, end = 0, readable = length;
  char text[1024];
  int32_t file = clinux_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return length;
  for (int64_t n; readable == length && (n = clinux_read(file, text, sizeof text)) > 0;)
    for (char *at = text; at < text + n && readable == length; at++) {
      uint64_t *number = state == in_start ? &start : &end;
      if (state == at_permission) {
        if (*at != 'r' && end > address && start < address + length) readable = start > address ? start - address : 0;
        state = in_rest;
      } else if (*at == '\n') {
        start = end = 0;
        state = in_start;
      } else if (state != in_rest) {
        if (*at == '-' || *at == ' ') state++;
        else *number = *number << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
      }
    }
  clinux_close(file);
  return readable;
}

void clinux_allow_huge_pages(uint64_t address, uint64_t length, int32_t allow) {
  enter(SYS_madvise, (long)address, (long)length, allow ? MADV_HUGEPAGE : MADV_NOHUGEPAGE, 0, 0, 0);
}
void clinux_collapse(uint64_t address, uint64_t length) {
  enter(SYS_madvise, (long)address, (long)length, 25 /* MADV_COLLAPSE */, 0, 0, 0);
}

uint64_t *clinux_wiped_page(void) {
  int64_t page = clinux_map(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page < 0 && page > -4096) return 0;
  enter(SYS_madvise, page, 4096, MADV_WIPEONFORK, 0, 0, 0);
  return (uint64_t *)page;
}
void clinux_yield(void) { enter(SYS_sched_yield, 0, 0, 0, 0, 0, 0); }

uint64_t clinux_thread(void) { return (uint64_t)pthread_self(); }

const void *clinux_load_driver(const char *path) {
  void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  return object ? dlsym(object, "vfio_ioasid_driver") : 0;
}

int32_t clinux_pid(void) { return (int32_t)enter(SYS_getpid, 0, 0, 0, 0, 0, 0); }
uint64_t clinux_random(void) {
  uint64_t word = 0;
  while (enter(SYS_getrandom, (long)&word, sizeof word, 0, 0, 0, 0) != sizeof word || word == 0) {}
  return word;
}

int32_t clinux_read_process(int32_t pid, uint64_t token_address, uint64_t token, uint64_t from, void *to,
                            size_t count) {
  uint64_t seen = 0;
  struct iovec here[2] = {{&seen, sizeof seen}, {to, count}};
  struct iovec there[2] = {{(void *)token_address, sizeof seen}, {(void *)from, count}};
  long r = enter(SYS_process_vm_readv, pid, (long)here, 2, (long)there, 2, 0);
  return r == (long)(sizeof seen + count) && seen == token ? 0 : -EFAULT;
}

// One byte of each page, 255 pages a call: the vectors lie on the stack.
int64_t clinux_touch_process(int32_t pid, uint64_t token_address, uint64_t token, uint64_t from, uint64_t count) {
  enum { most = 255, page = 4096 };
  uint8_t nothing[most];
  uint64_t done = 0;
  do {
    uint64_t seen = 0, left = (count - done + page - 1) / page;
    size_t pages = left < most ? left : most;
    struct iovec here[2] = {{&seen, sizeof seen}, {nothing, pages}}, there[most + 1];
    there[0] = (struct iovec){(void *)token_address, sizeof seen};
    for (size_t i = 0; i < pages; i++) there[i + 1] = (struct iovec){(void *)(from + done + i * page), 1};
    long r = enter(SYS_process_vm_readv, pid, (long)here, 2, (long)there, (long)pages + 1, 0);
    if (r < (long)sizeof seen || seen != token) return -ESRCH;
    r -= sizeof seen;
    if (r < (long)pages) return (int64_t)(done + r * page);
    done += pages * page;
  } while (done < count);
  return (int64_t)count;
}

int32_t clinux_write_process(int32_t pid, uint64_t token_address, uint64_t token, uint64_t to, const void *from,
                             size_t count) {
  uint64_t seen = 0;
  struct iovec mark = {&seen, sizeof seen}, marked = {(void *)token_address, sizeof seen};
  if (enter(SYS_process_vm_readv, pid, (long)&mark, 1, (long)&marked, 1, 0) != sizeof seen || seen != token)
    return -EFAULT;
  struct iovec here = {(void *)from, count}, there = {(void *)to, count};
  return enter(SYS_process_vm_writev, pid, (long)&here, 1, (long)&there, 1, 0) == (long)count ? 0 : -EFAULT;
}

// Opened each time: a fork's memory is not its parent's.
static int32_t through_memory_file(long call, int32_t flags, void *here, uint64_t there, size_t count) {
  int32_t file = clinux_open("/proc/self/mem", flags | O_CLOEXEC, 0);
  if (file < 0) return -EFAULT;
  long done = enter(call, file, (long)here, (long)count, (long)there, 0, 0);
  clinux_close(file);
  return done == (long)count ? 0 : -EFAULT;
}
int32_t clinux_read_closed(uint64_t from, void *to, size_t count) {
  return through_memory_file(SYS_pread64, O_RDONLY, to, from, count);
}
int32_t clinux_write_closed(uint64_t to, const void *from, size_t count) {
  return through_memory_file(SYS_pwrite64, O_RDWR, (void *)from, to, count);
}
