// A program that opens no node: it works with what another program sends it. receiver NAME
#include "../conversations/rights.h"
#include "runs.h"

int main(int argc, char **argv) {
  MUST(argc == 2);
  int peer = connect_to(argv[1]);
  struct session s;
  MUST(receive_with(peer, (int *)&s, 3) == 'l');
  say("receiver: group flags %#x", viable_and_set(s.group));
  say("receiver: API version %d", ioctl(s.container, VFIO_GET_API_VERSION));
  struct vfio_device_info info = {.argsz = sizeof info};
  MUST(ioctl(s.device, VFIO_DEVICE_GET_INFO, &info) == 0);
  say("receiver: %u regions", info.num_regions);
  volatile unsigned char *bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  unsigned char *memory = pages(1);
  memset(memory, 0, PAGE);
  MUST(map_page(s, memory, 0x1000) < 0 && errno == EEXIST);
  MUST(map_page(s, memory, 0x2000) == 0);
  MUST(copied(bar, 0x1000, 0x2000, 48));
  say("receiver: DMA from the sender's memory to its own: %s", picture(memory, 96));
  int second = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  MUST(second >= 0);
  close(second);
  send_letter(peer, 'm');
  MUST(receive_letter(peer) == 'u');
  MUST(unmap_bytes(s, 0x2000, PAGE) == 0);
  munmap((void *)bar, PAGE);
  finish(s);
  say("receiver: done");
  return 0;
}
