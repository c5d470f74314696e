#define _GNU_SOURCE 1
#include "cpreload.h"
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

uintptr_t cpreload_next_addresses[cpreload_next_count];
const char *const cpreload_next_names[cpreload_next_count] = {
#define CPRELOAD_NAME(name) #name,
    CPRELOAD_NEXT(CPRELOAD_NAME)
#undef CPRELOAD_NAME
};
uint32_t cpreload_descriptors[CPRELOAD_DESCRIPTORS];
_Alignas(64) unsigned char cpreload_slots[CPRELOAD_SLOTS * CPRELOAD_SLOT_BYTES];
_Alignas(4096) unsigned char cpreload_owner_page[4096];
__thread uint32_t cpreload_thread_depth __attribute__((tls_model("initial-exec")));
__thread uint64_t cpreload_thread_lent[6] __attribute__((tls_model("initial-exec")));
__thread uint64_t cpreload_thread_deferred __attribute__((tls_model("initial-exec")));
__thread struct cpreload_fault_view cpreload_thread_faults __attribute__((tls_model("initial-exec")));
struct cpreload_disposition cpreload_dispositions[CPRELOAD_SIGNALS];
struct cpreload_words cpreload_process;

// cpreload_call_on(top, function, a, b): rbx keeps the stack to come back to.
__asm__(
    ".text\n.globl cpreload_call_on\n.hidden cpreload_call_on\n.type cpreload_call_on,@function\n"
    "cpreload_call_on:\n"
    "  .cfi_startproc\n"
    "  push %rbx\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  .cfi_rel_offset rbx, 0\n"
    "  mov %rsp, %rbx\n"
    "  .cfi_def_cfa_register rbx\n"
    "  mov %rdi, %rsp\n"
    "  and $-16, %rsp\n"
    "  mov %rsi, %rax\n"
    "  mov %rdx, %rdi\n"
    "  mov %rcx, %rsi\n"
    "  call *%rax\n"
    "  mov %rbx, %rsp\n"
    "  .cfi_def_cfa_register rsp\n"
    "  pop %rbx\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  ret\n"
    "  .cfi_endproc\n"
    ".size cpreload_call_on, . - cpreload_call_on\n");

void *cpreload_open_beside(const char *file) {
  Dl_info own;
  char path[4096];
  if (dladdr((void *)cpreload_open_beside, &own) == 0) return 0;
  const char *slash = strrchr(own.dli_fname, '/');
  size_t directory = slash == 0 ? 0 : (size_t)(slash + 1 - own.dli_fname), length = strlen(file) + 1;
  if (directory + length > sizeof path) return 0;
  memcpy(path, own.dli_fname, directory);
  memcpy(path + directory, file, length);
  return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

// Stacks are made when first needed and kept: as many as threads were ever in the engine at once.
enum { stack_count = 64, stack_bytes = 1 << 20 };
static struct {
  atomic_bool taken;
  uintptr_t top;
} stacks[stack_count];

int cpreload_take_stack(void) {
  for (int i = 0; i < stack_count; i++) {
    if (atomic_exchange_explicit(&stacks[i].taken, 1, memory_order_acquire)) continue;
    if (stacks[i].top) return i;
    long made;
    register long flags __asm__("r10") = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    register long descriptor __asm__("r8") = -1;
    register long offset __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(made)
                     : "a"(SYS_mmap), "D"(0L), "S"((long)stack_bytes), "d"((long)(PROT_READ | PROT_WRITE)), "r"(flags),
                       "r"(descriptor), "r"(offset)
                     : "rcx", "r11", "memory");
    if (made > 0) {
      stacks[i].top = (uintptr_t)made + stack_bytes;
      return i;
    }
    cpreload_return_stack(i);
    return -1;
  }
  return -1;
}
uintptr_t cpreload_stack_top(int stack) { return stacks[stack].top; }

// What a call with room carries over to the other stack.
struct call {
  intptr_t (*function)(intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t);
  intptr_t arguments[7];
};

static intptr_t perform(intptr_t address, intptr_t unused) {
  (void)unused;
  const struct call *call = (const struct call *)address;
  const intptr_t *a = call->arguments;
  return call->function(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
}

intptr_t cpreload_call_with_room(uintptr_t function, intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e,
                                 intptr_t f, intptr_t g) {
  struct call call = {(intptr_t(*)(intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t))function,
                      {a, b, c, d, e, f, g}};
  int stack = cpreload_take_stack();
  if (stack < 0) return perform((intptr_t)&call, 0);
  intptr_t result = cpreload_call_on(stacks[stack].top, perform, (intptr_t)&call, 0);
  cpreload_return_stack(stack);
  return result;
}
void cpreload_return_stack(int stack) { atomic_store_explicit(&stacks[stack].taken, 0, memory_order_release); }
