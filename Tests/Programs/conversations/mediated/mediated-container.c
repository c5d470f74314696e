// A container of emulated devices only, and what changes when a physical group joins and leaves.
#include "pins.h"

static int container;

static void facts(void) {
  unsigned char bytes[512] = {0};
  struct vfio_iommu_type1_info *i = (struct vfio_iommu_type1_info *)bytes;
  i->argsz = sizeof bytes;
  DO(ioctl(container, VFIO_IOMMU_GET_INFO, i));
  say("argsz %u flags %u pgsizes %#llx cap_offset %u", i->argsz, i->flags,
      (unsigned long long)i->iova_pgsizes, i->cap_offset);
  for (unsigned at = i->cap_offset; at;) {
    struct vfio_info_cap_header *cap = (struct vfio_info_cap_header *)(bytes + at);
    say("capability %u at %u", cap->id, at);
    if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
      struct vfio_iommu_type1_info_cap_iova_range *ranges = (void *)cap;
      for (unsigned n = 0; n < ranges->nr_iovas; n++)
        say("  %#llx…%#llx", (unsigned long long)ranges->iova_ranges[n].start,
            (unsigned long long)ranges->iova_ranges[n].end);
    }
    at = cap->next;
  }
  say("UPDATE_VADDR %s, DMA_CC %s", outcome(ioctl(container, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR)),
      outcome(ioctl(container, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU)));
}

int main(void) {
  container = open("/dev/vfio/vfio", O_RDWR);
  struct session s = join(container, PINS);
  struct vfio_group_status status = {.argsz = sizeof status};
  DO(ioctl(s.group, VFIO_GROUP_GET_STATUS, &status));
  say("flags %u", status.flags);
  say("device before a driver: %s", opened(ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, PINS)));
  DO(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
  facts();
  say("no such device: %s", opened(ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, "ioasid")));
  say("its name and a blank: %s", opened(ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, PINS " ")));
  int d = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, PINS);
  say("device: %s", opened(d));
  struct vfio_device_info info = {.argsz = sizeof info};
  DO(ioctl(d, VFIO_DEVICE_GET_INFO, &info));
  DO(ioctl(d, VFIO_DEVICE_RESET));
  heading("memory is not looked at");
  unsigned char *p = numbered_pages(16);
  MAP(READ_WRITE, at(0x7f0000000000), 0x800000, 4 * PAGE);
  MAP(READ_WRITE, p, 0xfee00000, PAGE);
  MAP(READ_WRITE, p, 0x1000000000000, PAGE);
  UNMAP(0x800000, 4 * PAGE);
  UNMAP(0xfee00000, PAGE);
  UNMAP(0x1000000000000, PAGE);
  UNMAP_flags(container, "VADDR", VFIO_DMA_UNMAP_FLAG_VADDR, 0x100000, 4 * PAGE);
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  UNMAP_flags(container, "VADDR", VFIO_DMA_UNMAP_FLAG_VADDR, 0x100000, 4 * PAGE);
  pin(d, 0x100000, 2, 3);
  heading("a physical group joins");
  int group = open(group_node(FIRST), O_RDWR);
  DO(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
  facts();
  pin(d, 0x101000, 2, 3);
  int edu = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  volatile unsigned char *bar = map_bar(edu, 0x1000);
  bus_master(edu, 1);
  say("edu reads: %d", dma_in(bar, 0x100000, 16));
  p[0] = 0x55;
  say("edu reads: %d", dma_in(bar, 0x100000, 16));
  say("edu writes: %d", dma_out(bar, 0x102000, 16));
  say("page 2 %s", picture(p + 2 * PAGE, 16));
  MAP(READ_WRITE, at(0x7f0000000000), 0x800000, 4 * PAGE);
  MAP(READ_WRITE, p, 0xfee00000, PAGE);
  heading("and leaves");
  munmap((void *)bar, 0x1000);
  close(edu);
  DO(ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
  facts();
  pin(d, 0x103000, 1, 3);
  unpin(d, 0x100000, 2);
  UNMAP(0x100000, 4 * PAGE);
  told(d);
  heading("memory that is missing when it joins");
  MAP(READ_WRITE, at(0x7f0000000000), 0x800000, 4 * PAGE);
  DO(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
  UNMAP(0x800000, 4 * PAGE);
  DO(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
  heading("the emulated group leaves, the physical one stays");
  MAP(READ_WRITE, p, 0x100000, 4 * PAGE);
  pin(d, 0x100000, 2, 3);
  DO(ioctl(s.group, VFIO_GROUP_UNSET_CONTAINER));
  close(d);
  DO(ioctl(s.group, VFIO_GROUP_UNSET_CONTAINER));
  facts();
  UNMAP(0x100000, 4 * PAGE);
  close(s.group);
  close(group);
  close(container);
  return 0;
}
