// The name that GET_DEVICE_FD takes.
#include "conversation.h"

static int group;

static void name(const char *text) {
  int fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, text);
  say("\"%s\": %s", text, opened(fd));
  if (fd >= 0) close(fd);
}

int main(void) {
  int container = open("/dev/vfio/vfio", O_RDWR);
  group = open(group_node(FIRST), O_RDWR);
  heading("no container");
  name(FIRST);
  name("0000:00:09.0");
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, NULL);
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
  heading("no IOMMU");
  name(FIRST);
  name("0000:00:09.0");
  ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  heading("ready");
  const char *names[] = {
      FIRST, "", " ", "0", "0000:00:05", "0000:00:05.", "00:05.0", "0000:00:05.00", "0000:00:05.0x",
      "0000:00:05.0\n", "0000:00:05.0\t", " 0000:00:05.0", "0000:00:05.0 ", "0000:00:05.0    ",
      "0000:00:05.0 x", "0000:00:05.0 vf_token", "0000:00:05.0 vf_token=",
      "0000:00:05.0 vf_token=123",
      "0000:00:05.0 vf_token=00000000-0000-0000-0000-000000000000",
      "0000:00:05.0 vf_token=12345678-1234-1234-1234-123456789abc",
      "0000:00:05.0 vf_token=12345678-1234-1234-1234-123456789abc ",
      "0000:00:05.0  vf_token=12345678-1234-1234-1234-123456789abc",
      "0000:00:05.0 vf_token=12345678-1234-1234-1234-123456789abcd",
      "0000:00:05.0 vf_token=12345678-1234-1234-1234-123456789abg",
      "0000:00:05.0 vf_token=12345678123412341234123456789abc",
      "0000:00:05.0 vf_token=12345678-1234-1234-1234-123456789abc x",
      "0000:00:05.0 x vf_token=12345678-1234-1234-1234-123456789abc",
      ("0000:00:05.0 vf_token=12345678-1234-1234-1234-123456789abc "
       "vf_token=12345678-1234-1234-1234-123456789abc"),
      "0000:00:05.0 VF_TOKEN=12345678-1234-1234-1234-123456789abc", "0000:00:05.0,vf_token=1",
      "0000:00:05.1", "0000:00:06.0", "0001:00:05.0", "0000:00:5.0", "vfio0", "edu",
      "/sys/bus/pci/devices/0000:00:05.0"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) name(names[i]);

  heading("length");
  unsigned char *area = pages(3);
  char *text = (char *)area;
  const size_t lengths[] = {12, 13, 100, 4094, 4095, 4096, 4097, 8000};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    memset(text, ' ', lengths[i]);
    memcpy(text, FIRST, 12);
    text[lengths[i]] = 0;
    int fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, text);
    say("%zu characters: %s", lengths[i], opened(fd));
    if (fd >= 0) close(fd);
    memset(text, 'x', lengths[i]);
    fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, text);
    say("%zu wrong characters: %s", lengths[i], opened(fd));
  }
  mprotect(area + PAGE, PAGE, PROT_NONE);
  text = (char *)area + PAGE - 13;
  strcpy(text, FIRST);
  int fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, text);
  say("ending at the end of a page: %s", opened(fd));
  if (fd >= 0) close(fd);
  text = (char *)area + PAGE - 12;
  memcpy(text, FIRST, 12);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, text);
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, at(16));
  CALL(group, VFIO_GROUP_GET_DEVICE_FD, at(0xdead000000000000));

  heading("no descriptor left");
  // An open-file limit of zero more, without counting what is open.
  int last = 0;
  int taken[4096], count = 0;
  while (count < 4096 && (last = dup(0)) >= 0) taken[count++] = last;
  say("dup says %s", last < 0 ? strerrorname_np(errno) : "still room");
  if (last < 0) {
    CALL(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
    CALL(group, VFIO_GROUP_GET_DEVICE_FD, "0000:00:09.0");
    say("open: %s", opened(open("/dev/vfio/vfio", O_RDWR)));
  }
  while (count) close(taken[--count]);
  return 0;
}
