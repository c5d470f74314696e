// ioctl(2) entered directly and inlined: MAP and UNMAP on an iommufd are this call and little more.
#ifndef CLINUX_IOMMUFD_H
#define CLINUX_IOMMUFD_H
#include <stdint.h>

/// ioctl(2) with whatever argument, without passing through interposed symbols: what it returned, or −errno.
static inline int64_t clinux_ioctl(int32_t descriptor, uint64_t request, uint64_t argument) {
  int64_t result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(16L), "D"((int64_t)descriptor), "S"(request), "d"(argument)
                   : "rcx", "r11", "memory");
  return result;
}

#endif
