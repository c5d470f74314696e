// read, write and mmap of regions: offsets, ends, positions, kinds of mapping.
#include "conversation.h"

#include <sys/uio.h>

static int device;

static void mapping(const char *what, size_t length, int protection, int flags, off_t offset) {
  void *p = mmap(NULL, length, protection, flags, device, offset);
  say("mmap %s: %s", what, p == MAP_FAILED ? strerrorname_np(errno) : "ok");
  if (p != MAP_FAILED) munmap(p, length);
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  device = s.device;
  char bytes[64] = {0};
  heading("offsets");
  const struct {
    const char *what;
    off_t at;
  } rows[] = {{"BAR 0", 0}, {"BAR 0 last", 0xffffc}, {"BAR 0 end", 0x100000},
              {"BAR 0 far", 0xffffffffff}, {"BAR 1", 1LL << 40}, {"BAR 5", 5LL << 40},
              {"ROM", 6LL << 40}, {"config", 7LL << 40}, {"VGA", 8LL << 40}, {"9", 9LL << 40},
              {"10", 10LL << 40}, {"huge", 0x7fffffffffffffff}, {"negative", -1},
              {"very negative", -4096}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *four = outcome(pread(device, bytes, 4, rows[i].at));
    const char *none = outcome(pread(device, bytes, 0, rows[i].at));
    const char *eight = outcome(pread(device, bytes, 8, rows[i].at));
    say("%s: read 4 %s, 0 %s, 8 %s", rows[i].what, four, none, eight);
    if (i > 2 && i != 7) {
      four = outcome(pwrite(device, bytes, 4, rows[i].at));
      say("  write 4 %s", four);
    }
  }
  heading("position");
  uint32_t word = 0;
  ssize_t n = read(device, &word, 4);
  say("read %zd: %08x", n, word);
  n = write(device, "\x01\x00\x00\x00", 4);
  say("write %zd", n);
  n = pread(device, &word, 4, LIVENESS);
  say("liveness %08x", word);
  n = read(device, &word, 4);
  say("read %zd: %08x", n, word == 0 ? 0 : 1);
  int copy = dup(device);
  n = read(copy, bytes, 16);
  say("read 16 by a copy: %zd", n);
  n = read(device, &word, 4);
  say("read %zd: %08x", n, word);
  struct iovec v[3] = {{bytes, 4}, {bytes + 4, 4}, {bytes + 8, 8}};
  n = preadv(device, v, 3, 0);
  say("preadv %zd: %02x %02x", n, (unsigned char)bytes[0], (unsigned char)bytes[3]);
  n = preadv2(device, v, 3, 0, 0);
  say("preadv2 %zd", n);
  n = readv(device, v, 1);
  say("readv %zd", n);
  uint32_t value = 0x0f0f0f0f;
  struct iovec w = {&value, 4};
  n = pwritev(device, &w, 1, LIVENESS);
  pread(device, &word, 4, LIVENESS) == 4 ? say("pwritev %zd: %08x", n, word) : say("no");
  close(copy);

  heading("mmap");
  mapping("a page", PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
  mapping("all", 0x100000, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
  mapping("more than all", 0x101000, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
  mapping("the last page", PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0xff000);
  mapping("the page behind", PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0x100000);
  mapping("over the end", 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0xff000);
  mapping("a bit of a page", 100, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
  mapping("nothing", 0, PROT_READ, MAP_SHARED, 0);
  mapping("an odd offset", PAGE, PROT_READ, MAP_SHARED, 0x800);
  mapping("private", PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
  mapping("private read-only", PAGE, PROT_READ, MAP_PRIVATE, 0);
  mapping("shared-validate", PAGE, PROT_READ, MAP_SHARED_VALIDATE, 0);
  mapping("read-only", PAGE, PROT_READ, MAP_SHARED, 0);
  mapping("write-only", PAGE, PROT_WRITE, MAP_SHARED, 0);
  mapping("none", PAGE, PROT_NONE, MAP_SHARED, 0);
  mapping("executable", PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, 0);
  mapping("populate", PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, 0);
  mapping("BAR 1", PAGE, PROT_READ, MAP_SHARED, 1LL << 40);
  mapping("ROM", PAGE, PROT_READ, MAP_SHARED, 6LL << 40);
  mapping("config", PAGE, PROT_READ, MAP_SHARED, 7LL << 40);
  mapping("VGA", PAGE, PROT_READ, MAP_SHARED, 8LL << 40);
  mapping("region 9", PAGE, PROT_READ, MAP_SHARED, 9LL << 40);
  mapping("region 100", PAGE, PROT_READ, MAP_SHARED, 100LL << 40);

  heading("a life of mappings");
  volatile unsigned char *bar = map_bar(device, 4 * PAGE);
  volatile unsigned char *twin = map_bar(device, PAGE);
  put32(bar, LIVENESS, 0x11111111);
  say("through the other: %08x", get32(twin, LIVENESS));
  say("through pread: %s", pread(device, &word, 4, LIVENESS) == 4 && word == 0xeeeeeeee ? "same"
                                                                                         : "other");
  munmap((void *)twin, PAGE);
  say("one went: %08x", get32(bar, LIVENESS));
  DO(munmap((void *)(bar + 2 * PAGE), PAGE));
  say("a hole: %08x and behind it %08x", get32(bar, LIVENESS), get32(bar, 3 * PAGE));
  CHILD(say("in the hole: %08x", get32(bar, 2 * PAGE)));
  DO(mprotect((void *)bar, PAGE, PROT_READ));
  say("read-only: %08x", get32(bar, LIVENESS));
  CHILD(put32(bar, LIVENESS, 1));
  DO(mprotect((void *)bar, PAGE, PROT_NONE));
  CHILD(say("closed: %08x", get32(bar, LIVENESS)));
  DO(mprotect((void *)bar, PAGE, PROT_READ | PROT_WRITE));
  put32(bar, LIVENESS, 0x22222222);
  say("open again: %08x", get32(bar, LIVENESS));
  DO(mprotect((void *)bar, PAGE, PROT_READ | PROT_EXEC));
  void *moved = mremap((void *)bar, PAGE, PAGE, MREMAP_MAYMOVE);
  say("mremap in place: %s", moved == (void *)bar ? "ok" : "no");
  void *target = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect((void *)bar, PAGE, PROT_READ | PROT_WRITE);
  moved = mremap((void *)bar, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
  say("mremap elsewhere: %s", moved == MAP_FAILED ? strerrorname_np(errno) : "ok");
  if (moved != MAP_FAILED) {
    say("there: %08x", get32(moved, LIVENESS));
    CHILD(say("where it was: %08x", get32(bar, LIVENESS)));
    moved = mremap(moved, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    say("mremap larger: %s", moved == MAP_FAILED ? strerrorname_np(errno) : "ok");
    munmap(target, PAGE);
  }
  unsigned char *plain = mmap((void *)(bar + PAGE), PAGE, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  plain[0] = 5;
  say("plain memory over a page of the BAR: %u", bar[PAGE]);
  volatile unsigned char *over = mmap(plain, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                                      device, 0);
  say("the BAR over plain memory: %08x", get32(over, LIVENESS));
  DO(madvise((void *)over, PAGE, MADV_DONTNEED));
  say("after MADV_DONTNEED: %08x", get32(over, LIVENESS));
  DO(msync((void *)over, PAGE, MS_SYNC));
  DO(mlock((void *)over, PAGE));
  unsigned char vector = 0;
  DO(mincore((void *)over, PAGE, &vector));

  heading("the mapping outlives the descriptors");
  close(s.device);
  close(s.group);
  close(s.container);
  put32(over, LIVENESS, 0x33333333);
  say("still there: %08x", get32(over, LIVENESS));
  int fd;
  OPEN(fd, group_node(FIRST), O_RDWR);
  munmap((void *)bar, 4 * PAGE);
  OPEN(fd, group_node(FIRST), O_RDWR);

  heading("system calls on register memory");
  close(fd);
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  device = s.device;
  bar = map_bar(device, PAGE);
  put32(bar, LIVENESS, 0x44444444);
  int pipes[2];
  if (pipe(pipes)) return 1;
  say("write(pipe, register, 4) = %s", outcome(write(pipes[1], (void *)(bar + LIVENESS), 4)));
  n = write(pipes[1], "abcd", 4);
  say("read(pipe, register, 4) = %s", outcome(read(pipes[0], (void *)(bar + LIVENESS), 4)));
  memcpy(bytes, (void *)(bar + 0x80), 32);
  say("memcpy of 32 bytes went well");
  return 0;
}
