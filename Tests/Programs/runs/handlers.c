// The program's own handlers of SIGSEGV, SIGBUS and SIGTRAP, set before VFIO is opened and after.
#include "runs.h"

#include <setjmp.h>

static sigjmp_buf back;
static volatile int taken[65];
static volatile unsigned char *bar;

static void jump(int number) {
  taken[number]++;
  siglongjmp(back, 1);
}
static void informed(int number, siginfo_t *info, void *context) {
  (void)context;
  taken[number]++;
  if (number == SIGTRAP) return;
  MUST(info->si_addr == at(0x10));
  // Registers work in a handler too.
  put32(bar, LIVENESS, 0x0000ffff);
  MUST(get32(bar, LIVENESS) == 0xffff0000);
  siglongjmp(back, 1);
}

static void fault(void) {
  if (sigsetjmp(back, 1) == 0) *(volatile int *)at(0x10) = 1;
}
static void use(const char *when) {
  put32(bar, LIVENESS, 0x12345678);
  MUST(get32(bar, LIVENESS) == ~0x12345678u);
  say("%s: the register works; %d SIGSEGV, %d SIGTRAP taken", when, taken[SIGSEGV], taken[SIGTRAP]);
}

int main(void) {
  signal(SIGSEGV, jump);
  signal(SIGTRAP, SIG_IGN);
  fault();
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  bar = map_bar(s.device, PAGE);
  use("a handler from before");
  fault();
  use("after a fault of the program's own");
  struct sigaction seen, action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  MUST(sigaction(SIGSEGV, NULL, &seen) == 0 && seen.sa_handler == jump);
  MUST(sigaction(SIGSEGV, &action, &seen) == 0 && seen.sa_handler == jump);
  MUST(sigaction(SIGTRAP, &action, &seen) == 0 && seen.sa_handler == SIG_IGN);
  use("handlers from after");
  fault();
  __asm__ volatile("int3");
  use("after a fault and a trap");
  signal(SIGSEGV, SIG_IGN);
  use("SIGSEGV ignored");
  signal(SIGSEGV, SIG_DFL);
  use("SIGSEGV by default");
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_DUMPABLE, 0);
    *(volatile int *)at(0x10) = 1;
  }
  int status;
  waitpid(child, &status, 0);
  say("a wild pointer: %s", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "nothing");
  return 0;
}
