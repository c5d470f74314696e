// Where the bits of a report stand: whole words overwritten, shared ones kept, the rest untouched;
// and how far a report gets that ends in EFAULT. Each mapping that begins inside a word is reported
// once: what Linux 6.12 shows the second time is `dirty-stale`.
#include "dirty.h"

static int container;

static void refusals(void *memory) {
  APART uint64_t words[4];
  uint64_t size = 4 * PAGE;
  heading("UNMAP_DMA with a bitmap: refusals");
  MAP(READ_WRITE, memory, 0x10000, 4 * PAGE);
  say("tracking off: %s", outcome(unmap_dirty(container, 0x10000, &size, PAGE, 8, words)));
  say("start: %s", outcome(tracking(container, 1)));
  static const struct { const char *what; uint64_t iova, size, page, bytes; } cases[] = {
      {"page size 8192", 0x10000, 4 * PAGE, 8192, 8},
      {"page size 2048", 0x10000, 4 * PAGE, 2048, 8},
      {"bitmap of 4 bytes", 0x10000, 4 * PAGE, PAGE, 4},
      {"bitmap of 2^28 + 8", 0x10000, 4 * PAGE, PAGE, 0x10000008},
      {"size 0", 0x10000, 0, PAGE, 8},
      {"half of it", 0x10000, 2 * PAGE, PAGE, 8},
      {"from its middle", 0x11000, 4 * PAGE, PAGE, 8},
      {"unaligned", 0x10800, 4 * PAGE, PAGE, 8},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size = cases[i].size;
    const char *text =
        outcome(unmap_dirty(container, cases[i].iova, &size, cases[i].page, cases[i].bytes, words));
    say("%s: %s, size %#llx", cases[i].what, text, (unsigned long long)size);
  }
  for (uint32_t flags = 3; flags < 8; flags += 2) {
    unsigned char area[64] = {0};
    struct vfio_iommu_type1_dma_unmap u = {
        .argsz = 48, .flags = flags, .iova = 0x10000, .size = 4 * PAGE};
    memcpy(area, &u, sizeof u);
    say("flags %u: %s", flags, outcome(ioctl(container, VFIO_IOMMU_UNMAP_DMA, area)));
  }
  unmap_get(container, "granted", 0x10000, 4 * PAGE, 0);
  unmap_get(container, "nothing there", 0x10000, 4 * PAGE, 0x55);
}

static void layout(void *memory) {
  heading("words");
  MAP(READ_WRITE, memory, 0x100000, 16 * PAGE);
  get(container, "16 pages at bit 0", 0x100000, 16 * PAGE, 0xf0f0f0f0f0f0f0f0);
  get(container, "the same again", 0x100000, 16 * PAGE, 0);
  get(container, "and 64 pages behind", 0x100000, 80 * PAGE, 0xf0f0f0f0f0f0f0f0);
  get(container, "nothing there", 0x400000, 80 * PAGE, 0xf0f0f0f0f0f0f0f0);
  MAP(READ_ONLY, memory, 0x114000, 4 * PAGE);
  get(container, "4 pages at bit 20 besides", 0x100000, 64 * PAGE, 0x8000000000000001);
  UNMAP(0x114000, 4 * PAGE);
  MAP(WRITE_ONLY, memory, 0x13e000, 8 * PAGE);
  get(container, "8 pages from bit 62 on", 0x100000, 80 * PAGE, 0x1111111111111111);
  UNMAP(0x13e000, 8 * PAGE);
  MAP(READ_WRITE, memory, 0x140000, 64 * PAGE);
  get(container, "the whole second word", 0x100000, 128 * PAGE, 0xaaaaaaaaaaaaaaaa);
  UNMAP(0x140000, 64 * PAGE);
  MAP(READ_WRITE, memory, 0x111000, 64 * PAGE);
  get(container, "64 pages from bit 17 on", 0x100000, 128 * PAGE, 0x8000000000000000);
  heading("cuts");
  get(container, "the end cuts", 0x100000, 8 * PAGE, 0);
  get(container, "the start cuts", 0x108000, 8 * PAGE, 0);
  get(container, "the second is cut", 0x100000, 32 * PAGE, 0);
  get(container, "a gap alone", 0x110000, PAGE, 0x7);
  UNMAP_EVERYTHING();
  heading("started late, stopped, started");
  say("stop: %s", outcome(tracking(container, 0)));
  MAP(READ_WRITE, memory, 0x100000, 3 * PAGE);
  say("start: %s", outcome(tracking(container, 1)));
  get(container, "mapped before", 0x100000, 3 * PAGE, 0);
  say("stop: %s", outcome(tracking(container, 0)));
  get(container, "stopped", 0x100000, 3 * PAGE, 0x7);
  say("start: %s", outcome(tracking(container, 1)));
  get(container, "started again", 0x100000, 3 * PAGE, 0);
  MAP(READ_WRITE, memory, 0x200000, 5 * PAGE);
  get(container, "mapped meanwhile", 0x200000, 5 * PAGE, 0);
  UNMAP_EVERYTHING();
}

// What a report left behind would show in the next.
static void forget(void) {
  say("stop: %s", outcome(tracking(container, 0)));
  say("start: %s", outcome(tracking(container, 1)));
}

static void faults(void *memory) {
  heading("a bitmap that ends too early");
  unsigned char *area = pages(2);
  mprotect(area + PAGE, PAGE, PROT_READ);
  uint64_t *last = (uint64_t *)(area + PAGE - 8), size = 192 * PAGE;
  MAP(READ_WRITE, memory, 0x100000, 16 * PAGE);
  MAP(READ_WRITE, memory, 0x120000, 8 * PAGE);
  MAP(READ_WRITE, memory, 0x150000, 4 * PAGE);
  MAP(READ_WRITE, memory, 0x180000, 4 * PAGE);
  say("get: %s", outcome(dirty_call(container, 48, 4, 0x100000, size, PAGE, 24, last)));
  say_words(last, 1);
  *last = 0;
  forget();
  say("unmap: %s", outcome(unmap_dirty(container, 0x100000, &size, PAGE, 24, last)));
  say("size %#llx", (unsigned long long)size);
  say_words(last, 1);
  // What went before the fault is gone, and what it stopped at is there.
  MAP(READ_WRITE, memory, 0x100000, PAGE);
  MAP(READ_WRITE, memory, 0x120000, PAGE);
  MAP(READ_WRITE, memory, 0x150000, PAGE);
  MAP(READ_WRITE, memory, 0x180000, PAGE);
  munmap(area + PAGE, PAGE);
  size = 128 * PAGE;
  say("get, a first word half there: %s",
      outcome(dirty_call(container, 48, 4, 0x118000, size, PAGE, 16, area + PAGE - 4)));
  say("get, nowhere: %s",
      outcome(dirty_call(container, 48, 4, 0x118000, size, PAGE, 16, at(16))));
  forget();
  say("unaligned: %s",
      outcome(dirty_call(container, 48, 4, 0x100000, 64 * PAGE, PAGE, 8, area + 3)));
  say("  bytes %s", picture(area, 16));
  UNMAP_EVERYTHING();
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  unsigned char *memory = pages(64);
  refusals(memory);
  layout(memory);
  faults(memory);
  finish(s);
  return 0;
}
