// Devices behind three IOMMUs that differ in page sizes, aperture, coherency and driver, in one
// container. No device does any DMA: on the real kernel these IOMMUs are a module's
// (Tests/KernelLab/module/ioasid-iommus.c), whose tables nobody walks.
#include "../conversation.h"

enum { WIDE, NARROW, HIGH, COUNT };
static const char *devices[] = {FIRST, SECOND, THIRD}, *names[] = {"wide", "narrow", "high"};
static int groups[COUNT];

// Pages, ranges, coherency and the mappings that are left, in one line and those of the ranges.
static void look(int container) {
  unsigned char bytes[512] = {0};
  struct vfio_iommu_type1_info *info = (struct vfio_iommu_type1_info *)bytes;
  info->argsz = sizeof bytes;
  if (ioctl(container, VFIO_IOMMU_GET_INFO, info)) {
    say("  GET_INFO: %s", strerrorname_np(errno));
    return;
  }
  unsigned left = 0;
  char ranges[256] = "";
  for (uint32_t at = info->cap_offset; at;) {
    struct vfio_info_cap_header *h = (struct vfio_info_cap_header *)(bytes + at);
    struct vfio_iommu_type1_info_cap_iova_range *r = (void *)h;
    for (uint32_t i = 0; h->id == 1 && i < r->nr_iovas; i++)
      sprintf(ranges + strlen(ranges), " %llx-%llx", (unsigned long long)r->iova_ranges[i].start,
              (unsigned long long)r->iova_ranges[i].end);
    if (h->id == 3) left = ((struct vfio_iommu_type1_info_dma_avail *)h)->avail;
    at = h->next;
  }
  say("  pages %#llx, coherent %d, %u left, usable%s", (unsigned long long)info->iova_pgsizes,
      ioctl(container, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU), left, ranges);
}

static int join(int container, int which) {
  int result = ioctl(groups[which], VFIO_GROUP_SET_CONTAINER, &container);
  say("%s joins: %s", names[which], outcome(result));
  return result;
}

static void leave(int which) {
  say("%s leaves: %s", names[which], outcome(ioctl(groups[which], VFIO_GROUP_UNSET_CONTAINER)));
}

static int fresh(void) {
  int container = open("/dev/vfio/vfio", O_RDWR);
  if (container < 0) give_up("/dev/vfio/vfio");
  return container;
}

// Where only some of them reach: below `high`, in a hole of `narrow`, above `narrow`, above `high`.
static const uint64_t places[] = {0x1000, 0xa0000, 0x200000, 0x7fffffe000, 0x8000000000,
                                  0x10000000000, 0xfee00000, 0xfffffffff000, 0x1000000000000};

static void try_places(int container, const void *memory) {
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    say("  map %llx: %s", (unsigned long long)places[i],
        outcome(map_quiet(container, READ_WRITE, memory, places[i], PAGE)));
  uint64_t size = 0;
  const char *result = outcome(unmap_quiet(container, VFIO_DMA_UNMAP_FLAG_ALL, 0, &size));
  say("  unmap all: %s, size %#llx", result, (unsigned long long)size);
}

static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

// Every order of joining before the driver is set, and of leaving afterwards.
static void in_every_order(const void *memory) {
  for (int i = 0; i < 6; i++) {
    int container = fresh();
    say("order %d", i);
    for (int j = 0; j < 3; j++) join(container, orders[i][j]);
    CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1_NESTING_IOMMU);
    CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
    look(container);
    for (int j = 0; j < 3; j++) {
      leave(orders[5 - i][j]);
      look(container);
      if (j == 1) try_places(container, memory);
    }
    close(container);
  }
}

// A mapping that the others reach and one newcomer does not: it is refused, and nothing changes.
static void conflicts(const void *memory) {
  static const struct { uint64_t iova, size; int which; } rows[] = {
    {0x1000, PAGE, HIGH}, {0xff000, 2 * PAGE, HIGH}, {0xa0000, PAGE, NARROW},
    {0x9f000, 0x30000, NARROW}, {0x8000000000, PAGE, NARROW}, {0x7ffffff000, 2 * PAGE, NARROW},
    {0x10000000000, PAGE, HIGH}, {0xfffffffff000, PAGE, NARROW},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (int last = 0; last < 2; last++) {
      // Before and after the third has come.
      int container = fresh(), which = rows[i].which, other = which == HIGH ? NARROW : HIGH;
      say("%llx+%llx", (unsigned long long)rows[i].iova, (unsigned long long)rows[i].size);
      join(container, WIDE);
      ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
      if (last) join(container, other);
      int mapped = map_quiet(container, READ_WRITE, memory, rows[i].iova, rows[i].size);
      say("  map: %s", outcome(mapped));
      look(container);
      if (join(container, which)) {
        look(container);
        uint64_t size = rows[i].size;
        const char *result = outcome(unmap_quiet(container, 0, rows[i].iova, &size));
        say("  unmap: %s, size %#llx", result, (unsigned long long)size);
        join(container, which);
      }
      look(container);
      leave(which);
      say("  map again: %s",
          outcome(map_quiet(container, READ_WRITE, memory, rows[i].iova, rows[i].size)));
      if (last) leave(other);
      leave(WIDE);
      close(container);
    }
}

// What fails, fails in all of them, and leaves nothing in any.
static void all_or_none(unsigned char *memory) {
  int container = fresh();
  for (int i = 0; i < COUNT; i++) join(container, i);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  MAP(READ_WRITE, memory, 0x200000, 2 * PAGE);
  munmap(memory + 6 * PAGE, PAGE);
  look(container);
  MAP(READ_WRITE, memory + 4 * PAGE, 0x300000, 4 * PAGE);
  look(container);
  MAP(READ_WRITE, memory + 4 * PAGE, 0x300000, 2 * PAGE);
  MAP(READ_WRITE, memory, 0x301000, 2 * PAGE);
  UNMAP(0x300000, PAGE);
  UNMAP(0x300000, 2 * PAGE);
  UNMAP(0x300000, 2 * PAGE);
  look(container);
  heading("a bitmap of all three, by the smallest page they share");
  struct vfio_iommu_type1_dirty_bitmap start = {
    .argsz = sizeof start, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START};
  CALL(container, VFIO_IOMMU_DIRTY_PAGES, &start);
  uint64_t words[2] = {0}, sizes[] = {PAGE, 2 * PAGE, 16 * PAGE};
  for (int i = 0; i < 3; i++) {
    struct {
      struct vfio_iommu_type1_dirty_bitmap head;
      struct vfio_iommu_type1_dirty_bitmap_get get;
    } get = {{sizeof get, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP},
             {0x200000, 16 * PAGE, {sizes[i], sizeof words, (void *)words}}};
    const char *result = outcome(ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &get));
    say("pages of %#llx: %s, %llx", (unsigned long long)sizes[i], result,
        (unsigned long long)words[0]);
  }
  heading("they leave one by one, and what is mapped stays for the last");
  leave(WIDE);
  look(container);
  leave(HIGH);
  look(container);
  MAP(READ_WRITE, memory, 0x200000, PAGE);
  leave(NARROW);
  look(container);
  close(container);
}

int main(void) {
  unsigned char *memory = pages(64);
  for (int i = 0; i < COUNT; i++)
    if ((groups[i] = open(group_node(devices[i]), O_RDWR)) < 0) give_up(devices[i]);
  heading("each alone");
  for (int i = 0; i < COUNT; i++) {
    int container = fresh();
    join(container, i);
    CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
    look(container);
    try_places(container, memory);
    close(container);
    leave(i);
  }
  heading("all three, in every order");
  in_every_order(memory);
  heading("what is mapped and what a newcomer reaches");
  conflicts(memory);
  heading("all or none");
  all_or_none(memory);
  return 0;
}
