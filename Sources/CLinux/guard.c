#define _GNU_SOURCE 1
#include "clinux.h"
#include <errno.h>
#include <signal.h>
#include <ucontext.h>

#if !defined(__x86_64__)
#error "The fault guard is written for x86-64."
#endif

// Each function is its own range of instructions with its own landing place: clinux_fix_up only moves the
// instruction pointer from the first to the second. Registers at the landing hold what they held at the fault.
__asm__(
    ".text\n"
    ".globl clinux_copy\n.type clinux_copy,@function\n"
    "clinux_copy:\n"
    "  cmp $128, %rdx\n"
    "  ja 3f\n"
    "1: cmp $8, %rdx\n"
    "  jb 2f\n"
    "  mov (%rsi), %rax\n"
    "  mov %rax, (%rdi)\n"
    "  add $8, %rsi\n"
    "  add $8, %rdi\n"
    "  sub $8, %rdx\n"
    "  jmp 1b\n"
    "clinux_copy_words_end:\n"
    "2: test %rdx, %rdx\n"
    "  jz 4f\n"
    "clinux_copy_bytes:\n"
    "3: mov %rdx, %rcx\n"
    "  rep movsb\n"
    "4: xor %eax, %eax\n"
    "  ret\n"
    ".size clinux_copy, . - clinux_copy\n"
    // The sizes of MAP_DMA and UNMAP_DMA. What is not all there is copied again, byte by byte.
    ".globl clinux_copy_32\n.type clinux_copy_32,@function\n"
    "clinux_copy_32:\n"
    "  movups (%rsi), %xmm0\n"
    "  movups 16(%rsi), %xmm1\n"
    "  movups %xmm0, (%rdi)\n"
    "  movups %xmm1, 16(%rdi)\n"
    "  xor %eax, %eax\n"
    "  ret\n"
    "clinux_copy_32_bytes:\n"
    "  mov $32, %edx\n"
    "  jmp clinux_copy_bytes\n"
    ".size clinux_copy_32, . - clinux_copy_32\n"
    ".globl clinux_copy_24\n.type clinux_copy_24,@function\n"
    "clinux_copy_24:\n"
    "  movups (%rsi), %xmm0\n"
    "  mov 16(%rsi), %rax\n"
    "  movups %xmm0, (%rdi)\n"
    "  mov %rax, 16(%rdi)\n"
    "  xor %eax, %eax\n"
    "  ret\n"
    "clinux_copy_24_bytes:\n"
    "  mov $24, %edx\n"
    "  jmp clinux_copy_bytes\n"
    ".size clinux_copy_24, . - clinux_copy_24\n"
    ".globl clinux_fill\n.type clinux_fill,@function\n"
    "clinux_fill:\n"
    "  mov %rdx, %rcx\n"
    "  mov %rsi, %rax\n"
    "  rep stosq\n"
    "clinux_fill_words_end:\n"
    "  xor %eax, %eax\n"
    "  ret\n"
    // The bytes of the word that could not be stored whole, up to the one that cannot.
    "clinux_fill_bytes:\n"
    "  mov $8, %ecx\n"
    "1: movb %al, (%rdi)\n"
    "  ror $8, %rax\n"
    "  inc %rdi\n"
    "  dec %ecx\n"
    "  jnz 1b\n"
    "  jmp clinux_copy_fault\n"
    "clinux_copy_end:\n"
    "clinux_copy_fault:\n"
    "  mov $14, %eax\n"  // EFAULT
    "  ret\n"
    ".size clinux_fill, . - clinux_fill\n"
    ".globl clinux_load\n.type clinux_load,@function\n"
    "clinux_load:\n"
    "  cmp $2, %esi\n"
    "  ja 1f\n"
    "  je 2f\n"
    "  movzbl (%rdi), %eax\n"
    "  jmp 4f\n"
    "2: movzwl (%rdi), %eax\n"
    "  jmp 4f\n"
    "1: cmp $4, %esi\n"
    "  ja 3f\n"
    "  movl (%rdi), %eax\n"
    "  jmp 4f\n"
    "3: mov (%rdi), %rax\n"
    "4: mov %rax, (%rdx)\n"
    "  xor %eax, %eax\n"
    "  ret\n"
    ".size clinux_load, . - clinux_load\n"
    ".globl clinux_store\n.type clinux_store,@function\n"
    "clinux_store:\n"
    "  cmp $2, %esi\n"
    "  ja 1f\n"
    "  je 2f\n"
    "  movb %dl, (%rdi)\n"
    "  jmp 4f\n"
    "2: movw %dx, (%rdi)\n"
    "  jmp 4f\n"
    "1: cmp $4, %esi\n"
    "  ja 3f\n"
    "  movl %edx, (%rdi)\n"
    "  jmp 4f\n"
    "3: mov %rdx, (%rdi)\n"
    "4: xor %eax, %eax\n"
    "  ret\n"
    "clinux_store_end:\n"
    ".size clinux_store, . - clinux_store\n"
    ".globl clinux_touch_for_read\n.type clinux_touch_for_read,@function\n"
    "clinux_touch_for_read:\n"
    "  xor %eax, %eax\n"
    "  jmp 2f\n"
    "1: mov %rax, %rdx\n"
    "  shr $6, %rdx\n"
    "  and $4032, %edx\n"
    "  add %rdi, %rdx\n"
    "  movb (%rdx,%rax), %cl\n"
    "  add $4096, %rax\n"
    "2: cmp %rsi, %rax\n"
    "  jb 1b\n"
    "  mov %rsi, %rax\n"
    "  ret\n"
    ".size clinux_touch_for_read, . - clinux_touch_for_read\n"
    ".globl clinux_touch_for_write\n.type clinux_touch_for_write,@function\n"
    "clinux_touch_for_write:\n"
    "  xor %eax, %eax\n"
    "  jmp 2f\n"
    "1: mov %rax, %rdx\n"
    "  shr $6, %rdx\n"
    "  and $4032, %edx\n"
    "  add %rdi, %rdx\n"
    "  lock orb $0, (%rdx,%rax)\n"
    "  add $4096, %rax\n"
    "2: cmp %rsi, %rax\n"
    "  jb 1b\n"
    "  mov %rsi, %rax\n"
    "  ret\n"
    "clinux_touch_end:\n"
    "clinux_touch_fault:\n"
    "  ret\n"  // rax counts the bytes of the pages before the bad one
    ".size clinux_touch_for_write, . - clinux_touch_for_write\n");

extern const char clinux_copy_words_end[], clinux_copy_bytes[], clinux_copy_32_bytes[], clinux_copy_24_bytes[];
extern const char clinux_fill_words_end[], clinux_fill_bytes[];
extern const char clinux_store_end[], clinux_copy_end[], clinux_copy_fault[], clinux_touch_end[], clinux_touch_fault[];

int32_t clinux_fix_up(void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  uintptr_t at = (uintptr_t)registers[REG_RIP];
  // A word may begin in memory that is there: the rest goes byte by byte, up to the one that is not.
  if (at - (uintptr_t)clinux_copy < (uintptr_t)clinux_copy_words_end - (uintptr_t)clinux_copy)
    registers[REG_RIP] = (greg_t)clinux_copy_bytes;
  else if (at - (uintptr_t)clinux_copy_32 < (uintptr_t)clinux_copy_32_bytes - (uintptr_t)clinux_copy_32)
    registers[REG_RIP] = (greg_t)clinux_copy_32_bytes;
  else if (at - (uintptr_t)clinux_copy_24 < (uintptr_t)clinux_copy_24_bytes - (uintptr_t)clinux_copy_24)
    registers[REG_RIP] = (greg_t)clinux_copy_24_bytes;
  else if (at - (uintptr_t)clinux_fill < (uintptr_t)clinux_fill_words_end - (uintptr_t)clinux_fill)
    registers[REG_RIP] = (greg_t)clinux_fill_bytes;
  else if (at - (uintptr_t)clinux_copy < (uintptr_t)clinux_copy_end - (uintptr_t)clinux_copy)
    registers[REG_RIP] = (greg_t)clinux_copy_fault;
  else if (at - (uintptr_t)clinux_load < (uintptr_t)clinux_store_end - (uintptr_t)clinux_load)
    registers[REG_RIP] = (greg_t)clinux_copy_fault;
  else if (at - (uintptr_t)clinux_touch_for_read < (uintptr_t)clinux_touch_end - (uintptr_t)clinux_touch_for_read)
    registers[REG_RIP] = (greg_t)clinux_touch_fault;
  else
    return 0;
  return 1;
}

static void on_fault(int signal_number, siginfo_t *info, void *context) {
  (void)info;
  if (!clinux_fix_up(context)) signal(signal_number, SIG_DFL);  // the instruction runs again and dies as it would
}

void clinux_install_fault_guard(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
}
