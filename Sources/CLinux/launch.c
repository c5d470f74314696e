#define _GNU_SOURCE 1
#include "clinux_launch.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

int32_t clinux_unshare_mounts(int32_t user) {
  return unshare(CLONE_NEWNS | (user ? CLONE_NEWUSER : 0)) ? errno : 0;
}

int32_t clinux_make_robust_lock(int32_t descriptor, int64_t offset) {
  pthread_mutex_t lock;
  pthread_mutexattr_t attributes;
  memset(&lock, 0, sizeof lock);
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  int32_t failure = pthread_mutex_init(&lock, &attributes);
  pthread_mutexattr_destroy(&attributes);
  if (failure) return failure;
  return pwrite(descriptor, &lock, sizeof lock, offset) == (ssize_t)sizeof lock ? 0 : errno;
}
