// A graphics blitter as a mediated device: a vendor driver that pins a program's pages when the
// device first needs them, keeps them pinned as its cache, and lets go when it is told to.
//
// Region 0 is its registers, region 1 its screen, 64 × 64 pixels of 4 bytes, which can be mapped;
// interrupt 0 says that a
// command is done. A picture lies in the program's memory, by bus address, one row after the other.
#include "vfio_ioasid.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

enum { SIDE = 64, PIXEL = 4, SCREEN = SIDE * SIDE * PIXEL, PAGE = 4096, CACHED = 8 };
enum { REGISTERS = 0, SCREEN_REGION = 1, REGIONS = 2, REGION_SHIFT = 40 };
enum { TO_SCREEN = 1, FROM_SCREEN = 2, IDLE = 0, DONE = 1, FAULT = 2 };

struct registers {
  uint64_t address;  // of the picture's first pixel, in the program's memory
  uint32_t rows;     // how many rows of the screen, from the top
  uint32_t pitch;    // bytes from one row of the picture to the next
  uint32_t command;  // writing TO_SCREEN or FROM_SCREEN starts it
  uint32_t status;   // how the last command ended
  uint64_t fault;    // the bus address that refused it
  uint32_t pinned;   // pages in the cache now
  uint32_t pins;     // pages pinned so far
};

struct state {
  struct registers registers;
  struct vfio_ioasid_event event;
  int has_event;
  uint32_t oldest;
  struct {
    uint64_t iova;  // of a whole page; 1 where the place is free
    struct page *page;
  } cache[CACHED];
};

static void drop(struct vfio_device *device, struct state *s, int place) {
  if (s->cache[place].iova == 1) return;
  vfio_unpin_pages(device, s->cache[place].iova, 1);
  s->cache[place].iova = 1;
  s->registers.pinned--;
}

// The page at a bus address: pinned already, or pinned now in the place of the oldest.
static int page_at(struct vfio_device *device, struct state *s, uint64_t iova, struct page **page) {
  for (int i = 0; i < CACHED; i++) {
    if (s->cache[i].iova != iova) continue;
    *page = s->cache[i].page;
    return 0;
  }
  int place = (int)(s->oldest++ % CACHED);
  drop(device, s, place);
  int result = vfio_pin_pages(device, iova, 1, 3, page);
  if (result != 1) return result;
  s->cache[place].iova = iova;
  s->cache[place].page = *page;
  s->registers.pinned++;
  s->registers.pins++;
  return 0;
}

static int move(struct vfio_device *device, struct state *s, uint64_t address, uint8_t *pixels,
                size_t count, int to_screen) {
  while (count) {
    size_t offset = address % PAGE, part = PAGE - offset < count ? PAGE - offset : count;
    struct page *page;
    int failure = page_at(device, s, address - offset, &page);
    if (!failure)
      failure = to_screen ? vfio_ioasid_copy_from_page(device, page, offset, pixels, part)
                          : vfio_ioasid_copy_to_page(device, page, offset, pixels, part);
    if (failure) {
      s->registers.fault = address;
      return failure;
    }
    address += part;
    pixels += part;
    count -= part;
  }
  return 0;
}

static void blit(struct vfio_device *device, struct state *s) {
  struct registers *r = &s->registers;
  uint32_t rows = r->rows < SIDE ? r->rows : SIDE;
  r->status = DONE;
  for (uint32_t row = 0; row < rows && r->status == DONE; row++) {
    uint64_t address = r->address + (uint64_t)row * r->pitch;
    uint8_t *pixels = (uint8_t *)device->memory + row * SIDE * PIXEL;
    if (move(device, s, address, pixels, SIDE * PIXEL, r->command == TO_SCREEN)) r->status = FAULT;
  }
  r->command = IDLE;
  if (s->has_event) vfio_ioasid_event_signal(device, &s->event);
}

static int open_device(struct vfio_device *device) {
  struct state *s = device->state;
  memset(s, 0, sizeof *s);
  memset(device->memory, 0, SCREEN);
  for (int i = 0; i < CACHED; i++) s->cache[i].iova = 1;
  return 0;
}

static void forget_event(struct vfio_device *device, struct state *s) {
  if (s->has_event) vfio_ioasid_event_put(device, &s->event);
  s->has_event = 0;
}

static void close_device(struct vfio_device *device) {
  struct state *s = device->state;
  for (int i = 0; i < CACHED; i++) drop(device, s, i);
  forget_event(device, s);
}

static void dma_unmap(struct vfio_device *device, uint64_t iova, uint64_t length) {
  struct state *s = device->state;
  for (int i = 0; i < CACHED; i++)
    if (s->cache[i].iova - iova < length) drop(device, s, i);
}

// What part of a region an access may have; null where it is none.
static uint8_t *region(struct vfio_device *device, off_t position, size_t *count) {
  struct state *s = device->state;
  uint64_t index = (uint64_t)position >> REGION_SHIFT;
  uint64_t offset = (uint64_t)position & ((1ULL << REGION_SHIFT) - 1);
  uint64_t size = index == REGISTERS ? sizeof s->registers : index == SCREEN_REGION ? SCREEN : 0;
  if (offset >= size) return NULL;
  if (*count > size - offset) *count = size - offset;
  return (index == REGISTERS ? (uint8_t *)&s->registers : (uint8_t *)device->memory) + offset;
}

static ssize_t read_region(struct vfio_device *device, char *buffer, size_t count, off_t *position) {
  uint8_t *bytes = region(device, *position, &count);
  if (!bytes) return -EINVAL;
  if (vfio_ioasid_copy_to_user(device, buffer, bytes, count)) return -EFAULT;
  *position += count;
  return count;
}

static ssize_t write_region(struct vfio_device *device, const char *buffer, size_t count,
                            off_t *position) {
  struct state *s = device->state;
  uint8_t *bytes = region(device, *position, &count);
  if (!bytes) return -EINVAL;
  if (vfio_ioasid_copy_from_user(device, bytes, buffer, count)) return -EFAULT;
  *position += count;
  if (s->registers.command != IDLE) blit(device, s);
  return count;
}

static long region_info(struct vfio_device *device, void *user) {
  struct vfio_region_info info;
  if (vfio_ioasid_copy_from_user(device, &info, user, sizeof info)) return -EFAULT;
  if (info.argsz < sizeof info || info.index >= REGIONS) return -EINVAL;
  info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
  if (info.index == SCREEN_REGION) info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
  info.cap_offset = 0;
  info.size = info.index == REGISTERS ? sizeof(struct registers) : SCREEN;
  info.offset = (uint64_t)info.index << REGION_SHIFT;
  return vfio_ioasid_copy_to_user(device, user, &info, sizeof info) ? -EFAULT : 0;
}

static int mmap_screen(struct vfio_device *device, off_t position, size_t length, int protection,
                       size_t *at) {
  (void)device, (void)protection;
  uint64_t offset = (uint64_t)position - ((uint64_t)SCREEN_REGION << REGION_SHIFT);
  if (offset >= SCREEN || length > SCREEN - offset) return -EINVAL;
  *at = offset;
  return 0;
}

static long set_irqs(struct vfio_device *device, void *user) {
  struct state *s = device->state;
  struct {
    struct vfio_irq_set set;
    int32_t descriptor;
  } irqs = {0};
  struct vfio_ioasid_event event;
  if (vfio_ioasid_copy_from_user(device, &irqs, user, sizeof irqs.set)) return -EFAULT;
  if (irqs.set.index || irqs.set.start || irqs.set.count > 1) return -EINVAL;
  if (irqs.set.count == 0) {
    forget_event(device, s);
    return 0;
  }
  if (irqs.set.flags != (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)) return -EINVAL;
  if (vfio_ioasid_copy_from_user(device, &irqs, user, sizeof irqs)) return -EFAULT;
  int failure = vfio_ioasid_event_get(device, irqs.descriptor, &event);
  if (failure) return failure;
  forget_event(device, s);
  s->event = event;
  s->has_event = 1;
  return 0;
}

static long ioctl_device(struct vfio_device *device, unsigned int command, unsigned long argument) {
  void *user = (void *)argument;
  switch (command) {
    case VFIO_DEVICE_GET_INFO: {
      struct vfio_device_info info = {.argsz = sizeof info, .num_regions = REGIONS, .num_irqs = 1};
      size_t bytes = offsetof(struct vfio_device_info, num_irqs) + sizeof info.num_irqs;
      return vfio_ioasid_copy_to_user(device, user, &info, bytes) ? -EFAULT : 0;
    }
    case VFIO_DEVICE_GET_REGION_INFO: return region_info(device, user);
    case VFIO_DEVICE_GET_IRQ_INFO: {
      struct vfio_irq_info info = {sizeof info, VFIO_IRQ_INFO_EVENTFD, 0, 1};
      return vfio_ioasid_copy_to_user(device, user, &info, sizeof info) ? -EFAULT : 0;
    }
    case VFIO_DEVICE_SET_IRQS: return set_irqs(device, user);
    default: return -ENOTTY;
  }
}

const struct vfio_device_ops vfio_ioasid_driver = {
  .version = VFIO_IOASID_VERSION,
  .name = "blitter",
  .state_bytes = sizeof(struct state),
  .memory_bytes = SCREEN,
  .open_device = open_device,
  .close_device = close_device,
  .read = read_region,
  .write = write_region,
  .ioctl = ioctl_device,
  .mmap = mmap_screen,
  .dma_unmap = dma_unmap,
};
