// Holds something of a device's group until the file named last goes away: occupy HOW BDF FILE.
//   group       the group's node
//   container   the group, in a container with its driver set
//   cdev        the device's own node, open
//   bound       the same, bound to an iommufd
#include "../conversations/conversation.h"

#include <dirent.h>

// The device's own node: the kernel's, not the run's.
static int open_cdev(const char *bdf) {
  char path[128];
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/vfio-dev", bdf);
  DIR *directory = opendir(path);
  if (!directory) give_up(path);
  for (struct dirent *entry; (entry = readdir(directory));)
    if (entry->d_name[0] != '.') snprintf(path, sizeof path, "/dev/vfio/devices/%.64s", entry->d_name);
  closedir(directory);
  return open(path, O_RDWR);
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  const char *how = arguments[1], *bdf = arguments[2], *file = arguments[3];
  if (strcmp(how, "container") == 0) {
    start(bdf, VFIO_TYPE1v2_IOMMU);
  } else if (strcmp(how, "group") == 0) {
    if (open(group_node(bdf), O_RDWR) < 0) give_up(group_node(bdf));
  } else {
    // struct vfio_device_bind_iommufd
    struct { uint32_t argsz, flags; int32_t iommufd; uint32_t device; } bind = {16, 0, -1, 0};
    int device = open_cdev(bdf);
    bind.iommufd = open("/dev/iommu", O_RDWR);
    if (device < 0 || bind.iommufd < 0) give_up("cdev");
    if (strcmp(how, "bound") == 0 && ioctl(device, _IO(';', 100 + 18), &bind)) give_up("BIND");
  }
  close(open(file, O_CREAT | O_WRONLY, 0600));
  while (access(file, F_OK) == 0) wait_ms(10);
  return 0;
}
