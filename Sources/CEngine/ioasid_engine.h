// The one seam between the preload (in every process of a run) and the engine (loaded when a process first
// opens a VFIO node). Addresses and descriptors are numbers. A result below zero is a negative errno.
#ifndef IOASID_ENGINE_H
#define IOASID_ENGINE_H
#include <stdint.h>

/// What a descriptor of ours stands for.
/// A kernel device is the kernel's own descriptor: only what the engine translates of its calls comes here, the
/// kernel answers the rest.
enum ioasid_kind { ioasid_container = 1, ioasid_group = 2, ioasid_device = 3, ioasid_kernel_device = 4 };

/// An open legacy file: `file` is the engine's token for it, never 0.
struct ioasid_open_file {
  uint64_t file;
  uint32_t kind;
  uint32_t major, minor;  // of the character device that fstat shall show; 0, 0 for a device's anonymous inode
  int32_t descriptor;     // a real kernel descriptor, numbered as the kernel would number it
  uint32_t group;         // a group's number, which names its node; bit 31 stands for `noiommu-` before it
  uint64_t container;     // what `container` is called with; 0 where all calls are `ioctl`'s
};

/// No result of any call.
#define IOASID_NOT_OURS (-4096)

/// What the engine asks of the preload.
struct ioasid_host {
  /// The open file behind a descriptor, kept from going away until `unpin` of the number answered. 0 when it is
  /// not ours. May call `adopt`.
  int32_t (*_Nonnull pin)(int32_t descriptor, struct ioasid_open_file *_Nonnull);
  void (*_Nonnull unpin)(int32_t pinned);
  /// Takes a descriptor out of the program's sight: it cannot close, duplicate over or use it. Answers the number
  /// it has from now on, a high one, so that the program keeps getting the lowest.
  int32_t (*_Nonnull hide)(int32_t descriptor);
  /// Ends that, just before the engine closes it.
  void (*_Nonnull reveal)(int32_t descriptor);
  /// Whether the program ever asked for memory that may be written or executed and not read. The processor reads
  /// it all the same; the kernel does not.
  int32_t (*_Nonnull hides_reading)(void);
  /// How far from its thread pointer every thread has 48 bytes, 0 at first, for the engine.
  int64_t thread_words;
};

/// What the preload asks of the engine.
struct ioasid_engine {
  /// Each success of `open` and `adopt` and each device that `ioctl` opens is one reference of the token answered;
  /// a token may be answered again. open(2) of the node with this inode number; `flags` as the program gave them.
  int64_t (*_Nonnull open)(uint64_t inode, int32_t flags, struct ioasid_open_file *_Nonnull);
  /// Takes over a descriptor that came by exec, by a socket or by a raw system call.
  int64_t (*_Nonnull adopt)(int32_t descriptor, uint64_t inode, struct ioasid_open_file *_Nonnull);
  /// MAP_DMA and UNMAP_DMA of a file that has a `container`, which it has where they need no more than a small stack:
  /// the only calls that are not made on a stack of the preload's. IOASID_NOT_OURS where this one needs more:
  /// `again`, by the same thread, makes it.
  int64_t (*_Nonnull container)(uint64_t container, uint64_t request, uint64_t argument);
  int64_t (*_Nonnull again)(void);
  /// Every other ioctl but FIOCLEX, FIONCLEX, FIONBIO and FIOASYNC. GET_DEVICE_FD fills `opened` (kind not 0).
  int64_t (*_Nonnull ioctl)(uint64_t file, int32_t descriptor, uint64_t request, uint64_t argument,
                            struct ioasid_open_file *_Nonnull opened);
  /// KVM_SET_DEVICE_ATTR of any descriptor, or IOASID_NOT_OURS where no group of ours is named.
  int64_t (*_Nonnull attribute)(int32_t descriptor, uint64_t argument);
  /// `offset` −1: read(2) and write(2) at the description's own position.
  int64_t (*_Nonnull read)(uint64_t file, int32_t descriptor, uint64_t address, uint64_t count, int64_t offset);
  int64_t (*_Nonnull write)(uint64_t file, int32_t descriptor, uint64_t address, uint64_t count, int64_t offset);
  /// mmap(2): the address, or −errno.
  int64_t (*_Nonnull map)(uint64_t file, int32_t descriptor, uint64_t address, uint64_t length, int32_t protection,
                          int32_t flags, int64_t offset);
  /// munmap(2), mprotect(2) and mremap(2), asked only where `traps` says yes.
  int64_t (*_Nonnull unmap)(uint64_t address, uint64_t length);
  int64_t (*_Nonnull protect)(uint64_t address, uint64_t length, int32_t protection);
  int64_t (*_Nonnull remap)(uint64_t address, uint64_t length, uint64_t new_length, int32_t flags, uint64_t new_address);
  /// Whether a trapped mapping lies in the range. Lock-free.
  int32_t (*_Nonnull traps)(uint64_t address, uint64_t length);
  /// Something else was mapped over the range (mmap with MAP_FIXED).
  void (*_Nonnull covered)(uint64_t address, uint64_t length);
  /// The program closes a descriptor of a device next. 1 where registers of the kernel's device are mapped here: the
  /// engine keeps it open until `unmapped`, asked after mappings went, says 0.
  int32_t (*_Nonnull keep)(uint64_t file, int32_t descriptor);
  int32_t (*_Nonnull unmapped)(void);
  /// Gives one reference back: the descriptors that shared it are closed. With the last the token is void.
  void (*_Nonnull release)(uint64_t file);
  /// The process's limits or capabilities may have changed.
  void (*_Nonnull limits)(void);
  /// SIGSEGV, SIGBUS: 1 when the fault was the engine's own or a trapped register's and the thread shall go on, 0
  /// when it is none of the engine's, SIGBUS when it is what the kernel would report so.
  int32_t (*_Nonnull fault)(int32_t signal, void *_Nonnull info, void *_Nonnull context);
  /// Moves bytes between memory of the caller's and trapped registers, as the kernel's copies do: one by one.
  /// Answers how many went; what allows no access ends it. Without memory: how many would be allowed to go.
  uint64_t (*_Nonnull load)(uint64_t registers, void *_Nullable to, uint64_t count);
  uint64_t (*_Nonnull store)(uint64_t registers, const void *_Nullable from, uint64_t count);
};

/// The engine's only exported symbol, found with dlsym. Null when the process is in no run.
const struct ioasid_engine *_Nullable ioasid_engine_start(const struct ioasid_host *_Nonnull host);

#endif
