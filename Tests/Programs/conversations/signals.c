// The program's own signal handlers and masks beside register accesses.
#include "conversation.h"

#include <setjmp.h>
#include <sys/time.h>

static sigjmp_buf back;
static volatile sig_atomic_t faults, traps, alarms;
static volatile unsigned char *bar;

static void on_fault(int number, siginfo_t *info, void *context) {
  (void)context;
  (void)info;
  if (number == SIGTRAP) {
    traps++;
    return;
  }
  faults++;
  siglongjmp(back, 1);
}
static void on_alarm(int number) {
  (void)number;
  alarms++;
  if (bar) (void)get32(bar, ID);
}

static void install(int number) {
  struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  say("sigaction(SIG%s) = %s", sigabbrev_np(number), outcome(sigaction(number, &a, NULL)));
}

static void touch(const char *what, volatile unsigned char *where) {
  if (sigsetjmp(back, 1) == 0)
    say("%s: %02x", what, *where);
  else
    say("%s: the program's handler", what);
}

int main(void) {
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  volatile unsigned char *wild = at(0x10);
  heading("handlers first, then the BAR");
  install(SIGSEGV);
  install(SIGBUS);
  install(SIGTRAP);
  bar = map_bar(s.device, PAGE);
  put32(bar, LIVENESS, 0x0a0a0a0a);
  say("register %08x", get32(bar, LIVENESS));
  touch("a wild pointer", wild);
  say("register %08x, faults %d, traps %d", get32(bar, LIVENESS), (int)faults, (int)traps);
  raise(SIGTRAP);
  say("traps %d", (int)traps);
  heading("handlers after the BAR");
  install(SIGSEGV);
  install(SIGTRAP);
  say("register %08x", get32(bar, LIVENESS));
  touch("a wild pointer", wild);
  __asm__ volatile("int3");
  say("traps %d, register %08x", (int)traps, get32(bar, LIVENESS));
  struct sigaction old;
  sigaction(SIGSEGV, NULL, &old);
  say("the handler read back is the program's: %s", old.sa_sigaction == on_fault ? "yes" : "no");
  say("flags %#x", old.sa_flags & (SA_SIGINFO | SA_NODEFER | SA_ONSTACK | SA_RESTART));
  signal(SIGSEGV, SIG_IGN);
  say("register with SIGSEGV ignored %08x", get32(bar, LIVENESS));
  say("signal() returned the one before: %s", signal(SIGSEGV, SIG_DFL) == SIG_IGN ? "yes" : "no");
  say("register with the default %08x", get32(bar, LIVENESS));
  CHILD(say("%02x", *wild));

  heading("every signal blocked");
  sigset_t all, was, now;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &was);
  put32(bar, LIVENESS, 0x0b0b0b0b);
  say("register %08x", get32(bar, LIVENESS));
  sigprocmask(SIG_SETMASK, NULL, &now);
  say("SIGSEGV blocked %d, SIGBUS %d, SIGTRAP %d, SIGUSR1 %d", sigismember(&now, SIGSEGV),
      sigismember(&now, SIGBUS), sigismember(&now, SIGTRAP), sigismember(&now, SIGUSR1));
  struct vfio_iommu_type1_info info = {.argsz = sizeof info};
  CALL(s.container, VFIO_IOMMU_GET_INFO, at(16));
  CALL(s.container, VFIO_IOMMU_GET_INFO, &info);
  CHILD(say("%02x", *wild));
  sigprocmask(SIG_SETMASK, &was, NULL);

  heading("an alarm every millisecond");
  struct sigaction ring = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &ring, NULL);
  struct itimerval every = {{0, 1000}, {0, 1000}};
  setitimer(ITIMER_REAL, &every, NULL);
  int wrong = 0;
  unsigned char *memory = pages(1);
  for (uint32_t i = 0; i < 2000 || alarms < 20; i++) {
    put32(bar, LIVENESS, i);
    wrong += get32(bar, LIVENESS) != ~i;
    wrong += map_quiet(s.container, READ_WRITE, memory, PAGE, PAGE) != 0;
    uint64_t size = PAGE;
    wrong += unmap_quiet(s.container, 0, PAGE, &size) != 0 || size != PAGE;
  }
  memset(&every, 0, sizeof every);
  setitimer(ITIMER_REAL, &every, NULL);
  say("wrong %d, alarms %s", wrong, alarms >= 20 ? "came" : "none");

  heading("an alternate stack");
  static unsigned char stack[65536];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &a, NULL);
  say("register %08x", ~get32(bar, LIVENESS) == ~0U ? 0 : get32(bar, ID));
  touch("a wild pointer", wild);
  touch("a non-canonical pointer", at(0x8000000000000000));
  struct sigaction once = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESETHAND};
  sigaction(SIGSEGV, &once, NULL);
  say("register %08x", get32(bar, ID));
  touch("once", wild);
  sigaction(SIGSEGV, NULL, &old);
  say("reset to the default: %s", old.sa_handler == SIG_DFL ? "yes" : "no");
  return 0;
}
