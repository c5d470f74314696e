// Threads, and then processes, on one BAR: no access is lost and none is made twice.
#include "runs.h"

#include <pthread.h>

enum { rounds = 4000 };
static volatile unsigned char *bar;

// Plain storage in the device: the three 64-bit DMA registers.
static void add_with_lock(void) {
  __asm__ volatile("lock addq $1, %0" : "+m"(*(volatile uint64_t *)(bar + DMA_SOURCE))::"cc");
}
static void exchange_and_add(void) {
  uint64_t one = 3;
  __asm__ volatile("lock xaddq %0, %1"
                   : "+r"(one), "+m"(*(volatile uint64_t *)(bar + DMA_TARGET))::"cc");
}
static void compare_and_exchange(void) {
  volatile uint64_t *word = (volatile uint64_t *)(bar + DMA_COUNT);
  uint64_t seen = *word;
  while (!__atomic_compare_exchange_n(word, &seen, seen + 5, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    ;
}
static void clear(void) {
  for (unsigned at = DMA_SOURCE; at <= DMA_COUNT; at += 8) *(volatile uint64_t *)(bar + at) = 0;
}
static void check(const char *who, uint64_t times) {
  uint64_t source = *(volatile uint64_t *)(bar + DMA_SOURCE);
  uint64_t target = *(volatile uint64_t *)(bar + DMA_TARGET);
  uint64_t count = *(volatile uint64_t *)(bar + DMA_COUNT);
  say("%s: %lu additions, %lu exchanges, %lu comparisons", who, source, target / 3, count / 5);
  MUST(source == times && target == 3 * times && count == 5 * times);
}

static void *work(void *unused) {
  (void)unused;
  for (int i = 0; i < rounds; i++) {
    add_with_lock();
    exchange_and_add();
    compare_and_exchange();
  }
  return NULL;
}

// Each thread raises and acknowledges bits of its own: status is the union, always.
static void *raise_own(void *argument) {
  uint32_t mine = *(uint32_t *)argument;
  for (int i = 0; i < rounds; i++) {
    put32(bar, RAISE, mine);
    MUST((get32(bar, INTERRUPTS) & mine) == mine);
    put32(bar, ACKNOWLEDGE, mine);
    MUST((get32(bar, INTERRUPTS) & mine) == 0);
  }
  return NULL;
}

// Read-modify-write of other widths and kinds, on the only bits that STATUS keeps and on LIVENESS,
// which reads back inverted.
static void instructions(void) {
  volatile uint32_t *live = (volatile uint32_t *)(bar + LIVENESS);
  volatile uint32_t *status = (volatile uint32_t *)(bar + STATUS);
  *live = 0x0f0f0f0f;
  __asm__ volatile("andl $0xffff, %0" : "+m"(*live)::"cc");
  MUST(*live == ~0x0000f0f0u);
  __asm__ volatile("xorl $1, %0" : "+m"(*live)::"cc");
  MUST(*live == 0x0000f0f1);
  uint32_t other = 0x12345678;
  __asm__ volatile("xchgl %0, %1" : "+r"(other), "+m"(*live));
  MUST(*live == ~0x12345678u);
  __asm__ volatile("orl $0x80, %0" : "+m"(*status)::"cc");
  MUST((*status & 0x80) == 0x80);
  __asm__ volatile("btrl $7, %0" : "+m"(*status)::"cc");
  MUST((*status & 0x80) == 0);
  volatile uint64_t *source = (volatile uint64_t *)(bar + DMA_SOURCE);
  *source = 41;
  __asm__ volatile("incq %0" : "+m"(*source)::"cc");
  __asm__ volatile("negq %0" : "+m"(*source)::"cc");
  __asm__ volatile("notq %0" : "+m"(*source)::"cc");
  __asm__ volatile("shlq $2, %0" : "+m"(*source)::"cc");
  MUST(*source == 41 << 2);
  say("read-modify-write instructions act once");
}

static void in_threads(void *(*body)(void *), void *first, void *second) {
  pthread_t t[2];
  pthread_create(&t[0], NULL, body, first);
  pthread_create(&t[1], NULL, body, second);
  pthread_join(t[0], NULL);
  pthread_join(t[1], NULL);
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  bar = map_bar(s.device, PAGE);
  instructions();
  clear();
  in_threads(work, NULL, NULL);
  check("two threads", 2 * rounds);
  uint32_t bits[2] = {0x0000ffff, 0xffff0000};
  put32(bar, ACKNOWLEDGE, 0xffffffff);
  in_threads(raise_own, &bits[0], &bits[1]);
  say("raised and acknowledged: %08x left", get32(bar, INTERRUPTS));
  clear();
  fflush(stdout);
  pid_t child[2];
  for (int i = 0; i < 2; i++)
    if ((child[i] = fork()) == 0) {
      in_threads(work, NULL, NULL);
      _exit(0);
    }
  MUST(went_well(child[0]) && went_well(child[1]));
  check("two processes of two threads", 4 * rounds);

  sigset_t all, seen;
  sigfillset(&all);
  MUST(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
  clear();
  in_threads(work, NULL, NULL);
  check("every signal blocked", 2 * rounds);
  sigprocmask(SIG_SETMASK, NULL, &seen);
  MUST(sigismember(&seen, SIGSEGV) && sigismember(&seen, SIGBUS) && sigismember(&seen, SIGTRAP));
  say("done");
  return 0;
}
