// What the programs that `ioasid bench` measures share.
#ifndef BENCH_H
#define BENCH_H
enum { page = 4096 };

/// Nanoseconds of the monotonic clock.
double now(void);
/// What an ioctl that does nothing costs: the kernel's way in and out, and the answer ENOTTY.
double noop(int null, long calls);
/// Prints what failed and ends the program.
void fail(const char *what) __attribute__((noreturn));
/// MAP_DMA and UNMAP_DMA over `kind` of memory; false for a kind there is not. Without `device` legacy calls only.
int costs(const char *kind, const char *group, const char *device, long runs);
#endif
