// What a program does with signals, one promise of the preload a mode: see descriptors.c.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { api_version = 0x3b64, get_device = 0x3b6a, reset = 0x3b6f, fault_inside = 0x3be3, resets = 0x3be4 };
enum { register_value = 0x5a5a };

#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
      exit(1); \
    } \
  } while (0)

static int device;
static uint8_t *registers;

/// The fake engine performs this one instruction.
static uint32_t load(const void *address) {
  uint32_t value;
  __asm__ volatile("mov (%%rdi),%%eax" : "=a"(value) : "D"(address) : "memory");
  return value;
}

static void open_device(void) {
  int group = open("/dev/vfio/3", O_RDWR);
  device = ioctl(group, get_device, "x");
  CHECK(device >= 0 && close(group) == 0);
  registers = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
  CHECK(registers != MAP_FAILED && load(registers) == register_value);
}

static sigjmp_buf back;
static volatile int caught, caught_code;
static void *volatile caught_address;
static void jump(int number, siginfo_t *info, void *context) {
  (void)context;
  caught = number, caught_code = info->si_code, caught_address = info->si_addr;
  siglongjmp(back, 1);
}
static void count(int number) { caught = number; }

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigemptyset(&action.sa_mask);
  CHECK(sigaction(number, &action, 0) == 0);
}

static void faults_once(void) {
  caught = 0;
  if (sigsetjmp(back, 1) == 0) load((void *)16);
  CHECK(caught == SIGSEGV && caught_code == SEGV_MAPERR && caught_address == (void *)16);
  caught = 0;
  if (sigsetjmp(back, 1) == 0) load((void *)0x8000000000000000);
  CHECK(caught == SIGSEGV && caught_code == SI_KERNEL);
}

/// The program's handler, set before or after, gets every fault but the registers'.
static void before(void) {
  install(SIGSEGV, jump, SA_NODEFER);
  open_device();
  for (int k = 0; k < 100; k++) {
    faults_once();
    CHECK(load(registers) == register_value);
  }
}

static void after(void) {
  open_device();
  install(SIGSEGV, jump, 0);
  for (int k = 0; k < 100; k++) {
    faults_once();
    CHECK(load(registers + 4) == register_value);
  }
  struct sigaction seen, action = {.sa_handler = SIG_DFL};
  CHECK(sigaction(SIGSEGV, 0, &seen) == 0 && seen.sa_sigaction == jump && seen.sa_flags == SA_SIGINFO);
  CHECK(sigaction(SIGSEGV, &action, &seen) == 0 && seen.sa_sigaction == jump);
  CHECK(sigaction(SIGSEGV, 0, &seen) == 0 && seen.sa_handler == SIG_DFL && signal(SIGSEGV, count) == SIG_DFL);
  CHECK(load(registers) == register_value && raise(SIGSEGV) == 0 && caught == SIGSEGV);
  CHECK(signal(SIGSEGV, SIG_IGN) == count && raise(SIGSEGV) == 0 && load(registers) == register_value);
  CHECK(ioctl(device, fault_inside, registers) == 0);
  install(SIGBUS, jump, 0);
  int file = memfd_create("empty", 0);
  char *page = mmap(0, 4096, PROT_READ, MAP_SHARED, file, 0);
  caught = 0;
  if (sigsetjmp(back, 1) == 0) load(page);
  CHECK(caught == SIGBUS && caught_address == page);
}

static void reset_handler(void) {
  open_device();
  install(SIGUSR1, jump, SA_RESETHAND);
  struct sigaction seen;
  if (sigsetjmp(back, 1) == 0) raise(SIGUSR1);
  CHECK(caught == SIGUSR1 && sigaction(SIGUSR1, 0, &seen) == 0 && seen.sa_handler == SIG_DFL);
  install(SIGSEGV, jump, SA_RESETHAND);
  if (sigsetjmp(back, 1) == 0) load((void *)16);
  CHECK(sigaction(SIGSEGV, 0, &seen) == 0 && seen.sa_handler == SIG_DFL && load(registers) == register_value);
}

/// Ends as without us: with the true signal.
static int ending(void (*run)(void)) {
  int result;
  pid_t child = fork();
  if (child == 0) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    run();
    _exit(9);
  }
  CHECK(waitpid(child, &result, 0) == child);
  return WIFSIGNALED(result) ? WTERMSIG(result) : -WEXITSTATUS(result);
}
static void bad_load(void) { load((void *)16); }
static void sent(void) { raise(SIGSEGV); }
static void ignored_load(void) { signal(SIGSEGV, SIG_IGN), load((void *)16); }
static void blocked_load(void) {
  sigset_t all;
  sigfillset(&all);
  install(SIGSEGV, jump, 0);
  CHECK(sigprocmask(SIG_SETMASK, &all, 0) == 0);
  load((void *)16);
}
static void nested(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
  load((void *)24);
}
static void nested_load(void) { install(SIGSEGV, nested, 0), load((void *)16); }
static void bus(void) { load(mmap(0, 4096, PROT_READ, MAP_SHARED, memfd_create("empty", 0), 0)); }
static int overflow(int depth) {
  volatile char room[4096];
  room[0] = (char)depth;
  return overflow(depth + 1) + room[0];
}
static void overflowed(void) { overflow(0); }

static void deaths(void) {
  open_device();
  CHECK(ending(bad_load) == SIGSEGV && ending(sent) == SIGSEGV && ending(ignored_load) == SIGSEGV);
  CHECK(ending(blocked_load) == SIGSEGV && ending(nested_load) == SIGSEGV && ending(bus) == SIGBUS);
  CHECK(ending(overflowed) == SIGSEGV && ending(abort) == SIGABRT);
}

/// Registers act with every signal blocked, and the program sees the mask it asked for.
static void blocked(void) {
  sigset_t all, seen;
  sigfillset(&all);
  CHECK(pthread_sigmask(SIG_BLOCK, &all, 0) == 0);
  open_device();
  CHECK(load(registers) == register_value && ioctl(device, fault_inside, registers) == 0);
  CHECK(pthread_sigmask(SIG_BLOCK, 0, &seen) == 0 && sigismember(&seen, SIGSEGV) == 1 && sigismember(&seen, SIGBUS) == 1);
  install(SIGSEGV, jump, 0);
  caught = 0;
  CHECK(kill(getpid(), SIGSEGV) == 0 && caught == 0);  // it waits
  if (sigsetjmp(back, 0) == 0) {
    CHECK(sigprocmask(SIG_UNBLOCK, &all, 0) == 0);
    CHECK(0);
  }
  CHECK(caught == SIGSEGV && caught_code <= 0);
  CHECK(sigprocmask(SIG_BLOCK, 0, &seen) == 0 && sigismember(&seen, SIGSEGV) == 0);
  uint64_t raw = ~0ull, old = 1;
  CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &raw, &old, 8) == 0 && load(registers) == register_value);
  CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, &raw, 8) == 0 && raw >> 10 & 1);
}

/// A handler whose sa_mask holds everything still reaches registers.
static void masking(int number) {
  caught = number;
  CHECK(load(registers) == register_value);
}
static void in_handler(void) {
  struct sigaction action = {.sa_handler = masking}, seen;
  sigfillset(&action.sa_mask);
  CHECK(sigaction(SIGUSR1, &action, 0) == 0);
  open_device();
  CHECK(raise(SIGUSR1) == 0 && caught == SIGUSR1);
  CHECK(sigaction(SIGUSR1, 0, &seen) == 0 && seen.sa_handler == masking && sigismember(&seen.sa_mask, SIGSEGV) == 1);
}

/// Small alternate stacks: the program's stack overflow is its own, and the engine runs elsewhere.
static char *alternate;
static void on_overflow(int number, siginfo_t *info, void *context) {
  (void)info, (void)context;
  char here;
  CHECK(number == SIGSEGV && &here > alternate && &here < alternate + 65536);
  puts("ok");
  fflush(stdout);
  _exit(0);
}
static void alternate_stack(void) {
  long bytes = sysconf(_SC_MINSIGSTKSZ) + 2048;
  alternate = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t stack = {.ss_sp = alternate, .ss_size = (size_t)bytes}, seen;
  CHECK(sigaltstack(&stack, 0) == 0);
  install(SIGSEGV, on_overflow, SA_ONSTACK);
  open_device();
  for (int k = 0; k < 1000; k++) CHECK(load(registers) == register_value);
  CHECK(sigaltstack(0, &seen) == 0 && seen.ss_flags == 0 && seen.ss_sp == alternate);
  stack.ss_size = 65536;
  CHECK(sigaltstack(&stack, 0) == 0);
  overflow(0);
}

/// A timer's handler makes the same calls as the loop that it interrupts; the fake engine holds a lock meanwhile.
static volatile unsigned long hits, values;
static void tick(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  int error = errno;
  values += info->si_value.sival_int == 77;
  CHECK(ioctl(device, reset) == 0);
  int c = open("/dev/vfio/vfio", O_RDWR), copy = dup(device);
  CHECK(c >= 0 && ioctl(c, api_version) == 0 && ioctl(copy, reset) == 0 && close(copy) == 0 && close(c) == 0);
  CHECK(load(registers) == register_value);
  hits++;
  errno = error;
}
static void timer(void) {
  open_device();
  install(SIGALRM, tick, SA_RESTART);
  install(SIGRTMIN, tick, SA_NODEFER);
  struct itimerval every = {{0, 50}, {0, 50}}, none = {{0, 0}, {0, 0}};
  CHECK(setitimer(ITIMER_REAL, &every, 0) == 0);
  unsigned long loops = 0, queued = 0;
  while (hits < 2000) {
    CHECK(ioctl(device, reset) == 0 && load(registers) == register_value);
    if (loops++ % 64 != 0) continue;
    queued++;
    CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 77}) == 0);
  }
  CHECK(setitimer(ITIMER_REAL, &none, 0) == 0);
  CHECK(values == queued);
  sigset_t held;
  CHECK(sigprocmask(SIG_BLOCK, 0, &held) == 0 && !sigismember(&held, SIGALRM) && !sigismember(&held, SIGRTMIN));
}

/// Two threads at one page, and unmapping it.
static void *reader(void *unused) {
  (void)unused;
  for (int k = 0; k < 20000; k++) CHECK(load(registers + k % 1024 * 4) == register_value);
  return 0;
}
static void two_threads(void) {
  sigset_t all;
  pthread_t other;
  sigfillset(&all);
  CHECK(pthread_sigmask(SIG_SETMASK, &all, 0) == 0 && pthread_create(&other, 0, reader, 0) == 0);
  reader(0);
  CHECK(pthread_join(other, 0) == 0);
}
static void shared(void) {
  open_device();
  two_threads();
  CHECK(mprotect(registers, 4096, PROT_READ) == 0 && load(registers) == register_value);
  CHECK(munmap(registers, 4096) == 0 && ending(bad_load) == SIGSEGV);
  registers = mmap(0, 4096, PROT_READ, MAP_SHARED, device, 0);
  CHECK(load(registers) == register_value);
  CHECK(mmap(registers, 4096, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == registers);
  CHECK(load(registers) == 0);
}

/// The old names, and the raw call.
static void old_names(void) {
  struct { void (*handler)(int); unsigned long flags; void (*restorer)(void); uint64_t mask; } raw = {0}, seen = {0};
  open_device();
  CHECK(sigset(SIGSEGV, count) == SIG_DFL && sigset(SIGSEGV, SIG_HOLD) == count && load(registers) == register_value);
  CHECK(sigset(SIGSEGV, count) == SIG_HOLD && sigignore(SIGSEGV) == 0 && load(registers) == register_value);
  CHECK(sysv_signal(SIGUSR1, count) == SIG_DFL && siginterrupt(SIGUSR1, 1) == 0 && raise(SIGUSR1) == 0 && caught == SIGUSR1);
  CHECK(signal(SIGUSR1, count) == SIG_DFL && sighold(SIGUSR1) == 0 && (caught = 0, raise(SIGUSR1)) == 0 && caught == 0);
  CHECK(sigrelse(SIGUSR1) == 0 && caught == SIGUSR1);
  CHECK(syscall(SYS_rt_sigaction, SIGUSR1, 0, &raw, 8) == 0 && raw.handler == count);
  raw.mask = ~0ull;
  CHECK(syscall(SYS_rt_sigaction, SIGSEGV, &raw, &seen, 8) == 0 && seen.handler == SIG_IGN && load(registers) == register_value);
  CHECK(raise(SIGSEGV) == 0 && caught == SIGSEGV && syscall(SYS_rt_sigaction, SIGSEGV, 0, &seen, 8) == 0 && seen.handler == count);
}

/// A handler that runs while the program waits with every signal but its own blocked.
static void waits(void) {
  sigset_t mask;
  struct sigaction action = {.sa_handler = masking};
  open_device();
  CHECK(sigaction(SIGALRM, &action, 0) == 0);
  sigfillset(&mask);
  CHECK(sigprocmask(SIG_SETMASK, &mask, 0) == 0);
  sigdelset(&mask, SIGALRM);
  struct itimerval soon = {{0, 0}, {0, 20000}};
  CHECK(setitimer(ITIMER_REAL, &soon, 0) == 0 && sigsuspend(&mask) == -1 && caught == SIGALRM);
  CHECK((caught = 0, setitimer(ITIMER_REAL, &soon, 0)) == 0 && ppoll(0, 0, 0, &mask) == -1 && caught == SIGALRM);
  CHECK((caught = 0, setitimer(ITIMER_REAL, &soon, 0)) == 0 && pselect(0, 0, 0, 0, 0, &mask) == -1 && caught == SIGALRM);
}

static void masked_exec(void) {
  sigset_t all;
  sigfillset(&all);
  CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8) == 0);
  execl("/proc/self/exe", "signals", "heir", (char *)0);
}
static void heir(void) {
  open_device();
  CHECK(load(registers) == register_value);
}

int main(int argument_count, char **arguments) {
  if (argument_count < 2) return 2;
  static const struct { const char *name; void (*run)(void); } modes[] = {
      {"before", before}, {"after", after}, {"reset_handler", reset_handler}, {"deaths", deaths}, {"blocked", blocked},
      {"in_handler", in_handler}, {"alternate_stack", alternate_stack}, {"timer", timer}, {"shared", shared},
      {"masked_exec", masked_exec}, {"old_names", old_names}, {"waits", waits}, {"heir", heir}};
  for (unsigned k = 0; k < sizeof modes / sizeof *modes; k++)
    if (strcmp(arguments[1], modes[k].name) == 0) modes[k].run();
  puts("ok");
  return 0;
}
