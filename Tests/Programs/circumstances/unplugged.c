// The administrator takes the driver away from a device that is in use: the program is asked for it,
// gives it back, and finds it gone; later it is there again.
#include "../conversations/conversation.h"

// Writes the device's name to a file of the driver, in a process that has none of our descriptors.
static pid_t drive(const char *file) {
  pid_t writer = fork();
  if (writer != 0) return writer;
  close_range(3, ~0U, 0);
  char path[64];
  snprintf(path, sizeof path, "/sys/bus/pci/drivers/vfio-pci/%s", file);
  int driver = open(path, O_WRONLY);
  _exit(write(driver, FIRST, strlen(FIRST)) < 0 ? errno : 0);
}

static void ended(pid_t writer, const char *file, int ms) {
  int status = 0, waited = 0;
  for (; waited < ms && waitpid(writer, &status, WNOHANG) == 0; waited += 20) wait_ms(20);
  if (waited >= ms)
    say("%s waits", file);
  else
    say("%s: %s", file, WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "done");
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int request = eventfd(0, 0);
  DO(arm(s.device, VFIO_PCI_REQ_IRQ_INDEX, request));
  pid_t writer = drive("unbind");
  say("asked: %s", strcmp(counted(request, 10000), "nothing") ? "yes" : "no");
  ended(writer, "unbind", 300);
  close(s.device);
  ended(writer, "unbind", 10000);
  say("the device: %s", opened(ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST)));
  struct vfio_group_status status = {.argsz = sizeof status};
  const char *answer = outcome(ioctl(s.group, VFIO_GROUP_GET_STATUS, &status));
  say("GROUP_GET_STATUS = %s, flags %u", answer, status.flags);
  close(s.group);
  close(s.container);
  ended(drive("bind"), "bind", 10000);
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  say("vendor and device %#x", config_get(s.device, 0, 4));
  return 0;
}
