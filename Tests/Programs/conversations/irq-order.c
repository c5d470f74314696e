// SET_IRQS: one call for each rule, in the order in which the kernel asks them.
#include "conversation.h"

static int device, event;

static void one(const char *what, uint32_t argsz, uint32_t flags, uint32_t index, uint32_t first,
                uint32_t count, int32_t fd) {
  char memory[32] = {0};
  struct vfio_irq_set *set = (struct vfio_irq_set *)memory;
  *set = (struct vfio_irq_set){argsz, flags, index, first, count};
  if (flags & VFIO_IRQ_SET_DATA_BOOL) set->data[0] = 1;
  if (flags & VFIO_IRQ_SET_DATA_EVENTFD) memcpy(set->data, &fd, sizeof fd);
  say("%s: %s", what, outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, set)));
}

#define NONE VFIO_IRQ_SET_DATA_NONE
#define BOOL VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD VFIO_IRQ_SET_DATA_EVENTFD
#define MASK VFIO_IRQ_SET_ACTION_MASK
#define UNMASK VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER

static void refusals(void) {
  heading("refused whatever is armed");
  say("no pointer: %s", outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, NULL)));
  one("argsz 19", 19, NONE | TRIGGER, 1, 0, 0, 0);
  one("index 5", 20, NONE | TRIGGER, 5, 0, 0, 0);
  one("count wraps", 20, NONE | TRIGGER, 1, 1, 0xfffffffe, 0);
  one("an unknown flag", 20, 0x40 | NONE | TRIGGER, 1, 0, 0, 0);
  one("start beyond", 20, NONE | TRIGGER, 1, 1, 0, 0);
  one("count beyond", 20, NONE | TRIGGER, 1, 0, 2, 0);
  one("no MSI-X, count 0", 20, NONE | TRIGGER, 2, 0, 0, 0);
  one("no data bit", 20, TRIGGER, 1, 0, 1, 0);
  one("two data bits", 24, NONE | EVENTFD | TRIGGER, 1, 0, 1, event);
  one("no payload", 20, EVENTFD | TRIGGER, 1, 0, 1, event);
  one("no action", 20, NONE, 0, 0, 1, 0);
  one("two actions", 20, NONE | MASK | TRIGGER, 0, 0, 1, 0);
  one("MSI mask", 20, NONE | MASK, 1, 0, 1, 0);
  one("MSI unmask", 20, NONE | UNMASK, 1, 0, 1, 0);
  one("REQ mask", 20, NONE | MASK, 4, 0, 1, 0);
  one("INTx mask by eventfd", 24, EVENTFD | MASK, 0, 0, 1, event);
  one("ERR on conventional PCI", 24, EVENTFD | TRIGGER, 3, 0, 1, event);
}

static void interrupts(uint32_t index, uint32_t other, const char *name) {
  heading(name);
  one("disarm, not armed", 20, NONE | TRIGGER, index, 0, 0, 0);
  one("loop back, not armed", 20, NONE | TRIGGER, index, 0, 1, 0);
  one("loop back BOOL, not armed", 21, BOOL | TRIGGER, index, 0, 1, 0);
  one("count 0", 24, EVENTFD | TRIGGER, index, 0, 0, event);
  one("a number that is not open", 24, EVENTFD | TRIGGER, index, 0, 1, 999);
  one("no eventfd", 24, EVENTFD | TRIGGER, index, 0, 1, device);
  one("arm", 24, EVENTFD | TRIGGER, index, 0, 1, event);
  one("arm the other", 24, EVENTFD | TRIGGER, other, 0, 1, event);
  one("disarm the other", 20, NONE | TRIGGER, other, 0, 0, 0);
  one("loop back", 20, NONE | TRIGGER, index, 0, 1, 0);
  one("loop back BOOL", 21, BOOL | TRIGGER, index, 0, 1, 0);
  uint64_t count = 0;
  if (read(event, &count, sizeof count) != sizeof count) count = 0;
  say("signals %llu", (unsigned long long)count);
  one("fd -1", 24, EVENTFD | TRIGGER, index, 0, 1, -1);
  one("loop back without eventfd", 20, NONE | TRIGGER, index, 0, 1, 0);
  one("arm again", 24, EVENTFD | TRIGGER, index, 0, 1, event);
  one("mask", 20, NONE | MASK, index, 0, 1, 0);
  one("mask BOOL", 21, BOOL | MASK, index, 0, 1, 0);
  one("unmask", 20, NONE | UNMASK, index, 0, 1, 0);
  one("unmask by eventfd", 24, EVENTFD | UNMASK, index, 0, 1, event);
  one("disarm", 20, NONE | TRIGGER, index, 0, 0, 0);
  one("disarm again", 20, NONE | TRIGGER, index, 0, 0, 0);
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  device = s.device;
  event = eventfd(0, EFD_NONBLOCK);
  refusals();
  interrupts(0, 1, "INTx");
  interrupts(1, 0, "MSI");
  heading("REQ");
  one("arm", 24, EVENTFD | TRIGGER, 4, 0, 1, event);
  one("loop back", 20, NONE | TRIGGER, 4, 0, 1, 0);
  one("disarm", 24, EVENTFD | TRIGGER, 4, 0, 1, -1);
  finish(s);
  return 0;
}
