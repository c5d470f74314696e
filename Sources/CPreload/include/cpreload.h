// What Embedded Swift cannot say: a system call, thread-local words, large zeroed tables and va_list.
// _GNU_SOURCE is not defined here: SwiftGlibc is built without it.
#ifndef CPRELOAD_H
#define CPRELOAD_H
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#if !defined(__x86_64__)
#error "The preload is written for x86-64."
/// free(3), of whatever allocator the program brings.
static inline void cpreload_free(void *_Nullable memory) { __builtin_free(memory); }

#endif

#define CPRELOAD_HIDDEN __attribute__((visibility("hidden")))

/// Enters the kernel without passing any interposed symbol. A result of −4095…−1 is a negative errno.
static inline intptr_t cpreload_syscall(intptr_t number, intptr_t a, intptr_t b, intptr_t c, intptr_t d,
                                        intptr_t e, intptr_t f) {
  intptr_t result;
  register intptr_t r10 __asm__("r10") = d;
  register intptr_t r8 __asm__("r8") = e;
  register intptr_t r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static inline int32_t *_Nonnull cpreload_errno(void) { return &errno; }

/// The libc functions that the preload stands in front of, and the few it only calls or only answers for.
#define CPRELOAD_NEXT(X) \
  X(open) X(open64) X(openat) X(openat64) X(__open_2) X(__open64_2) X(__openat_2) X(__openat64_2) \
  X(creat) X(creat64) X(fopen) X(fopen64) X(freopen) X(freopen64) X(fclose) \
  X(close) X(close_range) X(closefrom) X(dup) X(dup2) X(dup3) X(fcntl) X(fcntl64) X(ioctl) \
  X(read) X(write) X(pread) X(pread64) X(pwrite) X(pwrite64) X(readv) X(writev) \
  X(preadv) X(preadv64) X(pwritev) X(pwritev64) X(preadv2) X(preadv64v2) X(pwritev2) X(pwritev64v2) \
  X(__read_chk) X(__pread_chk) X(__pread64_chk) X(lseek) X(lseek64) \
  X(mmap) X(mmap64) X(munmap) X(mprotect) X(mremap) X(madvise) X(msync) X(mlock) X(mlock2) \
  X(fsync) X(fdatasync) X(ftruncate) X(ftruncate64) X(fallocate) X(fallocate64) X(posix_fallocate) \
  X(posix_fallocate64) X(sync_file_range) X(readahead) X(copy_file_range) X(sendfile) X(sendfile64) X(splice) \
  X(lockf) X(lockf64) X(fchmod) X(fchown) X(readlink) X(readlinkat) X(__readlink_chk) X(__readlinkat_chk) \
  X(fstat) X(fstat64) X(__fxstat) X(__fxstat64) X(fstatat) X(fstatat64) X(__fxstatat) X(__fxstatat64) X(statx) \
  X(realpath) X(__realpath_chk) X(canonicalize_file_name) \
  X(mlockall) X(setrlimit) X(setrlimit64) X(prlimit) X(prlimit64) X(capset) X(setuid) X(seteuid) X(setreuid) X(setresuid) \
  X(recvmsg) X(recvmmsg) X(sigaction) X(sigprocmask) X(pthread_sigmask) \
  X(sigsuspend) X(pselect) X(ppoll) X(__ppoll_chk) X(epoll_pwait) X(epoll_pwait2) X(syscall) X(dlsym) \
  X(signal) X(bsd_signal) X(ssignal) X(sysv_signal) X(__sysv_signal) X(sigset) X(sighold) X(sigrelse) X(sigignore) \
  X(siginterrupt) \
  X(__open) X(__open64) X(__close) X(__dup2) X(__fcntl) X(__read) X(__write) X(__pread64) X(__pwrite64) X(__lseek) \
  X(stat) X(stat64) X(__xstat) X(__xstat64)

enum cpreload_next_name {
#define CPRELOAD_CASE(name) cpreload_next_##name,
  CPRELOAD_NEXT(CPRELOAD_CASE) cpreload_next_count
#undef CPRELOAD_CASE
};

extern CPRELOAD_HIDDEN uintptr_t cpreload_next_addresses[cpreload_next_count];
extern CPRELOAD_HIDDEN const char *const _Nonnull cpreload_next_names[cpreload_next_count];

static inline uintptr_t cpreload_next(uint32_t name) {
  return __atomic_load_n(&cpreload_next_addresses[name], __ATOMIC_RELAXED);
}
static inline void cpreload_set_next(uint32_t name, uintptr_t address) {
  __atomic_store_n(&cpreload_next_addresses[name], address, __ATOMIC_RELAXED);
}
static inline const char *_Nonnull cpreload_name(uint32_t name) { return cpreload_next_names[name]; }

/// Descriptor number to entry; all zero until something of ours is opened, so no page of it exists before.
#define CPRELOAD_DESCRIPTORS (1 << 20)
extern CPRELOAD_HIDDEN uint32_t cpreload_descriptors[CPRELOAD_DESCRIPTORS];
static inline uint32_t cpreload_entry(int32_t descriptor) {
  if (__builtin_expect((uint32_t)descriptor >= CPRELOAD_DESCRIPTORS, 0)) return 0;
  return __atomic_load_n(&cpreload_descriptors[descriptor], __ATOMIC_ACQUIRE);
}
static inline void *_Nonnull cpreload_entries(void) { return cpreload_descriptors; }

/// Memory for the slots behind the entries, zeroed.
#define CPRELOAD_SLOTS (1 << 16)
#define CPRELOAD_SLOT_BYTES 48
extern CPRELOAD_HIDDEN _Alignas(64) unsigned char cpreload_slots[CPRELOAD_SLOTS * CPRELOAD_SLOT_BYTES];
static inline void *_Nonnull cpreload_slot_memory(void) { return cpreload_slots; }

/// The same address, kept as one word and not as a base and how far from it.
static inline void *_Nonnull cpreload_kept(void *_Nonnull address) {
  __asm__("" : "+r"(address));
  return address;
}

/// A page of its own, so that the kernel can be asked to wipe it in a forked child.
extern CPRELOAD_HIDDEN _Alignas(4096) unsigned char cpreload_owner_page[4096];
static inline void *_Nonnull cpreload_owner(void) { return cpreload_owner_page; }

/// Words of the whole process, zero at first; Swift sees each as an atomic at its address.
struct cpreload_words {
  int32_t highest;          // one more than the highest descriptor ever entered
  uint32_t loading;         // 1 while one thread loads the engine
  uint64_t machine_device;  // st_dev of the run's file system once it was found
  uintptr_t engine;         // the engine's functions once it is loaded
  uint64_t sequence;        // odd while a disposition changes
  uint32_t in_run;          // 1 in a process of a run
  uint32_t guarding;        // 1 once our handlers stand in front of the program's
  uint64_t host[8];         // our functions, for the engine
  uint32_t hides_reading;   // 1 once memory was mapped that may be written or executed and not read
  uint32_t keeping;         // 1 while the engine keeps devices open whose registers are mapped
  uint32_t left;            // 1 while tokens wait to be given back
#define CPRELOAD_LEFT 16
  uint64_t left_tokens[CPRELOAD_LEFT];
};
extern CPRELOAD_HIDDEN struct cpreload_words cpreload_process;
static inline void *_Nonnull cpreload_highest(void) { return &cpreload_process.highest; }
static inline void *_Nonnull cpreload_loading(void) { return &cpreload_process.loading; }
static inline void *_Nonnull cpreload_machine_device(void) { return &cpreload_process.machine_device; }
static inline void *_Nonnull cpreload_engine(void) { return &cpreload_process.engine; }
static inline void *_Nonnull cpreload_sequence(void) { return &cpreload_process.sequence; }
static inline uint32_t cpreload_in_run(void) { return __atomic_load_n(&cpreload_process.in_run, __ATOMIC_RELAXED); }
static inline void cpreload_set_in_run(void) { __atomic_store_n(&cpreload_process.in_run, 1, __ATOMIC_RELAXED); }
static inline uint32_t cpreload_guarding(void) {
  return __atomic_load_n(&cpreload_process.guarding, __ATOMIC_ACQUIRE);
}
static inline void cpreload_set_guarding(void) { __atomic_store_n(&cpreload_process.guarding, 1, __ATOMIC_RELEASE); }
static inline void cpreload_abandon_locks(void) {
  __atomic_store_n(&cpreload_process.loading, 0, __ATOMIC_RELAXED);
  uint64_t sequence = __atomic_load_n(&cpreload_process.sequence, __ATOMIC_RELAXED);
  __atomic_store_n(&cpreload_process.sequence, (sequence + 1) & ~1ull, __ATOMIC_RELEASE);
}
static inline uint32_t cpreload_hides_reading(void) {
  return __atomic_load_n(&cpreload_process.hides_reading, __ATOMIC_RELAXED);
}
static inline void cpreload_set_hides_reading(void) {
  __atomic_store_n(&cpreload_process.hides_reading, 1, __ATOMIC_RELAXED);
}
static inline uint32_t cpreload_keeping(void) { return __atomic_load_n(&cpreload_process.keeping, __ATOMIC_ACQUIRE); }
static inline void cpreload_set_keeping(uint32_t keeping) {
  __atomic_store_n(&cpreload_process.keeping, keeping, __ATOMIC_RELEASE);
}
static inline uint32_t cpreload_left(void) { return __atomic_load_n(&cpreload_process.left, __ATOMIC_ACQUIRE); }
static inline void cpreload_set_left(uint32_t left) { __atomic_store_n(&cpreload_process.left, left, __ATOMIC_RELEASE); }
static inline void *_Nonnull cpreload_left_tokens(void) { return &cpreload_process.left_tokens; }
static inline void *_Nonnull cpreload_host(void) { return &cpreload_process.host; }

/// libc's own dlsym(3).
CPRELOAD_HIDDEN uintptr_t cpreload_find_symbol(void);
/// This library's handle; null if the dynamic linker does not know it.
CPRELOAD_HIDDEN void *_Nullable cpreload_own_library(void);

/// dlopen of a file that lies in the directory of this library; null when it is not there.
CPRELOAD_HIDDEN void *_Nullable cpreload_open_beside(const char *_Nonnull file);

/// How deep the calling thread is inside the engine.
extern CPRELOAD_HIDDEN __thread uint32_t cpreload_thread_depth __attribute__((tls_model("initial-exec")));
static inline uint32_t cpreload_depth(void) { return *(volatile uint32_t *)&cpreload_thread_depth; }
static inline void cpreload_set_depth(uint32_t depth) {
  *(volatile uint32_t *)&cpreload_thread_depth = depth;
}

/// Signals that came for the program while its thread was inside the engine and wait, blocked, for it to leave.
extern CPRELOAD_HIDDEN __thread uint64_t cpreload_thread_deferred __attribute__((tls_model("initial-exec")));
static inline uint64_t cpreload_deferred(void) { return *(volatile uint64_t *)&cpreload_thread_deferred; }
static inline void cpreload_set_deferred(uint64_t signals) {
  *(volatile uint64_t *)&cpreload_thread_deferred = signals;
}

/// Words of each thread that the engine has for itself. They are here because the engine, which comes late, would pay a
/// call for each look at its own.
extern CPRELOAD_HIDDEN __thread uint64_t cpreload_thread_lent[6] __attribute__((tls_model("initial-exec")));
static inline int64_t cpreload_lent(void) {
  const char *thread;
  __asm__("mov %%fs:0, %0" : "=r"(thread));
  return (const char *)cpreload_thread_lent - thread;
}

/// What the program believes of SIGSEGV and SIGBUS in the calling thread.
struct cpreload_fault_view {
  uint64_t blocked;  // those of the two that the program blocks
  uint64_t pending;  // those that were sent meanwhile
  uint64_t handling; // where the frame of its handler is marked, 0 when none runs
  uint64_t serial;   // what stands there
};
extern CPRELOAD_HIDDEN __thread struct cpreload_fault_view cpreload_thread_faults
    __attribute__((tls_model("initial-exec")));
static inline struct cpreload_fault_view *_Nonnull cpreload_faults(void) { return &cpreload_thread_faults; }

/// The program's own disposition of a signal.
struct cpreload_disposition {
  uintptr_t handler;
  uint64_t mask;
  int32_t flags;
  int32_t known;  // whether the program set it where we saw it
};
#define CPRELOAD_SIGNALS 65
extern CPRELOAD_HIDDEN struct cpreload_disposition cpreload_dispositions[CPRELOAD_SIGNALS];
static inline struct cpreload_disposition *_Nonnull cpreload_disposition_of(int32_t signal_number) {
  return &cpreload_dispositions[signal_number];
}

/// Calls `function` with two arguments on the stack that ends at `top`, then comes back to this one.
CPRELOAD_HIDDEN intptr_t cpreload_call_on(uintptr_t top, intptr_t (*_Nonnull function)(intptr_t, intptr_t), intptr_t a,
                                          intptr_t b);
/// Takes one of the stacks that the engine runs on: its number, or -1 when there is none.
int cpreload_take_stack(void);
/// The end of a stack, page-aligned.
uintptr_t cpreload_stack_top(int stack);
/// Gives a stack back.
void cpreload_return_stack(int stack);
/// Calls a function of at most seven words on a stack of ours: a thread of the program may have as little as 16 KiB.
CPRELOAD_HIDDEN intptr_t cpreload_call_with_room(uintptr_t function, intptr_t a, intptr_t b, intptr_t c, intptr_t d,
                                                 intptr_t e, intptr_t f, intptr_t g);
static inline uintptr_t cpreload_stack(void) { return (uintptr_t)__builtin_frame_address(0); }

/// The number that stat(2) gives a character device.
static inline uint64_t cpreload_device_number(uint32_t major, uint32_t minor) {
  return (minor & 0xffu) | ((uint64_t)(major & 0xfffu) << 8) | ((uint64_t)(minor & ~0xffu) << 12) |
         ((uint64_t)(major & ~0xfffu) << 32);
}

/// free(3), of whatever allocator the program brings.
static inline void cpreload_free(void *_Nullable memory) { __builtin_free(memory); }

#endif
