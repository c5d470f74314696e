// A limit of locked memory, and the capability that lifts it.
#ifndef LIMITS_H
#define LIMITS_H
#include "conversation.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

MAYBE void limit(unsigned long count) {
  struct rlimit limit = {count * PAGE, count * PAGE};
  say("limit of %lu pages: %s", count, outcome(setrlimit(RLIMIT_MEMLOCK, &limit)));
}

// CAP_IPC_LOCK into effect or out of it.
MAYBE int set_ipc_lock(int on) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data)) give_up("capget");
  data[0].effective &= ~(1U << CAP_IPC_LOCK);
  if (on) data[0].effective |= 1U << CAP_IPC_LOCK;
  return (int)syscall(SYS_capset, &header, data);
}
#endif
