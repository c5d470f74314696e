// One call of every kind, right and wrong, for a trace to be compared with: what it prints does not matter.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char *memory;

static void map(int container, uint32_t argsz, uint32_t flags, void *address, uint64_t iova, uint64_t size) {
  struct vfio_iommu_type1_dma_map m = {argsz, flags, (uint64_t)(uintptr_t)address, iova, size};
  ioctl(container, VFIO_IOMMU_MAP_DMA, &m);
}

static void unmap(int container, uint32_t flags, uint64_t iova, uint64_t size) {
  struct vfio_iommu_type1_dma_unmap u = {.argsz = sizeof u, .flags = flags, .iova = iova, .size = size};
  ioctl(container, VFIO_IOMMU_UNMAP_DMA, &u);
}

static void mappings(int container) {
  char info[512] = {0};
  struct vfio_iommu_type1_info *head = (void *)info;
  head->argsz = 16;
  ioctl(container, VFIO_IOMMU_GET_INFO, info);
  head->argsz = sizeof info;
  ioctl(container, VFIO_IOMMU_GET_INFO, info);
  map(container, 32, 3, memory, 0x10000000, 0x2000);
  map(container, 32, 3, memory, 0x10001000, 0x1000);
  map(container, 40, 1, memory + 0x2000, 0x20000000, 0x1000);
  map(container, 32, 0x83, memory, 0x30000000, 0x1000);
  map(container, 8, 3, memory, 0x30000000, 0x1000);
  map(container, 32, 3, NULL, 0x30000000, 0x1000);
  map(container, 32, 3, (void *)-4096L, 0x30000000, 0x1000);
  munmap(memory + 0x5000, 0x1000);
  map(container, 32, 3, memory + 0x4000, 0x40000000, 0x2000);
  ioctl(container, VFIO_IOMMU_MAP_DMA, NULL);
  ioctl(container, VFIO_IOMMU_MAP_DMA, memory + 0x5000);
  uint32_t head_only[2] = {32, 3};
  ioctl(container, VFIO_IOMMU_MAP_DMA, memcpy(memory + 0x4ff8, head_only, 8));
  unmap(container, 0, 0x10000000, 0x2000);
  unmap(container, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0);
  struct vfio_iommu_type1_dirty_bitmap dirty = {.argsz = sizeof dirty, .flags = 1 << 5};
  ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

static void device(int group, int device) {
  struct vfio_device_info info = {.argsz = 16};
  ioctl(device, VFIO_DEVICE_GET_INFO, &info);
  struct vfio_region_info region = {.argsz = sizeof region, .index = VFIO_PCI_CONFIG_REGION_INDEX};
  ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region);
  uint32_t id = 0;
  uint16_t command = 6;
  pread(device, &id, 4, (off_t)region.offset);
  pwrite(device, &command, 2, (off_t)region.offset + 4);
  pread(device, memory + 0x1000, 256, (off_t)region.offset);
  pread(device, NULL, 4, (off_t)region.offset);
  region.index = 99;
  ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region);
  struct vfio_irq_info irq = {.argsz = sizeof irq, .index = VFIO_PCI_MSI_IRQ_INDEX};
  ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &irq);
  char buffer[sizeof(struct vfio_irq_set) + 4];
  struct vfio_irq_set *set = (void *)buffer;
  *set = (struct vfio_irq_set){
      sizeof buffer, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_MSI_IRQ_INDEX, 0, 1};
  int event = eventfd(0, EFD_CLOEXEC), copy = dup(event);
  int given[] = {event, copy, -1, 900, STDOUT_FILENO, group};
  for (unsigned n = 0; n < sizeof given / sizeof given[0]; n++) {
    memcpy(set->data, &given[n], 4);
    ioctl(device, VFIO_DEVICE_SET_IRQS, set);
  }
  ioctl(device, VFIO_DEVICE_RESET);
  struct vfio_pci_hot_reset_info reset = {.argsz = sizeof reset};
  ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &reset);
  struct vfio_device_feature feature = {.argsz = sizeof feature, .flags = VFIO_DEVICE_FEATURE_PROBE | 3};
  ioctl(device, VFIO_DEVICE_FEATURE, &feature);
  ioctl(device, 0x3b99, memory);
}

int main(void) {
  memory = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), group = open("/dev/vfio/3", O_RDWR), other;
  open("/dev/vfio/3", O_RDWR);
  ioctl(container, VFIO_GET_API_VERSION);
  ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU);
  ioctl(container, VFIO_CHECK_EXTENSION, 77);
  ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  struct vfio_group_status status = {.argsz = sizeof status};
  ioctl(group, VFIO_GROUP_GET_STATUS, &status);
  other = 900;
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &other);
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
  ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  ioctl(group, VFIO_GROUP_GET_DEVICE_FD, "0000:00:99.0");
  int first = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, "0000:00:05.0");
  int second = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, "0000:00:05.0");
  close(second);
  mappings(container);
  device(group, first);
  // The child has every file and names of its own for what comes.
  if (fork() == 0) {
    map(container, 32, 3, memory + 0x6000, 0x10000000, 0x1000);
    int mine = open("/dev/vfio/vfio", O_RDONLY);
    ioctl(mine, VFIO_GET_API_VERSION);
    close(mine);
    _exit(0);
  }
  wait(NULL);
  unmap(container, 0, 0x10000000, 0x1000);
  close(dup(first));
  close(first);
  close(group);
  close(container);
  return 0;
}
