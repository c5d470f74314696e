// One program owns the device, and others that were started on their own are lent it: descriptors go
// over a socket, memory is a file of both, each maps what it brings, and either may die.
#include "rights.h"

enum { SHARED_PAGES = 4, SHARED_AT = 0x100000, OWN_AT = 0x200000 };

// What a primary lends, in this order.
struct loan {
  struct session s;
  int memory;
};

static unsigned char *shared(int memory) {
  void *p = mmap(NULL, SHARED_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (p == MAP_FAILED) give_up("mmap");
  return p;
}

static void names(char *text, size_t size, const char *what) {
  snprintf(text, size, "ioasid-%d-%s", (int)getppid(), what);
}

// A program of its own: nothing but the name of a socket tells it where the others are.
static pid_t start_program(const char *role) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "primary-secondary", role, NULL);
    _exit(9);
  }
  return child;
}

// The primary: opens, maps, lends the device to whoever connects, and does as the letters say.
static int primary(void) {
  char name[64], done[64];
  names(name, sizeof name, "primary");
  names(done, sizeof done, "main");
  struct loan loan = {.s = start(FIRST, VFIO_TYPE1v2_IOMMU), .memory = memfd_create("shared", MFD_CLOEXEC)};
  if (ftruncate(loan.memory, SHARED_PAGES * PAGE)) give_up("ftruncate");
  unsigned char *memory = shared(loan.memory);
  int container = loan.s.container, listener = listen_at(name), event = -1;
  bus_master(loan.s.device, 1);
  volatile unsigned char *bar = map_bar(loan.s.device, PAGE);
  say("primary: MAP %s", outcome(map_quiet(container, READ_WRITE, memory, SHARED_AT, SHARED_PAGES * PAGE)));
  send_letter(connect_to(done), 'p');
  for (int peer; (peer = accept(listener, NULL, NULL)) >= 0; close(peer)) {
    send_with(peer, 'l', (int *)&loan, 4);
    for (char letter; (letter = receive_letter(peer));) {
      if (letter == 'd') {  // copy page 0 of the shared memory to page 1
        memset(memory, 0x11, PAGE);
        int ok = dma_in(bar, SHARED_AT, 256) && dma_out(bar, SHARED_AT + PAGE, 256);
        say("primary: DMA %d: %s", ok, picture(memory + PAGE, 512));
      } else if (letter == 'i') {
        event = eventfd(0, EFD_NONBLOCK);
        say("primary: arm %s", outcome(arm(loan.s.device, VFIO_PCI_MSI_IRQ_INDEX, event)));
      } else if (letter == 'c') {
        say("primary: interrupts %s", counted(event, 2000));
      } else if (letter == 'u') {
        say("primary unmaps the other's:");
        UNMAP(OWN_AT, PAGE);
      }
      send_letter(peer, letter);
    }
  }
  return 0;
}

static void ask(int peer, char letter) {
  send_letter(peer, letter);
  if (receive_letter(peer) != letter) give_up("no answer");
}

// A secondary: is lent the device, maps, moves bytes, takes the interrupt. `dies` without a word, or
// `stays` when the primary dies.
static int secondary(const char *how) {
  char name[64], done[64];
  names(name, sizeof name, "primary");
  names(done, sizeof done, "main");
  int peer = connect_to(name), container;
  struct loan loan;
  receive_with(peer, (int *)&loan, 4);
  container = loan.s.container;
  struct vfio_group_status status = {.argsz = sizeof status};
  const char *result = outcome(ioctl(loan.s.group, VFIO_GROUP_GET_STATUS, &status));
  say("secondary: GET_STATUS %s, flags %#x", result, status.flags);
  say("secondary: GET_API_VERSION %s", outcome(ioctl(container, VFIO_GET_API_VERSION)));
  unsigned char *memory = shared(loan.memory), *own = pages(1);
  volatile unsigned char *bar = map_bar(loan.s.device, PAGE);
  say("secondary: register %08x", get32(bar, ID));
  heading("it maps what it brings");
  MAP(READ_WRITE, own, SHARED_AT, PAGE);
  MAP(READ_WRITE, own, OWN_AT, PAGE);
  memset(memory + 2 * PAGE, 0x22, PAGE);
  memset(own, 0, PAGE);
  say("secondary: DMA %d", dma_in(bar, SHARED_AT + 2 * PAGE, 128) && dma_out(bar, OWN_AT, 128));
  say("secondary: %s", picture(own, 256));
  heading("both drive the device");
  ask(peer, 'd');
  say("secondary sees: %s", picture(memory + PAGE, 512));
  ask(peer, 'i');
  put32(bar, RAISE, 1);
  ask(peer, 'c');
  put32(bar, ACKNOWLEDGE, 1);
  heading("each unmaps what the other mapped");
  ask(peer, 'u');
  UNMAP(OWN_AT, PAGE);
  MAP(READ_WRITE, own, OWN_AT, PAGE);
  heading("its own interrupt");
  int event = eventfd(0, EFD_NONBLOCK);
  say("secondary: arm %s", outcome(arm(loan.s.device, VFIO_PCI_MSI_IRQ_INDEX, event)));
  put32(bar, RAISE, 2);
  say("secondary: interrupts %s", counted(event, 2000));
  put32(bar, ACKNOWLEDGE, 2);
  int again = ioctl(loan.s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("secondary: GET_DEVICE_FD %s", opened(again));
  if (again >= 0) close(again);
  int main_peer = connect_to(done);
  if (!strcmp(how, "dies")) {
    send_letter(main_peer, 'r');
    pause();
  }
  heading("the primary dies");
  send_letter(main_peer, 'k');
  receive_letter(peer);
  receive_letter(main_peer);
  int fd;
  OPEN(fd, group_node(FIRST), O_RDWR);
  memset(own, 0x33, PAGE);
  MAP(READ_WRITE, own + 0, OWN_AT + PAGE, PAGE);
  say("secondary: register %08x", get32(bar, ID));
  say("secondary: DMA %d", dma_in(bar, OWN_AT, 64));
  memset(own, 0, PAGE);
  say("secondary: DMA %d", dma_out(bar, OWN_AT + PAGE, 64));
  say("secondary: %s", picture(own, 128));
  put32(bar, RAISE, 4);
  say("secondary: interrupts %s", counted(event, 2000));
  MAP(READ_WRITE, memory, SHARED_AT, SHARED_PAGES * PAGE);
  UNMAP(SHARED_AT, SHARED_PAGES * PAGE);
  MAP(READ_WRITE, memory, SHARED_AT, SHARED_PAGES * PAGE);
  say("secondary: DMA %d", dma_in(bar, SHARED_AT + 2 * PAGE, 32) && dma_out(bar, SHARED_AT + 3 * PAGE, 32));
  say("secondary: %s", picture(memory + 3 * PAGE, 64));
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) return strcmp(argv[1], "primary") ? secondary(argv[1]) : primary();
  char name[64];
  snprintf(name, sizeof name, "ioasid-%d-main", (int)getpid());
  int listener = listen_at(name), status;
  pid_t owner = start_program("primary");
  int peer = accept(listener, NULL, NULL);
  receive_letter(peer);
  close(peer);
  heading("a secondary that dies");
  pid_t other = start_program("dies");
  peer = accept(listener, NULL, NULL);
  receive_letter(peer);
  kill(other, SIGKILL);
  waitpid(other, &status, 0);
  say("secondary: %s", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "ended");
  close(peer);
  heading("one that finds what the dead one mapped");
  other = start_program("stays");
  peer = accept(listener, NULL, NULL);
  receive_letter(peer);
  kill(owner, SIGKILL);
  waitpid(owner, &status, 0);
  say("primary: %s", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "ended");
  send_letter(peer, 'g');
  waitpid(other, &status, 0);
  say("secondary: status %d", status);
  heading("with the last of them everything is free");
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container;
  UNMAP_EVERYTHING();
  finish(s);
  return 0;
}
