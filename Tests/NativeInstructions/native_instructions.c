#define _GNU_SOURCE 1
#include "native_instructions.h"
#include <cpuid.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct native_state *native_current;
uint64_t native_stack, native_scratch, native_result_stack, native_result_flags;
void native_return(void);
void native_enter(void);

__asm__(
    ".text\n"
    "native_enter:\n"
    "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp, native_stack(%rip)\n"
    "  mov native_current(%rip), %rbx\n"
    "  mov 152(%rbx), %rdi\n"
    "  mov $0xe7, %eax\n  xor %edx, %edx\n"
    "  xrstor64 (%rdi)\n"
    "  push 128(%rbx)\n"
    "  popfq\n"
    "  mov 0(%rbx), %rax\n  mov 8(%rbx), %rcx\n  mov 16(%rbx), %rdx\n"
    "  mov 32(%rbx), %rsp\n  mov 40(%rbx), %rbp\n  mov 48(%rbx), %rsi\n  mov 56(%rbx), %rdi\n"
    "  mov 64(%rbx), %r8\n  mov 72(%rbx), %r9\n  mov 80(%rbx), %r10\n  mov 88(%rbx), %r11\n"
    "  mov 96(%rbx), %r12\n  mov 104(%rbx), %r13\n  mov 112(%rbx), %r14\n  mov 120(%rbx), %r15\n"
    "  mov 24(%rbx), %rbx\n"
    "  jmp *native_target(%rip)\n"
    "native_return:\n"
    "  mov %rbx, native_scratch(%rip)\n"
    "  mov %rsp, native_result_stack(%rip)\n"
    "  mov native_stack(%rip), %rsp\n"
    "  pushfq\n"
    "  mov native_current(%rip), %rbx\n"
    "  pop 128(%rbx)\n"
    "  cld\n"
    "  mov %rax, 0(%rbx)\n  mov %rcx, 8(%rbx)\n  mov %rdx, 16(%rbx)\n"
    "  mov %rbp, 40(%rbx)\n  mov %rsi, 48(%rbx)\n  mov %rdi, 56(%rbx)\n"
    "  mov %r8, 64(%rbx)\n  mov %r9, 72(%rbx)\n  mov %r10, 80(%rbx)\n  mov %r11, 88(%rbx)\n"
    "  mov %r12, 96(%rbx)\n  mov %r13, 104(%rbx)\n  mov %r14, 112(%rbx)\n  mov %r15, 120(%rbx)\n"
    "  mov native_scratch(%rip), %rax\n  mov %rax, 24(%rbx)\n"
    "  mov native_result_stack(%rip), %rax\n  mov %rax, 32(%rbx)\n"
    "  mov 152(%rbx), %rdi\n"
    "  mov $0xe7, %eax\n  xor %edx, %edx\n"
    "  xsave64 (%rdi)\n"
    "  vzeroupper\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
    "  ret\n"
    ".data\n"
    "native_target: .quad 0x10000000\n"
    ".text\n");

int32_t native_prepare(void) {
  const size_t all = native_data - native_code + native_data_bytes;
  void *at = mmap((void *)native_code, all, PROT_READ | PROT_WRITE | PROT_EXEC,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  return at == (void *)native_code;
}

void native_run(struct native_state *state, const uint8_t *bytes, size_t count) {
  static const uint8_t jump[] = {0xff, 0x25, 0, 0, 0, 0};  // jmp *0(%rip)
  uint8_t *code = (uint8_t *)native_code;
  void (*back)(void) = native_return;
  memcpy(code, bytes, count);
  memcpy(code + count, jump, sizeof jump);
  memcpy(code + count + sizeof jump, &back, sizeof back);
  uint64_t saved_gs;
  __asm__ volatile("rdgsbase %0" : "=r"(saved_gs));
  __asm__ volatile("wrgsbase %0" ::"r"(state->gs_base));
  __asm__ volatile("rdfsbase %0" : "=r"(state->fs_base));
  native_current = state;
  native_enter();
  __asm__ volatile("wrgsbase %0" ::"r"(saved_gs));
}

int32_t native_has_xsave(void) {
  uint32_t a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE) && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
         (b & bit_FSGSBASE);
}

int32_t native_has_component(uint32_t component) {
  uint32_t low, high;
  if (!native_has_xsave()) return 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (int32_t)(low >> component & 1);
}

static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

void native_fill_context(void *context, void *vectors) {
  ucontext_t *to = context;
  for (int number = 0; number < 16; number++) to->uc_mcontext.gregs[order[number]] = 100 + number;
  to->uc_mcontext.gregs[REG_RIP] = 200;
  to->uc_mcontext.gregs[REG_EFL] = 0x202;
  to->uc_mcontext.gregs[REG_ERR] = 6;
  to->uc_mcontext.fpregs = vectors;
}

size_t native_context_bytes(void) { return sizeof(ucontext_t); }

uint64_t native_context_register(const void *context, int32_t number) {
  const ucontext_t *from = context;
  int index = number < 16 ? order[number] : number == 16 ? REG_RIP : REG_EFL;
  return (uint64_t)from->uc_mcontext.gregs[index];
}
