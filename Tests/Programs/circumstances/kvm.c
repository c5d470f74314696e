// KVM is told of groups, because devices may bypass caches: KVM_SET_DEVICE_ATTR of its VFIO device.
#include "../conversations/conversation.h"

#include <linux/kvm.h>

static int set(int device, uint64_t attribute, const void *at) {
  struct kvm_device_attr a = {.group = 1, .attr = attribute, .addr = (uintptr_t)at};
  return ioctl(device, KVM_SET_DEVICE_ATTR, &a);
}
static int has(int device, uint64_t attribute) {
  struct kvm_device_attr a = {.group = 1, .attr = attribute};
  return ioctl(device, KVM_HAS_DEVICE_ATTR, &a);
}
static int add(int device, int descriptor) { return set(device, 1, &descriptor); }
static int del(int device, int descriptor) { return set(device, 2, &descriptor); }

static int vfio_device(int vm) {
  struct kvm_create_device create = {.type = KVM_DEV_TYPE_VFIO};
  if (ioctl(vm, KVM_CREATE_DEVICE, &create)) give_up("KVM_CREATE_DEVICE");
  return (int)create.fd;
}

int main(void) {
  int kvm = open("/dev/kvm", O_RDWR);
  if (kvm < 0) give_up("/dev/kvm");
  int vm = ioctl(kvm, KVM_CREATE_VM, 0), device = vfio_device(vm);

  heading("what it has");
  for (uint64_t i = 0; i < 5; i++)
    say("attribute %d: has %s, set %s", (int)i, outcome(has(device, i)), outcome(set(device, i, at(1))));

  heading("what is no group");
  int container, group, other, null;
  OPEN(container, "/dev/vfio/vfio", O_RDWR);
  OPEN(null, "/dev/null", O_RDWR);
  int memory = memfd_create("memory", 0);
  DO(add(device, container));
  DO(add(device, null));
  DO(add(device, memory));
  DO(add(device, device));
  DO(add(device, -1));
  DO(add(device, 999));
  DO(del(device, container));
  DO(del(device, -1));

  heading("a group without a container");
  group = open(group_node(FIRST), O_RDWR);
  DO(del(device, group));
  DO(add(device, group));
  DO(add(device, group));
  int copy = dup(group);
  DO(add(device, copy));
  DO(del(device, copy));
  DO(del(device, group));
  DO(add(device, copy));
  DO(set(device, 3, &group));
  DO(set(device, 1, NULL));

  heading("a group of two, in use");
  struct session s = start(THIRD, VFIO_TYPE1v2_IOMMU);
  DO(add(device, s.group));
  int mate = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FOURTH);
  say("its mate: %s", opened(mate));
  say("id %08x", get32(map_bar(s.device, PAGE), ID));
  DO(del(device, s.group));
  DO(del(device, s.group));
  DO(add(device, s.group));
  // As the cdev that it could be, it keeps itself open in KVM.
  DO(add(device, s.device));
  DO(close(mate));
  DO(ioctl(s.group, VFIO_GROUP_UNSET_CONTAINER));
  DO(del(device, s.device));

  heading("a second VM");
  int second = ioctl(kvm, KVM_CREATE_VM, 0), another = vfio_device(second);
  DO(add(another, group));
  DO(del(another, s.group));
  DO(add(another, s.group));
  DO(close(another));
  DO(close(second));
  DO(add(device, s.group));

  heading("a child's view");
  CHILD(DO(del(device, s.group)); DO(add(device, s.group)));
  DO(add(device, s.group));

  heading("after the device's end");
  DO(close(device));
  DO(close(vm));
  vm = ioctl(kvm, KVM_CREATE_VM, 0), device = vfio_device(vm);
  DO(add(device, s.group));
  other = open(group_node(SECOND), O_RDWR);
  DO(add(device, other));
  DO(del(device, other));
  DO(close(other));
  heading("KVM keeps what it was told");
  other = open(group_node(SECOND), O_RDWR);
  DO(add(device, other));
  DO(close(other));
  say("the node: %s", opened(open(group_node(SECOND), O_RDWR)));
  DO(close(device));
  DO(close(vm));
  return 0;
}
