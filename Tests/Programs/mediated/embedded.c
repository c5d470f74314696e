// A mediated driver and its client in one plain C program, by libvfio-ioasid.
#include "libvfio_ioasid.h"

#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 1024 };

static int told;

static long sum(struct vfio_device *device, unsigned int command, unsigned long iova) {
  struct page *pages[512];
  long total = 0;
  int count = vfio_pin_pages(device, iova, (int)command, 1, pages);
  if (count < 0) return count;
  for (int i = 0; i < count; i++) {
    unsigned char byte;
    if (vfio_ioasid_copy_from_page(device, pages[i], 17, &byte, 1)) return -1;
    total += byte;
  }
  // Kept until the memory goes.
  return total;
}

static void dma_unmap(struct vfio_device *device, uint64_t iova, uint64_t length) {
  told++;
  vfio_unpin_pages(device, iova, (int)(length / PAGE < 512 ? length / PAGE : 512));
}

static int show(struct vfio_device *device, off_t position, size_t length, int protection,
                size_t *at) {
  (void)device, (void)length, (void)protection;
  *at = (size_t)position;
  return position > 4 * PAGE ? -1 : 0;
}

static const struct vfio_device_ops operations = {
  .version = VFIO_IOASID_VERSION, .name = "adder", .memory_bytes = 2 * PAGE, .ioctl = sum,
  .mmap = show, .dma_unmap = dma_unmap};

int main(void) {
  struct vfio_ioasid_container *container = vfio_ioasid_container_open();
  struct vfio_device *device;
  unsigned char *memory =
    mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(memory, 3, PAGES * PAGE);
  printf("register %d\n", vfio_ioasid_register(container, &operations, &device));
  printf("open before a driver %d\n", vfio_ioasid_open(device));
  printf("SET_IOMMU %ld\n",
         vfio_ioasid_container_ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
  printf("open %d\n", vfio_ioasid_open(device));
  struct vfio_iommu_type1_dma_map map = {
    sizeof map, VFIO_DMA_MAP_FLAG_READ, (unsigned long)memory, 0x100000, 512 * PAGE};
  printf("MAP %ld\n",
         vfio_ioasid_container_ioctl(container, VFIO_IOMMU_MAP_DMA, (unsigned long)&map));
  printf("512 pages %ld\n", vfio_ioasid_ioctl(device, 512, 0x100000));
  printf("513 pages %ld\n", vfio_ioasid_ioctl(device, 513, 0x100000));
  printf("past the end %ld\n", vfio_ioasid_ioctl(device, 2, 0x100000 + 511 * PAGE));
  struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof unmap, .iova = 0x100000,
                                             .size = 512 * PAGE};
  printf("UNMAP %ld\n",
         vfio_ioasid_container_ioctl(container, VFIO_IOMMU_UNMAP_DMA, (unsigned long)&unmap));
  printf("told %d times\n", told);
  printf("memory is %s\n",
         vfio_ioasid_mmap(device, PAGE, PAGE, PROT_READ) == (char *)device->memory + PAGE
           ? "shown" : "hidden");
  printf("beyond its end: %p\n", vfio_ioasid_mmap(device, PAGE, PAGE + 1, PROT_READ));
  vfio_ioasid_close(device);
  vfio_ioasid_container_close(container);
  return 0;
}
