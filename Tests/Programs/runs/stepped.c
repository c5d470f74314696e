// Kills processes between two instructions, at many of them: stepped SEED POINTS. Whatever call a
// process is in the middle of, the one that shares container, group and device with it loses nothing.
#include "runs.h"
#include "../conversations/rights.h"

#include <sys/ptrace.h>

enum { MINE = 0x1000, THEIRS = 0x100000, EACH = 4 };

static struct session s;
static unsigned char *memory;
static volatile unsigned char *bar;
static int event;

static uint32_t available(int container) {
  unsigned char bytes[512] = {0};
  struct vfio_iommu_type1_info *info = (void *)bytes;
  info->argsz = sizeof bytes;
  MUST(ioctl(container, VFIO_IOMMU_GET_INFO, info) == 0);
  for (uint32_t at = info->cap_offset; at;) {
    struct vfio_info_cap_header *h = (void *)(bytes + at);
    if (h->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) return ((struct vfio_iommu_type1_info_dma_avail *)h)->avail;
    at = h->next;
  }
  return 0;
}

// What the doomed process does while it is stepped; `prepare` comes before, at full speed.
struct act {
  const char *name;
  void (*prepare)(void), (*perform)(void);
};

static void warm(void) {
  map_page(s, memory, THEIRS);
  unmap_bytes(s, THEIRS, PAGE);
}
static void nothing(void) {}
static void do_map(void) { map_quiet(s.container, READ_WRITE, memory, THEIRS, EACH * PAGE); }
static void map_each(void) {
  for (int i = 0; i < EACH; i++) map_page(s, memory, THEIRS + (uint64_t)i * PAGE);
}
static void do_unmap(void) { unmap_bytes(s, THEIRS, EACH * PAGE); }
static void do_dma(void) {
  put32(bar, DMA_SOURCE, MINE);
  put32(bar, DMA_TARGET, DEVICE_BUFFER);
  put32(bar, DMA_COUNT, 64);
  put32(bar, DMA_COMMAND, TO_DEVICE);
}
static void do_arm(void) {
  arm(s.device, VFIO_PCI_MSI_IRQ_INDEX, event);
  put32(bar, RAISE, 8);
}
static void do_device(void) { close(ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST)); }
static void do_life(void) {
  struct session own = start(SECOND, VFIO_TYPE1v2_IOMMU);
  map_page(own, memory, THEIRS);
  finish(own);
}
static void do_dirty(void) {
  struct vfio_iommu_type1_dirty_bitmap tracking = {sizeof tracking, VFIO_IOMMU_DIRTY_PAGES_FLAG_START};
  ioctl(s.container, VFIO_IOMMU_DIRTY_PAGES, &tracking);
  tracking.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
  ioctl(s.container, VFIO_IOMMU_DIRTY_PAGES, &tracking);
}

static const struct act acts[] = {
    {"MAP", warm, do_map},           {"the first MAP of a process", nothing, do_map},
    {"UNMAP of four", map_each, do_unmap}, {"a DMA", warm, do_dma},
    {"SET_IRQS and an interrupt", warm, do_arm}, {"GET_DEVICE_FD and close", warm, do_device},
    {"dirty tracking", warm, do_dirty}, {"a life of another group", nothing, do_life},
};

// A process that stops before the act and, if it lives, after it.
static pid_t doomed(const struct act *act) {
  pid_t child = fork();
  if (child) return child;
  act->prepare();
  MUST(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
  raise(SIGSTOP);
  act->perform();
  _exit(0);
}

// Lets a stopped process go on, by one instruction or to its next system call; false when it ended.
static int go_on(pid_t child, enum __ptrace_request how, long *signal) {
  int status;
  MUST(ptrace(how, child, 0, *signal) == 0);
  MUST(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) return 0;
  MUST(WIFSTOPPED(status));
  *signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
  return 1;
}

// Where a process is killed: so many entries and exits of system calls on, then so many instructions.
struct point {
  long calls, instructions;
};

// Brings it to a point, or as far as it comes, which is told; false when it ended.
static int reach(pid_t child, struct point goal, struct point *came) {
  int status;
  long signal = 0;
  MUST(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
  for (came->calls = 0; came->calls < goal.calls; came->calls++)
    if (!go_on(child, PTRACE_SYSCALL, &signal)) return 0;
  for (came->instructions = 0; came->instructions < goal.instructions; came->instructions++)
    if (!go_on(child, PTRACE_SINGLESTEP, &signal)) return 0;
  return 1;
}

// Seeded points of an act: how many system calls and, where it makes few, instructions it has is
// found out by letting one do it.
static struct point extent(pid_t first, pid_t second) {
  struct point calls, instructions;
  reach(first, (struct point){1000000, 0}, &calls);
  MUST(!reach(second, (struct point){0, 20000}, &instructions) || kill(second, SIGKILL) == 0);
  if (instructions.instructions == 20000) MUST(waitpid(second, NULL, 0) == second);
  return (struct point){calls.calls, instructions.instructions};
}
static struct point any(struct point extent) {
  return (struct point){rand() % (extent.calls + 1), rand() % (extent.calls > 8 ? 500 : extent.instructions)};
}

static void kill_at(pid_t child, struct point goal) {
  int status;
  struct point came;
  if (!reach(child, goal, &came)) return;
  MUST(kill(child, SIGKILL) == 0);
  MUST(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

// The one that goes on has its registers, its memory, its mappings, its interrupts, and its count of
// them; what was being done is done or not, page by page.
static void check(int turn, int pages_of_mine) {
  memset(memory, turn, PAGE);
  MUST(copied(bar, MINE, MINE + PAGE, 200));
  MUST(memory[PAGE] == (unsigned char)turn && memory[PAGE + 199] == (unsigned char)turn);
  int64_t left = unmap_bytes(s, THEIRS, EACH * PAGE);
  MUST(left >= 0 && left <= EACH * (int64_t)PAGE && left % (int64_t)PAGE == 0);
  MUST(map_page(s, memory + 2 * PAGE, THEIRS) == 0 && map_page(s, memory, THEIRS) < 0 && errno == EEXIST);
  MUST(unmap_bytes(s, THEIRS, EACH * PAGE) == (int64_t)PAGE);
  MUST(available(s.container) == 65535u - (uint32_t)pages_of_mine);
  MUST(arm(s.device, VFIO_PCI_MSI_IRQ_INDEX, event) == 0);
  (void)counted(event, 0);
  put32(bar, RAISE, 1);
  MUST(!strcmp(counted(event, 5000), "1"));
  put32(bar, ACKNOWLEDGE, 0xff);
  int again = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  MUST(again >= 0 && close(again) == 0);
}

static struct point all[sizeof acts / sizeof *acts];

static void others_are_free(void) {
  struct session own = start(SECOND, VFIO_TYPE1v2_IOMMU);
  MUST(unmap_all(own) == 0 && map_page(own, memory, THEIRS) == 0);
  finish(own);
}

static void own_session(void) {
  bar = map_bar(s.device, PAGE);
  bus_master(s.device, 1);
  event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void borrowers(int points) {
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  own_session();
  MUST(map_page(s, memory, MINE) == 0 && map_page(s, memory + PAGE, MINE + PAGE) == 0);
  for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
    all[i] = extent(doomed(&acts[i]), doomed(&acts[i]));
    check(0, 2);
    for (int turn = 0; turn < points; turn++) {
      kill_at(doomed(&acts[i]), any(all[i]));
      check(turn, 2);
    }
    others_are_free();
    say("killed in %s: the owner lost nothing", acts[i].name);
  }
  MUST(unmap_all(s) == 2 * (int64_t)PAGE);
  munmap((void *)bar, PAGE);
  finish(s);
}

// The owner, a program of its own, lends what it opened and is then stepped.
static int owner(const char *name, const char *number) {
  memory = pages(4);
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  own_session();
  const struct act *act = &acts[atoi(number)];
  int peer = connect_to(name);
  send_with(peer, 'l', (int *)&s, 3);
  MUST(receive_letter(peer) == 'k');
  act->prepare();
  MUST(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
  raise(SIGSTOP);
  act->perform();
  _exit(0);
}

static pid_t borrow(int listener, const char *name, size_t act) {
  char number[8];
  snprintf(number, sizeof number, "%zu", act);
  pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "stepped", name, number, "owner", NULL);
    _exit(9);
  }
  int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  MUST(receive_with(peer, (int *)&s, 3) == 'l');
  bar = map_bar(s.device, PAGE);
  MUST(map_page(s, memory, MINE) == 0 && map_page(s, memory + PAGE, MINE + PAGE) == 0);
  send_letter(peer, 'k');
  close(peer);
  return child;
}

static void give_back(void) {
  MUST(unmap_all(s) == 2 * (int64_t)PAGE);
  munmap((void *)bar, PAGE);
  finish(s);
}

static void owners(int points) {
  static const size_t some[] = {0, 2, 3, 5};
  char name[64];
  snprintf(name, sizeof name, "ioasid-stepped-%d", (int)getpid());
  int listener = listen_at(name);
  event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
    for (int turn = 0; turn < points; turn++) {
      kill_at(borrow(listener, name, some[i]), any(all[some[i]]));
      check(turn, 2);
      give_back();
    }
    say("killed in %s: the borrower lost nothing", acts[some[i]].name);
  }
}

int main(int argc, char **argv) {
  if (argc == 4) return owner(argv[1], argv[2]);
  MUST(argc == 3);
  srand((unsigned)atoi(argv[1]));
  memory = pages(4);
  borrowers(atoi(argv[2]));
  owners(atoi(argv[2]) / 2);
  return 0;
}
