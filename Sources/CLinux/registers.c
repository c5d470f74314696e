#define _GNU_SOURCE 1
#include "clinux.h"
#include "kernel.h"
#include <cpuid.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { hwcap2_fsgsbase = 1 << 1, arch_get_fs = 0x1003, arch_get_gs = 0x1004 };

void clinux_segment_bases(uint64_t *fs, uint64_t *gs) {
  if (getauxval(AT_HWCAP2) & hwcap2_fsgsbase) {
    __asm__ volatile("rdfsbase %0" : "=r"(*fs));
    __asm__ volatile("rdgsbase %0" : "=r"(*gs));
    return;
  }
  *fs = *gs = 0;
  enter(SYS_arch_prctl, arch_get_fs, (long)fs, 0, 0, 0, 0);
  enter(SYS_arch_prctl, arch_get_gs, (long)gs, 0, 0, 0, 0);
}

uint32_t clinux_xsave_offset(uint32_t component) {
  uint32_t size, offset, flags, reserved;
  if (component < 2 || component > 62 || !__get_cpuid_count(0xd, component, &size, &offset, &flags, &reserved))
    return 0;
  return size ? offset : 0;
}

size_t clinux_copy_instruction(uint64_t address, uint8_t bytes[16]) {
  const size_t page = 4096, longest = 15;
  memset(bytes, 0, 16);
  size_t here = page - (size_t)(address & (page - 1));
  if (here > longest) here = longest;
  if (clinux_copy(bytes, (const void *)(uintptr_t)address, here)) return 0;
  if (here < longest && clinux_copy(bytes + here, (const void *)(uintptr_t)(address + here), longest - here))
    memset(bytes + here, 0, longest - here);
  else
    here = longest;
  return here;
}
