// SPDX-License-Identifier: GPL-2.0-only
// Two emulated VFIO devices that pin and copy on command, as ground truth for mediated devices:
// `ioasid-pins` can be told to let go, `ioasid-deaf` has no dma_unmap and so can pin nothing.
//
// Build against the lab's kernel tree: make -C TREE M=$PWD modules
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

static __u64 pins_word(struct vfio_device *device, struct page *page) {
  __u64 word;

  memcpy_from_page((char *)&word, page, 0, sizeof word);
  return word;
}

#define PINS_DRIVER
#include "../../Programs/mediated/pins.h"

struct pins_device {
  struct vfio_device vdev;
  struct mutex lock;
  struct pins_state state;
  struct page *pages[PINS_MOST];
};

static struct pins_device *from(struct vfio_device *vdev) {
  return container_of(vdev, struct pins_device, vdev);
}

static int pins_open(struct vfio_device *vdev) {
  memset(&from(vdev)->state, 0, sizeof from(vdev)->state);
  return 0;
}

// What a program leaves pinned would stay so for ever.
static void pins_close(struct vfio_device *vdev) {
  struct pins_device *p = from(vdev);

  for (int i = 0; i < PINS_HELD; i++)
    if (p->state.held[i].count)
      vfio_unpin_pages(vdev, p->state.held[i].iova, p->state.held[i].count);
}

static long pins_ioctl(struct vfio_device *vdev, unsigned int number, unsigned long argument) {
  struct pins_device *p = from(vdev);
  void __user *user = (void __user *)argument;
  struct pins_command *command;
  long result = 0;

  if (number == VFIO_DEVICE_GET_INFO) {
    struct vfio_device_info info = {.argsz = sizeof info};
    unsigned long bytes = offsetofend(struct vfio_device_info, num_irqs);

    return copy_to_user(user, &info, bytes) ? -EFAULT : 0;
  }
  if (number != PINS_COMMAND) return -ENOTTY;
  command = memdup_user(user, sizeof *command);
  if (IS_ERR(command)) return PTR_ERR(command);
  mutex_lock(&p->lock);
  pins_perform(vdev, &p->state, p->pages, command);
  mutex_unlock(&p->lock);
  if (copy_to_user(user, command, sizeof *command)) result = -EFAULT;
  kfree(command);
  return result;
}

// Not under the device's lock: an unmap may come while a command holds it.
static void pins_unmap(struct vfio_device *vdev, u64 iova, u64 length) {
  pins_let_go(vdev, &from(vdev)->state, iova, length);
}

static int pins_init(struct vfio_device *vdev) {
  mutex_init(&from(vdev)->lock);
  return 0;
}

static const struct vfio_device_ops pins_ops = {
  .name = "ioasid-pins",
  .init = pins_init,
  .open_device = pins_open,
  .close_device = pins_close,
  .ioctl = pins_ioctl,
  .dma_unmap = pins_unmap,
  .bind_iommufd = vfio_iommufd_emulated_bind,
  .unbind_iommufd = vfio_iommufd_emulated_unbind,
  .attach_ioas = vfio_iommufd_emulated_attach_ioas,
  .detach_ioas = vfio_iommufd_emulated_detach_ioas,
};

static const struct vfio_device_ops deaf_ops = {
  .name = "ioasid-deaf",
  .init = pins_init,
  .open_device = pins_open,
  .ioctl = pins_ioctl,
  .bind_iommufd = vfio_iommufd_emulated_bind,
  .unbind_iommufd = vfio_iommufd_emulated_unbind,
  .attach_ioas = vfio_iommufd_emulated_attach_ioas,
  .detach_ioas = vfio_iommufd_emulated_detach_ioas,
};

// The VFIO core holds the driver's module while a device is open, so each needs a driver.
static int pins_probe(struct platform_device *platform) {
  const struct platform_device_id *id = platform_get_device_id(platform);
  const struct vfio_device_ops *ops = (const struct vfio_device_ops *)id->driver_data;
  struct pins_device *device = vfio_alloc_device(pins_device, vdev, &platform->dev, ops);
  int result;

  if (IS_ERR(device)) return PTR_ERR(device);
  result = vfio_register_emulated_iommu_dev(&device->vdev);
  if (result) vfio_put_device(&device->vdev);
  else platform_set_drvdata(platform, device);
  return result;
}

static void pins_remove(struct platform_device *platform) {
  struct pins_device *device = platform_get_drvdata(platform);

  vfio_unregister_group_dev(&device->vdev);
  vfio_put_device(&device->vdev);
}

static const struct platform_device_id pins_ids[] = {
  {"ioasid-pins", (kernel_ulong_t)&pins_ops},
  {"ioasid-deaf", (kernel_ulong_t)&deaf_ops},
  {},
};

static struct platform_driver pins_driver = {
  .driver.name = "ioasid-pins-driver",
  .id_table = pins_ids,
  .probe = pins_probe,
  .remove_new = pins_remove,
};

static struct platform_device *platforms[ARRAY_SIZE(pins_ids) - 1];

static int __init pins_start(void) {
  int result = platform_driver_register(&pins_driver);

  for (int i = 0; !result && i < ARRAY_SIZE(platforms); i++) {
    platforms[i] =
      platform_device_register_simple(pins_ids[i].name, PLATFORM_DEVID_NONE, NULL, 0);
    result = PTR_ERR_OR_ZERO(platforms[i]);
  }
  return result;
}

static void __exit pins_stop(void) {
  for (int i = 0; i < ARRAY_SIZE(platforms); i++) platform_device_unregister(platforms[i]);
  platform_driver_unregister(&pins_driver);
}

module_init(pins_start);
module_exit(pins_stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Emulated VFIO devices that pin on command");
