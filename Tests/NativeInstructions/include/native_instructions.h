// Runs instructions on the processor itself, with every register given and every register reported.
#ifndef NATIVE_INSTRUCTIONS_H
#define NATIVE_INSTRUCTIONS_H
#include <stddef.h>
#include <stdint.h>

struct native_state {
  uint64_t general[16];  // as instructions number them: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8…r15
  uint64_t flags;
  uint64_t gs_base;
  uint64_t fs_base;                // out
  void *_Nullable vectors;         // an XSAVE area of 64-byte alignment
};

/// One mapping at a fixed address below 4 GiB: a page of code, a page of nothing, four pages of data. 0 when it
/// cannot be had.
enum { native_code = 0x10000000, native_data = 0x10002000, native_data_bytes = 0x4000 };
int32_t native_prepare(void);

/// Runs one instruction at `native_code`. Not for use by two threads.
void native_run(struct native_state *_Nonnull state, const uint8_t *_Nonnull bytes, size_t count);

/// Whether the processor and system can run what needs AVX (2) or AVX-512 (7), as numbered in XCR0.
int32_t native_has_component(uint32_t component);
int32_t native_has_xsave(void);

/// A thread's context as the kernel and libc lay it out, with each register holding its own number.
void native_fill_context(void *_Nonnull context, void *_Nonnull vectors);
size_t native_context_bytes(void);
uint64_t native_context_register(const void *_Nonnull context, int32_t number);
#endif
