#define _GNU_SOURCE 1
#include "cpreload.h"

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
