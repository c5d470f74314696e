// What the driver that `ioasid bench` measures with is asked, by ioctl on its device.
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H
#include <stdint.h>

// Beyond the numbers that the kernel answers for every file (2 is FIGETBSZ).
enum { BENCH_PINS = 0x100, BENCH_COPIES };

// Pins `pages` pages of 4 KiB, `batch` a call, then unpins them; all that `rounds` times.
struct pins {
  uint64_t iova;
  uint64_t pages;
  uint32_t batch, rounds;
  // The answers, in nanoseconds a page.
  double pin, unpin;
};

// Copies `bytes` out of and into what is mapped at `iova`, which is this process's at `memory`.
struct copies {
  uint64_t iova, bytes, memory;
  uint32_t rounds, zero;
  // The answers, in nanoseconds a copy: memcpy, vfio_dma_rw that reads, vfio_dma_rw that writes.
  double plain, read, write;
};
#endif
