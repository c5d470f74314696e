// INTx armed while the device already holds the line, each time on a device just opened.
#include "conversation.h"

static struct session s;
static volatile unsigned char *bar;

static void begin(const char *title) {
  heading(title);
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  bar = map_bar(s.device, PAGE);
  put32(bar, ACKNOWLEDGE, 0xffffffff);
}
static void end(void) {
  put32(bar, ACKNOWLEDGE, 0xffffffff);
  munmap((void *)bar, PAGE);
  finish(s);
}
static int unmask(void) {
  return set_irqs(s.device, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, 0, 0, 1, NULL, 0);
}

int main(void) {
  int event = eventfd(0, EFD_NONBLOCK);
  begin("raised, then armed");
  put32(bar, RAISE, 1);
  say("arm = %s", outcome(arm(s.device, 0, event)));
  say("counted %s", counted(event, 150));
  say("unmask = %s", outcome(unmask()));
  say("counted %s", counted(event, 150));
  end();
  begin("armed, raised, disarmed, armed");
  arm(s.device, 0, event);
  put32(bar, RAISE, 1);
  say("counted %s", counted(event, 150));
  disarm(s.device, 0);
  say("arm = %s", outcome(arm(s.device, 0, event)));
  say("counted %s", counted(event, 150));
  say("unmask = %s", outcome(unmask()));
  say("counted %s", counted(event, 150));
  end();
  begin("armed, disarmed, raised, armed");
  arm(s.device, 0, event);
  disarm(s.device, 0);
  put32(bar, RAISE, 1);
  say("counted %s", counted(event, 150));
  say("arm = %s", outcome(arm(s.device, 0, event)));
  say("counted %s", counted(event, 150));
  say("unmask = %s", outcome(unmask()));
  say("counted %s", counted(event, 150));
  end();
  begin("armed, masked, disarmed, raised, armed");
  arm(s.device, 0, event);
  set_irqs(s.device, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, 0, 0, 1, NULL, 0);
  disarm(s.device, 0);
  put32(bar, RAISE, 1);
  say("arm = %s", outcome(arm(s.device, 0, event)));
  say("counted %s", counted(event, 150));
  end();
  begin("MSI, then INTx");
  bus_master(s.device, 1);
  arm(s.device, 1, event);
  put32(bar, RAISE, 1);
  say("MSI counted %s", counted(event, 150));
  disarm(s.device, 1);
  say("arm INTx = %s", outcome(arm(s.device, 0, event)));
  say("counted %s", counted(event, 150));
  put32(bar, RAISE, 2);
  say("counted %s", counted(event, 150));
  put32(bar, ACKNOWLEDGE, 0xffffffff);
  say("unmask = %s", outcome(unmask()));
  put32(bar, RAISE, 2);
  say("counted %s", counted(event, 150));
  end();
  return 0;
}
