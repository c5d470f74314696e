// What the conversations with a mediated device share.
#ifndef MEDIATED_PINS_H
#define MEDIATED_PINS_H

#include "../conversation.h"

#include "../../mediated/pins.h"
#include <dirent.h>

#define PINS "ioasid-pins"  // can be told to let go
#define DEAF "ioasid-deaf"  // cannot, so it pins nothing

// The node of the group that a device of any bus is in.
static const char *node_of(const char *name) {
  static char node[64];
  DIR *groups = opendir("/sys/kernel/iommu_groups");
  struct dirent *entry;
  node[0] = 0;
  while (groups && (entry = readdir(groups))) {
    char path[512];
    snprintf(path, sizeof path, "/sys/kernel/iommu_groups/%s/devices/%s", entry->d_name, name);
    struct stat status;
    if (lstat(path, &status) == 0) snprintf(node, sizeof node, "/dev/vfio/%.20s", entry->d_name);
  }
  if (groups) closedir(groups);
  if (!node[0]) give_up(name);
  return node;
}

// A group of its own in a container that may have others.
UNUSED static struct session join(int container, const char *name) {
  struct session s = {.container = container};
  if ((s.group = open(node_of(name), O_RDWR)) < 0) give_up("mediated group");
  if (ioctl(s.group, VFIO_GROUP_SET_CONTAINER, &container)) give_up("SET_CONTAINER");
  return s;
}

UNUSED static struct session start_mediated(const char *name, int type) {
  int container = open("/dev/vfio/vfio", O_RDWR);
  if (container < 0) give_up("/dev/vfio/vfio");
  struct session s = join(container, name);
  if (ioctl(container, VFIO_SET_IOMMU, type)) give_up("SET_IOMMU");
  if ((s.device = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, name)) < 0) give_up("GET_DEVICE_FD");
  return s;
}

static struct pins_command command(int device, struct pins_command c) {
  if (ioctl(device, PINS_COMMAND, &c)) give_up("the command");
  return c;
}

// A kernel function's result: a number, or the name of an errno.
static const char *answer(int result) {
  static char text[4][32];
  static unsigned turn;
  char *to = text[turn++ % 4];
  if (result >= 0) snprintf(to, sizeof text[0], "%d", result);
  else snprintf(to, sizeof text[0], "-%s", strerrorname_np(-result));
  return to;
}

UNUSED static int pin(int device, uint64_t iova, int count, int prot) {
  struct pins_command c = command(
    device, (struct pins_command){.operation = PINS_PIN, .iova = iova, .count = count, .prot = prot});
  if (c.result > 0)
    say("pin(%#llx, %d, prot %d) = %d, pages %llx…%llx", (unsigned long long)iova, count, prot,
        c.result, (unsigned long long)c.first, (unsigned long long)c.last);
  else
    say("pin(%#llx, %d, prot %d) = %s", (unsigned long long)iova, count, prot, answer(c.result));
  return c.result;
}

UNUSED static void unpin(int device, uint64_t iova, int count) {
  command(device, (struct pins_command){.operation = PINS_UNPIN, .iova = iova, .count = count});
  say("unpin(%#llx, %d)", (unsigned long long)iova, count);
}

UNUSED static struct pins_command copy(int device, int operation, uint64_t iova, uint64_t length,
                                       unsigned char fill) {
  struct pins_command c = {.operation = operation, .iova = iova, .length = length};
  memset(c.data, fill, sizeof c.data);
  c = command(device, c);
  say("%s(%#llx, %llu) = %s", operation == PINS_READ ? "read" : "write", (unsigned long long)iova,
      (unsigned long long)length, answer(c.result));
  return c;
}

// The next requests to let go are not heard; −1: none ever is.
UNUSED static void keep(int device, int count) {
  command(device, (struct pins_command){.operation = PINS_KEEP, .count = count});
}

UNUSED static void told(int device) {
  struct pins_command c = command(device, (struct pins_command){.operation = PINS_TOLD});
  if (c.result)
    say("told %d times, last [%#llx, +%#llx)", c.result, (unsigned long long)c.iova,
        (unsigned long long)c.length);
  else
    say("told nothing");
}

// Pages whose first words are 0xf00d0, 0xf00d1, …
UNUSED static unsigned char *numbered_pages(size_t count) {
  unsigned char *p = pages(count);
#ifndef TRACED
  for (size_t i = 0; i < count; i++) *(uint64_t *)(p + i * PAGE) = 0xf00d0 + i;
#endif
  return p;
}

#ifdef TRACED
// A trace does not say what memory holds, nor where there is none: it is zeros, and nothing is where
// no program has anything.
#define at(address) ((void *)0x8000)
#endif

#endif
