// vfio_ioasid.h: mediated VFIO drivers in user space, with the kernel's names and rules.
//
// A driver is a shared object, one plain C file, that shows one symbol:
//
//     const struct vfio_device_ops vfio_ioasid_driver = {
//       .version = VFIO_IOASID_VERSION, .name = "my-driver", .state_bytes = sizeof(struct state),
//       .ioctl = …, .dma_unmap = …,
//     };
//
//     cc -shared -fPIC -o driver.so driver.c
//     ioasid run --mediated my-device=./driver.so -- PROGRAM
//
// or in a platform's file, the driver's path beginning at that file's directory:
//
//     "mediated": [{ "name": "my-device", "driver": "driver.so" }]
//
// The program finds an emulated device of that name in a group of its own, as after
// vfio_register_emulated_iommu_dev(): no ownership is claimed, and no IOMMU stands behind it.
//
// The code runs in whichever process of the run calls the device; what the device remembers lies in
// `state`, which all of them share, or `memory`, which programs map as well. Every function of the ops is called with the device to itself.
//
// The header needs nothing else: the functions below are calls through a table that the host hands
// over. Errors are negative errno numbers, as in the kernel.
#ifndef VFIO_IOASID_H
#define VFIO_IOASID_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VFIO_IOASID_VERSION 1

// A bus address.
typedef uint64_t dma_addr_t;
// A page of a program's memory: a number to hand back, not a pointer to follow. The program may be
// another process.
struct page;
struct vfio_device;

// An eventfd that a device holds on to; may be kept in the device's state.
struct vfio_ioasid_event {
  uint64_t words[2];
};

// What a driver answers. Any function may be absent.
struct vfio_device_ops {
  // VFIO_IOASID_VERSION.
  uint32_t version;
  const char *name;
  // How many bytes of `state` the device needs; zero at the start of the run.
  size_t state_bytes;
  // How many bytes of `memory` the device has, which programs may map; zero at the start of the run.
  size_t memory_bytes;

  // The first open, and the end of the last reference.
  int (*open_device)(struct vfio_device *device);
  void (*close_device)(struct vfio_device *device);
  // The calls on the device's descriptor. `buffer` and a pointer in `argument` are the program's:
  // reach them by vfio_ioasid_copy_from_user and vfio_ioasid_copy_to_user only.
  ssize_t (*read)(struct vfio_device *device, char *buffer, size_t count, off_t *position);
  ssize_t (*write)(struct vfio_device *device, const char *buffer, size_t count, off_t *position);
  long (*ioctl)(struct vfio_device *device, unsigned int command, unsigned long argument);
  // mmap(2) at a position of the device's file: 0 and which part of `memory` stands there, from `*at`
  // on, in whole pages; or an error. The program then reaches it without a call: what it writes the
  // driver finds when it looks. Without this function mmap(2) is EINVAL.
  int (*mmap)(struct vfio_device *device, off_t position, size_t length, int protection, size_t *at);

  // A mapping of which pages are pinned goes away: give back what was pinned in [iova, iova+length)
  // by vfio_unpin_pages, which takes effect when this function returns. Pinning and copying are
  // refused here (EDEADLK). Without this function the device can pin nothing.
  //
  // Asked eleven times in vain, the unmap fails with EDEADLK (type1 stops the kernel there), the
  // mapping stays, `unmap_failed` is called, and vfio_pin_pages in it fails with EDEADLK.
  void (*dma_unmap)(struct vfio_device *device, uint64_t iova, uint64_t length);
  void (*unmap_failed)(struct vfio_device *device, uint64_t iova, uint64_t length);
};

// The one symbol that a driver shows. Declared here, so that it is one in C++ too, and with hidden
// symbols.
__attribute__((visibility("default"))) extern const struct vfio_device_ops vfio_ioasid_driver;

// What stands behind the functions below.
struct vfio_ioasid_host {
  int (*pin_pages)(struct vfio_device *, dma_addr_t, int, int, struct page **);
  void (*unpin_pages)(struct vfio_device *, dma_addr_t, int);
  int (*dma_rw)(struct vfio_device *, dma_addr_t, void *, size_t, int);
  int (*copy_page)(struct vfio_device *, struct page *, size_t, void *, size_t, int);
  void *(*page_address)(struct vfio_device *, struct page *);
  unsigned long (*copy_from_user)(void *, const void *, unsigned long);
  unsigned long (*copy_to_user)(void *, const void *, unsigned long);
  int (*event_get)(struct vfio_device *, int, struct vfio_ioasid_event *);
  void (*event_signal)(struct vfio_device *, const struct vfio_ioasid_event *);
  void (*event_put)(struct vfio_device *, const struct vfio_ioasid_event *);
};

// A device. The host makes it.
struct vfio_device {
  const struct vfio_device_ops *ops;
  // `ops->state_bytes` bytes that all processes of the run share: no pointers in it.
  void *state;
  // `ops->memory_bytes` bytes from a page's start on, that they share too.
  void *memory;
  const struct vfio_ioasid_host *host;
  // The host's own.
  void *owner;
};

// Pins `npage` pages of 4 KiB from an address on: npage, or an error and nothing is pinned. `prot`
// is 1 for reading, 2 for writing. The address may be odd; the page under it is pinned, and known by
// that address. At most 512 pages a call.
//
// EINVAL nothing asked for, not open, no dma_unmap, not mapped · E2BIG · EACCES a container of
// version 1 · EPERM the mapping does not allow it · EFAULT no memory there · ENOMEM the process that
// mapped it may not lock more · ENODEV that process is gone · EBUSY an address is being updated ·
// EDEADLK an unmap of it failed, or called from dma_unmap.
static inline int vfio_pin_pages(struct vfio_device *device, dma_addr_t iova, int npage, int prot,
                                 struct page **pages) {
  return device->host->pin_pages(device, iova, npage, prot, pages);
}

// Gives pages back, each once, at the addresses at which they were pinned.
static inline void vfio_unpin_pages(struct vfio_device *device, dma_addr_t iova, int npage) {
  device->host->unpin_pages(device, iova, npage);
}

// Copies between `data` and bus addresses, which need not be pinned: 0, or an error with everything
// before the address that refused copied. The mapping must allow reading, and writing too to write.
//
// EINVAL nothing asked for, not open, not mapped · EPERM · EFAULT no memory there, or it is another
// process's · EBUSY · EDEADLK called from dma_unmap.
static inline int vfio_dma_rw(struct vfio_device *device, dma_addr_t iova, void *data, size_t length,
                              int write) {
  return device->host->dma_rw(device, iova, data, length, write);
}

// Copies out of a pinned page, whosever it is: 0, or EFAULT. At most to the page's end.
static inline int vfio_ioasid_copy_from_page(struct vfio_device *device, struct page *page,
                                             size_t offset, void *to, size_t length) {
  return device->host->copy_page(device, page, offset, to, length, 0);
}

// Copies into a pinned page.
static inline int vfio_ioasid_copy_to_page(struct vfio_device *device, struct page *page,
                                           size_t offset, const void *from, size_t length) {
  return device->host->copy_page(device, page, offset, (void *)from, length, 1);
}

// Where a pinned page stands in this process; null when it is another's.
static inline void *vfio_ioasid_page_address(struct vfio_device *device, struct page *page) {
  return device->host->page_address(device, page);
}

// Copy from and to the calling program: how many bytes were *not* copied, all or none.
static inline unsigned long vfio_ioasid_copy_from_user(struct vfio_device *device, void *to,
                                                       const void *from, unsigned long count) {
  return device->host->copy_from_user(to, from, count);
}
static inline unsigned long vfio_ioasid_copy_to_user(struct vfio_device *device, void *to,
                                                     const void *from, unsigned long count) {
  return device->host->copy_to_user(to, from, count);
}

// Takes hold of the program's eventfd, for interrupts: 0, EBADF or EINVAL.
static inline int vfio_ioasid_event_get(struct vfio_device *device, int descriptor,
                                        struct vfio_ioasid_event *event) {
  return device->host->event_get(device, descriptor, event);
}
// Adds one to an eventfd, whichever process it belongs to.
static inline void vfio_ioasid_event_signal(struct vfio_device *device,
                                            const struct vfio_ioasid_event *event) {
  device->host->event_signal(device, event);
}
// Lets an eventfd go.
static inline void vfio_ioasid_event_put(struct vfio_device *device,
                                         const struct vfio_ioasid_event *event) {
  device->host->event_put(device, event);
}

#ifdef __cplusplus
}
#endif
#endif
