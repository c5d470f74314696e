// Every call on a container without a group (C0), with a group (C1) and with an IOMMU (C2); foreign
// calls on all three kinds of descriptor.
#include "conversation.h"

#include <asm/ioctls.h>
#include <sys/socket.h>

static void requests(const char *title, int fd, int c2) {
  heading(title);
  CALL(fd, VFIO_GET_API_VERSION, 0);
  CALL(fd, VFIO_GET_API_VERSION, at(16));
  struct {
    struct vfio_iommu_type1_info info;
    char room[200];
  } info = {.info.argsz = sizeof info};
  CALL(fd, VFIO_IOMMU_GET_INFO, NULL);
  CALL(fd, VFIO_IOMMU_GET_INFO, at(16));
  CALL(fd, VFIO_IOMMU_GET_INFO, &info);
  CALL(fd, VFIO_IOMMU_MAP_DMA, NULL);
  CALL(fd, VFIO_IOMMU_MAP_DMA, at(0xdead000000000000));
  struct vfio_iommu_type1_dma_map map = {.argsz = 0};
  CALL(fd, VFIO_IOMMU_MAP_DMA, &map);
  CALL(fd, VFIO_IOMMU_UNMAP_DMA, NULL);
  CALL(fd, VFIO_IOMMU_UNMAP_DMA, at(0x7fffffffffff));
  struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof unmap, .size = PAGE};
  CALL(fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
  CALL(fd, VFIO_IOMMU_DIRTY_PAGES, NULL);
  struct vfio_iommu_type1_dirty_bitmap dirty = {.argsz = 8};
  CALL(fd, VFIO_IOMMU_DIRTY_PAGES, &dirty);
  CALL(fd, VFIO_IOMMU_ENABLE, 0);
  CALL(fd, VFIO_IOMMU_DISABLE, 0);
  char line[256];
  int used = snprintf(line, sizeof line, "numbers 60 to 90:");
  for (unsigned n = 0x60; n <= 0x90; n++) {
    if (n == 0x66 && !c2) continue;
    if (used > 80) {
      say("%s", line);
      used = snprintf(line, sizeof line, " ");
    }
    used += snprintf(line + used, sizeof line - used, " %02x=%s", n,
                     outcome(ioctl(fd, _IO(';', n), at(16))));
  }
  say("%s", line);
  say("read-write forms: %s", outcome(ioctl(fd, _IOWR(';', 0x64, int), at(16))));
  say("a 64-bit number: %s", outcome(ioctl(fd, 0x100000000UL | VFIO_GET_API_VERSION, 0)));
}

static void foreign(const char *title, int fd) {
  heading(title);
  char room[256] = {0};
  int number = 0;
  CALL(fd, TCGETS, room);
  CALL(fd, TIOCGWINSZ, room);
  CALL(fd, FIONREAD, &number);
  CALL(fd, FIONBIO, &number);
  CALL(fd, FIONBIO, NULL);
  CALL(fd, FIOASYNC, &number);
  CALL(fd, FIOCLEX, 0);
  CALL(fd, FIONCLEX, 0);
  CALL(fd, 0, 0);
  CALL(fd, -1, 0);
  CALL(fd, VFIO_GET_API_VERSION, 0);
  CALL(fd, VFIO_GROUP_GET_STATUS, at(16));
  CALL(fd, VFIO_DEVICE_GET_INFO, at(16));
  CALL(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, at(16));
  CALL(fd, _IO(';', 0x76), at(16));
  CALL(fd, _IO(';', 0x77), at(16));
  CALL(fd, _IO(';', 0x78), at(16));
  CALL(fd, _IO(';', 0x81), at(16));
  CALL(fd, _IO(';', 0xff), at(16));
  char byte;
  DO(recv(fd, &byte, 1, 0));
}

int main(void) {
  int container, group;
  OPEN(container, "/dev/vfio/vfio", O_RDWR);
  requests("C0", container, 0);
  foreign("foreign, C0", container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  group = open(group_node(FIRST), O_RDWR);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  requests("C1", container, 0);
  foreign("foreign, C1", container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  requests("C2", container, 1);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
  CALL(container, VFIO_SET_IOMMU, 0);
  foreign("foreign, C2", container);
  foreign("foreign, group", group);
  int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  foreign("foreign, device", device);
  close(device);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  requests("C0 again", container, 0);
  heading("closed");
  close(container);
  CALL(container, VFIO_GET_API_VERSION, 0);
  CALL(-1, VFIO_GET_API_VERSION, 0);
  close(group);
  return 0;
}
