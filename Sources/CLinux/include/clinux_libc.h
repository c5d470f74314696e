// The calls of a plain program, through the C library and whatever stands in front of it. Some are variadic in C,
// which Swift cannot say. Results below zero are negative errnos.
#ifndef CLINUX_LIBC_H
#define CLINUX_LIBC_H
#include <stdint.h>

int64_t clinux_libc_open(const char *_Nonnull path, int32_t flags);
int64_t clinux_libc_close(int32_t descriptor);
int64_t clinux_libc_ioctl(int32_t descriptor, uint64_t request, uint64_t argument);
/// `offset` −1: read(2) and write(2), else pread(2) and pwrite(2).
int64_t clinux_libc_read(int32_t descriptor, uint64_t address, uint64_t count, int64_t offset);
int64_t clinux_libc_write(int32_t descriptor, uint64_t address, uint64_t count, int64_t offset);
int64_t clinux_libc_mmap(uint64_t address, uint64_t length, int32_t protection, int32_t flags, int32_t descriptor,
                         int64_t offset);
int64_t clinux_libc_munmap(uint64_t address, uint64_t length);
int64_t clinux_libc_mprotect(uint64_t address, uint64_t length, int32_t protection);
int64_t clinux_libc_mremap(uint64_t address, uint64_t length, uint64_t new_length, int32_t flags,
                           uint64_t new_address);
int64_t clinux_libc_eventfd(void);
/// For a moment: no memory may be locked and no capability lets it; no descriptor may be opened.
void clinux_libc_forbid_locking(int32_t forbid);
void clinux_libc_forbid_opening(int32_t forbid);
/// fork(2), with a socket between the two: 0 in the child. `socket` is each one's end. The child dies with its parent.
int64_t clinux_libc_fork(int32_t *_Nonnull socket);
/// _exit(0): what the parent registered for its own end is not run.
_Noreturn void clinux_libc_exit(void);
/// Waits for the end of a child: its descriptors are closed then.
void clinux_libc_wait(int32_t child);
/// Hands a descriptor over (SCM_RIGHTS).
int64_t clinux_libc_give(int32_t socket, int32_t descriptor);
/// The number here of a descriptor that was handed over.
int64_t clinux_libc_take(int32_t socket);
/// Moves all the bytes, or answers −EPIPE: the other one is gone.
int64_t clinux_libc_send(int32_t socket, const void *_Nonnull bytes, uint64_t count);
int64_t clinux_libc_receive(int32_t socket, void *_Nonnull bytes, uint64_t count);

#endif
