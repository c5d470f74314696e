// The calls on a device: info, regions, interrupts, features, ioeventfd, reset.
#include "conversation.h"

static int device;

static void info(void) {
  heading("GET_INFO");
  for (uint32_t argsz = 0; argsz <= 40; argsz += 4) {
    unsigned char bytes[64];
    memset(bytes, 0xa5, sizeof bytes);
    struct vfio_device_info *i = (struct vfio_device_info *)bytes;
    i->argsz = argsz;
    const char *result = outcome(ioctl(device, VFIO_DEVICE_GET_INFO, i));
    say("argsz %u: %s, argsz %u flags %#x regions %u irqs %u then %#x %#x", argsz, result, i->argsz,
        i->flags, i->num_regions, i->num_irqs, *(uint32_t *)(bytes + 16),
        *(uint32_t *)(bytes + 20));
  }
  CALL(device, VFIO_DEVICE_GET_INFO, NULL);
  CALL(device, VFIO_DEVICE_GET_INFO, at(0xdead000000000000));
}

static void regions(void) {
  heading("GET_REGION_INFO");
  for (uint32_t index = 0; index < 12; index++) {
    unsigned char bytes[64];
    memset(bytes, 0xa5, sizeof bytes);
    struct vfio_region_info *r = (struct vfio_region_info *)bytes;
    r->argsz = 64;
    r->index = index;
    const char *result = outcome(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, r));
    say("index %u: %s, argsz %u flags %#x cap_offset %#x size %#llx offset %#llx", index, result,
        r->argsz, r->flags, r->cap_offset, (unsigned long long)r->size,
        (unsigned long long)r->offset);
  }
  struct vfio_region_info r = {.argsz = sizeof r, .index = 0xffffffff};
  CALL(device, VFIO_DEVICE_GET_REGION_INFO, &r);
  const uint32_t sizes[] = {0, 16, 24, 31, 32, 33, 0xffffffff};
  for (int i = 0; i < 7; i++) {
    r = (struct vfio_region_info){.argsz = sizes[i], .flags = 0xff, .cap_offset = 99};
    const char *result = outcome(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &r));
    say("argsz %u: %s, argsz %u flags %#x cap_offset %u", sizes[i], result, r.argsz, r.flags,
        r.cap_offset);
  }
  CALL(device, VFIO_DEVICE_GET_REGION_INFO, NULL);
}

static void irqs(void) {
  heading("GET_IRQ_INFO");
  for (uint32_t index = 0; index < 7; index++) {
    struct vfio_irq_info i = {.argsz = sizeof i, .index = index, .flags = 0xa5, .count = 0xa5};
    const char *result = outcome(ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &i));
    say("index %u: %s, argsz %u flags %#x count %u", index, result, i.argsz, i.flags, i.count);
  }
  const uint32_t sizes[] = {0, 8, 15, 16, 17, 0xffffffff};
  for (int n = 0; n < 6; n++) {
    struct vfio_irq_info i = {.argsz = sizes[n], .index = 1};
    const char *result = outcome(ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &i));
    say("argsz %u: %s, argsz %u flags %#x count %u", sizes[n], result, i.argsz, i.flags, i.count);
  }
  struct vfio_irq_info i = {.argsz = sizeof i, .index = 0xffffffff};
  CALL(device, VFIO_DEVICE_GET_IRQ_INFO, &i);
  CALL(device, VFIO_DEVICE_GET_IRQ_INFO, NULL);
}

static void features(void) {
  heading("DEVICE_FEATURE");
  for (uint32_t feature = 0; feature < 14; feature++) {
    char line[256];
    int used = snprintf(line, sizeof line, "feature %u:", feature);
    const uint32_t operations[] = {0, VFIO_DEVICE_FEATURE_PROBE, VFIO_DEVICE_FEATURE_GET,
                                   VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET,
                                   VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET,
                                   VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET,
                                   VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET
                                       | VFIO_DEVICE_FEATURE_SET};
    const char *names[] = {"none", "probe", "get", "probe+get", "probe+set", "get+set", "all"};
    for (int n = 0; n < 7; n++) {
      uint32_t bytes[16] = {8, feature | operations[n]};
      used += snprintf(line + used, sizeof line - used, " %s=%s", names[n],
                       outcome(ioctl(device, VFIO_DEVICE_FEATURE, bytes)));
    }
    say("%s", line);
  }
  uint32_t bytes[16] = {7, VFIO_DEVICE_FEATURE_PROBE | 3};
  CALL(device, VFIO_DEVICE_FEATURE, bytes);
  bytes[0] = 8;
  bytes[1] = 3 | 1 << 20 | VFIO_DEVICE_FEATURE_PROBE;
  CALL(device, VFIO_DEVICE_FEATURE, bytes);
  bytes[1] = 0xffff | VFIO_DEVICE_FEATURE_PROBE;
  CALL(device, VFIO_DEVICE_FEATURE, bytes);
  CALL(device, VFIO_DEVICE_FEATURE, NULL);
}

static void ioeventfds(void) {
  heading("IOEVENTFD");
  int event = eventfd(0, 0), other = eventfd(0, 0);
  const struct {
    const char *what;
    uint32_t argsz, flags;
    uint64_t offset, data;
    int32_t fd;
  } rows[] = {{"no size", 32, 0, 0x60, 1, event},
              {"two sizes", 32, 3, 0x60, 1, event},
              {"unknown flag", 32, 0x14, 0x60, 1, event},
              {"argsz 24", 24, 4, 0x60, 1, event},
              {"argsz 28", 28, 4, 0x60, 1, event},
              {"fd -2", 32, 4, 0x60, 1, -2},
              {"remove nothing", 32, 4, 0x60, 1, -1},
              {"bad fd", 32, 4, 0x60, 1, 999},
              {"not an eventfd", 32, 4, 0x60, 1, device},
              {"past the BAR", 32, 4, 0x100000, 1, event},
              {"over the end", 32, 8, 0xffffc, 1, event},
              {"config space", 32, 4, (7ULL << 40) + 4, 1, event},
              {"BAR 1", 32, 4, (1ULL << 40) + 4, 1, event},
              {"good", 32, 4, 0x60, 1, event},
              {"again", 32, 4, 0x60, 1, event},
              {"another eventfd", 32, 4, 0x60, 1, other},
              {"other data", 32, 4, 0x60, 2, event},
              {"data beyond its size", 32, 4, 0x60, 0x100000002, other},
              {"8 bytes", 32, 8, 0x80, 1, event},
              {"1 byte", 32, 1, 0x05, 1, event},
              {"odd offset", 32, 4, 0x61, 1, event},
              {"remove", 32, 4, 0x60, 1, -1},
              {"remove again", 32, 4, 0x60, 1, -1}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct vfio_device_ioeventfd e = {rows[i].argsz, rows[i].flags, rows[i].offset, rows[i].data,
                                      rows[i].fd};
    say("%s: %s", rows[i].what, outcome(ioctl(device, VFIO_DEVICE_IOEVENTFD, &e)));
  }
  CALL(device, VFIO_DEVICE_IOEVENTFD, NULL);
  heading("what an ioeventfd does");
  volatile unsigned char *bar = map_bar(device, PAGE);
  put32(bar, ACKNOWLEDGE, 0xffffffff);
  struct vfio_device_ioeventfd e = {32, 4, RAISE, 0x20, event};
  CALL(device, VFIO_DEVICE_IOEVENTFD, &e);
  uint64_t one = 1;
  if (write(event, &one, 8) != 8) give_up("write");
  wait_ms(50);
  say("interrupt status %08x", get32(bar, INTERRUPTS));
  e.fd = -1;
  CALL(device, VFIO_DEVICE_IOEVENTFD, &e);
  put32(bar, ACKNOWLEDGE, 0xffffffff);
  if (write(event, &one, 8) != 8) give_up("write");
  wait_ms(50);
  say("interrupt status %08x", get32(bar, INTERRUPTS));
  munmap((void *)bar, PAGE);
}

static void resets(void) {
  heading("reset");
  CALL(device, VFIO_DEVICE_RESET, 0);
  uint32_t words[32] = {0};
  struct vfio_pci_hot_reset_info *hot = (struct vfio_pci_hot_reset_info *)words;
  hot->argsz = sizeof words;
  CALL(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, hot);
  say("count %u flags %#x", hot->count, hot->flags);
  for (uint32_t i = 0; i < hot->count && i < 8; i++)
    say("  group %u, %04x:%02x:%02x.%u", hot->devices[i].group_id, hot->devices[i].segment,
        hot->devices[i].bus, hot->devices[i].devfn >> 3, hot->devices[i].devfn & 7);
  hot->argsz = sizeof *hot;
  hot->count = 0;
  CALL(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, hot);
  say("count %u", hot->count);
  hot->argsz = 11;
  CALL(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, hot);
  struct vfio_pci_hot_reset request = {.argsz = 11};
  CALL(device, VFIO_DEVICE_PCI_HOT_RESET, &request);
  request.argsz = sizeof request;
  request.flags = 1;
  CALL(device, VFIO_DEVICE_PCI_HOT_RESET, &request);
  request.flags = 0;
  CALL(device, VFIO_DEVICE_PCI_HOT_RESET, &request);
  request.count = 1;
  if (hot->count == 0) CALL(device, VFIO_DEVICE_PCI_HOT_RESET, &request);
  CALL(device, VFIO_DEVICE_PCI_HOT_RESET, NULL);
}

static void others(void) {
  heading("other numbers");
  char line[256];
  int used = 0;
  for (unsigned n = 0x60; n <= 0x90; n++) {
    // What is tried above, or resets.
    if ((n >= 0x6b && n <= 0x71) || n == 0x74 || n == 0x75) continue;
    if (used > 80) {
      say("%s", line);
      used = 0;
    }
    used += snprintf(line + used, sizeof line - used, " %02x=%s", n,
                     outcome(ioctl(device, _IO(';', n), at(16))));
  }
  say("%s", line);
  uint32_t bind[4] = {16, 0, 0, 0};
  say("BIND_IOMMUFD: %s", outcome(ioctl(device, _IO(';', 118), bind)));
  bind[0] = 15;
  say("BIND_IOMMUFD argsz 15: %s", outcome(ioctl(device, _IO(';', 118), bind)));
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  device = s.device;
  info();
  regions();
  irqs();
  features();
  ioeventfds();
  resets();
  others();
  finish(s);
  s = start(THIRD, VFIO_TYPE1v2_IOMMU);
  device = s.device;
  heading(THIRD);
  info();
  irqs();
  CALL(device, VFIO_DEVICE_RESET, 0);
  return 0;
}
