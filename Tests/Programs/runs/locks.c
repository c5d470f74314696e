// The lock that a run's processes share, among threads, processes and the program's own mutexes, and with holders that
// are killed at any moment: locks TIMES. Holds the lock's source, so that it needs no run.
#include "../../../Sources/CLinux/lock.c"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define MUST(condition) \
  if (!(condition)) (printf("line %d: %s\n", __LINE__, #condition), fflush(stdout), _exit(1))

uint64_t clinux_random(void) { return (uint64_t)getpid() << 32 | (uint64_t)clock(); }

enum { locks = 3, mutexes = 2, hands = 4, turns = 50000 };
static struct {
  struct { _Alignas(64) char bytes[CLINUX_LOCK_BYTES]; } lock[locks];
  pthread_mutex_t mutex[mutexes];
  uint64_t count, waiting;
} *shared;

static void *count(void *unused) {
  for (int i = 0; i < turns; i++) {
    clinux_lock_take(&shared->lock[0]);
    shared->count++;
    clinux_lock_drop(&shared->lock[0]);
  }
  return unused;
}

static void count_by_threads(void) {
  pthread_t thread[hands];
  shared->count = 0;
  for (int i = 0; i < hands; i++) MUST(pthread_create(&thread[i], 0, count, 0) == 0);
  for (int i = 0; i < hands; i++) pthread_join(thread[i], 0);
  MUST(shared->count == hands * turns);
}

static pid_t child(void (*body)(void)) {
  pid_t child = fork();
  MUST(child >= 0);
  if (child) return child;
  body();
  _exit(0);
}

static void count_by_processes(void) {
  pid_t all[hands];
  int status;
  shared->count = 0;
  for (int i = 0; i < hands; i++) all[i] = child((void (*)(void))count);
  for (int i = 0; i < hands; i++) MUST(waitpid(all[i], &status, 0) == all[i] && status == 0);
  MUST(shared->count == hands * turns);
}

// The C library's mutex is made usable again where its holder died.
static int own(pthread_mutex_t *mutex) {
  clinux_lock_settle();
  int result = pthread_mutex_lock(mutex);
  if (result == EOWNERDEAD) pthread_mutex_consistent(mutex);
  return result;
}

static void disown(pthread_mutex_t *mutex) {
  clinux_lock_settle();
  pthread_mutex_unlock(mutex);
}

// Takes and drops in changing orders, among mutexes of the C library in the same list.
static void juggle(void) {
  for (unsigned i = 0;; i++) {
    own(&shared->mutex[0]);
    clinux_lock_take(&shared->lock[0]);
    clinux_lock_take(&shared->lock[1]);
    if (i & 1) own(&shared->mutex[1]);
    if (i & 2) clinux_lock_drop(&shared->lock[0]);
    if (i & 4) disown(&shared->mutex[0]);
    int third = i & 8 ? clinux_lock_try(&shared->lock[2]) : (clinux_lock_take(&shared->lock[2]), 1);
    if (i & 1) disown(&shared->mutex[1]);
    if (third) clinux_lock_drop(&shared->lock[2]);
    if (!(i & 2)) clinux_lock_drop(&shared->lock[0]);
    if (!(i & 4)) disown(&shared->mutex[0]);
    clinux_lock_drop(&shared->lock[1]);
  }
}

static void end(pid_t child) {
  int status;
  MUST(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void die_juggling(int times) {
  int died = 0;
  for (int i = 0; i < times; i++) {
    pid_t one = child(juggle), other = child(juggle);
    nanosleep(&(struct timespec){0, rand() % 3000000}, 0);
    end(one);
    nanosleep(&(struct timespec){0, rand() % 1000000}, 0);  // the other goes on
    end(other);
    for (int k = 0; k < locks; k++) died += clinux_lock_take(&shared->lock[k]);
    for (int k = 0; k < mutexes; k++) {
      int result = own(&shared->mutex[k]);
      MUST(result == 0 || result == EOWNERDEAD);
    }
    for (int k = 0; k < mutexes; k++) disown(&shared->mutex[k]);
    for (int k = 0; k < locks; k++) clinux_lock_drop(&shared->lock[k]);
  }
  MUST(died > 0);
}

static void hold(void) {
  clinux_lock_take(&shared->lock[0]);
  clinux_lock_take(&shared->lock[1]);
  __atomic_store_n(&shared->waiting, 1, __ATOMIC_SEQ_CST);
  pause();
}
static void wait_for_both(void) {
  __atomic_add_fetch(&shared->waiting, 1, __ATOMIC_SEQ_CST);
  int died = clinux_lock_take(&shared->lock[1]);
  died += clinux_lock_take(&shared->lock[0]);
  shared->count += (uint64_t)died;
  clinux_lock_drop(&shared->lock[1]);
  clinux_lock_drop(&shared->lock[0]);
}
static uint64_t waiting(void) { return __atomic_load_n(&shared->waiting, __ATOMIC_SEQ_CST); }

static void die_holding(void) {
  pid_t waiter[hands];
  int status;
  shared->count = shared->waiting = 0;
  pid_t holder = child(hold);
  while (waiting() != 1) sched_yield();
  for (int i = 0; i < hands; i++) waiter[i] = child(wait_for_both);
  while (waiting() != 1 + hands) sched_yield();
  nanosleep(&(struct timespec){0, 20000000}, 0);
  end(waiter[0]);  // one that sleeps
  end(holder);
  for (int i = 1; i < hands; i++) MUST(waitpid(waiter[i], &status, 0) == waiter[i] && status == 0);
  MUST(shared->count == 2);
}

int main(int argc, char **argv) {
  int times = argc > 1 ? atoi(argv[1]) : 200;
  alarm(200);
  shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  MUST(shared != MAP_FAILED);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  for (int k = 0; k < mutexes; k++) pthread_mutex_init(&shared->mutex[k], &attributes);
  count_by_threads();
  puts("threads: one at a time");
  count_by_processes();
  puts("processes: one at a time");
  fflush(stdout);
  die_juggling(times);
  puts("a holder that is killed passes everything on");
  fflush(stdout);
  die_holding();
  puts("and those that wait are woken");
  return 0;
}
