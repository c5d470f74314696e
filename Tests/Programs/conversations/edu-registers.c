// edu's registers by every width, offset and way of access.
#include "conversation.h"

static const unsigned places[] = {0x00, 0x01, 0x02, 0x04, 0x05, 0x08, 0x0c, 0x10, 0x1c, 0x20,
                                  0x24, 0x28, 0x5c, 0x60, 0x64, 0x68, 0x7c, 0x80, 0x84, 0x88,
                                  0x8c, 0x90, 0x94, 0x98, 0x9c, 0xa0, 0xfc, 0x100, 0x1000, 0x40000,
                                  0x41000, 0xffff8, 0xffffc};

static void settle(volatile unsigned char *bar) {
  put32(bar, STATUS, 0);
  put32(bar, ACKNOWLEDGE, 0xffffffff);
  put32(bar, LIVENESS, 0x12345678);
  put32(bar, FACTORIAL, 5);
  while (get32(bar, STATUS) & 1) wait_ms(1);
  *(volatile uint64_t *)(bar + DMA_SOURCE) = 0x1122334455667788;
  *(volatile uint64_t *)(bar + DMA_TARGET) = 0x99aabbccddeeff00;
  *(volatile uint64_t *)(bar + DMA_COUNT) = 0x0102030405060708;
  *(volatile uint64_t *)(bar + DMA_COMMAND) = 2;
}

static void sweep_mapped(volatile unsigned char *bar) {
  heading("loads of 1, 2, 4 and 8 bytes through the mapping");
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    unsigned at = places[i];
    if (at + 8 > 0x100000) {
      say("%#07x: %02x %04x %08x", at, bar[at], *(volatile uint16_t *)(bar + at), get32(bar, at));
      continue;
    }
    say("%#07x: %02x %04x %08x %016llx", at, bar[at], *(volatile uint16_t *)(bar + at),
        get32(bar, at), *(volatile unsigned long long *)(bar + at));
  }
}

static void sweep_read(int device) {
  heading("pread of 1, 2, 3, 4, 8, 12 and 16 bytes");
  const size_t widths[] = {1, 2, 3, 4, 8, 12, 16};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    char line[256];
    int used = snprintf(line, sizeof line, "%#07x:", places[i]);
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
      unsigned char bytes[16];
      memset(bytes, 0x5a, sizeof bytes);
      ssize_t n = pread(device, bytes, widths[w], places[i]);
      if (n < 0) {
        used += snprintf(line + used, sizeof line - used, " %s", strerrorname_np(errno));
        continue;
      }
      used += snprintf(line + used, sizeof line - used, " %zd:", n);
      for (ssize_t b = 0; b < n; b++)
        used += snprintf(line + used, sizeof line - used, "%02x", bytes[b]);
    }
    say("%s", line);
  }
}

static void show(volatile unsigned char *bar, const char *what) {
  say("%s: live %08x fact %08x status %08x irq %08x src %016llx dst %016llx cnt %016llx cmd %016llx",
      what, get32(bar, LIVENESS), get32(bar, FACTORIAL), get32(bar, STATUS), get32(bar, INTERRUPTS),
      *(volatile unsigned long long *)(bar + DMA_SOURCE),
      *(volatile unsigned long long *)(bar + DMA_TARGET),
      *(volatile unsigned long long *)(bar + DMA_COUNT),
      *(volatile unsigned long long *)(bar + DMA_COMMAND));
}

static void stores(volatile unsigned char *bar) {
  heading("stores of other widths");
  settle(bar);
  show(bar, "settled");
  bar[LIVENESS] = 0xaa;
  show(bar, "byte at 0x04");
  *(volatile uint16_t *)(bar + LIVENESS) = 0xbbbb;
  show(bar, "word at 0x04");
  *(volatile uint64_t *)(bar + LIVENESS) = 0xccccccccdddddddd;
  show(bar, "quad at 0x04");
  *(volatile uint64_t *)(bar + 0) = 0x1111111122222222;
  show(bar, "quad at 0x00");
  *(volatile uint32_t *)(bar + 2) = 0x33333333;
  show(bar, "long at 0x02");
  put32(bar, ID, 0x44444444);
  show(bar, "long at 0x00");
  put32(bar, INTERRUPTS, 0x55555555);
  show(bar, "long at 0x24");
  put32(bar, STATUS, 0xffffff7f);
  show(bar, "0xffffff7f at 0x20");
  put32(bar, STATUS, 0);
  show(bar, "0 at 0x20");
  bar[DMA_SOURCE] = 0x66;
  show(bar, "byte at 0x80");
  *(volatile uint16_t *)(bar + DMA_SOURCE) = 0x7777;
  show(bar, "word at 0x80");
  put32(bar, DMA_SOURCE, 0x88888888);
  show(bar, "long at 0x80");
  put32(bar, DMA_SOURCE + 4, 0x99999999);
  show(bar, "long at 0x84");
  *(volatile uint64_t *)(bar + DMA_SOURCE + 4) = 0xaaaaaaaabbbbbbbb;
  show(bar, "quad at 0x84");
  put32(bar, DMA_TARGET, 0xcccccccc);
  show(bar, "long at 0x88");
  put32(bar, DMA_COUNT, 0xdddddddd);
  show(bar, "long at 0x90");
  put32(bar, DMA_COMMAND, 0xfffffffe);
  show(bar, "0xfffffffe at 0x98");
  put32(bar, DMA_COMMAND, 0);
  show(bar, "0 at 0x98");
  put32(bar, 0xa0, 0x12345678);
  put32(bar, 0x40000, 0x12345678);
  say("0xa0: %08x, 0x40000: %08x", get32(bar, 0xa0), get32(bar, 0x40000));
}

static void factorials(volatile unsigned char *bar) {
  heading("factorials");
  const uint32_t numbers[] = {0, 1, 2, 5, 10, 12, 13, 20, 33, 34, 35, 100};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    put32(bar, FACTORIAL, numbers[i]);
    while (get32(bar, STATUS) & 1) wait_ms(1);
    say("%u! = %u", numbers[i], get32(bar, FACTORIAL));
  }
}

static void interrupts(volatile unsigned char *bar) {
  heading("raise and acknowledge");
  put32(bar, ACKNOWLEDGE, 0xffffffff);
  say("status %08x", get32(bar, INTERRUPTS));
  put32(bar, RAISE, 0x5);
  say("raise 5: %08x", get32(bar, INTERRUPTS));
  put32(bar, RAISE, 0x80000002);
  say("raise 80000002: %08x", get32(bar, INTERRUPTS));
  put32(bar, ACKNOWLEDGE, 0x4);
  say("acknowledge 4: %08x", get32(bar, INTERRUPTS));
  put32(bar, RAISE, 0);
  say("raise 0: %08x", get32(bar, INTERRUPTS));
  bar[RAISE] = 0x10;
  say("raise by a byte: %08x", get32(bar, INTERRUPTS));
  put32(bar, STATUS, 0x80);
  put32(bar, FACTORIAL, 3);
  while (get32(bar, STATUS) & 1) wait_ms(1);
  say("a factorial with bit 7 of status: %08x, status %08x", get32(bar, INTERRUPTS),
      get32(bar, STATUS));
  put32(bar, STATUS, 0);
  put32(bar, ACKNOWLEDGE, 0xffffffff);
  say("acknowledged: %08x", get32(bar, INTERRUPTS));
}

static void instructions(volatile unsigned char *bar) {
  heading("read-modify-write instructions");
  volatile uint32_t *live = (volatile uint32_t *)(bar + LIVENESS);
  put32(bar, LIVENESS, 0x0f0f0f0f);
  say("liveness %08x", *live);
  __asm__ volatile("orl $0x40, %0" : "+m"(*live));
  say("or 0x40: %08x", *live);
  __asm__ volatile("addl $1, %0" : "+m"(*live));
  say("add 1: %08x", *live);
  __asm__ volatile("incl %0" : "+m"(*live));
  say("inc: %08x", *live);
  __asm__ volatile("decl %0" : "+m"(*live));
  say("dec: %08x", *live);
  __asm__ volatile("notl %0" : "+m"(*live));
  say("not: %08x", *live);
  __asm__ volatile("negl %0" : "+m"(*live));
  say("neg: %08x", *live);
  __asm__ volatile("andl $0xff00ff, %0" : "+m"(*live));
  say("and: %08x", *live);
  __asm__ volatile("xorl $0xffff, %0" : "+m"(*live));
  say("xor: %08x", *live);
  __asm__ volatile("subl $2, %0" : "+m"(*live));
  say("sub: %08x", *live);
  uint32_t value = 0xcafe0000;
  __asm__ volatile("xchgl %0, %1" : "+r"(value), "+m"(*live));
  say("xchg gave %08x, now %08x", value, *live);
  value = 5;
  __asm__ volatile("lock xaddl %0, %1" : "+r"(value), "+m"(*live));
  say("lock xadd gave %08x, now %08x", value, *live);
  uint32_t expected = *live;
  unsigned char equal;
  __asm__ volatile("lock cmpxchgl %3, %1; sete %2"
                   : "+a"(expected), "+m"(*live), "=q"(equal)
                   : "r"(0x77777777));
  say("cmpxchg matched %u, now %08x", equal, *live);
  expected = 1;
  __asm__ volatile("lock cmpxchgl %3, %1; sete %2"
                   : "+a"(expected), "+m"(*live), "=q"(equal)
                   : "r"(0x66666666));
  say("cmpxchg matched %u, loaded %08x, now %08x", equal, expected, *live);
  __asm__ volatile("shll $4, %0" : "+m"(*live));
  say("shl 4: %08x", *live);
  __asm__ volatile("lock btsl $3, %0" : "+m"(*live));
  say("bts 3: %08x", *live);
  unsigned char zero;
  __asm__ volatile("testl $0x8, %1; setz %0" : "=q"(zero) : "m"(*live));
  say("test 8: zero %u", zero);
  __asm__ volatile("cmpl $0, %1; setz %0" : "=q"(zero) : "m"(*live));
  say("cmp 0: equal %u", zero);
  uint64_t wide;
  __asm__ volatile("movslq %1, %0" : "=r"(wide) : "m"(*live));
  say("movslq: %016llx", (unsigned long long)wide);
  __asm__ volatile("movzbl %1, %k0" : "=r"(wide) : "m"(*live));
  say("movzbl: %llx", (unsigned long long)wide);
  __asm__ volatile("movd %1, %%xmm0; movq %%xmm0, %0" : "=r"(wide) : "m"(*live) : "xmm0");
  say("movd: %llx", (unsigned long long)wide);
  __asm__ volatile("movl $0x13572468, %0" : "=m"(*live));
  say("mov immediate: %08x", *live);
  __asm__ volatile("movnti %1, %0; sfence" : "=m"(*live) : "r"(0x24681357));
  say("movnti: %08x", *live);
  uint32_t from[2] = {0x01020304, 0x05060708}, to[2] = {0, 0};
  void *target = (void *)live, *source = from;
  __asm__ volatile("movsl" : "+D"(target), "+S"(source) : : "memory");
  say("movsl out: %08x", *live);
  target = to;
  source = (void *)live;
  __asm__ volatile("movsl" : "+D"(target), "+S"(source) : : "memory");
  say("movsl in: %08x", to[0]);
  uint64_t count = 2;
  source = (void *)(bar + ID);
  target = to;
  __asm__ volatile("rep movsl" : "+D"(target), "+S"(source), "+c"(count) : : "memory");
  say("rep movsl in: %08x %08x, count left %llu", to[0], to[1], (unsigned long long)count);
  target = (void *)(bar + DMA_SOURCE);
  count = 2;
  __asm__ volatile("rep stosl" : "+D"(target), "+c"(count) : "a"(0xabcdef01) : "memory");
  say("rep stosl: %016llx", *(volatile unsigned long long *)(bar + DMA_SOURCE));
  source = (void *)live;
  __asm__ volatile("lodsl" : "+S"(source), "=a"(value) : : "memory");
  say("lodsl: %08x", value);
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  volatile unsigned char *bar = map_bar(s.device, 0x100000);
  settle(bar);
  sweep_mapped(bar);
  settle(bar);
  sweep_read(s.device);
  stores(bar);
  factorials(bar);
  interrupts(bar);
  instructions(bar);
  munmap((void *)bar, 0x100000);
  finish(s);
  return 0;
}
