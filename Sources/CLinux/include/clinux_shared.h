// Locks, descriptors and memory that several processes share: thin words over the kernel.
// Results below zero are negative errnos.
#ifndef CLINUX_SHARED_H
#define CLINUX_SHARED_H
#include <stddef.h>
#include <stdint.h>

/// Bytes that a lock takes in shared memory; 16-byte aligned. Zeroed memory is a free lock.
#define CLINUX_LOCK_BYTES 64

/// Takes a lock, which passes on when its holder dies: 1 when the last one did, else 0. A thread may hold several; in a
/// child that fork made nobody holds what its parent did.
int32_t clinux_lock_take(void *_Nonnull lock);
/// Takes it if that needs no waiting: 1, else 0.
int32_t clinux_lock_try(void *_Nonnull lock);
/// Drops a lock that the calling thread holds, in any order.
void clinux_lock_drop(void *_Nonnull lock);
/// Lets locks keep what they know of a thread in 48 bytes of it, 0 at first, so far from its thread pointer: nearer than
/// a library that is loaded late has its own. Before anyone takes a lock.
void clinux_lock_use(int64_t offset);
/// Before code that may take robust mutexes of the C library while the thread holds locks: they stay the kernel's to
/// pass on.
void clinux_lock_settle(void);

/// A description's own lock on the last byte that its file can have (F_OFD_SETLK): dropped by the kernel with its last reference.
int32_t clinux_hold(int32_t descriptor);
/// The same lock for this description alone, in place of the shared one.
int32_t clinux_hold_alone(int32_t descriptor);
/// Whether another description than this one holds the file, alone or at all; -errno.
int32_t clinux_is_held(int32_t descriptor, int32_t alone);
/// Whether any description of the file at a path holds it, alone or at all; works when the descriptor table is full
/// too. −errno when nobody can tell.
int32_t clinux_is_file_held(const char *_Nonnull path, int32_t alone);

/// Keeps a descriptor of a directory: what lies below its path is found after chroot(2) and in another
/// mount namespace too.
void clinux_keep_place(const char *_Nonnull directory, int32_t descriptor);
/// open(2), close(2), fstat(2) … without passing through interposed symbols.
int32_t clinux_open(const char *_Nonnull path, int32_t flags, uint32_t mode);
int32_t clinux_close(int32_t descriptor);
/// Device and inode number of an open file.
int32_t clinux_identity(int32_t descriptor, uint64_t *_Nonnull device, uint64_t *_Nonnull inode,
                        uint64_t *_Nonnull size);
/// ftruncate(2). Raises RLIMIT_FSIZE for the moment where it must and may, else −ENOMEM: never SIGXFSZ.
int32_t clinux_resize(int32_t descriptor, uint64_t size);
int32_t clinux_unlink(const char *_Nonnull path);
/// fcntl(F_GETFL).
int32_t clinux_status_flags(int32_t descriptor);
/// fcntl(F_DUPFD_CLOEXEC): the lowest free number from `lowest` on.
int32_t clinux_duplicate(int32_t descriptor, int32_t lowest);
/// The N of a descriptor whose file is N in a directory of this name; −ENOTTY for any other.
int64_t clinux_link_number(int32_t descriptor, const char *_Nonnull directory);
/// A new file in memory (memfd_create(2)), empty and close-on-exec, or −errno.
int32_t clinux_make_memory_file(void);
/// A new eventfd at 0 that is close-on-exec and never waits, or −errno.
int32_t clinux_make_event(void);
/// The kernel's number for an eventfd, the same for all its duplicates; −EINVAL for another open file, −EBADF.
int64_t clinux_eventfd_identity(int32_t descriptor);
/// Sets an eventfd's count to 0, without waiting.
void clinux_drain_event(int32_t descriptor);
/// write(2), read(2).
int64_t clinux_write(int32_t descriptor, const void *_Nonnull bytes, size_t count);
int64_t clinux_read(int32_t descriptor, void *_Nonnull bytes, size_t count);
/// ioctl(2) with whatever argument: what it returned, or −errno.
int64_t clinux_ioctl(int32_t descriptor, uint64_t request, uint64_t argument);
/// lseek(2).
int64_t clinux_seek(int32_t descriptor, int64_t offset, int32_t whence);
/// Adds 1 to an eventfd. Never waits: a full one stays full.
int32_t clinux_signal_event(int32_t descriptor);
/// Adds 1 to the eventfd that process `pid` knows as `descriptor`; −EBADF when it has another identity.
int32_t clinux_signal_event_of(int32_t pid, int32_t descriptor, int64_t identity);
/// A descriptor of this process for the eventfd with an identity; −ENOENT when there is none.
int32_t clinux_find_event(int64_t identity);

/// mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2) as numbers.
int64_t clinux_map(uint64_t address, uint64_t length, int32_t protection, int32_t flags, int32_t descriptor,
                   int64_t offset);
int64_t clinux_unmap(uint64_t address, uint64_t length);
int64_t clinux_protect(uint64_t address, uint64_t length, int32_t protection);
int64_t clinux_remap(uint64_t address, uint64_t length, uint64_t new_length, int32_t flags, uint64_t new_address);
/// The bytes of a range before the first mapping that does not grant reading, as /proc/self/maps has it; holes count
/// as readable.
uint64_t clinux_readable(uint64_t address, uint64_t length);
/// Gives the pages of a shared mapping back to the file system: they read as zeros (MADV_REMOVE).
int64_t clinux_punch(uint64_t address, uint64_t length);

/// Whether pages of a shared mapping that are not there yet may come as huge pages (MADV_HUGEPAGE, MADV_NOHUGEPAGE).
void clinux_allow_huge_pages(uint64_t address, uint64_t length, int32_t allow);
/// Makes huge pages of private memory that is there already (MADV_COLLAPSE). Where the kernel cannot, nothing changes.
void clinux_collapse(uint64_t address, uint64_t length);

/// A private page that a forked child finds zeroed (MADV_WIPEONFORK). Null when there is no memory.
uint64_t *_Nullable clinux_wiped_page(void);
int32_t clinux_pid(void);

/// Lets another thread run.
void clinux_yield(void);

/// The calling thread, as this process tells its threads apart.
uint64_t clinux_thread(void);

/// The driver's functions in a shared object: the symbol `vfio_ioasid_driver`; null when the object
/// cannot be loaded or has none.
const void *_Nullable clinux_load_driver(const char *_Nonnull path);
uint64_t clinux_random(void);
/// The soft RLIMIT_MEMLOCK in bytes.
uint64_t clinux_lock_limit(void);
/// RLIMIT_NOFILE of this process.
uint64_t clinux_descriptor_limit(void);
/// Bytes of this process's memory that are locked, as /proc/self/status tells (VmLck).
uint64_t clinux_locked_bytes(void);
/// Whether a capability is effective for the calling thread.
int32_t clinux_has_capability(int32_t number);

/// An epoll descriptor for `clinux_watch` and `clinux_unwatch`, or −errno.
int32_t clinux_make_watcher(void);
/// Starts a thread that hands each signal of the descriptors watched, consumed, to `arrived`; −errno. It takes
/// no signals.
int32_t clinux_start_watcher(int32_t watcher, void (*_Nonnull arrived)(void *_Nonnull context, int32_t descriptor),
                             void *_Nonnull context);
int32_t clinux_watch(int32_t watcher, int32_t descriptor);
int32_t clinux_unwatch(int32_t watcher, int32_t descriptor);

/// Copies between here and another process that holds `token` at `token_address`; anything else is −EFAULT.
int32_t clinux_read_process(int32_t pid, uint64_t token_address, uint64_t token, uint64_t from, void *_Nonnull to,
                            size_t count);
int32_t clinux_write_process(int32_t pid, uint64_t token_address, uint64_t token, uint64_t to,
                             const void *_Nonnull from, size_t count);

/// Asks for each page of a page-aligned run of another process's memory: the bytes of those that are there before
/// the first that is not. −ESRCH when the process does not hold the token.
int64_t clinux_touch_process(int32_t pid, uint64_t token_address, uint64_t token, uint64_t from, uint64_t count);

/// Copies between here and pages of this process whatever mprotect made of them since, as a pin would have kept them
/// (writes of shared memory aside, where the kernel does not force). 0 or -EFAULT.
int32_t clinux_read_closed(uint64_t from, void *_Nonnull to, size_t count);
int32_t clinux_write_closed(uint64_t to, const void *_Nonnull from, size_t count);

/// The file whose pages stand at an address: 1 when all of the bytes are shared memory and one run of one file, whose
/// device, inode and offset are then told.
int32_t clinux_file_behind(uint64_t address, uint64_t length, uint64_t *_Nonnull device, uint64_t *_Nonnull inode,
                           uint64_t *_Nonnull offset);
/// What is mapped at an address: 1 when something is; then the address behind its end, its protection (mmap's PROT
/// bits), and the device, inode and offset of its file if it is shared memory of one (else inode 0).
int32_t clinux_area_at(uint64_t address, uint64_t *_Nonnull end, int32_t *_Nonnull protection,
                       uint64_t *_Nonnull device, uint64_t *_Nonnull inode, uint64_t *_Nonnull offset);
/// The device and inode of a file. 0 or -errno.
int32_t clinux_file_identity(const char *_Nonnull path, uint64_t *_Nonnull device, uint64_t *_Nonnull inode);
/// A descriptor of this process that can read and write a file: `guess` if it can, else the first; or -errno.
int32_t clinux_find_file(uint64_t device, uint64_t inode, int32_t guess);
/// The same of a character device's node.
int32_t clinux_find_node(uint64_t device, uint64_t inode);
/// Copies between here and a file's pages, up to its end. 0 or -EFAULT.
int32_t clinux_read_file(int32_t descriptor, uint64_t offset, void *_Nonnull to, size_t count);
int32_t clinux_write_file(int32_t descriptor, uint64_t offset, const void *_Nonnull from, size_t count);
#endif
