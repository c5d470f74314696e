#define _GNU_SOURCE 1
#include "clinux_launch.h"
#include <errno.h>
#include <sched.h>

int32_t clinux_unshare_mounts(int32_t user) {
  return unshare(CLONE_NEWNS | (user ? CLONE_NEWUSER : 0)) ? errno : 0;
}

int32_t clinux_enter_namespace(int32_t descriptor) {
  return setns(descriptor, 0) ? errno : 0;
}
