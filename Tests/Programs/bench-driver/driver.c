// The mediated driver that `ioasid bench` measures pins with. A command pins and unpins a range, so
// many pages a call, again and again, and reads the clock around it all.
#define _GNU_SOURCE 1
#include "../../../Sources/CMediated/vfio_ioasid.h"

#include <errno.h>
#include <time.h>

enum { most = 512 };

// What a read at an offset asks for: where, how much, how often.
struct pins {
  uint64_t iova;
  uint64_t pages;
  uint32_t batch, rounds;
  // The answers, in nanoseconds a page.
  double pin, unpin;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static long measure(struct vfio_device *device, struct pins *p) {
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

static long ioctl_device(struct vfio_device *device, unsigned int command, unsigned long argument) {
  struct pins pins;
  if (command != 1) return -ENOTTY;
  if (vfio_ioasid_copy_from_user(device, &pins, (void *)argument, sizeof pins)) return -EFAULT;
  long failure = measure(device, &pins);
  if (failure) return failure;
  return vfio_ioasid_copy_to_user(device, (void *)argument, &pins, sizeof pins) ? -EFAULT : 0;
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
