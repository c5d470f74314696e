// The driver that pins on command, for `ioasid run --mediated`.
//
// Built with -DDEAF it has no dma_unmap, and so can pin nothing.
#include "vfio_ioasid.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

static uint64_t pins_word(struct vfio_device *device, struct page *page) {
  uint64_t word = 0;
  return vfio_ioasid_copy_from_page(device, page, 0, &word, sizeof word) ? ~0ULL : word;
}

#define PINS_DRIVER
#include "pins.h"

static int pins_open(struct vfio_device *device) {
  memset(device->state, 0, sizeof(struct pins_state));
  return 0;
}

#ifndef DEAF
// What a program leaves pinned would stay so until its container goes.
static void pins_close(struct vfio_device *device) {
  struct pins_state *state = device->state;
  for (int i = 0; i < PINS_HELD; i++)
    if (state->held[i].count) vfio_unpin_pages(device, state->held[i].iova, state->held[i].count);
}

static void pins_unmap(struct vfio_device *device, uint64_t iova, uint64_t length) {
  pins_let_go(device, device->state, iova, length);
}
#endif

static long pins_ioctl(struct vfio_device *device, unsigned int number, unsigned long argument) {
  void *user = (void *)argument;
  struct pins_command command;
  struct page *pages[PINS_MOST];
  if (number == VFIO_DEVICE_GET_INFO) {
    // The size of the structure in Linux 6.12, whose headers the module is built with.
    struct vfio_device_info info = {.argsz = 24};
    unsigned long bytes = offsetof(struct vfio_device_info, num_irqs) + sizeof info.num_irqs;
    return vfio_ioasid_copy_to_user(device, user, &info, bytes) ? -EFAULT : 0;
  }
  if (number != PINS_COMMAND) return -ENOTTY;
  if (vfio_ioasid_copy_from_user(device, &command, user, sizeof command)) return -EFAULT;
  pins_perform(device, device->state, pages, &command);
  return vfio_ioasid_copy_to_user(device, user, &command, sizeof command) ? -EFAULT : 0;
}

const struct vfio_device_ops vfio_ioasid_driver = {
  .version = VFIO_IOASID_VERSION,
  .name = "ioasid-pins",
  .state_bytes = sizeof(struct pins_state),
  .open_device = pins_open,
  .ioctl = pins_ioctl,
#ifndef DEAF
  .close_device = pins_close,
  .dma_unmap = pins_unmap,
#endif
};
