// ptrace(2) as a recorder needs it: a program and all its children stop at the system calls that can reach a VFIO file.
// Results below zero are negative errnos.
#ifndef CLINUX_TRACE_H
#define CLINUX_TRACE_H
#include <stdint.h>

enum clinux_stop_kind {
  clinux_no_more = 0,    // nobody is left
  clinux_entered = 1,    // a system call of the list is about to be made
  clinux_left = 2,       // it was made
  clinux_bore = 3,       // `detail` is a new thread or process, forked by this one
  clinux_executed = 4,   // another program runs; `detail` is the thread that asked for it
  clinux_signalled = 5,  // `detail` is a signal on its way
  clinux_paused = 6,     // stopped by a signal, until SIGCONT
  clinux_started = 7,    // a new one, before its first instruction
  clinux_ended = 8       // `detail` is its wait status
};

struct clinux_stop {
  int32_t thread;
  int32_t kind;
  int64_t detail;
  /// Where the kind says so: the system call, its arguments, and its result or −errno.
  uint64_t number;
  uint64_t arguments[6];
  int64_t result;
};

/// fork(2) of a child that waits in here until it is traced, and then stops at its system calls; 0 in the child.
int64_t clinux_trace_fork(void);
/// Waits for the next stop of anybody.
void clinux_trace_wait(struct clinux_stop *_Nonnull stop);
/// Lets a stopped thread go on, with a signal or 0; to the end of its system call when `to_exit`.
void clinux_trace_resume(int32_t thread, int32_t to_exit, int32_t signal);
/// Leaves a paused thread paused, and hears of its end.
void clinux_trace_listen(int32_t thread);
/// SIGINT and SIGQUIT are the program's affair, not its recorder's.
void clinux_trace_ignore_terminal(void);
/// Ends this process as another one ended, by its wait status.
_Noreturn void clinux_end_as(int32_t status);

#endif
