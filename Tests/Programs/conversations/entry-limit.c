// How many mappings a container may have: dma_entry_limit, what GET_INFO says is left, and who is
// refused when.
#include "conversation.h"

static const char limit_path[] = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit";

static void put(const char *text) {
  int fd = open(limit_path, O_WRONLY | O_TRUNC);
  if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) give_up(limit_path);
  close(fd);
}

static void available(int container) { say("available %u", dma_available(container)); }

int main(void) {
  unsigned char *memory = pages(8);
  mprotect(memory + 7 * PAGE, PAGE, PROT_NONE);
  heading("a limit of three");
  put("3\n");
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container;
  available(container);
  heading("what is refused takes none");
  MAP(READ_WRITE, memory + 6 * PAGE, 0x10000, 2 * PAGE);
  MAP(READ_WRITE, memory, 0xfee00000, PAGE);
  MAP(READ_WRITE, memory, 0x10001, PAGE);
  available(container);
  heading("mappings of any size take one each");
  MAP(READ_WRITE, memory, 0x10000, PAGE);
  MAP(READ_WRITE, memory, 0x20000, 7 * PAGE);
  available(container);
  MAP(READ_WRITE, memory, 0x30000, PAGE);
  available(container);
  heading("at the limit: what is there already, then the limit, then the range, then the memory");
  MAP(READ_WRITE, memory, 0x30000, PAGE);
  MAP(READ_WRITE, memory, 0x40000, PAGE);
  MAP(READ_WRITE, memory, 0xfee00000, PAGE);
  MAP(READ_WRITE, memory + 7 * PAGE, 0x40000, PAGE);
  MAP(READ_WRITE, memory, 0x40001, PAGE);
  available(container);
  heading("an address given up and taken again takes none");
  UNMAP_flags(container, "VADDR", VFIO_DMA_UNMAP_FLAG_VADDR, 0x30000, PAGE);
  available(container);
  MAP(VFIO_DMA_MAP_FLAG_VADDR, memory, 0x30000, PAGE);
  available(container);
  heading("a child takes from the same");
  UNMAP(0x30000, PAGE);
  CHILD(MAP(READ_WRITE, memory, 0x30000, PAGE));
  available(container);
  MAP(READ_WRITE, memory, 0x40000, PAGE);
  heading("unmapping gives back one each");
  UNMAP(0x20000, 7 * PAGE);
  available(container);
  UNMAP(0x20000, 7 * PAGE);
  available(container);
  UNMAP_EVERYTHING();
  available(container);
  heading("another container has its own");
  put("1\n");
  int other, group;
  OPEN(other, "/dev/vfio/vfio", O_RDWR);
  OPEN(group, group_node(SECOND), O_RDWR);
  DO(ioctl(group, VFIO_GROUP_SET_CONTAINER, &other));
  DO(ioctl(other, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
  available(other);
  say("other: MAP %s", outcome(map_quiet(other, READ_WRITE, memory, 0x10000, PAGE)));
  say("other: MAP %s", outcome(map_quiet(other, READ_WRITE, memory, 0x20000, PAGE)));
  available(other);
  available(container);
  heading("a second group changes nothing");
  close(group);
  close(other);
  OPEN(group, group_node(SECOND), O_RDWR);
  MAP(READ_WRITE, memory, 0x10000, PAGE);
  DO(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
  available(container);
  DO(ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
  available(container);
  close(group);
  finish(s);
  heading("none at all");
  put("0\n");
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  available(container);
  MAP(READ_WRITE, memory, 0x10000, PAGE);
  UNMAP_EVERYTHING();
  available(container);
  finish(s);
  heading("the most that it can be");
  put("4294967295\n");
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  available(s.container);
  finish(s);
  put("65535\n");
  return 0;
}
