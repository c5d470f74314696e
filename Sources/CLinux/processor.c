#define _GNU_SOURCE 1
#include "clinux.h"

// Components 0…2 and 5…7 of XCR0: x87, SSE, AVX and AVX-512. Never PKRU, which is the thread's own.
enum { vector_components = 0xe7 };

void clinux_run_registers(uint64_t registers[17], void *area, uint64_t components, const void *code);

// Offsets from rsp: 0 code, 8 registers, 16 area, 24 components, 32 MXCSR, 36 the x87 control word.
__asm__(
    ".text\n.globl clinux_run_registers\n.hidden clinux_run_registers\n"
    ".type clinux_run_registers,@function\n"
    "clinux_run_registers:\n"
    "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  sub $40, %rsp\n"
    "  mov %rcx, (%rsp)\n  mov %rdi, 8(%rsp)\n  mov %rsi, 16(%rsp)\n  mov %rdx, 24(%rsp)\n"
    "  stmxcsr 32(%rsp)\n  fnstcw 36(%rsp)\n"
    "  mov %edx, %eax\n  shr $32, %rdx\n  xrstor64 (%rsi)\n"
    "  push 128(%rdi)\n  popf\n"
    "  mov 0(%rdi), %rax\n  mov 8(%rdi), %rcx\n  mov 16(%rdi), %rdx\n  mov 24(%rdi), %rbx\n"
    "  mov 40(%rdi), %rbp\n  mov 48(%rdi), %rsi\n  mov 64(%rdi), %r8\n  mov 72(%rdi), %r9\n"
    "  mov 80(%rdi), %r10\n  mov 88(%rdi), %r11\n  mov 96(%rdi), %r12\n  mov 104(%rdi), %r13\n"
    "  mov 112(%rdi), %r14\n  mov 120(%rdi), %r15\n  mov 56(%rdi), %rdi\n"
    "  call *(%rsp)\n"
    "  push %rdi\n  mov 16(%rsp), %rdi\n  pop 56(%rdi)\n"
    "  mov %rax, 0(%rdi)\n  mov %rcx, 8(%rdi)\n  mov %rdx, 16(%rdi)\n  mov %rbx, 24(%rdi)\n"
    "  mov %rbp, 40(%rdi)\n  mov %rsi, 48(%rdi)\n  mov %r8, 64(%rdi)\n  mov %r9, 72(%rdi)\n"
    "  mov %r10, 80(%rdi)\n  mov %r11, 88(%rdi)\n  mov %r12, 96(%rdi)\n  mov %r13, 104(%rdi)\n"
    "  mov %r14, 112(%rdi)\n  mov %r15, 120(%rdi)\n"
    "  pushf\n  pop 128(%rdi)\n"
    "  cld\n"
    "  mov 16(%rsp), %rsi\n  mov 24(%rsp), %eax\n  mov 28(%rsp), %edx\n  xsave64 (%rsi)\n"
    "  fninit\n  fldcw 36(%rsp)\n  ldmxcsr 32(%rsp)\n"
    "  add $40, %rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
    "  ret\n"
    ".size clinux_run_registers, . - clinux_run_registers\n");

int32_t clinux_run(uint64_t registers[17], void *area, const void *code) {
  const uint8_t *bytes = area;
  // FP_XSTATE_MAGIC1, and the components that the kernel's frame has room for.
  if (!area || (uintptr_t)area % 64 || *(const uint32_t *)(bytes + 464) != 0x46505853) return 0;
  uint64_t components = *(const uint64_t *)(bytes + 472) & vector_components;
  // An exception that the program has unmasked would be raised here and not there.
  if ((*(const uint16_t *)bytes & 0x3f) != 0x3f || (*(const uint32_t *)(bytes + 24) & 0x1f80) != 0x1f80) return 0;
  clinux_run_registers(registers, area, components, code);
  return 1;
}
