// Module parameters that a program writes take effect when a container gets its IOMMU.
#include "conversation.h"

static const char limit_path[] = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit";
static const char unsafe_path[] = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts";

static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) give_up(path);
  close(fd);
}

int main(void) {
  unsigned char *area = pages(4);
  heading("dma_entry_limit 2");
  put(limit_path, "2\n");
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container;
  say("available %u", dma_available(container));
  MAP(READ_WRITE, area, 0x10000, PAGE);
  MAP(READ_WRITE, area, 0x20000, PAGE);
  MAP(READ_WRITE, area, 0x30000, PAGE);
  UNMAP(0x10000, PAGE);
  MAP(READ_WRITE, area, 0x30000, PAGE);
  heading("written while the IOMMU is there");
  put(limit_path, "10\n");
  say("available %u", dma_available(container));
  MAP(READ_WRITE, area, 0x40000, PAGE);
  finish(s);
  heading("written between open and SET_IOMMU");
  container = open("/dev/vfio/vfio", O_RDWR);
  int group = open(group_node(FIRST), O_RDWR);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  put(limit_path, "0x7\n");
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  say("available %u", dma_available(container));
  close(group);
  close(container);
  put(limit_path, "65535\n");
  heading("allow_unsafe_interrupts");
  put(unsafe_path, "N\n");
  container = open("/dev/vfio/vfio", O_RDWR);
  group = open(group_node(FIRST), O_RDWR);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  put(unsafe_path, "Y\n");
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  close(group);
  close(container);
  return 0;
}
