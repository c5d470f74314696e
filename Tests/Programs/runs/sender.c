// Opens container, group and device and sends them to another program: sender NAME.
#include "../conversations/rights.h"
#include "runs.h"

int main(int argc, char **argv) {
  MUST(argc == 2);
  int listener = listen_at(argv[1]);
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  unsigned char *memory = pages(1);
  memset(memory, 0x5a, PAGE);
  MUST(map_page(s, memory, 0x1000) == 0);
  int peer = accept(listener, NULL, NULL);
  MUST(peer >= 0);
  send_with(peer, 'l', (int *)&s, 3);
  // Its own references go; those in the receiver keep everything open.
  close(s.device);
  close(s.group);
  MUST(receive_letter(peer) == 'm');
  MUST(unmap_bytes(s, 0x2000, PAGE) == (int64_t)PAGE);
  say("sender: unmapped what the receiver had mapped");
  send_letter(peer, 'u');
  MUST(receive_letter(peer) == 0);
  MUST(open(group_node(FIRST), O_RDWR) >= 0);
  say("sender: the group is free");
  return 0;
}
