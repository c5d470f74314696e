#define _GNU_SOURCE 1
#include "clinux_shared.h"
#include "kernel.h"
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

_Static_assert(sizeof(pthread_mutex_t) <= CLINUX_LOCK_BYTES, "a lock fits its place");

void clinux_lock_make(void *lock) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(lock, &attributes);
}

int32_t clinux_lock_take(void *lock) {
  if (pthread_mutex_lock(lock) != EOWNERDEAD) return 0;
  pthread_mutex_consistent(lock);
  return 1;
}

void clinux_lock_drop(void *lock) { pthread_mutex_unlock(lock); }

int32_t clinux_hold(int32_t descriptor) {
  // A lock for reading wants a description that can read, one for writing a description that can write.
  long flags = enter(SYS_fcntl, descriptor, F_GETFL, 0, 0, 0, 0);
  if (flags < 0) return (int32_t)flags;
  struct flock lock = {.l_type = (flags & O_ACCMODE) == O_WRONLY ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
  return (int32_t)enter(SYS_fcntl, descriptor, F_OFD_SETLK, (long)&lock, 0, 0, 0);
}

int32_t clinux_is_held(int32_t descriptor) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
  long r = enter(SYS_fcntl, descriptor, F_OFD_GETLK, (long)&lock, 0, 0, 0);
  return r < 0 ? (int32_t)r : lock.l_type != F_UNLCK;
}

struct look {
  const char *path;
  int32_t result;
};

static int32_t look_at(const char *path) {
  int32_t probe = (int32_t)enter(SYS_openat, AT_FDCWD, (long)path, O_RDWR | O_CLOEXEC, 0, 0, 0);
  if (probe < 0) return probe;
  int32_t held = clinux_is_held(probe);
  enter(SYS_close, probe, 0, 0, 0, 0, 0);
  return held;
}

// Runs on a descriptor table of its own, a copy of the full one: what it closes stays open in the program's.
static int look_beside(void *context) {
  struct look *look = context;
  enter(SYS_close_range, 0, 0, 0, 0, 0, 0);
  look->result = look_at(look->path);
  enter(SYS_exit, 0, 0, 0, 0, 0, 0);
  return 0;
}

int32_t clinux_is_file_held(const char *path) {
  enum { stack_bytes = 16384 };
  struct look look = {path, look_at(path)};
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
  return (int32_t)enter(SYS_openat, AT_FDCWD, (long)path, flags, mode, 0, 0);
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
  return (int32_t)enter(SYS_ftruncate, descriptor, (long)size, 0, 0, 0, 0);
}
int32_t clinux_unlink(const char *path) { return (int32_t)enter(SYS_unlink, (long)path, 0, 0, 0, 0, 0); }
int32_t clinux_status_flags(int32_t descriptor) {
  return (int32_t)enter(SYS_fcntl, descriptor, F_GETFL, 0, 0, 0, 0);
}
int32_t clinux_duplicate(int32_t descriptor, int32_t lowest) {
  return (int32_t)enter(SYS_fcntl, descriptor, F_DUPFD_CLOEXEC, lowest, 0, 0, 0);
}

int64_t clinux_eventfd_identity(int32_t descriptor) {
  char path[32] = "/proc/self/fdinfo/", text[256];
  char digits[12];
  int n = 0, at = 18;
  if (descriptor < 0) return -EBADF;
  long r = enter(SYS_fcntl, descriptor, F_GETFD, 0, 0, 0, 0);
  if (r < 0) return r;
  for (int32_t d = descriptor; n == 0 || d; d /= 10) digits[n++] = (char)('0' + d % 10);
  while (n) path[at++] = digits[--n];
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
  return enter(SYS_prlimit64, 0, RLIMIT_MEMLOCK, 0, (long)&limit, 0, 0) ? 0 : limit.rlim_cur;
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
int64_t clinux_seek(int32_t descriptor, int64_t offset, int32_t whence) {
  return enter(SYS_lseek, descriptor, offset, whence, 0, 0, 0);
}

int32_t clinux_signal_event_of(int32_t pid, int32_t descriptor) {
  static const uint64_t one = 1;
  if (pid == clinux_pid()) return (int32_t)clinux_write(descriptor, &one, sizeof one);
  long process = enter(SYS_pidfd_open, pid, 0, 0, 0, 0, 0);
  if (process < 0) return (int32_t)process;
  long event = enter(SYS_pidfd_getfd, process, descriptor, 0, 0, 0, 0);
  clinux_close((int32_t)process);
  if (event < 0) return (int32_t)event;
  long r = clinux_eventfd_identity((int32_t)event) >= 0 ? clinux_write((int32_t)event, &one, sizeof one) : -EBADF;
  clinux_close((int32_t)event);
  return (int32_t)r;
}

int64_t clinux_map(uint64_t address, uint64_t length, int32_t protection, int32_t flags, int32_t descriptor,
                   int64_t offset) {
  return enter(SYS_mmap, (long)address, (long)length, protection, flags, descriptor, offset);
}
int64_t clinux_unmap(uint64_t address, uint64_t length) {
  return enter(SYS_munmap, (long)address, (long)length, 0, 0, 0, 0);
}
int64_t clinux_protect(uint64_t address, uint64_t length, int32_t protection) {
  return enter(SYS_mprotect, (long)address, (long)length, protection, 0, 0, 0);
}
int64_t clinux_remap(uint64_t address, uint64_t length, uint64_t new_length, int32_t flags, uint64_t new_address) {
  return enter(SYS_mremap, (long)address, (long)length, (long)new_length, flags, (long)new_address, 0);
}
int64_t clinux_punch(uint64_t address, uint64_t length) {
  return enter(SYS_madvise, (long)address, (long)length, MADV_REMOVE, 0, 0, 0);
}

uint64_t *clinux_wiped_page(void) {
  int64_t page = clinux_map(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page < 0 && page > -4096) return 0;
  enter(SYS_madvise, page, 4096, MADV_WIPEONFORK, 0, 0, 0);
  return (uint64_t *)page;
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

int32_t clinux_write_process(int32_t pid, uint64_t token_address, uint64_t token, uint64_t to, const void *from,
                             size_t count) {
  uint64_t seen = 0;
  struct iovec mark = {&seen, sizeof seen}, marked = {(void *)token_address, sizeof seen};
  if (enter(SYS_process_vm_readv, pid, (long)&mark, 1, (long)&marked, 1, 0) != sizeof seen || seen != token)
    return -EFAULT;
  struct iovec here = {(void *)from, count}, there = {(void *)to, count};
  return enter(SYS_process_vm_writev, pid, (long)&here, 1, (long)&there, 1, 0) == (long)count ? 0 : -EFAULT;
}
