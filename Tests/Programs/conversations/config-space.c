// Configuration space: every byte, every write mask, and what the command register does.
#include "conversation.h"

static void dump(int device, const char *title, int addresses) {
  heading(title);
  for (unsigned row = 0; row < 256; row += 16) {
    char line[64];
    int used = 0;
    for (unsigned i = 0; i < 16; i++) {
      // Where the machine's firmware put BAR 0 is not the same everywhere.
      if (!addresses && row + i >= 0x10 && row + i < 0x14)
        used += snprintf(line + used, sizeof line - used, " BB");
      else
        used += snprintf(line + used, sizeof line - used, " %02x", config_get(device, row + i, 1));
    }
    say("%02x:%s", row, line);
  }
}

static void write_masks(int device) {
  heading("which bits a write changes (byte by byte, ones then zeros, put back)");
  for (unsigned place = 0; place < 256; place++) {
    unsigned was = config_get(device, place, 1);
    config_put(device, place, 1, 0xff);
    unsigned ones = config_get(device, place, 1);
    config_put(device, place, 1, 0);
    unsigned zeros = config_get(device, place, 1);
    config_put(device, place, 1, was);
    unsigned back = config_get(device, place, 1);
    if (ones != zeros)
      say("%02x: ones %02x zeros %02x%s", place, ones, zeros, back == was ? "" : " not put back");
  }
}

static void bars(int device) {
  heading("sizing");
  for (unsigned at = 0x10; at <= 0x30; at += 4) {
    uint32_t was = config_get(device, at, 4);
    config_put(device, at, 4, 0xffffffff);
    uint32_t ones = config_get(device, at, 4);
    config_put(device, at, 4, 0xfffff800);
    uint32_t rom = config_get(device, at, 4);
    config_put(device, at, 4, was);
    say("%02x: ones read %08x, fffff800 reads %08x, put back %s", at, ones, rom,
        config_get(device, at, 4) == was ? "yes" : "no");
  }
  uint32_t was = config_get(device, 0x10, 4);
  config_put(device, 0x10, 4, 0x12345678);
  say("BAR 0 written 12345678 reads %08x", config_get(device, 0x10, 4));
  uint32_t word = 0;
  say("and the region still works: %s", outcome(pread(device, &word, 4, 0)));
  say("id %08x", word);
  config_put(device, 0x10, 4, was);
}

static void command(int device) {
  heading("command register");
  say("after open %04x", config_get(device, 4, 2));
  config_put(device, 4, 2, 0xffff);
  say("ones read %04x", config_get(device, 4, 2));
  config_put(device, 4, 2, 0);
  say("zeros read %04x", config_get(device, 4, 2));
  uint32_t word = 0x5a5a5a5a;
  say("BAR read with decoding off: %s", outcome(pread(device, &word, 4, 0)));
  say("BAR write with decoding off: %s", outcome(pwrite(device, &word, 4, 4)));
  say("BAR read of nothing with decoding off: %s", outcome(pread(device, &word, 0, 0)));
  say("BAR read past its end with decoding off: %s", outcome(pread(device, &word, 4, 0x100000)));
  struct vfio_region_info r = {.argsz = sizeof r, .index = 0};
  CALL(device, VFIO_DEVICE_GET_REGION_INFO, &r);
  say("size %#llx flags %#x", (unsigned long long)r.size, r.flags);
  r.index = VFIO_PCI_ROM_REGION_INDEX;
  CALL(device, VFIO_DEVICE_GET_REGION_INFO, &r);
  say("size %#llx flags %#x", (unsigned long long)r.size, r.flags);
  void *mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
  say("mmap with decoding off: %s", mapped == MAP_FAILED ? strerrorname_np(errno) : "ok");
  if (mapped != MAP_FAILED) {
    CHILD(say("a load: %08x", *(volatile uint32_t *)mapped));
    munmap(mapped, PAGE);
  }
  config_put(device, 4, 2, 2);
  say("with memory on: %04x", config_get(device, 4, 2));
  word = 0;
  const char *result = outcome(pread(device, &word, 4, 0));
  say("BAR read: %s, id %08x", result, word);
  config_put(device, 4, 1, 0x06);
  say("byte write 06: %04x", config_get(device, 4, 2));
  config_put(device, 5, 1, 0xff);
  say("byte write ff to 05: %04x", config_get(device, 4, 2));
  config_put(device, 4, 2, 0x0102);
  say("0102: %04x", config_get(device, 4, 2));
  config_put(device, 6, 2, 0xffff);
  say("status after ones %04x", config_get(device, 6, 2));
}

static void open_mapping(int device) {
  heading("an existing mapping while decoding is off");
  volatile unsigned char *bar = map_bar(device, PAGE);
  config_put(device, 4, 2, 2);
  say("on: %08x", get32(bar, ID));
  config_put(device, 4, 2, 0);
  CHILD(say("off, a load: %08x", get32(bar, ID)));
  CHILD(put32(bar, LIVENESS, 1));
  config_put(device, 4, 2, 2);
  say("on again: %08x", get32(bar, ID));
  munmap((void *)bar, PAGE);
}

static void widths(int device) {
  heading("reads and writes by size and place");
  const size_t sizes[] = {0, 1, 2, 3, 4, 5, 8, 16, 64, 256, 257};
  const unsigned places[] = {0, 1, 2, 3, 0x3c, 0x40, 0xf8, 0xfc, 0xfd, 0xff, 0x100, 0x101, 0x1000};
  for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
    char line[256];
    int used = snprintf(line, sizeof line, "%#05x:", places[p]);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
      unsigned char bytes[300];
      memset(bytes, 0x5a, sizeof bytes);
      used += snprintf(line + used, sizeof line - used, " %zu=%s", sizes[s],
                       outcome(pread(device, bytes, sizes[s], config_offset(places[p]))));
    }
    say("%s", line);
  }
  unsigned char bytes[16];
  memset(bytes, 0x5a, sizeof bytes);
  say("across the end: %s", outcome(pread(device, bytes, 8, config_offset(0xfc))));
  say("buffer %s", picture(bytes, 16));
  say("into nowhere: %s", outcome(pread(device, at(16), 4, config_offset(0))));
  say("from nowhere: %s", outcome(pwrite(device, at(16), 4, config_offset(0x3c))));
  say("write across the end: %s", outcome(pwrite(device, bytes, 8, config_offset(0xfc))));
  say("write past the end: %s", outcome(pwrite(device, bytes, 1, config_offset(0x100))));
}

static void capability(int device) {
  heading("the MSI capability");
  say("header %08x", config_get(device, 0x40, 4));
  config_put(device, 0x42, 2, 0xffff);
  say("control after ones %04x", config_get(device, 0x42, 2));
  config_put(device, 0x42, 2, 0);
  config_put(device, 0x44, 4, 0xffffffff);
  config_put(device, 0x48, 4, 0xffffffff);
  config_put(device, 0x4c, 4, 0xffffffff);
  say("address %08x %08x data %08x", config_get(device, 0x44, 4), config_get(device, 0x48, 4),
      config_get(device, 0x4c, 4));
  config_put(device, 0x44, 4, 0);
  config_put(device, 0x48, 4, 0);
  config_put(device, 0x4c, 4, 0);
  say("zeroed %08x %08x %08x", config_get(device, 0x44, 4), config_get(device, 0x48, 4),
      config_get(device, 0x4c, 4));
  config_put(device, 0x3c, 4, 0xffffffff);
  say("interrupt line and pin after ones %08x", config_get(device, 0x3c, 4));
  config_put(device, 0x3c, 1, 0x2a);
  say("line 2a: %08x", config_get(device, 0x3c, 4));
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  dump(s.device, "after open", 0);
  write_masks(s.device);
  dump(s.device, "after that", 0);
  bars(s.device);
  command(s.device);
  open_mapping(s.device);
  widths(s.device);
  capability(s.device);
  heading("reset");
  DO(ioctl(s.device, VFIO_DEVICE_RESET));
  dump(s.device, "after reset", 0);
  close(s.device);
  s.device = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  dump(s.device, "after close and open", 0);
  finish(s);
  const char *others[] = {SECOND, THIRD, FOURTH};
  for (int i = 0; i < 3; i++) {
    s = start(others[i], VFIO_TYPE1v2_IOMMU);
    dump(s.device, others[i], 0);
    finish(s);
  }
  return 0;
}
