// Request structures in memory that is read-only, ends too soon, or is not there.
#include "conversation.h"

static unsigned char *area, *data;
static int container;

static void place(const char *what, void *request, size_t size, int fd, unsigned long number,
                  const char *name) {
  // At the end of a page before a closed one, moved forward until it does not fit.
  for (size_t missing = 0; missing <= size; missing += 4) {
    unsigned char *spot = area + PAGE - size + missing;
    memcpy(spot, request, size - missing);
    const char *result = outcome(ioctl(fd, number, spot));
    if (missing == 0 || missing == 4 || missing == size || missing == size - 4)
      say("%s %s, %zu bytes missing: %s", name, what, missing, result);
  }
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  area = pages(2);
  data = pages(4);
  munmap(area + PAGE, PAGE);
  mmap(area + PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  struct vfio_iommu_type1_dma_map map = {32, 3, (uintptr_t)data, 0x10000, PAGE};
  struct vfio_iommu_type1_dma_unmap unmap = {.argsz = 24, .iova = 0x10000, .size = PAGE};
  struct vfio_iommu_type1_info info = {.argsz = 24};
  struct vfio_group_status status = {.argsz = 8};
  struct vfio_device_info device = {.argsz = 16};
  struct vfio_region_info region = {.argsz = 32};
  struct vfio_irq_info irq = {.argsz = 16};
  heading("reaching into a closed page");
  place("of map", &map, sizeof map, container, VFIO_IOMMU_MAP_DMA, "MAP_DMA");
  place("of unmap", &unmap, 24, container, VFIO_IOMMU_UNMAP_DMA, "UNMAP_DMA");
  place("of info", &info, 24, container, VFIO_IOMMU_GET_INFO, "GET_INFO");
  place("of status", &status, 8, s.group, VFIO_GROUP_GET_STATUS, "GET_STATUS");
  place("of device", &device, 16, s.device, VFIO_DEVICE_GET_INFO, "DEVICE_GET_INFO");
  place("of region", &region, 32, s.device, VFIO_DEVICE_GET_REGION_INFO, "GET_REGION_INFO");
  place("of irq", &irq, 16, s.device, VFIO_DEVICE_GET_IRQ_INFO, "GET_IRQ_INFO");

  heading("read-only structures");
  unsigned char *fixed = pages(1);
  memcpy(fixed, &map, sizeof map);
  memcpy(fixed + 64, &unmap, sizeof unmap);
  memcpy(fixed + 128, &info, sizeof info);
  memcpy(fixed + 256, &status, sizeof status);
  memcpy(fixed + 320, &device, sizeof device);
  memcpy(fixed + 384, &region, sizeof region);
  memcpy(fixed + 448, &irq, sizeof irq);
  memcpy(fixed + 512, &container, 4);
  mprotect(fixed, PAGE, PROT_READ);
  CALL(container, VFIO_IOMMU_MAP_DMA, fixed);
  CALL(container, VFIO_IOMMU_MAP_DMA, fixed);
  CALL(container, VFIO_IOMMU_UNMAP_DMA, fixed + 64);
  CALL(container, VFIO_IOMMU_UNMAP_DMA, fixed + 64);
  CALL(container, VFIO_IOMMU_MAP_DMA, fixed);
  CALL(container, VFIO_IOMMU_GET_INFO, fixed + 128);
  CALL(s.group, VFIO_GROUP_GET_STATUS, fixed + 256);
  CALL(s.group, VFIO_GROUP_SET_CONTAINER, fixed + 512);
  CALL(s.device, VFIO_DEVICE_GET_INFO, fixed + 320);
  CALL(s.device, VFIO_DEVICE_GET_REGION_INFO, fixed + 384);
  CALL(s.device, VFIO_DEVICE_GET_IRQ_INFO, fixed + 448);

  heading("write-only and odd structures");
  mprotect(fixed, PAGE, PROT_WRITE);
  CALL(s.group, VFIO_GROUP_GET_STATUS, fixed + 256);
  unsigned char *odd = pages(1) + 3;
  memcpy(odd, &status, sizeof status);
  CALL(s.group, VFIO_GROUP_GET_STATUS, odd);
  map.iova = 0x40000;
  memcpy(odd + 101, &map, sizeof map);
  CALL(container, VFIO_IOMMU_MAP_DMA, odd + 101);

  heading("reading and writing registers from bad memory");
  DO(pread(s.device, at(16), 4, 0));
  DO(pread(s.device, fixed, 4, 0));
  DO(pwrite(s.device, at(16), 4, 4));
  DO(pread(s.device, area + PAGE - 4, 8, 0));
  DO(pread(s.device, area + PAGE - 4, 8, 4));
  DO(pread(s.device, area + PAGE - 4, 12, 0x80));
  DO(pread(s.device, area + PAGE, 4, (off_t)(7ULL << 40)));
  DO(pread(s.device, area + PAGE - 2, 4, (off_t)(7ULL << 40)));
  DO(pread(s.device, area + PAGE - 2, 8, (off_t)(7ULL << 40)));
  DO(pread(s.device, area + PAGE - 4, 8, (off_t)(7ULL << 40)));
  return 0;
}
