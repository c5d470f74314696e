// Descriptors of the kernel's own devices: how processes recognise, keep and pass them. Results below zero are
// negative errnos.
#ifndef CLINUX_KERNEL_DESCRIPTORS_H
#define CLINUX_KERNEL_DESCRIPTORS_H
#include <errno.h>
#include <stdint.h>

/// errno, which belongs to the program: libc's functions, called on its behalf, must leave it alone.
static inline int32_t clinux_error(void) { return errno; }
static inline void clinux_set_error(int32_t error) { errno = error; }

/// pread(2), pwrite(2); read(2), write(2) where the offset is below 0.
int64_t clinux_pread(int32_t descriptor, uint64_t address, uint64_t count, int64_t offset);
int64_t clinux_pwrite(int32_t descriptor, uint64_t address, uint64_t count, int64_t offset);
/// The device number (st_rdev) of a character device; 0 for any other file.
uint64_t clinux_device_number(int32_t descriptor);
/// The same of the node at a path.
uint64_t clinux_device_at(const char *_Nonnull path);
/// FD_CLOEXEC of a descriptor: 0, 1.
int32_t clinux_closes_on_exec(int32_t descriptor);
/// Sets FD_CLOEXEC, or clears it.
int32_t clinux_set_closes_on_exec(int32_t descriptor, int32_t closes);
/// A descriptor for the file that process `pid` knows by a number (pidfd_getfd).
int32_t clinux_take_descriptor(int32_t pid, int32_t number);
/// Whether a process is there.
int32_t clinux_is_process(int32_t pid);
/// The lowest descriptor above `after` by which a process has a device; 0 is this process.
int32_t clinux_find_device(int32_t pid, uint64_t device, int32_t after);

/// A descriptor, taken from whichever process has one, of the description that holds a device's node alone.
int32_t clinux_take_held(uint64_t device);

/// Whether a process has mapped the file of this name; 0 is this process.
int32_t clinux_maps_file(int32_t pid, const char *_Nonnull name);

/// Whether some process has, under another number of this process than `besides`, the description that holds a device's
/// node alone, or has registers of it mapped. A process that cannot be looked at has not; one that lets its links be
/// read and nothing taken has.
int32_t clinux_is_in_use(const char *_Nonnull node, int32_t besides);

/// A place where open files wait that no process has a descriptor of: a socket that sends to itself. It lives as long
/// as a descriptor of it; with it goes what it keeps. `name` tells it from all others.
int32_t clinux_make_parking(uint64_t *_Nonnull name);
/// The name of a parking; 0 when the descriptor is none.
uint64_t clinux_parking_name(int32_t parking);
/// Leaves a file there under a key, one for each key. The descriptor stays the caller's.
int32_t clinux_park(int32_t parking, uint64_t key, int32_t descriptor);
/// Takes the file with a key out: a descriptor, -ENOENT when there is none. One caller at a time.
int32_t clinux_unpark(int32_t parking, uint64_t key);

#endif
