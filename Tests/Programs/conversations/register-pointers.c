// Register memory given to system calls: advice, locks, and as the buffer of read and write.
#include "conversation.h"

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int device = s.device, pipes[2];
  volatile unsigned char *bar = map_bar(device, 2 * PAGE);
  void *at = (void *)bar;
  if (pipe(pipes)) return 1;
  uint32_t word;

  heading("advice");
  const struct {
    const char *name;
    int number;
  } advice[] = {{"NORMAL", 0}, {"RANDOM", 1}, {"SEQUENTIAL", 2}, {"DONTNEED", 4}, {"FREE", 8},
                {"REMOVE", 9}, {"DONTFORK", 10}, {"DOFORK", 11}, {"MERGEABLE", 12}, {"DONTDUMP", 16},
                {"DODUMP", 17}, {"WIPEONFORK", 18}, {"COLD", 20}, {"PAGEOUT", 21}};
  for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
    say("madvise %s = %s", advice[i].name, outcome(madvise(at, PAGE, advice[i].number)));
  DO(posix_madvise(at, PAGE, POSIX_MADV_DONTNEED));
  DO(posix_madvise(at, PAGE, POSIX_MADV_RANDOM));
  DO(msync(at, PAGE, MS_SYNC));
  DO(msync(at, PAGE, MS_ASYNC));
  DO(msync(at, PAGE, MS_SYNC | MS_ASYNC));
  DO(mlock(at, PAGE));
  DO(munlock(at, PAGE));
  DO(mlock2(at, PAGE, MLOCK_ONFAULT));
  DO(munlock(at, PAGE));
  put32(bar, LIVENESS, 0x12345678);
  say("liveness %08x", get32(bar, LIVENESS));

  heading("read and write of other files");
  DO(write(pipes[1], at, 4));
  DO(read(pipes[0], &word, 4));
  DO(write(pipes[1], "abcdefgh", 8));
  DO(read(pipes[0], (void *)(bar + LIVENESS), 4));
  DO(read(pipes[0], &word, 4));
  say("left in the pipe: %.4s", (char *)&word);
  int plain = memfd_create("plain", 0);
  DO(pwrite(plain, at, 4, 8));
  DO(pread(plain, (void *)(bar + LIVENESS), 4, 0));
  DO(write(plain, at, 2 * PAGE));
  say("the file is %ld bytes", (long)lseek(plain, 0, SEEK_END));
  DO(mprotect(at, PAGE, PROT_READ));
  DO(write(pipes[1], at, 4));
  DO(read(pipes[0], (void *)(bar + LIVENESS), 4));
  DO(mprotect(at, PAGE, PROT_NONE));
  DO(write(pipes[1], at, 4));
  DO(mprotect(at, PAGE, PROT_READ | PROT_WRITE));
  DO(write(-1, at, 4));
  DO(munmap((void *)(bar + PAGE), PAGE));
  DO(write(pipes[1], (void *)(bar + PAGE), 4));

  heading("the device's own");
  put32(bar, LIVENESS, 0);
  DO(pread(device, (void *)(bar + LIVENESS), 4, 0));
  DO(pwrite(device, at, 4, LIVENESS));
  DO(pread(device, at, 4, config_offset(0)));
  finish(s);
  return 0;
}
