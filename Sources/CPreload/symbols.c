#define _GNU_SOURCE 1
#include "cpreload.h"

// dlsym(handle, name). RTLD_NEXT and RTLD_DEFAULT mean something else for every caller, and libc
// tells callers apart by the return address: it gets the call by a jump, with the caller's.
__asm__(
    ".text\n.globl dlsym\n.type dlsym,@function\n"
    "dlsym:\n"
    "  .cfi_startproc\n"
    "  endbr64\n"
    "  lea 1(%rdi), %rax\n"
    "  cmp $1, %rax\n"
    "  jbe 1f\n"
    "  jmp cpreload_symbol@PLT\n"
    "1:\n"
    "  push %rdi\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  push %rsi\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  sub $8, %rsp\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  call cpreload_find_symbol\n"
    "  add $8, %rsp\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  pop %rsi\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  pop %rdi\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  jmp *%rax\n"
    "  .cfi_endproc\n"
    ".size dlsym, . - dlsym\n");

uintptr_t cpreload_find_symbol(void) {
  uintptr_t address = cpreload_next(cpreload_next_dlsym);
  if (address != 0) return address;
  // By version, since that look-up is nobody's but libc's; the older is what every libc has.
  address = (uintptr_t)dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
  if (address == 0) address = (uintptr_t)dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
  cpreload_set_next(cpreload_next_dlsym, address);
  return address;
}

void *cpreload_own_library(void) {
  Dl_info own;
  if (dladdr((void *)cpreload_own_library, &own) == 0) return 0;
  return dlopen(own.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
}
