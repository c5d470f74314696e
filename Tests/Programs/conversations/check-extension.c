// CHECK_EXTENSION in every state.
#include "conversation.h"

static void row(const char *state, int container) {
  say("-- %s", state);
  const unsigned long arguments[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 100, 0x7fffffff,
                                     0x80000000, 0xffffffff, 0x100000001, 0x100000003, -1UL};
  for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
    say("%#lx: %s", arguments[i],
        outcome(ioctl(container, VFIO_CHECK_EXTENSION, arguments[i])));
}

int main(void) {
  int container = open("/dev/vfio/vfio", O_RDWR);
  row("C0", container);
  int group = open(group_node(FIRST), O_RDWR);
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
  row("C1", container);
  ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  row("C2, v2", container);
  ioctl(group, VFIO_GROUP_UNSET_CONTAINER);
  row("C0 again", container);
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
  ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
  row("C2, v1", container);
  int two = open(group_node(THIRD), O_RDWR);
  ioctl(two, VFIO_GROUP_SET_CONTAINER, &container);
  row("C2, v1, two groups", container);
  return 0;
}
