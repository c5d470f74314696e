// What the programs that `ioasid bench` measures share.
#ifndef BENCH_H
#define BENCH_H
#include <stddef.h>

enum { page = 4096 };

/// Nanoseconds of the monotonic clock.
double now(void);
/// What an ioctl that does nothing costs: the kernel's way in and out, and the answer ENOTTY.
double noop(int null, long calls);
/// Prints what failed and ends the program.
void fail(const char *what) __attribute__((noreturn));
/// MAP_DMA and UNMAP_DMA over `kind` of memory; false for a kind there is not. Without `device` legacy calls only.
int costs(const char *kind, const char *group, const char *device);
/// Pins, copies and dirty pages by a driver; see mediated.c.
void pins(long pages, long batch, long runs);
void copies(long bytes, long runs);
void dirty(long pages, long each, long runs);
/// A thread for each group, in containers of their own; see threads.c.
void parallel(long runs, char **groups, int count);
/// MAPs of a page while another container maps so many bytes; two groups.
void neighbour(size_t bytes, long runs, char **groups);
/// A container of type1 v2 that holds a group.
int container_of(const char *group);
#endif
