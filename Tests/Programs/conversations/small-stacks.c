// Threads with the least stack there can be, a coroutine, a handler on its alternate stack: each
// opens and uses what another one left.
#include "conversation.h"

#include <limits.h>
#include <pthread.h>
#include <ucontext.h>

static struct session s;
static unsigned char *memory;

static void *whole_life(void *unused) {
  struct session own = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = own.container;
  MAP(READ_WRITE, memory, 0, PAGE);
  volatile unsigned char *bar = map_bar(own.device, PAGE);
  say("id %08x", get32(bar, ID));
  UNMAP(0, PAGE);
  finish(own);
  munmap((void *)bar, PAGE);
  return unused;
}

static void *first_calls(void *unused) {
  int container = s.container;
  MAP(READ_WRITE, memory, 0x100000, PAGE);
  MAP(READ_WRITE, at(PAGE), 0x200000, PAGE);
  UNMAP(0x100000, PAGE);
  say("id %08x", get32(map_bar(s.device, PAGE), ID));
  return unused;
}

static void in_a_thread(void *(*body)(void *)) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, body, NULL)) give_up("pthread_create");
  pthread_join(thread, NULL);
}

static volatile int handled;
static void handler(int signal) {
  int error = errno;
  struct vfio_device_info info = {.argsz = sizeof info};
  handled += ioctl(s.device, VFIO_DEVICE_GET_INFO, &info) == 0 && info.num_regions == 9 && signal;
  errno = error;
}

static ucontext_t outer, inner;
static void coroutine(void) {
  int container = s.container;
  MAP(READ_WRITE, memory, 0x300000, PAGE);
  UNMAP(0x300000, PAGE);
  struct vfio_region_info region = {.argsz = sizeof region};
  CALL(s.device, VFIO_DEVICE_GET_REGION_INFO, &region);
}

int main(void) {
  memory = pages(1);
  heading("a thread that opens everything");
  in_a_thread(whole_life);
  in_a_thread(whole_life);

  heading("a thread in a child that has only inherited");
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  CHILD(in_a_thread(first_calls));
  in_a_thread(first_calls);

  heading("a handler");
  stack_t stack = {.ss_sp = malloc(16384), .ss_size = 16384};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  for (int i = 0; i < 10; i++) raise(SIGUSR1);
  say("handled %d", handled);

  heading("a coroutine");
  static unsigned char small[16384];
  getcontext(&inner);
  inner.uc_stack.ss_sp = small;
  inner.uc_stack.ss_size = sizeof small;
  inner.uc_link = &outer;
  makecontext(&inner, coroutine, 0);
  swapcontext(&outer, &inner);
  finish(s);
  return 0;
}
