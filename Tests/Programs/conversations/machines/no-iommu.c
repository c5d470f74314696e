// Devices with no IOMMU behind them (vfio.enable_unsafe_noiommu_mode): who may have them, and what
// their container knows.
#include "no-iommu.h"
#include <dirent.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#define RAW_IO 17
#define PARAMETER "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

static void raw_io(int on) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data)) give_up("capget");
  if (on) data[0].effective |= 1U << RAW_IO;
  else data[0].effective &= ~(1U << RAW_IO);
  if (syscall(SYS_capset, &header, data)) give_up("capset");
}

// Makes a call without CAP_SYS_RAWIO.
#define WITHOUT(expression) \
  do { \
    raw_io(0); \
    say("without CAP_SYS_RAWIO: %s = %s", #expression, outcome((long)(expression))); \
    raw_io(1); \
  } while (0)

static void parameter(const char *value) {
  int fd = open(PARAMETER, O_WRONLY);
  if (fd < 0 || write(fd, value, 1) != 1) give_up(PARAMETER);
  close(fd);
  say("enable_unsafe_noiommu_mode: %s", value);
}

// What sysfs shows; numbers are as the machine gave them.
static void sysfs(const char *bdf) {
  const char *number = number_of(bdf);
  char path[256], text[64] = "";
  say("%s: the node has its number: %s", bdf, outcome(access(node_of(bdf), F_OK)));
  snprintf(path, sizeof path, "/dev/vfio/%s", number);
  say("a node without the prefix: %s", outcome(access(path, F_OK)));
  snprintf(path, sizeof path, "/sys/kernel/iommu_groups/%s/name", number);
  int fd = open(path, O_RDONLY);
  if (fd >= 0) text[read(fd, text, sizeof text - 1)] = 0;
  close(fd);
  say("the group's name: %s", *text ? strtok(text, "\n") : "none");
  snprintf(path, sizeof path, "/sys/class/vfio/noiommu-%s", number);
  say("its class: %s", outcome(access(path, F_OK)));
  snprintf(path, sizeof path, "/sys/kernel/iommu_groups/%s/reserved_regions", number);
  fd = open(path, O_RDONLY);
  say("reserved regions: %s bytes", outcome(read(fd, text, sizeof text)));
  close(fd);
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/vfio-dev", bdf);
  say("a device's own node: %s", outcome(access("/dev/vfio/devices", F_OK)));
}

static void extensions(int container) {
  char text[128] = "";
  for (int i = 0; i <= 16; i++)
    if (ioctl(container, VFIO_CHECK_EXTENSION, (long)i) == 1)
      sprintf(text + strlen(text), " %d", i);
  say("extensions:%s", *text ? text : " none");
}

int main(void) {
  int container, group, other, device;
  struct vfio_group_status status = {.argsz = sizeof status};
  heading("the mode");
  OPEN(container, "/dev/vfio/vfio", O_RDWR);
  parameter("N");
  extensions(container);
  parameter("Y");
  extensions(container);
  heading("sysfs");
  sysfs(FIRST);
  heading("a group");
  WITHOUT(open(node_of(FIRST), O_RDWR));
  OPEN(group, node_of(FIRST), O_RDWR);
  say("again: %s", outcome(open(node_of(FIRST), O_RDWR)));
  CALL(group, VFIO_GROUP_GET_STATUS, &status);
  say("flags %#x", status.flags);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, SECOND);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  WITHOUT(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(group, VFIO_GROUP_GET_STATUS, &status);
  say("flags %#x", status.flags);
  heading("its container before a driver");
  extensions(container);
  every_call(container, 0);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  heading("drivers");
  for (int type = 0; type < 12; type++)
    if (type != VFIO_NOIOMMU_IOMMU)
      say("SET_IOMMU(%d) = %s", type, outcome(ioctl(container, VFIO_SET_IOMMU, (long)type)));
  WITHOUT(ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU));
  parameter("N");
  extensions(container);
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  parameter("Y");
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
  extensions(container);
  every_call(container, 0);
  heading("a device");
  WITHOUT(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST));
  say("GET_DEVICE_FD: %s", opened(device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST)));
  raw_io(0);
  int second = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("a second descriptor, without CAP_SYS_RAWIO: %s", opened(second));
  raw_io(1);
  if (second >= 0) close(second);
  struct vfio_device_info info = {.argsz = sizeof info};
  CALL(device, VFIO_DEVICE_GET_INFO, &info);
  say("flags %#x, %u regions, %u interrupts", info.flags, info.num_regions, info.num_irqs);
  volatile unsigned char *bar = map_bar(device, PAGE);
  say("identification %08x", get32(bar, ID));
  munmap((void *)bar, PAGE);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  heading("another group beside it");
  OPEN(other, node_of(SECOND), O_RDWR);
  WITHOUT(ioctl(other, VFIO_GROUP_SET_CONTAINER, &container));
  CALL(other, VFIO_GROUP_SET_CONTAINER, &container);
  extensions(container);
  CALL(other, VFIO_GROUP_UNSET_CONTAINER, 0);
  heading("the end");
  close(device);
  CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  extensions(container);
  CALL(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  CALL(container, VFIO_IOMMU_GET_INFO, &info);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  parameter("N");
  say("an open group stays open: %s", outcome(ioctl(group, VFIO_GROUP_GET_STATUS, &status)));
  close(group);
  say("and opens again: %s", opened(open(node_of(FIRST), O_RDWR)));
  parameter("Y");
  return 0;
}
