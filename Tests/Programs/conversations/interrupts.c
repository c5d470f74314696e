// Interrupts through eventfds: MSI and INTx, masks, loopback, arming again.
#include "conversation.h"

static struct session s;
static volatile unsigned char *bar;
static int event;

#define SET(flags, index, count) \
  say("SET_IRQS(%s, index %u, count %u) = %s", #flags, index, count, \
      outcome(set_irqs(s.device, flags, index, 0, count, NULL, 0)))

enum {
  NONE_TRIGGER = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
  NONE_MASK = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK,
  NONE_UNMASK = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
};

static void raise_bits(uint32_t bits) { put32(bar, RAISE, bits); }
static void acknowledge(void) { put32(bar, ACKNOWLEDGE, 0xffffffff); }

static void show(const char *what) { say("%s: %s", what, counted(event, 150)); }

static void boolean(uint32_t action, uint32_t index, unsigned char value) {
  say("SET_IRQS(BOOL %u, action %#x, index %u) = %s", value, action, index,
      outcome(set_irqs(s.device, VFIO_IRQ_SET_DATA_BOOL | action, index, 0, 1, &value, 1)));
}

static void msi(void) {
  heading("MSI");
  raise_bits(1);
  show("raised before arming");
  acknowledge();
  say("control %04x", config_get(s.device, 0x42, 2));
  say("arm = %s", outcome(arm(s.device, 1, event)));
  say("control %04x, address zero %s, command %04x", config_get(s.device, 0x42, 2),
      config_get(s.device, 0x44, 4) ? "no" : "yes", config_get(s.device, 4, 2));
  raise_bits(1);
  show("raised");
  raise_bits(2);
  show("raised another bit while one stands");
  raise_bits(0);
  show("raised nothing");
  acknowledge();
  show("acknowledged");
  // Two messages sent at once may arrive as one; these are not.
  raise_bits(4);
  wait_ms(50);
  raise_bits(8);
  wait_ms(50);
  show("raised twice");
  acknowledge();
  SET(NONE_TRIGGER, 1, 1);
  show("loopback");
  boolean(VFIO_IRQ_SET_ACTION_TRIGGER, 1, 1);
  show("loopback by a truth");
  boolean(VFIO_IRQ_SET_ACTION_TRIGGER, 1, 0);
  show("loopback by a falsehood");
  say("arm again with another = %s", outcome(arm(s.device, 1, event)));
  raise_bits(1);
  show("raised");
  acknowledge();
  say("arm INTx meanwhile = %s", outcome(arm(s.device, 0, event)));
  bus_master(s.device, 0);
  raise_bits(1);
  show("raised without bus mastering");
  acknowledge();
  bus_master(s.device, 1);
  say("disarm = %s", outcome(disarm(s.device, 1)));
  say("control %04x", config_get(s.device, 0x42, 2));
  raise_bits(1);
  show("raised after disarming");
  acknowledge();
  SET(NONE_TRIGGER, 1, 1);
  say("disarm again = %s", outcome(disarm(s.device, 1)));
  say("arm = %s", outcome(arm(s.device, 1, event)));
  raise_bits(1);
  show("raised");
  acknowledge();
  say("take the eventfd away = %s", outcome(arm(s.device, 1, -1)));
  raise_bits(1);
  show("raised");
  acknowledge();
  SET(NONE_TRIGGER, 1, 1);
  say("give it back = %s", outcome(arm(s.device, 1, event)));
  raise_bits(1);
  show("raised");
  acknowledge();
  heading("the enable bit in config space");
  config_put(s.device, 0x42, 2, 0x80);
  say("control %04x", config_get(s.device, 0x42, 2));
  raise_bits(1);
  show("raised");
  acknowledge();
  config_put(s.device, 0x42, 2, 0x81);
  say("control %04x", config_get(s.device, 0x42, 2));
  raise_bits(1);
  show("raised");
  acknowledge();
  disarm(s.device, 1);
  config_put(s.device, 0x42, 2, 0x81);
  say("control when not armed %04x", config_get(s.device, 0x42, 2));
  config_put(s.device, 0x42, 2, 0x80);
}

static void intx(void) {
  heading("INTx");
  raise_bits(1);
  say("raised before arming, PCI status %04x", config_get(s.device, 6, 2));
  acknowledge();
  say("PCI status %04x", config_get(s.device, 6, 2));
  say("arm = %s", outcome(arm(s.device, 0, event)));
  say("command %04x", config_get(s.device, 4, 2));
  show("quiet");
  raise_bits(1);
  show("raised");
  say("PCI status %04x, command %04x", config_get(s.device, 6, 2), config_get(s.device, 4, 2));
  raise_bits(2);
  show("raised while masked");
  SET(NONE_UNMASK, 0, 1);
  show("unmasked without acknowledging");
  acknowledge();
  show("acknowledged");
  SET(NONE_UNMASK, 0, 1);
  show("unmasked");
  SET(NONE_UNMASK, 0, 1);
  show("unmasked again");
  raise_bits(4);
  show("raised");
  acknowledge();
  SET(NONE_UNMASK, 0, 1);
  show("unmasked");
  SET(NONE_MASK, 0, 1);
  raise_bits(8);
  show("raised while masked by hand");
  boolean(VFIO_IRQ_SET_ACTION_UNMASK, 0, 0);
  show("not unmasked");
  boolean(VFIO_IRQ_SET_ACTION_UNMASK, 0, 1);
  show("unmasked by a truth");
  acknowledge();
  SET(NONE_UNMASK, 0, 1);
  boolean(VFIO_IRQ_SET_ACTION_MASK, 0, 0);
  raise_bits(8);
  show("raised, not masked");
  acknowledge();
  SET(NONE_UNMASK, 0, 1);
  boolean(VFIO_IRQ_SET_ACTION_MASK, 0, 1);
  raise_bits(8);
  show("raised, masked by a truth");
  acknowledge();
  SET(NONE_UNMASK, 0, 1);
  show("acknowledged, then unmasked");
  SET(NONE_TRIGGER, 0, 1);
  show("loopback");
  boolean(VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1);
  show("loopback by a truth");
  raise_bits(1);
  show("raised after loopback");
  acknowledge();
  SET(NONE_UNMASK, 0, 1);
  heading("an eventfd that unmasks");
  int unmasker = eventfd(0, EFD_NONBLOCK);
  say("SET_IRQS(EVENTFD, UNMASK) = %s",
      outcome(set_irqs(s.device, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK, 0, 0, 1,
                       &unmasker, 4)));
  raise_bits(1);
  show("raised");
  raise_bits(2);
  show("raised while masked");
  uint64_t one = 1;
  if (write(unmasker, &one, 8) != 8) give_up("write");
  show("written to the unmasker");
  acknowledge();
  if (write(unmasker, &one, 8) != 8) give_up("write");
  show("acknowledged, written");
  raise_bits(1);
  show("raised");
  acknowledge();
  int none = -1;
  say("SET_IRQS(EVENTFD -1, UNMASK) = %s",
      outcome(set_irqs(s.device, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK, 0, 0, 1,
                       &none, 4)));
  if (write(unmasker, &one, 8) != 8) give_up("write");
  raise_bits(1);
  show("raised after taking the unmasker away");
  acknowledge();
  SET(NONE_UNMASK, 0, 1);
  heading("interrupt disable in the command register");
  config_put(s.device, 4, 2, config_get(s.device, 4, 2) | 0x400);
  raise_bits(1);
  show("raised while disabled");
  say("PCI status %04x, command %04x", config_get(s.device, 6, 2), config_get(s.device, 4, 2));
  config_put(s.device, 4, 2, config_get(s.device, 4, 2) & ~0x400U);
  show("enabled");
  acknowledge();
  SET(NONE_UNMASK, 0, 1);
  say("disarm = %s", outcome(disarm(s.device, 0)));
  say("command %04x", config_get(s.device, 4, 2));
  raise_bits(1);
  show("raised after disarming");
  heading("armed while the line stands");
  say("arm = %s", outcome(arm(s.device, 0, event)));
  show("at once");
  acknowledge();
  SET(NONE_UNMASK, 0, 1);
  show("acknowledged, unmasked");
  say("take the eventfd away = %s", outcome(arm(s.device, 0, -1)));
  raise_bits(1);
  show("raised");
  acknowledge();
  say("give it back = %s", outcome(arm(s.device, 0, event)));
  raise_bits(1);
  show("raised");
  acknowledge();
  say("disarm = %s", outcome(disarm(s.device, 0)));
  say("disarm again = %s", outcome(disarm(s.device, 0)));
}

int main(void) {
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  event = eventfd(0, EFD_NONBLOCK);
  acknowledge();
  msi();
  intx();

  heading("request");
  say("arm = %s", outcome(arm(s.device, 4, event)));
  SET(NONE_TRIGGER, 4, 1);
  show("loopback");
  boolean(VFIO_IRQ_SET_ACTION_TRIGGER, 4, 0);
  show("loopback by a falsehood");
  say("disarm = %s", outcome(disarm(s.device, 4)));
  SET(NONE_TRIGGER, 4, 1);
  show("nothing");

  heading("a closed eventfd still belongs to the device");
  int gone = eventfd(0, EFD_NONBLOCK), kept = dup(gone);
  say("arm = %s", outcome(arm(s.device, 1, gone)));
  close(gone);
  raise_bits(1);
  say("raised: %s", counted(kept, 150));
  acknowledge();
  heading("closing the device disarms");
  munmap((void *)bar, PAGE);
  close(s.device);
  s.device = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  bar = map_bar(s.device, PAGE);
  raise_bits(1);
  say("raised: %s", counted(kept, 150));
  acknowledge();
  SET(NONE_TRIGGER, 1, 1);
  say("control %04x, command %04x", config_get(s.device, 0x42, 2), config_get(s.device, 4, 2));

  heading("a semaphore eventfd");
  bus_master(s.device, 1);
  int semaphore = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
  say("arm = %s", outcome(arm(s.device, 1, semaphore)));
  for (int i = 0; i < 3; i++) {
    raise_bits(1);
    wait_ms(50);
  }
  for (int i = 0; i < 4; i++) say("one: %s", counted(semaphore, 100));
  acknowledge();
  heading("by pwrite");
  uint32_t bits = 3;
  DO(pwrite(s.device, &bits, 4, RAISE));
  say("raised: %s", counted(semaphore, 100));
  DO(pwrite(s.device, &bits, 4, ACKNOWLEDGE));
  DO(pread(s.device, &bits, 4, INTERRUPTS));
  say("status %08x", bits);
  return 0;
}
