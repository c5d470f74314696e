// The mediated driver that `ioasid bench` measures with: the clock is read around the kernel's functions,
// where a driver calls them.
#define _GNU_SOURCE 1
#include "driver.h"
#include "../../../Sources/CMediated/vfio_ioasid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { most = 512 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static long measure_pins(struct vfio_device *device, struct pins *p) {
  struct page *pages[most];
  double times[3] = {0, 0, 0};
  if (p->batch == 0 || p->batch > most || p->pages % p->batch) return -EINVAL;
  for (uint32_t round = 0; round < p->rounds; round++) {
    times[0] = now();
    for (uint64_t page = 0; page < p->pages; page += p->batch)
      if (vfio_pin_pages(device, p->iova + page * 4096, (int)p->batch, 3, pages) != (int)p->batch) return -EIO;
    times[1] += now() - times[0];
    times[0] = now();
    for (uint64_t page = 0; page < p->pages; page += p->batch)
      vfio_unpin_pages(device, p->iova + page * 4096, (int)p->batch);
    times[2] += now() - times[0];
  }
  double all = (double)p->pages * p->rounds;
  p->pin = times[1] / all;
  p->unpin = times[2] / all;
  return 0;
}

static long measure_copies(struct vfio_device *device, struct copies *c) {
  char *buffer = malloc(c->bytes);
  double times[3] = {0, 0, 0};
  if (!buffer) return -ENOMEM;
  memset(buffer, 1, c->bytes);
  for (uint32_t round = 0; round < c->rounds; round++) {
    double start = now();
    memcpy(buffer, (void *)c->memory, c->bytes);
    __asm__ volatile("" : : "r"(buffer) : "memory");
    double copied = now();
    int failed = vfio_dma_rw(device, c->iova, buffer, c->bytes, 0);
    double read = now();
    failed |= vfio_dma_rw(device, c->iova, buffer, c->bytes, 1);
    double written = now();
    if (failed) {
      free(buffer);
      return -EIO;
    }
    times[0] += copied - start;
    times[1] += read - copied;
    times[2] += written - read;
  }
  free(buffer);
  c->plain = times[0] / c->rounds;
  c->read = times[1] / c->rounds;
  c->write = times[2] / c->rounds;
  return 0;
}

static long ioctl_device(struct vfio_device *device, unsigned int command, unsigned long argument) {
  union {
    struct pins pins;
    struct copies copies;
  } request;
  size_t bytes = command == BENCH_PINS ? sizeof request.pins : sizeof request.copies;
  if (command != BENCH_PINS && command != BENCH_COPIES) return -ENOTTY;
  if (vfio_ioasid_copy_from_user(device, &request, (void *)argument, bytes)) return -EFAULT;
  long failure = command == BENCH_PINS ? measure_pins(device, &request.pins) : measure_copies(device, &request.copies);
  if (failure) return failure;
  return vfio_ioasid_copy_to_user(device, (void *)argument, &request, bytes) ? -EFAULT : 0;
}

static void dma_unmap(struct vfio_device *device, uint64_t iova, uint64_t length) {
  (void)device, (void)iova, (void)length;
}

const struct vfio_device_ops vfio_ioasid_driver = {
  .version = VFIO_IOASID_VERSION,
  .name = "ioasid-bench-driver",
  .ioctl = ioctl_device,
  .dma_unmap = dma_unmap,
};
