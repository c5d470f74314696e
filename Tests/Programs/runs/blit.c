// A legacy client of a mediated device that it knows nothing about but its registers: it maps
// pictures, lets the device draw them, and takes its memory back.
#include "runs.h"

enum { SIDE = 64, ROW = SIDE * 4, REGISTERS = 0, SCREEN = 1, TO_SCREEN = 1, FROM_SCREEN = 2 };

struct registers {
  uint64_t address;
  uint32_t rows, pitch, command, status;
  uint64_t fault;
  uint32_t pinned, pins;
};

static struct session s;
static int event;

static const char *node(const char *device) {
  static char path[64];
  char link[128], target[256];
  snprintf(link, sizeof link, "/sys/bus/mdev/devices/%s/iommu_group", device);
  ssize_t length = readlink(link, target, sizeof target - 1);
  MUST(length > 0);
  target[length] = 0;
  snprintf(path, sizeof path, "/dev/vfio/%.20s", strrchr(target, '/') + 1);
  return path;
}

static struct registers registers(void) {
  struct registers r;
  MUST(pread(s.device, &r, sizeof r, region_offset(s.device, REGISTERS)) == sizeof r);
  return r;
}

// One command, waited for.
static const char *blit(uint32_t command, uint64_t address, uint32_t rows, uint32_t pitch) {
  static char text[64];
  struct registers r = {.address = address, .rows = rows, .pitch = pitch, .command = command};
  MUST(pwrite(s.device, &r, offsetof(struct registers, status),
              region_offset(s.device, REGISTERS)) == offsetof(struct registers, status));
  const char *times = counted(event, 1000);
  r = registers();
  if (r.status == 1) snprintf(text, sizeof text, "done, %s interrupt", times);
  else snprintf(text, sizeof text, "fault at %#llx, %s interrupt", (unsigned long long)r.fault, times);
  return text;
}

static unsigned char *screen(void) {
  static unsigned char pixels[SIDE * ROW];
  MUST(pread(s.device, pixels, sizeof pixels, region_offset(s.device, SCREEN)) == sizeof pixels);
  return pixels;
}

static void paint(unsigned char *picture, size_t pitch, int seed) {
  for (int row = 0; row < SIDE; row++)
    for (int i = 0; i < ROW; i++) picture[row * pitch + i] = (unsigned char)(row * 7 + i + seed);
}

static int shows(const unsigned char *pixels, const unsigned char *picture, size_t pitch) {
  for (int row = 0; row < SIDE; row++)
    if (memcmp(pixels + row * ROW, picture + row * pitch, ROW)) return 0;
  return 1;
}

static void cache(const char *when) {
  struct registers r = registers();
  say("%s: %u pages pinned of %u so far", when, r.pinned, r.pins);
}

int main(void) {
  MUST((s.container = open("/dev/vfio/vfio", O_RDWR)) >= 0);
  MUST((s.group = open(node("blitter"), O_RDWR)) >= 0);
  MUST(ioctl(s.group, VFIO_GROUP_SET_CONTAINER, &s.container) == 0);
  MUST(ioctl(s.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0);
  MUST((s.device = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, "blitter")) >= 0);
  struct vfio_device_info info = {.argsz = sizeof info};
  MUST(ioctl(s.device, VFIO_DEVICE_GET_INFO, &info) == 0);
  say("%u regions, %u interrupt", info.num_regions, info.num_irqs);
  event = eventfd(0, EFD_CLOEXEC);
  MUST(arm(s.device, 0, event) == 0);

  unsigned char *narrow = pages(4), *wide = pages(SIDE);
  MUST(map_quiet(s.container, READ_WRITE, narrow, 0x100000, 4 * PAGE) == 0);
  MUST(map_quiet(s.container, READ_WRITE, wide, 0x10000000, SIDE * PAGE) == 0);
  cache("at first");
  paint(narrow, ROW, 1);
  say("a picture of four pages: %s", blit(TO_SCREEN, 0x100000, SIDE, ROW));
  MUST(shows(screen(), narrow, ROW));
  cache("then");
  paint(wide, PAGE, 2);
  say("a picture of 64 pages: %s", blit(TO_SCREEN, 0x10000000, SIDE, PAGE));
  MUST(shows(screen(), wide, PAGE));
  cache("then");

  // The screen, mapped: every process sees what is drawn, and draws.
  unsigned char *mapped = mmap(NULL, SIDE * ROW, PROT_READ | PROT_WRITE, MAP_SHARED, s.device,
                               region_offset(s.device, SCREEN));
  MUST(mapped != MAP_FAILED && shows(mapped, wide, PAGE));
  mapped[5] ^= 0xff;
  MUST(screen()[5] == mapped[5]);
  MUST(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, s.device, region_offset(s.device, SCREEN)) ==
         MAP_FAILED && errno == EINVAL);
  MUST(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, s.device, region_offset(s.device, REGISTERS)) ==
         MAP_FAILED && errno == EINVAL);
  MUST(mmap(NULL, SIDE * ROW + PAGE, PROT_READ, MAP_SHARED, s.device,
            region_offset(s.device, SCREEN)) == MAP_FAILED && errno == EINVAL);
  say("the screen is mapped");

  say("not mapped: %s", blit(TO_SCREEN, 0x50000000, SIDE, ROW));
  say("one row too many: %s", blit(TO_SCREEN, 0x10000000 + PAGE, SIDE, PAGE));
  memset(screen(), 0, 1);
  unsigned char pixels[SIDE * ROW];
  paint(pixels, ROW, 3);
  MUST(pwrite(s.device, pixels, sizeof pixels, region_offset(s.device, SCREEN)) == sizeof pixels);
  say("a screen shot: %s", blit(FROM_SCREEN, 0x100000, SIDE, ROW));
  MUST(shows(pixels, narrow, ROW));

  cache("before the memory goes");
  MUST(unmap_bytes(s, 0x10000000, SIDE * PAGE) == SIDE * PAGE);
  cache("after the wide one");
  MUST(unmap_all(s) == 4 * PAGE);
  cache("after all");
  say("gone: %s", blit(TO_SCREEN, 0x100000, SIDE, ROW));

  // Another process drives the device, on this one's memory; the interrupt arrives here.
  MUST(map_quiet(s.container, READ_WRITE, narrow, 0x100000, 4 * PAGE) == 0);
  paint(narrow, ROW, 4);
  pid_t child = fork();
  if (child == 0) {
    struct registers r = {.address = 0x100000, .rows = SIDE, .pitch = ROW, .command = TO_SCREEN};
    size_t head = offsetof(struct registers, status);
    MUST(pwrite(s.device, &r, head, region_offset(s.device, REGISTERS)) == (ssize_t)head);
    MUST(shows(screen(), narrow, ROW));
    MUST(shows(mapped, narrow, ROW));
    // What the driver pinned it gives back here, where it never pinned anything by itself.
    memset(narrow, 0, 4 * PAGE);
    _exit(0);
  }
  MUST(went_well(child));
  say("a child draws: %s interrupt", counted(event, 1000));
  MUST(shows(screen(), narrow, ROW));
  cache("then");
  child = fork();
  if (child == 0) _exit(unmap_bytes(s, 0x100000, 4 * PAGE) == 4 * PAGE ? 0 : 1);
  MUST(went_well(child));
  cache("a child unmaps");

  // The last close lets go; what is mapped counts as open.
  MUST(map_quiet(s.container, READ_WRITE, narrow, 0x100000, 4 * PAGE) == 0);
  say("once more: %s", blit(TO_SCREEN, 0x100000, SIDE, ROW));
  close(s.device);
  MUST(ioctl(s.group, VFIO_GROUP_UNSET_CONTAINER) == -1 && errno == EBUSY);
  MUST(shows(mapped, narrow, ROW));
  MUST(munmap(mapped, SIDE * ROW) == 0);
  MUST(unmap_bytes(s, 0x100000, 4 * PAGE) == 4 * PAGE);
  MUST(ioctl(s.group, VFIO_GROUP_UNSET_CONTAINER) == 0);
  say("done");
  return 0;
}
