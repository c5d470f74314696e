// A process that ends takes its groups along, whether it closed them or not, and with the last group
// goes all that the container was: whoever still has it finds it empty at the next call.
#include "conversation.h"

static int container;
static unsigned char *memory;

static void calls(void) {
  struct vfio_iommu_type1_info info = {.argsz = sizeof info};
  CALL(container, VFIO_IOMMU_GET_INFO, &info);
  MAP(READ_WRITE, memory, 0x100000, PAGE);
  UNMAP(0x100000, PAGE);
  CALL(container, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR);
}

static int join(const char *bdf, int iommu) {
  int group = open(group_node(bdf), O_RDWR);
  CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
  if (iommu) CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  return group;
}

// A child that does `what` and ends when it is told to, or is killed.
enum { JOINS, OPENS_DEVICE, MAPS_REGISTERS, HAS_A_COPY };
static pid_t child;
static int pipes[2], group;
static void run(int what) {
  int ready[2];
  if (pipe(pipes) || pipe(ready)) give_up("pipe");
  fflush(stdout);
  if ((child = fork()) == 0) {
    char byte;
    close(pipes[1]);
    if (what != HAS_A_COPY) group = join(FIRST, 1);
    if (what == OPENS_DEVICE || what == MAPS_REGISTERS) {
      int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
      say("the device: %s", opened(device));
      if (what == MAPS_REGISTERS) {
        map_bar(device, PAGE);
        close(device);
        close(group);
      }
    }
    if (what != HAS_A_COPY) MAP(READ_WRITE, memory, 0x200000, PAGE);
    fflush(stdout);
    if (write(ready[1], "", 1) == 1 && read(pipes[0], &byte, 1) < 0) _exit(1);
    _exit(0);
  }
  char byte;
  close(pipes[0]);
  if (read(ready[0], &byte, 1) != 1) give_up("read");
  close(ready[0]);
  close(ready[1]);
}

static void end(int killed) {
  int status;
  if (killed) kill(child, SIGKILL);
  close(pipes[1]);
  waitpid(child, &status, 0);
  say("the child %s", WIFSIGNALED(status) ? "was killed" : "ended");
}

static void alone(const char *what, int does, int killed) {
  heading(what);
  run(does);
  calls();
  end(killed);
  calls();
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

int main(void) {
  alarm(60);
  memory = pages(1);
  container = open("/dev/vfio/vfio", O_RDWR);
  alone("it has a group", JOINS, 0);
  alone("it has a group and is killed", JOINS, 1);
  alone("it has a device", OPENS_DEVICE, 0);
  alone("it has a device and is killed", OPENS_DEVICE, 1);
  alone("it has mapped registers and nothing else", MAPS_REGISTERS, 1);

  heading("it has the copy of a group");
  group = join(FIRST, 1);
  run(HAS_A_COPY);
  MAP(READ_WRITE, memory, 0x300000, PAGE);
  close(group);
  UNMAP(0x300000, PAGE);
  end(1);
  UNMAP(0x300000, PAGE);
  calls();

  heading("another group stays");
  int other = join(SECOND, 1);
  run(JOINS);
  calls();
  end(0);
  calls();
  close(other);
  calls();

  heading("and a new one joins");
  run(JOINS);
  end(0);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  group = join(FIRST, 1);
  calls();
  return 0;
}
