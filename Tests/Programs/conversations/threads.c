// Two threads on one BAR, eight threads mapping, a thread that waits for interrupts.
#include "conversation.h"

#include <pthread.h>

static struct session s;
static volatile unsigned char *bar;
static unsigned char *memory;
static int event;

static void *liveness(void *unused) {
  (void)unused;
  for (int i = 0; i < 2000; i++) put32(bar, RAISE, 0);
  return NULL;
}
static void *identify(void *result) {
  long wrong = 0;
  for (int i = 0; i < 2000; i++) wrong += get32(bar, ID) != 0x010000ed;
  *(long *)result = wrong;
  return NULL;
}
static void *sources(void *result) {
  long wrong = 0;
  for (uint64_t i = 0; i < 2000; i++) {
    *(volatile uint64_t *)(bar + DMA_SOURCE) = i * 0x100000001;
    wrong += *(volatile uint64_t *)(bar + DMA_SOURCE) != i * 0x100000001;
  }
  *(long *)result = wrong;
  return NULL;
}
static void *targets(void *result) {
  long wrong = 0;
  for (uint64_t i = 0; i < 2000; i++) {
    *(volatile uint64_t *)(bar + DMA_TARGET) = i * 0x300000007;
    wrong += *(volatile uint64_t *)(bar + DMA_TARGET) != i * 0x300000007;
  }
  *(long *)result = wrong;
  return NULL;
}

struct worker {
  pthread_t thread;
  uint64_t base;
  long failures, mapped;
};
static void *mapper(void *argument) {
  struct worker *w = argument;
  for (int round = 0; round < 50; round++) {
    for (uint64_t i = 0; i < 16; i++)
      w->failures += map_quiet(s.container, READ_WRITE, memory, w->base + i * PAGE, PAGE) != 0;
    uint64_t size = 16 * PAGE;
    w->failures += unmap_quiet(s.container, 0, w->base, &size) != 0;
    w->mapped += (long)(size / PAGE);
  }
  return NULL;
}
static void *contender(void *argument) {
  struct worker *w = argument;
  for (int i = 0; i < 200; i++) {
    int result = map_quiet(s.container, READ_WRITE, memory, 0x9000000 + (uint64_t)i * PAGE, PAGE);
    w->mapped += result == 0;
    w->failures += result != 0 && errno != EEXIST;
  }
  return NULL;
}
static void *waiter(void *result) {
  uint64_t count = 0;
  for (int i = 0; i < 10; i++) {
    struct pollfd p = {event, POLLIN, 0};
    if (poll(&p, 1, 5000) != 1 || read(event, &count, 8) != 8) break;
    put32(bar, ACKNOWLEDGE, 0xffffffff);
    ++*(long *)result;
  }
  return NULL;
}

int main(void) {
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  memory = pages(1);
  event = eventfd(0, 0);
  put32(bar, ACKNOWLEDGE, 0xffffffff);
  pthread_t t[4];
  long wrong[4] = {0};
  pthread_create(&t[0], NULL, liveness, NULL);
  pthread_create(&t[1], NULL, identify, &wrong[1]);
  pthread_create(&t[2], NULL, sources, &wrong[2]);
  pthread_create(&t[3], NULL, targets, &wrong[3]);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  say("four threads on one BAR: wrong %ld %ld %ld, interrupts %08x", wrong[1], wrong[2], wrong[3],
      get32(bar, INTERRUPTS));
  struct worker w[8] = {0};
  for (int i = 0; i < 8; i++) {
    w[i].base = 0x1000000 + (uint64_t)i * 0x100000;
    pthread_create(&w[i].thread, NULL, mapper, &w[i]);
  }
  long failures = 0, mapped = 0;
  for (int i = 0; i < 8; i++) {
    pthread_join(w[i].thread, NULL);
    failures += w[i].failures;
    mapped += w[i].mapped;
  }
  say("eight threads mapping: %ld pages unmapped, %ld failures", mapped, failures);
  memset(w, 0, sizeof w);
  for (int i = 0; i < 8; i++) pthread_create(&w[i].thread, NULL, contender, &w[i]);
  failures = mapped = 0;
  for (int i = 0; i < 8; i++) {
    pthread_join(w[i].thread, NULL);
    failures += w[i].failures;
    mapped += w[i].mapped;
  }
  say("eight threads for the same pages: %ld mapped, %ld failures", mapped, failures);
  int container = s.container;
  UNMAP_EVERYTHING();
  long waited = 0;
  say("arm = %s", outcome(arm(s.device, 1, event)));
  pthread_create(&t[0], NULL, waiter, &waited);
  for (int i = 0; i < 10; i++) {
    put32(bar, RAISE, 1);
    while (get32(bar, INTERRUPTS)) wait_ms(1);
  }
  pthread_join(t[0], NULL);
  say("a thread took %ld interrupts", waited);
  return 0;
}
