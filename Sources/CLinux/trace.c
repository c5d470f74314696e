#define _GNU_SOURCE 1
#include "clinux_trace.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define TRACE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE)
#define IF(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), TRACE

// Anonymous mappings are not asked about: allocators make most of them.
static struct sock_filter calls[] = {
    LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), ALLOW, LOAD(nr),
    IF(open), IF(openat), IF(openat2), IF(creat), IF(close), IF(close_range), IF(dup), IF(dup2), IF(dup3), IF(fcntl),
    IF(ioctl), IF(read), IF(write), IF(pread64), IF(pwrite64), IF(readv), IF(writev), IF(preadv), IF(pwritev),
    IF(preadv2), IF(pwritev2), IF(munmap), IF(mprotect), IF(mremap),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0), ALLOW,
    LOAD(args[3]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x20, 0, 1), ALLOW, TRACE,
};

static void stop_at_calls(void) {
  struct sock_fprog program = {sizeof calls / sizeof *calls, calls};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) return;
  // Without privilege only a program that can gain none is filtered; being traced it gains none anyway.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) _exit(126);
}

int64_t clinux_trace_fork(void) {
  int ends[2];
  if (pipe(ends)) return -errno;
  pid_t child = fork();
  if (child < 0) return -errno;
  char word = 0;
  if (child == 0) {
    close(ends[1]);
    if (read(ends[0], &word, 1) != 1) _exit(126);
    close(ends[0]);
    stop_at_calls();
    return 0;
  }
  close(ends[0]);
  long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                 PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
  int64_t result = child;
  if (ptrace(PTRACE_SEIZE, child, 0, options))
    result = -errno;
  else if (write(ends[1], &word, 1) != 1)
    result = -EPIPE;
  close(ends[1]);
  if (result < 0) waitpid(child, 0, 0);
  return result;
}

static void read_call(struct clinux_stop *stop) {
  struct user_regs_struct registers;
  if (ptrace(PTRACE_GETREGS, stop->thread, 0, &registers)) return;
  stop->number = registers.orig_rax;
  const uint64_t arguments[] = {registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9};
  memcpy(stop->arguments, arguments, sizeof arguments);
  stop->result = (int64_t)registers.rax;
}

static int32_t classify(struct clinux_stop *stop, int status) {
  if (!WIFSTOPPED(status)) {
    stop->detail = status;
    return clinux_ended;
  }
  int signal = WSTOPSIG(status), event = status >> 16;
  unsigned long message = 0;
  stop->detail = signal;
  switch (event) {
    case 0:
      if (signal != (SIGTRAP | 0x80)) return clinux_signalled;
      read_call(stop);
      return clinux_left;
    case PTRACE_EVENT_SECCOMP: read_call(stop); return clinux_entered;
    case PTRACE_EVENT_STOP: return signal == SIGTRAP ? clinux_started : clinux_paused;
    default:
      ptrace(PTRACE_GETEVENTMSG, stop->thread, 0, &message);
      stop->detail = (int64_t)message;
      return event == PTRACE_EVENT_EXEC ? clinux_executed : clinux_bore;
  }
}

void clinux_trace_wait(struct clinux_stop *stop) {
  memset(stop, 0, sizeof *stop);
  int status = 0;
  pid_t thread;
  do thread = waitpid(-1, &status, __WALL);
  while (thread < 0 && errno == EINTR);
  if (thread < 0) return;
  stop->thread = thread;
  stop->kind = classify(stop, status);
}

void clinux_trace_resume(int32_t thread, int32_t to_exit, int32_t signal) {
  ptrace(to_exit ? PTRACE_SYSCALL : PTRACE_CONT, thread, 0, (long)signal);
}

void clinux_trace_listen(int32_t thread) { ptrace(PTRACE_LISTEN, thread, 0, 0); }

void clinux_trace_ignore_terminal(void) {
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
}

void clinux_end_as(int32_t status) {
  if (WIFSIGNALED(status)) {
    // The core, if one is wanted, is the program's.
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
