// A hot reset of a bus on which two groups are: who holds all of them may reset it.
#include "runs.h"

static int device;

static int reset(int count, int first, int second) {
  int32_t words[8] = {12 + 4 * count, 0, count, first, second};
  return ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, words);
}

int main(void) {
  struct session s = start("0000:01:00.0", VFIO_TYPE1v2_IOMMU);
  device = s.device;
  struct {
    struct vfio_pci_hot_reset_info head;
    struct vfio_pci_dependent_device devices[4];
  } info = {.head.argsz = sizeof info};
  MUST(!ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info));
  for (unsigned i = 0; i < info.head.count; i++)
    say("%02x:%02x.%x of group %u", info.devices[i].bus, info.devices[i].devfn >> 3,
        info.devices[i].devfn & 7, info.devices[i].group_id);
  info.head.argsz = sizeof info.head;
  say("no room: %s, count %u", outcome(ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info)),
      info.head.count);
  volatile unsigned char *bar = map_bar(device, PAGE);
  put32(bar, LIVENESS, 1);
  say("with no group: %s", outcome(reset(0, 0, 0)));
  say("with one of the two: %s", outcome(reset(1, s.group, 0)));
  say("with a container for the other: %s", outcome(reset(2, s.group, s.container)));
  say("before: %08x", get32(bar, LIVENESS));
  // Proof is an open group, in whatever container or none.
  int other = open(group_node("0000:01:00.1"), O_RDWR);
  MUST(other >= 0);
  say("with both: %s", outcome(reset(2, s.group, other)));
  say("three for two devices: %s", outcome(reset(3, s.group, other)));
  say("in the other order: %s", outcome(reset(2, other, s.group)));
  close(other);
  say("with a closed one: %s", outcome(reset(2, s.group, other)));
  int elsewhere = open("/dev/vfio/vfio", O_RDWR);
  other = open(group_node("0000:01:00.1"), O_RDWR);
  MUST(!ioctl(other, VFIO_GROUP_SET_CONTAINER, &elsewhere));
  say("with the other in another container: %s", outcome(reset(2, s.group, other)));
  say("done");
  return 0;
}
