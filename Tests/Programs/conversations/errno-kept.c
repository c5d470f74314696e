// What a successful call leaves in errno: what was there.
#include "conversation.h"

#include <sys/syscall.h>

// Descriptors are printed as 0.
#define KEEPS(call) \
  do { \
    errno = EXDEV; \
    long result = (long)(call); \
    int after = errno; \
    say("%s: %s, errno %s", #call, result == -1 ? "-1" : "ok", strerrorname_np(after)); \
  } while (0)

int main(void) {
  int container = -1, group = -1, device = -1, other = -1;
  FILE *stream = NULL;
  KEEPS(container = open("/dev/vfio/vfio", O_RDWR));
  KEEPS(group = open(group_node(FIRST), O_RDWR));
  KEEPS(open(group_node(FIRST), O_RDWR));
  KEEPS(stream = fopen(group_node(SECOND), "r+"));
  KEEPS(fclose(stream));
  KEEPS(other = openat(AT_FDCWD, "/dev/vfio/vfio", O_RDONLY));
  KEEPS(close(other));
  KEEPS(other = (int)syscall(SYS_openat, AT_FDCWD, "/dev/vfio/vfio", O_RDWR, 0));
  KEEPS(close(other));
  KEEPS(open("/dev/vfio/none", O_RDWR));
  KEEPS(ioctl(container, VFIO_GET_API_VERSION));
  KEEPS(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
  KEEPS(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
  KEEPS(device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST));
  struct vfio_device_info info = {.argsz = sizeof info};
  KEEPS(ioctl(device, VFIO_DEVICE_GET_INFO, &info));
  uint16_t id = 0;
  KEEPS(pread(device, &id, sizeof id, (off_t)config_offset(0)));
  volatile unsigned char *bar = NULL;
  KEEPS(bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0));
  bus_master(device, 1);
  KEEPS(get32(bar, ID));
  KEEPS((put32(bar, LIVENESS, 5), get32(bar, LIVENESS)));
  unsigned char *memory = pages(1);
  KEEPS(map_quiet(container, READ_WRITE, memory, 0, PAGE));
  KEEPS(dma_in(bar, 0, 64));
  KEEPS(dma_in(bar, 0x100000, 64));
  uint64_t size = PAGE;
  KEEPS(unmap_quiet(container, 0, 0, &size));
  KEEPS(munmap((void *)bar, PAGE));
  KEEPS(close(device));
  KEEPS(ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
  KEEPS(close(group));
  KEEPS(close(container));
  return 0;
}
