// SET_IRQS: every combination of data, action, index, start and count that tells rules apart.
#include "conversation.h"

static int good, other;

static const char *flag_text(uint32_t flags) {
  static char text[96];
  const char *names[] = {"NONE", "BOOL", "EVENTFD", "MASK", "UNMASK", "TRIGGER"};
  text[0] = 0;
  for (int i = 0; i < 6; i++)
    if (flags >> i & 1) {
      if (text[0]) strcat(text, "|");
      strcat(text, names[i]);
    }
  if (!text[0] || flags >> 6) sprintf(text + strlen(text), "+%#x", flags & ~0x3fU);
  return text;
}

static void clear(int device) {
  for (uint32_t i = 0; i < 5; i++) disarm(device, i);
}

static void one(int device, uint32_t index, uint32_t flags, uint32_t first, uint32_t count,
                int event, uint32_t words) {
  int32_t data[4] = {event, event, event, event};
  uint8_t truths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const void *bytes = flags & VFIO_IRQ_SET_DATA_BOOL ? (void *)truths : (void *)data;
  const char *what = event == -1 ? " fd -1" : event == good ? "" : event == other ? " not an eventfd"
                                                                                 : " bad fd";
  say("index %u %s start %u count %u payload %u%s = %s", index, flag_text(flags), first, count,
      words * 4, what, outcome(set_irqs(device, flags, index, first, count, bytes, words * 4)));
}

static void matrix(int device) {
  heading("data x action, from nothing armed");
  for (uint32_t index = 0; index < 6; index++)
    for (uint32_t data = 0; data < 8; data++)
      for (uint32_t action = 0; action < 8; action++) {
        clear(device);
        one(device, index, data | action << 3, 0, 1, good, 1);
      }
  clear(device);
}

static void armed(int device, uint32_t active) {
  say("-- with index %u armed", active);
  for (uint32_t index = 0; index < 5; index++)
    for (uint32_t data = 1; data < 8; data <<= 1)
      for (uint32_t action = 1; action < 8; action <<= 1)
        for (uint32_t count = 0; count < 3; count++) {
          clear(device);
          if (arm(device, active, good)) give_up("arm");
          one(device, index, data | action << 3, 0, count, good, 2);
        }
  clear(device);
}

static void counts(int device) {
  heading("start, count and payload");
  const uint32_t starts[] = {0, 1, 2, 0x7fffffff, 0xfffffffe, 0xffffffff};
  const uint32_t numbers[] = {0, 1, 2, 0x7fffffff, 0xfffffffe, 0xffffffff};
  for (uint32_t index = 0; index < 5; index++)
    for (int i = 0; i < 6; i++)
      for (int j = 0; j < 6; j++) {
        clear(device);
        one(device, index, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, starts[i],
            numbers[j], good, 2);
      }
  clear(device);
  for (uint32_t index = 0; index < 5; index++) {
    one(device, index, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0xfffffffe, good, 0);
    one(device, index, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, good, 0);
    one(device, index, VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, good, 0);
  }
  heading("unknown flags");
  for (uint32_t bit = 6; bit < 32; bit += 5)
    one(device, 1, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER | 1U << bit, 0, 1, good, 0);
}

static void descriptors(int device) {
  heading("what the descriptor is");
  const uint32_t indexes[] = {0, 1, 4};
  for (int i = 0; i < 3; i++) {
    clear(device);
    one(device, indexes[i], VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, -1, 1);
    clear(device);
    one(device, indexes[i], VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, -2, 1);
    clear(device);
    one(device, indexes[i], VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, 999, 1);
    clear(device);
    one(device, indexes[i], VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, other, 1);
    clear(device);
    arm(device, indexes[i], good);
    one(device, indexes[i], VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, other, 1);
    one(device, indexes[i], VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, good, 0);
    say("the first eventfd: %s", counted(good, 100));
    clear(device);
    arm(device, indexes[i], good);
    one(device, indexes[i], VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, -1, 1);
    one(device, indexes[i], VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, good, 0);
    say("the first eventfd: %s", counted(good, 100));
    clear(device);
  }
}

static void structures(int device) {
  heading("the structure itself");
  unsigned char *area = pages(2);
  struct vfio_irq_set *s = (struct vfio_irq_set *)area;
  for (uint32_t argsz = 0; argsz < 28; argsz++) {
    *s = (struct vfio_irq_set){argsz, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 1, 0, 1};
    memcpy(area + 20, &good, 4);
    say("argsz %u = %s", argsz, outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, s)));
    disarm(device, 1);
  }
  s->argsz = 0xffffffff;
  say("argsz ffffffff = %s", outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, s)));
  disarm(device, 1);
  mprotect(area + PAGE, PAGE, PROT_NONE);
  s = (struct vfio_irq_set *)(area + PAGE - 20);
  *s = (struct vfio_irq_set){24, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 1, 0, 1};
  say("payload on a closed page = %s", outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, s)));
  s->flags = VFIO_IRQ_SET_DATA_EVENTFD;
  say("payload on a closed page, no action = %s", outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, s)));
  s->flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
  say("no payload needed = %s", outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, s)));
  disarm(device, 1);
  say("header across a closed page = %s",
      outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, area + PAGE - 16)));
  say("NULL = %s", outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, NULL)));
  say("wild = %s", outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, 0xdead000000000000)));
  mprotect(area, PAGE, PROT_READ);
  s = (struct vfio_irq_set *)(area + 4);
  say("a read-only structure is read: %s", outcome(ioctl(device, VFIO_DEVICE_SET_IRQS, s)));
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  good = eventfd(0, EFD_NONBLOCK);
  other = open("/dev/null", O_RDWR);
  matrix(s.device);
  armed(s.device, VFIO_PCI_INTX_IRQ_INDEX);
  armed(s.device, VFIO_PCI_MSI_IRQ_INDEX);
  armed(s.device, VFIO_PCI_REQ_IRQ_INDEX);
  counts(s.device);
  descriptors(s.device);
  structures(s.device);
  finish(s);
  return 0;
}
