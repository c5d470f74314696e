// What the conversations share: one printed line for each call, with names instead of numbers that
// change from run to run (descriptors, addresses, process ids).
#ifndef CONVERSATION_H
#define CONVERSATION_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define MAYBE static UNUSED
// Memory whose place a trace tells, on a page of its own: every run tells the same.
#define APART static __attribute__((aligned(4096)))

#define FIRST "0000:00:05.0"   // edu, alone in its group
#define SECOND "0000:00:06.0"  // edu, alone in its group
#define THIRD "0000:02:01.0"   // edu, shares a group with FOURTH and their bridge
#define FOURTH "0000:02:02.0"

#define PAGE 0x1000UL
#define READ_WRITE (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)
#define READ_ONLY VFIO_DMA_MAP_FLAG_READ
#define WRITE_ONLY VFIO_DMA_MAP_FLAG_WRITE

// Later headers have these; Debian 12's do not need to.
#ifndef VFIO_UNMAP_ALL
#define VFIO_UNMAP_ALL 9
#endif
#ifndef VFIO_UPDATE_VADDR
#define VFIO_UPDATE_VADDR 10
#endif

// edu's registers in BAR 0.
enum {
  ID = 0x00, LIVENESS = 0x04, FACTORIAL = 0x08, STATUS = 0x20, INTERRUPTS = 0x24, RAISE = 0x60,
  ACKNOWLEDGE = 0x64, DMA_SOURCE = 0x80, DMA_TARGET = 0x88, DMA_COUNT = 0x90, DMA_COMMAND = 0x98,
  DEVICE_BUFFER = 0x40000,
};
enum { TO_DEVICE = 1, FROM_DEVICE = 3, THEN_INTERRUPT = 4 };

__attribute__((format(printf, 1, 2))) MAYBE void say(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vprintf(format, list);
  va_end(list);
  putchar('\n');
  fflush(stdout);
}

// The result of a system call: its value, or the name of its errno.
MAYBE const char *outcome(long result) {
  static __thread char texts[8][48];
  static __thread unsigned turn;
  char *text = texts[turn++ % 8];
  if (result >= 0)
    snprintf(text, sizeof texts[0], "%ld", result);
  else
    snprintf(text, sizeof texts[0], "-1 %s", strerrorname_np(errno));
  return text;
}

// The result of a call that returns a descriptor, whose number is nobody's business.
MAYBE const char *opened(long result) { return result >= 0 ? "ok" : outcome(result); }

#define DO(expression) say("%s = %s", #expression, outcome((long)(expression)))
#define CALL(fd, request, argument) \
  say("%s: %s(%s) = %s", #fd, #request, #argument, outcome(ioctl(fd, request, argument)))
#define OPEN(variable, path, flags) \
  do { \
    variable = open(path, flags); \
    say("%s = open(%s, %s): %s", #variable, path, #flags, opened(variable)); \
  } while (0)

MAYBE void heading(const char *text) { say("-- %s", text); }

MAYBE void wait_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

__attribute__((noreturn)) MAYBE void give_up(const char *what) {
  say("%s: %s", what, strerrorname_np(errno));
  exit(1);
}

// How many more mappings GET_INFO says there may be.
MAYBE uint32_t dma_available(int container) {
  union {
    struct vfio_iommu_type1_info head;
    char bytes[1024];
  } info = {.head = {.argsz = sizeof info}};
  if (ioctl(container, VFIO_IOMMU_GET_INFO, &info)) give_up("GET_INFO");
  for (uint32_t at = info.head.cap_offset; at;) {
    struct vfio_info_cap_header *h = (void *)(info.bytes + at);
    if (h->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
      return ((struct vfio_iommu_type1_info_dma_avail *)h)->avail;
    at = h->next;
  }
  return 0;
}

// The path of the group node of a device, from sysfs.
MAYBE const char *group_node(const char *bdf) {
  static char nodes[4][64];
  static unsigned turn;
  char link[128], target[256];
  snprintf(link, sizeof link, "/sys/bus/pci/devices/%s/iommu_group", bdf);
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) give_up(link);
  target[length] = 0;
  char *node = nodes[turn++ % 4];
  snprintf(node, sizeof nodes[0], "/dev/vfio/%s", strrchr(target, '/') + 1);
  return node;
}

MAYBE unsigned char *pages(size_t count) {
  void *p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) give_up("mmap");
  memset(p, 0, count * PAGE);
  return p;
}

MAYBE int map_quiet(int container, uint32_t flags, const void *at, uint64_t iova, uint64_t size) {
  struct vfio_iommu_type1_dma_map m = {sizeof m, flags, (uintptr_t)at, iova, size};
  return ioctl(container, VFIO_IOMMU_MAP_DMA, &m);
}

MAYBE int unmap_quiet(int container, uint32_t flags, uint64_t iova, uint64_t *size) {
  struct vfio_iommu_type1_dma_unmap u = {.argsz = sizeof u, .flags = flags, .iova = iova,
                                         .size = *size};
  int result = ioctl(container, VFIO_IOMMU_UNMAP_DMA, &u);
  *size = u.size;
  return result;
}

#define MAP(flags, at, iova, size) \
  say("MAP_DMA(%s, %s, iova %#llx, size %#llx) = %s", #flags, #at, (unsigned long long)(iova), \
      (unsigned long long)(size), outcome(map_quiet(container, flags, at, iova, size)))

MAYBE void UNMAP_flags(int container, const char *flags_text, uint32_t flags, uint64_t iova,
                       uint64_t size) {
  uint64_t answer = size;
  const char *text = outcome(unmap_quiet(container, flags, iova, &answer));
  say("UNMAP_DMA(%s, iova %#llx, size %#llx) = %s, size %#llx", flags_text,
      (unsigned long long)iova, (unsigned long long)size, text, (unsigned long long)answer);
}
#define UNMAP(iova, size) UNMAP_flags(container, "0", 0, iova, size)
#define UNMAP_EVERYTHING() \
  UNMAP_flags(container, "ALL", VFIO_DMA_UNMAP_FLAG_ALL, 0, 0)

// A pointer that the compiler cannot see through.
MAYBE void *at(uint64_t address) {
  volatile uint64_t number = address;
  return (void *)number;
}

struct session {
  int container, group, device;
};

// Container, group and device, without a word.
MAYBE struct session start(const char *bdf, int type) {
  struct session s;
  if ((s.container = open("/dev/vfio/vfio", O_RDWR)) < 0) give_up("/dev/vfio/vfio");
  if ((s.group = open(group_node(bdf), O_RDWR)) < 0) give_up(group_node(bdf));
  if (ioctl(s.group, VFIO_GROUP_SET_CONTAINER, &s.container)) give_up("SET_CONTAINER");
  if (ioctl(s.container, VFIO_SET_IOMMU, type)) give_up("SET_IOMMU");
  if ((s.device = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, bdf)) < 0) give_up("GET_DEVICE_FD");
  return s;
}

MAYBE void finish(struct session s) {
  close(s.device);
  close(s.group);
  close(s.container);
}

MAYBE uint64_t region_offset(int device, uint32_t index) {
  struct vfio_region_info r = {.argsz = sizeof r, .index = index};
  if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &r)) give_up("GET_REGION_INFO");
  return r.offset;
}

MAYBE volatile unsigned char *map_bar(int device, size_t length) {
  void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
  if (p == MAP_FAILED) give_up("mmap BAR 0");
  return p;
}

MAYBE uint32_t get32(volatile unsigned char *bar, unsigned at) {
  return *(volatile uint32_t *)(bar + at);
}
MAYBE void put32(volatile unsigned char *bar, unsigned at, uint32_t value) {
  *(volatile uint32_t *)(bar + at) = value;
}

MAYBE uint64_t config_offset(unsigned at) {
  return ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40) + at;
}
MAYBE uint32_t config_get(int device, unsigned at, unsigned width) {
  uint32_t value = 0;
  if (pread(device, &value, width, config_offset(at)) != (ssize_t)width) give_up("config read");
  return value;
}
MAYBE void config_put(int device, unsigned at, unsigned width, uint32_t value) {
  if (pwrite(device, &value, width, config_offset(at)) != (ssize_t)width) give_up("config write");
}

// Bus mastering is off until the program turns it on.
MAYBE void bus_master(int device, int on) {
  uint32_t command = config_get(device, 4, 2);
  config_put(device, 4, 2, on ? command | 4 : command & ~4U);
}

// One DMA, waited for; the device clears bit 0 of its command when it is done.
MAYBE int dma(volatile unsigned char *bar, uint64_t from, uint64_t to, uint32_t count,
              uint32_t command) {
  put32(bar, DMA_SOURCE, (uint32_t)from);
  put32(bar, DMA_TARGET, (uint32_t)to);
  put32(bar, DMA_COUNT, count);
  put32(bar, DMA_COMMAND, command);
  for (int i = 0; i < 5000; i++) {
    if (!(get32(bar, DMA_COMMAND) & 1)) return 1;
    wait_ms(1);
  }
  return 0;
}

MAYBE int dma_in(volatile unsigned char *bar, uint64_t iova, uint32_t count) {
  return dma(bar, iova, DEVICE_BUFFER, count, TO_DEVICE);
}
MAYBE int dma_out(volatile unsigned char *bar, uint64_t iova, uint32_t count) {
  return dma(bar, DEVICE_BUFFER, iova, count, FROM_DEVICE);
}

// A run-length picture of bytes: `11*4096` or `00*16 22*4080`.
MAYBE const char *picture(const volatile unsigned char *bytes, size_t count) {
  static char text[512];
  size_t used = 0, i = 0;
  text[0] = 0;
  while (i < count && used < sizeof text - 40) {
    size_t j = i;
    while (j < count && bytes[j] == bytes[i]) j++;
    used += snprintf(text + used, sizeof text - used, "%s%02x*%zu", used ? " " : "", bytes[i],
                     j - i);
    i = j;
  }
  if (i < count) snprintf(text + used, sizeof text - used, " …");
  return text;
}

// What an eventfd has counted: `nothing` after ms milliseconds, or the count.
MAYBE const char *counted(int event, int ms) {
  static char text[32];
  struct pollfd p = {event, POLLIN, 0};
  uint64_t count = 0;
  if (poll(&p, 1, ms) == 1 && read(event, &count, sizeof count) == sizeof count)
    snprintf(text, sizeof text, "%llu", (unsigned long long)count);
  else
    snprintf(text, sizeof text, "nothing");
  return text;
}

// SET_IRQS with any number of 32-bit data words.
MAYBE int set_irqs(int device, uint32_t flags, uint32_t index, uint32_t first, uint32_t count,
                   const void *data, size_t length) {
  unsigned char bytes[256] = {0};
  struct vfio_irq_set *s = (struct vfio_irq_set *)bytes;
  s->argsz = (uint32_t)(sizeof *s + length);
  s->flags = flags;
  s->index = index;
  s->start = first;
  s->count = count;
  if (length) memcpy(bytes + sizeof *s, data, length);
  return ioctl(device, VFIO_DEVICE_SET_IRQS, s);
}
MAYBE int arm(int device, uint32_t index, int event) {
  return set_irqs(device, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, index, 0, 1,
                  &event, 4);
}
MAYBE int disarm(int device, uint32_t index) {
  return set_irqs(device, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, index, 0, 0, NULL,
                  0);
}

// Runs `body` in a child and prints how the child ended.
#define CHILD(body) \
  do { \
    fflush(stdout); \
    pid_t child = fork(); \
    if (child == 0) { \
      body; \
      fflush(stdout); \
      _exit(0); \
    } \
    int status; \
    waitpid(child, &status, 0); \
    if (WIFSIGNALED(status)) \
      say("child: signal %s", sigabbrev_np(WTERMSIG(status))); \
    else if (WEXITSTATUS(status)) \
      say("child: exit %d", WEXITSTATUS(status)); \
  } while (0)

#endif
