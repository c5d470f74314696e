// Container, group and device closed in every order.
#include "conversation.h"

static unsigned char *memory;

static void probe(struct session s) {
  const char *node = group_node(FIRST);
  struct vfio_device_info info = {.argsz = sizeof info};
  say("  container: MAP %s, CHECK_EXTENSION %s",
      outcome(map_quiet(s.container, READ_WRITE, memory, 0x100000, PAGE)),
      outcome(ioctl(s.container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU)));
  uint64_t size = PAGE;
  const char *result = outcome(unmap_quiet(s.container, 0, 0x100000, &size));
  say("  container: UNMAP %s", result);
  struct vfio_group_status status = {.argsz = sizeof status};
  result = outcome(ioctl(s.group, VFIO_GROUP_GET_STATUS, &status));
  say("  group: GET_STATUS %s, flags %#x", result, status.flags);
  int another = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("  group: GET_DEVICE_FD %s", opened(another));
  if (another >= 0) close(another);
  say("  device: GET_INFO %s", outcome(ioctl(s.device, VFIO_DEVICE_GET_INFO, &info)));
  uint32_t id = 0;
  result = outcome(pread(s.device, &id, 4, 0));
  say("  device: BAR read %s, %08x", result, id);
  int fd = open(node, O_RDWR);
  say("  node: open %s", opened(fd));
  if (fd >= 0) close(fd);
}

static void close_one(struct session *s, int which) {
  int *fds[] = {&s->container, &s->group, &s->device};
  const char *names[] = {"container", "group", "device"};
  say("close(%s) = %s", names[which], outcome(close(*fds[which])));
  *fds[which] = -1;
}

int main(void) {
  memory = pages(16);
  const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (int i = 0; i < 6; i++) {
    say("-- order %d", i);
    struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
    map_quiet(s.container, READ_WRITE, memory, 0x200000, PAGE);
    for (int j = 0; j < 3; j++) {
      close_one(&s, orders[i][j]);
      probe(s);
    }
  }

  heading("mappings outlive devices, not groups");
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int container = s.container;
  MAP(READ_WRITE, memory, 0x300000, 4 * PAGE);
  close(s.device);
  MAP(READ_WRITE, memory, 0x300000, 4 * PAGE);
  CALL(s.group, VFIO_GROUP_UNSET_CONTAINER, 0);
  MAP(READ_WRITE, memory, 0x300000, 4 * PAGE);
  CALL(s.group, VFIO_GROUP_SET_CONTAINER, &container);
  MAP(READ_WRITE, memory, 0x300000, 4 * PAGE);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
  MAP(READ_WRITE, memory, 0x300000, 4 * PAGE);
  UNMAP_EVERYTHING();

  heading("one of two groups leaves");
  int other = open(group_node(THIRD), O_RDWR);
  CALL(other, VFIO_GROUP_SET_CONTAINER, &container);
  MAP(READ_WRITE, memory, 0x300000, 4 * PAGE);
  close(s.group);
  MAP(READ_WRITE, memory, 0x300000, 4 * PAGE);
  close(other);
  MAP(READ_WRITE, memory, 0x300000, 4 * PAGE);

  heading("the container lives in its group");
  s.group = open(group_node(FIRST), O_RDWR);
  CALL(s.group, VFIO_GROUP_SET_CONTAINER, &container);
  CALL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  close(container);
  s.device = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST);
  say("GET_DEVICE_FD: %s", opened(s.device));
  struct vfio_group_status status = {.argsz = sizeof status};
  CALL(s.group, VFIO_GROUP_GET_STATUS, &status);
  say("flags %#x", status.flags);
  close(s.device);
  CALL(s.group, VFIO_GROUP_UNSET_CONTAINER, 0);
  CALL(s.group, VFIO_GROUP_GET_STATUS, &status);
  say("flags %#x", status.flags);
  close(s.group);

  heading("a child keeps what the parent closed");
  s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  int go[2], done[2];
  if (pipe(go) || pipe(done)) return 1;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    char byte;
    if (read(go[0], &byte, 1) != 1) _exit(1);
    uint32_t id = 0;
    const char *result = outcome(pread(s.device, &id, 4, 0));
    say("child: BAR read %s, %08x", result, id);
    say("child: MAP %s", outcome(map_quiet(s.container, READ_WRITE, memory, 0x1000, PAGE)));
    if (write(done[1], "x", 1) != 1) _exit(1);
    if (read(go[0], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  finish(s);
  char byte = 0;
  if (write(go[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) return 1;
  int fd;
  OPEN(fd, group_node(FIRST), O_RDWR);
  if (write(go[1], &byte, 1) != 1) return 1;
  waitpid(child, NULL, 0);
  OPEN(fd, group_node(FIRST), O_RDWR);
  CALL(fd, VFIO_GROUP_GET_STATUS, &status);
  say("flags %#x", status.flags);
  return 0;
}
