// libvfio_ioasid.h: mediated devices and their legacy clients in one process, by libvfio-ioasid.
//
// A program that emulates devices itself, or tests a driver, needs no run: it opens a container
// here, sets its driver and maps memory by the legacy calls, registers drivers of vfio_ioasid.h,
// and calls their devices. Everything answers as under `ioasid run`; results are the kernel's, with
// −errno for an error. All memory is the process's own. Any thread may call.
#ifndef LIBVFIO_IOASID_H
#define LIBVFIO_IOASID_H

#include "vfio_ioasid.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vfio_ioasid_container;

// A container without groups; and its end, with all of its devices.
struct vfio_ioasid_container *vfio_ioasid_container_open(void);
void vfio_ioasid_container_close(struct vfio_ioasid_container *container);
// VFIO_SET_IOMMU, VFIO_IOMMU_MAP_DMA and all others of <linux/vfio.h>.
long vfio_ioasid_container_ioctl(struct vfio_ioasid_container *container, unsigned int command,
                                 unsigned long argument);

// Adds a device in an emulated group of its own, which joins the container: 0 and the device.
// `operations` must live as long as the container.
int vfio_ioasid_register(struct vfio_ioasid_container *container,
                         const struct vfio_device_ops *operations, struct vfio_device **device);
// VFIO_GROUP_GET_DEVICE_FD and close: how often a device is open is counted.
int vfio_ioasid_open(struct vfio_device *device);
void vfio_ioasid_close(struct vfio_device *device);
// The calls on an open device.
long vfio_ioasid_ioctl(struct vfio_device *device, unsigned int command, unsigned long argument);
ssize_t vfio_ioasid_pread(struct vfio_device *device, void *buffer, size_t count, off_t position);
ssize_t vfio_ioasid_pwrite(struct vfio_device *device, const void *buffer, size_t count,
                           off_t position);

// Where a part of the device's memory stands that a program would map; null when it may not.
void *vfio_ioasid_mmap(struct vfio_device *device, off_t position, size_t length, int protection);

#ifdef __cplusplus
}
#endif
#endif
