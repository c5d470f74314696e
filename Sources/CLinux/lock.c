// A lock in memory that processes share, which the kernel passes on when its holder dies (robust futexes). Taking and
// dropping one that nobody else wants is a dozen instructions each, because a lock is named to the kernel by one
// store: the newest that a thread holds stands as the pending entry of the thread's robust list, and goes into the
// list itself only when the thread takes another.
#define _GNU_SOURCE 1
#include "clinux_shared.h"
#include "kernel.h"
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The word is the holder's thread number, FUTEX_WAITERS and FUTEX_OWNER_DIED as in the kernel's documentation; 0 is
// free. One list has the C library's mutexes too, so the links lie where glibc has them: linked both ways, the word
// `word_offset` before the link that the kernel follows.
struct lock {
  _Atomic uint32_t word;
  struct robust_list_head *list;  // of the thread that holds it
  uint64_t unused;
  struct robust_list *before;
  struct robust_list entry;  // without a next where the lock is not in the list
};
enum { word_offset = -(long)offsetof(struct lock, entry) };
_Static_assert(sizeof(struct lock) <= CLINUX_LOCK_BYTES, "a lock fits its place");
_Static_assert(word_offset == -32, "the word is where glibc told the kernel that words are");

// What a thread is to the kernel. Fork makes another thread of it: what it knows was learnt in another process.
struct thread {
  uint64_t other;  // the process's number, inverted; 0 knows nothing
  struct robust_list_head *list;
  uint32_t number;
  struct robust_list_head own;  // for a thread that has no list of the C library's
};
static _Thread_local struct thread own_words;
static int64_t lent_words;
_Static_assert(sizeof(struct thread) <= 48, "a thread fits what is lent");
// A number of this process alone, never ~0; a forked child finds 0.
static _Alignas(4096) struct {
  _Atomic uint64_t number;
  char rest[4088];
} process;

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

// The kernel looks at a list when its thread is dead: what it must find is the order of the thread's own instructions.
static inline void in_order(void) { atomic_signal_fence(memory_order_seq_cst); }
static inline struct lock *holding(struct robust_list *entry) { return (struct lock *)((char *)entry + word_offset); }

static __attribute__((noinline)) void enroll(struct thread *me) {
  uint64_t known = 0;
  size_t size;
  struct robust_list_head *list = 0;
  if (!atomic_load(&process.number)) {
    enter(SYS_madvise, (long)&process, sizeof process, MADV_WIPEONFORK, 0, 0, 0);
    atomic_compare_exchange_strong(&process.number, &known, clinux_random() >> 1 | 1);
  }
  long failure = enter(SYS_get_robust_list, 0, (long)&list, (long)&size, 0, 0, 0);
  if (failure || !list || list->futex_offset != word_offset) {
    me->own = (struct robust_list_head){{&me->own.list}, word_offset, 0};
    if (!failure && !list) enter(SYS_set_robust_list, (long)&me->own, sizeof me->own, 0, 0, 0, 0);
    list = &me->own;
  }
  me->list = list;
  me->number = (uint32_t)enter(SYS_gettid, 0, 0, 0, 0, 0, 0);
  me->other = ~atomic_load(&process.number);
}

// Puts a lock that is held into the list, so that another can be pending. Bit 0 of a link is the kernel's.
static __attribute__((noinline)) void list_pending(struct robust_list_head *list) {
  struct lock *lock = holding(list->list_op_pending);
  struct robust_list *first = list->list.next;
  struct robust_list *next = (struct robust_list *)((uintptr_t)first & ~(uintptr_t)1);
  lock->entry.next = first;
  lock->before = &list->list;
  if (next != &list->list) holding(next)->before = &lock->entry;
  in_order();
  list->list.next = &lock->entry;
  in_order();
  list->list_op_pending = 0;
}

static void unlist(struct lock *lock, struct robust_list_head *list) {
  struct robust_list *next = (struct robust_list *)((uintptr_t)lock->entry.next & ~(uintptr_t)1);
  struct robust_list *before = (struct robust_list *)((uintptr_t)lock->before & ~(uintptr_t)1);
  if (next != &list->list) holding(next)->before = lock->before;
  before->next = lock->entry.next;
  in_order();
  lock->entry.next = 0;
}

static long futex(struct lock *lock, long operation, uint32_t value, const struct timespec *most) {
  return enter(SYS_futex, (long)&lock->word, operation, value, (long)most, 0, 0);
}

// A thread that is woken and dies has taken the wake with it where another was faster to the lock: nobody sleeps for
// more than a second without a look.
static __attribute__((noinline)) int32_t wait_for(struct lock *lock, uint32_t number) {
  static const struct timespec most = {.tv_sec = 1};
  uint32_t mine = number;
  for (;;) {
    uint32_t seen = atomic_load_explicit(&lock->word, memory_order_relaxed);
    if (!(seen & FUTEX_TID_MASK)) {
      uint32_t wanted = mine | (seen & FUTEX_WAITERS);
      if (atomic_compare_exchange_weak_explicit(
              &lock->word, &seen, wanted, memory_order_acquire, memory_order_relaxed))
        return (seen & FUTEX_OWNER_DIED) != 0;
      continue;
    }
    uint32_t asleep = seen | FUTEX_WAITERS;
    if (seen != asleep && !atomic_compare_exchange_weak_explicit(
                              &lock->word, &seen, asleep, memory_order_relaxed, memory_order_relaxed))
      continue;
    futex(lock, FUTEX_WAIT, asleep, &most);
    mine = number | FUTEX_WAITERS;  // there may be more, whom nobody else remembers
  }
}

static inline struct thread *lent_thread(void) {
  char *thread;
  __asm__("mov %%fs:0, %0" : "=r"(thread));
  return (struct thread *)(thread + lent_words);
}
static inline struct thread *this_thread(void) { return lent_words ? lent_thread() : &own_words; }

void clinux_lock_use(int64_t offset) { lent_words = offset; }

static inline int32_t is_enrolled(const struct thread *me) {
  return me->other == ~atomic_load_explicit(&process.number, memory_order_relaxed);
}

// What takes more than a free lock and a thread that holds none.
static __attribute__((noinline)) int32_t take_slowly(struct lock *lock, struct thread *me) {
  if (!is_enrolled(me)) enroll(me);
  struct robust_list_head *list = me->list;
  if (list->list_op_pending && list->list_op_pending != &lock->entry) list_pending(list);
  list->list_op_pending = &lock->entry;
  in_order();
  int32_t died = wait_for(lock, me->number);
  lock->entry.next = 0;  // a holder that died may have left it
  lock->list = list;
  return died;
}

static inline int32_t take(struct lock *lock, struct thread *me) {
  uint32_t free = 0;
  if (unlikely(!is_enrolled(me) || me->list->list_op_pending)) return take_slowly(lock, me);
  struct robust_list_head *list = me->list;
  list->list_op_pending = &lock->entry;
  in_order();
  if (unlikely(!atomic_compare_exchange_strong_explicit(
          &lock->word, &free, me->number, memory_order_acquire, memory_order_relaxed)))
    return take_slowly(lock, me);
  lock->list = list;
  return 0;
}

// Apart, so that the other way needs no frame for the call that finds a thread's words.
static __attribute__((noinline)) int32_t take_by_own_words(struct lock *lock) { return take(lock, &own_words); }

int32_t clinux_lock_take(void *lock) {
  return likely(lent_words) ? take(lock, lent_thread()) : take_by_own_words(lock);
}

int32_t clinux_lock_try(void *memory) {
  struct lock *lock = memory;
  struct thread *me = this_thread();
  uint32_t seen = atomic_load_explicit(&lock->word, memory_order_relaxed);
  if (!is_enrolled(me)) enroll(me);
  struct robust_list_head *list = me->list;
  if (list->list_op_pending) list_pending(list);
  list->list_op_pending = &lock->entry;
  in_order();
  while (!(seen & FUTEX_TID_MASK))
    if (atomic_compare_exchange_weak_explicit(
            &lock->word, &seen, me->number | (seen & FUTEX_WAITERS), memory_order_acquire, memory_order_relaxed)) {
      lock->entry.next = 0;
      lock->list = list;
      return 1;
    }
  list->list_op_pending = 0;
  return 0;
}

static __attribute__((noinline)) void wake_one(struct lock *lock, struct robust_list_head *list) {
  futex(lock, FUTEX_WAKE, 1, 0);
  list->list_op_pending = 0;
}

static inline void drop_pending(struct lock *lock, struct robust_list_head *list) {
  in_order();
  if (unlikely(atomic_exchange_explicit(&lock->word, 0, memory_order_release) & FUTEX_WAITERS))
    return wake_one(lock, list);
  in_order();
  list->list_op_pending = 0;
}

// Not the newest of those that the thread holds.
static __attribute__((noinline)) void drop_listed(struct lock *lock, struct robust_list_head *list) {
  if (list->list_op_pending) list_pending(list);
  list->list_op_pending = &lock->entry;
  in_order();
  if (lock->entry.next) unlist(lock, list);
  drop_pending(lock, list);
}

void clinux_lock_drop(void *memory) {
  struct lock *lock = memory;
  struct robust_list_head *list = lock->list;
  if (unlikely(list->list_op_pending != &lock->entry)) return drop_listed(lock, list);
  drop_pending(lock, list);
}

void clinux_lock_settle(void) {
  struct thread *me = this_thread();
  if (is_enrolled(me) && me->list->list_op_pending) list_pending(me->list);
}
