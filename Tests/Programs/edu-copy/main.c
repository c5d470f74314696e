// A legacy VFIO program in plain C: it drives the `edu` device through a container, a group and
// type1v2, as such programs have done since 2012, and prints what it did.
//
// The device copies buffer A into itself and out again to buffer B. Every address that it uses is
// an I/O virtual address chosen below; whoever translates them decides what it reaches.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static const char device_name[] = "0000:00:05.0";

enum {
  // Chosen freely; one lies below and one above the window that interrupts use.
  buffer_size = 4096,
  // One byte less than the device's own buffer: some models do not take the last byte.
  copied = 4095,
};
static const uint64_t iova_a = 0x10000000, iova_b = 0xfef00000;

// The registers of `edu`, in BAR 0, and the place of its buffer in its own address space.
enum {
  identification = 0x00, liveness = 0x04, factorial = 0x08, status = 0x20, interrupt_status = 0x24,
  raise_interrupt = 0x60, acknowledge = 0x64, dma_source = 0x80, dma_target = 0x88,
  dma_count = 0x90, dma_command = 0x98, device_buffer = 0x40000,
};
enum { dma_start = 1, dma_from_device = 2, dma_then_interrupt = 4, dma_interrupt = 0x100 };

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
  int number = errno;
  va_list list;
  va_start(list, format);
  printf("failed: ");
  vprintf(format, list);
  va_end(list);
  printf(": %s\n", strerrorname_np(number));
  exit(1);
}

static int open_node(const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    printf("%s: %s\n", path, errno == ENOENT ? "missing; there is no VFIO here" : strerror(errno));
    exit(1);
  }
  return fd;
}

// sysfs tells the group of a device: /sys/bus/pci/devices/BDF/iommu_group links to it.
static int group_of_device(void) {
  char link[128], target[512];
  snprintf(link, sizeof link, "/sys/bus/pci/devices/%s/iommu_group", device_name);
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) {
    printf("%s: %s\n", link, errno == ENOENT ? "missing" : strerror(errno));
    exit(1);
  }
  target[length] = 0;
  return atoi(strrchr(target, '/') + 1);
}

static void print_iommu(int container) {
  struct vfio_iommu_type1_info probe = {.argsz = sizeof probe};
  if (ioctl(container, VFIO_IOMMU_GET_INFO, &probe)) fail("VFIO_IOMMU_GET_INFO");
  // The first call tells how much room the capabilities need.
  struct vfio_iommu_type1_info *info = calloc(1, probe.argsz);
  if (!info) fail("calloc");
  info->argsz = probe.argsz;
  if (ioctl(container, VFIO_IOMMU_GET_INFO, info)) fail("VFIO_IOMMU_GET_INFO");
  printf("IOMMU: %u bytes of facts, page sizes %#llx\n", info->argsz,
         (unsigned long long)info->iova_pgsizes);
  for (uint32_t at = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0; at;) {
    struct vfio_info_cap_header *header = (void *)((char *)info + at);
    if (header->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
      struct vfio_iommu_type1_info_cap_iova_range *ranges = (void *)header;
      for (uint32_t i = 0; i < ranges->nr_iovas; i++)
        printf("  usable: %#llx to %#llx\n", (unsigned long long)ranges->iova_ranges[i].start,
               (unsigned long long)ranges->iova_ranges[i].end);
    } else if (header->id == VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION) {
      struct vfio_iommu_type1_info_cap_migration *migration = (void *)header;
      printf("  dirty pages: of %#llx bytes, at most %#llx bytes of bitmap\n",
             (unsigned long long)migration->pgsize_bitmap,
             (unsigned long long)migration->max_dirty_bitmap_size);
    } else if (header->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) {
      printf("  mappings left: %u\n", ((struct vfio_iommu_type1_info_dma_avail *)header)->avail);
    }
    at = header->next;
  }
  free(info);
}

static void map(int container, const char *name, void *memory, uint64_t iova, uint32_t flags) {
  struct vfio_iommu_type1_dma_map request = {
      .argsz = sizeof request, .flags = flags, .vaddr = (uintptr_t)memory, .iova = iova,
      .size = buffer_size};
  if (ioctl(container, VFIO_IOMMU_MAP_DMA, &request)) fail("VFIO_IOMMU_MAP_DMA of %s", name);
  printf("mapped %s: %d bytes at IOVA %#" PRIx64 ", the device may %s it\n", name, buffer_size,
         iova, flags == VFIO_DMA_MAP_FLAG_READ ? "read" : "write");
}

static void unmap(int container, const char *name, uint64_t iova) {
  struct vfio_iommu_type1_dma_unmap request = {
      .argsz = sizeof request, .iova = iova, .size = buffer_size};
  if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &request)) fail("VFIO_IOMMU_UNMAP_DMA of %s", name);
  printf("unmapped %s: %llu bytes\n", name, (unsigned long long)request.size);
}

static struct vfio_region_info region(int device, uint32_t index) {
  struct vfio_region_info info = {.argsz = sizeof info, .index = index};
  if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info)) fail("VFIO_DEVICE_GET_REGION_INFO");
  return info;
}

static uint16_t config_read(int device, unsigned at) {
  uint16_t value;
  off_t place = (off_t)region(device, VFIO_PCI_CONFIG_REGION_INDEX).offset + at;
  if (pread(device, &value, sizeof value, place) != sizeof value) fail("configuration read");
  return value;
}

static void config_write(int device, unsigned at, uint16_t value) {
  off_t place = (off_t)region(device, VFIO_PCI_CONFIG_REGION_INDEX).offset + at;
  if (pwrite(device, &value, sizeof value, place) != sizeof value) fail("configuration write");
}

static uint32_t get(volatile void *bar, unsigned at) {
  return *(volatile uint32_t *)((volatile char *)bar + at);
}
static void put(volatile void *bar, unsigned at, uint32_t value) {
  *(volatile uint32_t *)((volatile char *)bar + at) = value;
}

// Gives an eventfd to interrupt `index`, or takes it away again with -1.
static void arm(int device, uint32_t index, int event) {
  char bytes[sizeof(struct vfio_irq_set) + sizeof event];
  struct vfio_irq_set *set = (struct vfio_irq_set *)bytes;
  *set = (struct vfio_irq_set){
      .argsz = event < 0 ? sizeof *set : sizeof bytes,
      .flags = VFIO_IRQ_SET_ACTION_TRIGGER
               | (event < 0 ? VFIO_IRQ_SET_DATA_NONE : VFIO_IRQ_SET_DATA_EVENTFD),
      .index = index, .start = 0, .count = event < 0 ? 0 : 1};
  memcpy(set->data, &event, event < 0 ? 0 : sizeof event);
  if (ioctl(device, VFIO_DEVICE_SET_IRQS, set)) fail("VFIO_DEVICE_SET_IRQS");
}

// Lets a masked INTx come again.
static void unmask(int device) {
  struct vfio_irq_set set = {
      .argsz = sizeof set, .flags = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE,
      .index = VFIO_PCI_INTX_IRQ_INDEX, .start = 0, .count = 1};
  if (ioctl(device, VFIO_DEVICE_SET_IRQS, &set)) fail("VFIO_DEVICE_SET_IRQS (unmask)");
}

static uint64_t wait_for(int event, const char *what) {
  struct pollfd waiting = {.fd = event, .events = POLLIN};
  uint64_t count = 0;
  if (poll(&waiting, 1, 10000) != 1 || read(event, &count, sizeof count) != sizeof count) {
    printf("failed: %s did not interrupt\n", what);
    exit(1);
  }
  return count;
}

static void copy(volatile void *bar, int event, uint64_t source, uint64_t target,
                 uint32_t direction, const char *what) {
  put(bar, dma_source, (uint32_t)source);
  put(bar, dma_target, (uint32_t)target);
  put(bar, dma_count, copied);
  put(bar, dma_command, dma_start | direction | dma_then_interrupt);
  uint64_t count = wait_for(event, what);
  uint32_t reason = get(bar, interrupt_status);
  put(bar, acknowledge, reason);
  printf("%s: %d bytes, %" PRIu64 " interrupt, status %#x\n", what, copied, count, reason);
  if (reason != dma_interrupt) fail("unexpected interrupt status");
}

// One interrupt asked for by hand: raise, wait, acknowledge.
static void raise_once(volatile void *bar, int event, uint32_t bits, const char *what) {
  put(bar, raise_interrupt, bits);
  uint64_t count = wait_for(event, what);
  printf("%s: %" PRIu64 " interrupt, status %#x\n", what, count, get(bar, interrupt_status));
  put(bar, acknowledge, bits);
}

static uint32_t checksum(const unsigned char *bytes, size_t count) {
  uint32_t sum = 2166136261u;
  for (size_t i = 0; i < count; i++) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}

int main(void) {
  // The container, the group, and the one inside the other.
  int container = open_node("/dev/vfio/vfio");
  printf("container: API version %d, type1v2 %s\n", ioctl(container, VFIO_GET_API_VERSION),
         ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) == 1 ? "supported" : "missing");
  int number = group_of_device();
  char path[64];
  snprintf(path, sizeof path, "/dev/vfio/%d", number);
  int group = open_node(path);
  struct vfio_group_status group_status = {.argsz = sizeof group_status};
  if (ioctl(group, VFIO_GROUP_GET_STATUS, &group_status)) fail("VFIO_GROUP_GET_STATUS");
  printf("group %d of %s: %s\n", number, device_name,
         group_status.flags & VFIO_GROUP_FLAGS_VIABLE ? "viable" : "not viable");
  if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container)) fail("VFIO_GROUP_SET_CONTAINER");
  if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) fail("VFIO_SET_IOMMU");
  print_iommu(container);

  // Two buffers: the device may only read A and only write B.
  unsigned char *a = mmap(NULL, buffer_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                          -1, 0);
  unsigned char *b = mmap(NULL, buffer_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                          -1, 0);
  if (a == MAP_FAILED || b == MAP_FAILED) fail("mmap");
  for (int i = 0; i < buffer_size; i++) a[i] = (unsigned char)(i * 7 + i / 256);
  memset(b, 0xee, buffer_size);
  map(container, "A", a, iova_a, VFIO_DMA_MAP_FLAG_READ);
  map(container, "B", b, iova_b, VFIO_DMA_MAP_FLAG_WRITE);

  // The device.
  int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, device_name);
  if (device < 0) fail("VFIO_GROUP_GET_DEVICE_FD");
  struct vfio_device_info info = {.argsz = sizeof info};
  if (ioctl(device, VFIO_DEVICE_GET_INFO, &info)) fail("VFIO_DEVICE_GET_INFO");
  uint16_t vendor = config_read(device, 0), model = config_read(device, 2);
  printf("device %s: %04x:%04x, %u regions, %u interrupt indexes\n", device_name, vendor, model,
         info.num_regions, info.num_irqs);
  if (vendor != 0x1234 || model != 0x11e8) {
    printf("failed: this is not edu (1234:11e8)\n");
    return 1;
  }
  struct vfio_region_info bar0 = region(device, VFIO_PCI_BAR0_REGION_INDEX);
  volatile void *bar = mmap(NULL, bar0.size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
                            (off_t)bar0.offset);
  if (bar == MAP_FAILED) fail("mmap of BAR 0");
  put(bar, liveness, 0x12345678);
  printf("BAR 0: %llu bytes, identification %#x, liveness %#x\n", (unsigned long long)bar0.size,
         get(bar, identification), get(bar, liveness));
  put(bar, factorial, 10);
  while (get(bar, status) & 1) usleep(1000);
  printf("10! = %u\n", get(bar, factorial));

  // Interrupts by message, and the copies; DMA needs bus mastering (bit 2 of the command register).
  config_write(device, 4, config_read(device, 4) | 4);
  int event = eventfd(0, EFD_CLOEXEC);
  if (event < 0) fail("eventfd");
  arm(device, VFIO_PCI_MSI_IRQ_INDEX, event);
  raise_once(bar, event, 0x1, "MSI raised by hand");
  copy(bar, event, iova_a, device_buffer, 0, "A to device");
  copy(bar, event, device_buffer, iova_b, dma_from_device, "device to B");
  arm(device, VFIO_PCI_MSI_IRQ_INDEX, -1);

  // The same by the interrupt line: it is masked each time it fires, until unmasked.
  arm(device, VFIO_PCI_INTX_IRQ_INDEX, event);
  raise_once(bar, event, 0x2, "INTx raised by hand");
  unmask(device);
  raise_once(bar, event, 0x4, "INTx after unmask");
  unmask(device);
  arm(device, VFIO_PCI_INTX_IRQ_INDEX, -1);

  int same = memcmp(a, b, copied) == 0 && b[copied] == 0xee;
  printf("A %08x, B %08x, byte %d of B %#x: %s\n", checksum(a, copied), checksum(b, copied),
         copied, b[copied], same ? "the copy is exact" : "they differ");

  munmap((void *)bar, bar0.size);
  unmap(container, "A", iova_a);
  unmap(container, "B", iova_b);
  close(device);
  if (ioctl(group, VFIO_GROUP_UNSET_CONTAINER)) fail("VFIO_GROUP_UNSET_CONTAINER");
  close(group);
  close(container);
  close(event);
  printf("%s\n", same ? "done" : "failed");
  return same ? 0 : 1;
}
