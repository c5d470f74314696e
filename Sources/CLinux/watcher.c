#define _GNU_SOURCE 1
#include "clinux_shared.h"
#include "kernel.h"
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

struct watcher {
  int epoll;
  void (*arrived)(void *, int32_t);
  void *context;
};

static void *watch(void *argument) {
  struct watcher watcher = *(struct watcher *)argument;
  free(argument);
  for (;;) {
    struct epoll_event event;
    uint64_t count;
    if (epoll_wait(watcher.epoll, &event, 1, -1) != 1) continue;
    if (enter(SYS_read, event.data.fd, (long)&count, sizeof count, 0, 0, 0) == sizeof count)
      watcher.arrived(watcher.context, event.data.fd);
  }
  return 0;
}

int32_t clinux_make_watcher(void) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  return epoll < 0 ? -errno : epoll;
}

int32_t clinux_start_watcher(int32_t epoll, void (*arrived)(void *, int32_t), void *context) {
  struct watcher *watcher = malloc(sizeof *watcher);
  if (!watcher) return -ENOMEM;
  *watcher = (struct watcher){epoll, arrived, context};
  pthread_attr_t attributes;
  sigset_t all;
  pthread_t thread;
  sigfillset(&all);
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setsigmask_np(&attributes, &all);
  int failure = pthread_create(&thread, &attributes, watch, watcher);
  pthread_attr_destroy(&attributes);
  if (failure) free(watcher);
  return -failure;
}

int32_t clinux_watch(int32_t watcher, int32_t descriptor) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
  return epoll_ctl(watcher, EPOLL_CTL_ADD, descriptor, &event) ? -errno : 0;
}
int32_t clinux_unwatch(int32_t watcher, int32_t descriptor) {
  return epoll_ctl(watcher, EPOLL_CTL_DEL, descriptor, 0) ? -errno : 0;
}

int32_t clinux_has_capability(int32_t number) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (enter(SYS_capget, (long)&header, (long)data, 0, 0, 0, 0)) return 0;
  return (int32_t)(data[number / 32].effective >> (number % 32) & 1);
}
