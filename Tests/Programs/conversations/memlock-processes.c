// Locked memory of several processes in one container: who is charged, who is asked, and who gets
// it back.
#include "limits.h"

#include <pthread.h>

enum { LIMIT_PAGES = 16, CONTAINER = 40 };

static unsigned char *memory;

static const char *map_at(int container, uint64_t iova, size_t count) {
  return outcome(map_quiet(container, READ_WRITE, memory, iova, count * PAGE));
}

// What still can be mapped, in pages: it is mapped, one by one, and unmapped.
static int room(int container) {
  int count = 0;
  while (count < 100 && !map_quiet(container, READ_WRITE, memory, 0x10000000 + (uint64_t)count * PAGE, PAGE)) count++;
  for (int i = 0; i < count; i++) {
    uint64_t size = PAGE;
    unmap_quiet(container, 0, 0x10000000 + (uint64_t)i * PAGE, &size);
  }
  return count;
}

static void raise_of(pid_t process, unsigned long count) {
  struct rlimit limit = {count * PAGE, 64 * PAGE};
  say("limit of the other: %s", outcome(prlimit(process, RLIMIT_MEMLOCK, &limit, NULL)));
}

// A parent and a child in turn, by bytes through two pipes.
static int to_child[2], to_parent[2];
static void pass(int to[2]) {
  if (write(to[1], "x", 1) != 1) give_up("write");
}
static void wait_for(int from[2]) {
  char byte;
  if (read(from[0], &byte, 1) != 1) give_up("read");
}

static int after_exec(void) {
  memory = pages(64);
  if (set_ipc_lock(0)) give_up("capset");
  say("exec: room %d", room(CONTAINER));
  int container = CONTAINER;
  say("exec: MAP %s", map_at(container, 0x100000, 1));
  UNMAP(0x100000, 8 * PAGE);
  say("exec: room %d", room(CONTAINER));
  return 0;
}

static void *thread(void *container) {
  say("thread: MAP %s", map_at((int)(intptr_t)container, 0x100000, 8));
  return NULL;
}

int main(int argc, char **argv) {
  if (argc > 1) return after_exec();
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container;
  memory = pages(64);
  struct rlimit most = {LIMIT_PAGES * PAGE, 64 * PAGE};
  if (setrlimit(RLIMIT_MEMLOCK, &most) || set_ipc_lock(0) || pipe(to_child) || pipe(to_parent)) give_up("limit");

  heading("a child is charged for its own, and is not charged for its parent's");
  MAP(READ_WRITE, memory, 0x100000, 16 * PAGE);
  CHILD({
    say("child: room %d", room(container));
    MAP(READ_WRITE, memory, 0x200000, 10 * PAGE);
    say("child: room %d", room(container));
  });
  say("parent: room %d", room(container));
  heading("what a child mapped is nobody's charge when it is gone");
  UNMAP(0x200000, 10 * PAGE);
  say("parent: room %d", room(container));
  heading("a child that unmaps gives it back to whoever mapped");
  CHILD({
    UNMAP(0x100000, 16 * PAGE);
    say("child: room %d", room(container));
  });
  say("parent: room %d", room(container));

  heading("a living child's charge comes back to it");
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    say("child: MAP %s", map_at(container, 0x300000, 12));
    pass(to_parent);
    wait_for(to_child);
    say("child: room %d", room(container));
    pass(to_parent);
    wait_for(to_child);
    say("child: room %d", room(container));
    pass(to_parent);
    wait_for(to_child);
    say("child: room %d", room(container));
    _exit(0);
  }
  wait_for(to_parent);
  say("parent: room %d", room(container));
  UNMAP(0x300000, 12 * PAGE);
  pass(to_child);
  wait_for(to_parent);
  heading("another process changes the limit");
  raise_of(child, 20);
  pass(to_child);
  wait_for(to_parent);
  raise_of(child, 4);
  pass(to_child);
  int status;
  waitpid(child, &status, 0);

  heading("limits that change between calls");
  MAP(READ_WRITE, memory, 0x100000, 10 * PAGE);
  most.rlim_cur = 4 * PAGE;
  DO(setrlimit(RLIMIT_MEMLOCK, &most));
  say("room %d", room(container));
  most.rlim_cur = 12 * PAGE;
  DO(setrlimit(RLIMIT_MEMLOCK, &most));
  say("room %d", room(container));
  most.rlim_cur = 0;
  DO(setrlimit(RLIMIT_MEMLOCK, &most));
  MAP(READ_WRITE, memory, 0x200000, PAGE);
  most.rlim_cur = LIMIT_PAGES * PAGE - 1;
  DO(setrlimit(RLIMIT_MEMLOCK, &most));
  say("room %d", room(container));
  most.rlim_cur = LIMIT_PAGES * PAGE;
  DO(setrlimit(RLIMIT_MEMLOCK, &most));
  UNMAP_EVERYTHING();

  heading("threads have one limit");
  pthread_t id;
  if (pthread_create(&id, NULL, thread, (void *)(intptr_t)container)) give_up("pthread_create");
  pthread_join(id, NULL);
  say("room %d", room(container));
  UNMAP_EVERYTHING();

  heading("pages that were never touched, or that only can be read");
  unsigned char *fresh = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MAP(READ_ONLY, fresh, 0x100000, 16 * PAGE);
  say("room %d", room(container));
  UNMAP_EVERYTHING();
  mprotect(fresh, 16 * PAGE, PROT_READ);
  MAP(READ_ONLY, fresh, 0x100000, 10 * PAGE);
  say("room %d", room(container));
  heading("memory that is unmapped is charged still");
  munmap(fresh, 16 * PAGE);
  say("room %d", room(container));
  UNMAP_EVERYTHING();
  say("room %d", room(container));

  heading("an attempt that fails leaves no charge");
  mprotect(memory + 63 * PAGE, PAGE, PROT_NONE);
  MAP(READ_WRITE, memory, 0x100000, 17 * PAGE);
  MAP(READ_WRITE, memory + 56 * PAGE, 0x100000, 8 * PAGE);
  say("room %d", room(container));

  heading("another program in the same process is charged for nothing");
  MAP(READ_WRITE, memory, 0x100000, 8 * PAGE);
  MAP(READ_WRITE, memory, 0x200000, 8 * PAGE);
  say("room %d", room(container));
  fflush(stdout);
  child = fork();
  if (child == 0) {
    UNMAP(0x100000, 8 * PAGE);
    MAP(READ_WRITE, memory, 0x100000, 8 * PAGE);
    dup2(container, CONTAINER);
    execl("/proc/self/exe", argv[0], "again", NULL);
    _exit(9);
  }
  waitpid(child, &status, 0);
  say("status %d, room %d", status, room(container));

  heading("with the container goes the charge");
  finish(s);
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  container = s.container;
  say("room %d", room(container));
  MAP(READ_WRITE, memory, 0x100000, 16 * PAGE);
  close(s.device);
  DO(ioctl(s.group, VFIO_GROUP_UNSET_CONTAINER));
  DO(ioctl(s.group, VFIO_GROUP_SET_CONTAINER, &container));
  DO(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
  say("room %d", room(container));
  return 0;
}
