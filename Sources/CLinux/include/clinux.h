// What Swift cannot say about Linux: copies whose faults are answers, and the fix-up that makes them so.
// _GNU_SOURCE is not defined here: SwiftGlibc is built without it.
#ifndef CLINUX_H
#define CLINUX_H
#include <stddef.h>
#include <stdint.h>

/// Copies `count` bytes. 0, or EFAULT when either side is not there; bytes before the fault may be copied.
int32_t clinux_copy(void *_Nullable to, const void *_Nullable from, size_t count);

/// The same of the sizes that MAP_DMA and UNMAP_DMA have.
int32_t clinux_copy_32(void *_Nullable to, const void *_Nullable from);
int32_t clinux_copy_24(void *_Nullable to, const void *_Nullable from);
/// Whichever is shortest for a size that the compiler knows.
static inline int32_t clinux_copy_value(void *_Nullable to, const void *_Nullable from, size_t size) {
  return size == 32 ? clinux_copy_32(to, from) : size == 24 ? clinux_copy_24(to, from) : clinux_copy(to, from, size);
}

/// Writes a word `count` times. 0, or EFAULT when memory ends before that; what comes before is written.
int32_t clinux_fill(uint64_t address, uint64_t word, size_t count);

/// Loads or stores 1, 2, 4 or 8 bytes with one instruction. 0, or EFAULT when nothing is there.
int32_t clinux_load(uint64_t address, int32_t width, uint64_t *_Nonnull value);
int32_t clinux_store(uint64_t address, int32_t width, uint64_t value);

/// Reads one byte of every 4096-byte page from the page-aligned `address` on, `count` bytes in all.
/// The bytes that can be read before the first that cannot; `count` when all can.
size_t clinux_touch_for_read(uint64_t address, size_t count);

/// The same with an atomic OR of 0: whatever another thread writes meanwhile is kept.
size_t clinux_touch_for_write(uint64_t address, size_t count);

/// Asks the processor for the line at an address that will be written soon; any address will do, nothing faults.
static inline void clinux_prefetch(const void *_Nullable address) { __builtin_prefetch(address, 1); }

/// Given the third argument of a SIGSEGV or SIGBUS handler: when the fault happened inside one of the
/// functions above, makes that function return its failure and answers 1; otherwise changes nothing and
/// answers 0. Decided by instruction pointer: a non-canonical pointer faults with si_addr 0.
int32_t clinux_fix_up(void *_Nonnull context);

/// Installs a handler for SIGSEGV and SIGBUS that does only the fix-up and hands everything else to the
/// default action. For processes without the preload, which has a handler of its own.
void clinux_install_fault_guard(void);

/// The calling thread's FS and GS bases: by rdfsbase where the kernel allows it, else by arch_prctl.
void clinux_segment_bases(uint64_t *_Nonnull fs, uint64_t *_Nonnull gs);

/// Where an XSAVE area in standard format holds a component numbered 2…62, in bytes; 0 when the processor
/// has none.
uint32_t clinux_xsave_offset(uint32_t component);

/// Runs `code`, one instruction that touches neither rsp nor memory that may fault, and RET, with the registers
/// of a stopped thread: rax, rcx, rdx, rbx, (rsp), rbp, rsi, rdi, r8…r15, rflags, and the vector and x87
/// registers of its signal frame's `_fpstate`. Their values afterwards are stored back. 0, and nothing was
/// run, when the frame has no XSAVE area or the thread has floating-point exceptions unmasked; else 1.
int32_t clinux_run(uint64_t registers[_Nonnull 17], void *_Nullable area, const void *_Nonnull code);

/// Copies the bytes at an instruction pointer, up to 15, as many as are there; `bytes` beyond them become 0.
/// Never faults. How many there are.
size_t clinux_copy_instruction(uint64_t address, uint8_t bytes[_Nonnull 16]);

#endif
