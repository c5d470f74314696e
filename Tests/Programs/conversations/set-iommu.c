// SET_IOMMU with every type, and what is left after a refusal.
#include "conversation.h"

static void fresh(unsigned long type) {
  int container = open("/dev/vfio/vfio", O_RDWR), group = open(group_node(FIRST), O_RDWR);
  say("-- type %#lx", type);
  CALL(container, VFIO_SET_IOMMU, type);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, type);
  struct vfio_group_status status = {.argsz = sizeof status};
  CALL(group, VFIO_GROUP_GET_STATUS, &status);
  say("flags %#x", status.flags);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  CALL(container, VFIO_SET_IOMMU, 2);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  close(group);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  close(container);
}

int main(void) {
  const unsigned long types[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x7fffffff, 0xffffffff,
                                 0x100000001, 0x100000003};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) fresh(types[i]);
  return 0;
}
