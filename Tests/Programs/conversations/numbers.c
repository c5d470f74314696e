// Every number of VFIO's and iommufd's, _IO(';', 100) to _IO(';', 163), on every kind of descriptor
// in every state, with four arguments; and what CHECK_EXTENSION says to every value. SPAPR's, EEH's
// and all that nobody has given a meaning are among them.
#include "conversation.h"

enum { FIRST_NUMBER = 100, COUNT = 64 };

// The same container, group and device again, in the state that a row is about.
struct stage {
  const char *name;
  int joins, type, opens;
};
static const struct stage stages[] = {
  {"alone", 0, 0, 0}, {"group and container, no driver", 1, 0, 0},
  {"version 1", 1, VFIO_TYPE1_IOMMU, 0}, {"version 2", 1, VFIO_TYPE1v2_IOMMU, 0},
  {"version 1, device open", 1, VFIO_TYPE1_IOMMU, 1},
  {"version 2, device open", 1, VFIO_TYPE1v2_IOMMU, 1},
};
enum { STAGES = sizeof stages / sizeof *stages };

static struct session set(const struct stage *stage) {
  struct session s = {-1, -1, -1};
  if ((s.container = open("/dev/vfio/vfio", O_RDWR)) < 0) give_up("/dev/vfio/vfio");
  if ((s.group = open(group_node(FIRST), O_RDWR)) < 0) give_up(group_node(FIRST));
  if (stage->joins && ioctl(s.group, VFIO_GROUP_SET_CONTAINER, &s.container)) give_up("joining");
  if (stage->type && ioctl(s.container, VFIO_SET_IOMMU, stage->type)) give_up("SET_IOMMU");
  if (stage->opens && (s.device = ioctl(s.group, VFIO_GROUP_GET_DEVICE_FD, FIRST)) < 0)
    give_up("GET_DEVICE_FD");
  return s;
}

static void strike(struct session s) {
  if (s.device >= 0) close(s.device);
  close(s.group);
  close(s.container);
}

// Runs of numbers with one answer, in one line.
static char line[4096];
static long run_first;
static char run_answer[48];
static void flush_run(long end, long base) {
  if (*run_answer) {
    char range[32];
    if (end - run_first == 1) snprintf(range, sizeof range, "%lx", base + run_first);
    else snprintf(range, sizeof range, "%lx-%lx", base + run_first, base + end - 1);
    size_t used = strlen(line);
    snprintf(line + used, sizeof line - used, "  %s %s", range, run_answer);
  }
  run_first = end;
}
static void note(long number, long base, const char *answer) {
  if (strcmp(answer, run_answer)) {
    flush_run(number, base);
    snprintf(run_answer, sizeof run_answer, "%s", answer);
  }
}
static void tell(const char *what, long count, long base) {
  flush_run(count, base);
  say("%s:%s", what, line);
  line[0] = run_answer[0] = 0;
  run_first = 0;
}

// What an argument points to is as it was before each call.
enum { NOTHING, NOWHERE, EMPTY, ROOMY, ARGUMENTS };
static const char *arguments[] = {"0", "nowhere", "argsz 0", "argsz 4096"};
static unsigned char *memory;
static void *argument(int which) {
  memset(memory, 0, PAGE);
  if (which == ROOMY) ((uint32_t *)memory)[0] = PAGE;
  return which == NOTHING ? NULL : which == NOWHERE ? at(0xdead0000) : memory;
}

static void every_number(const struct stage *stage, int kind) {
  for (int which = 0; which < ARGUMENTS; which++) {
    struct session s = set(stage);
    for (int number = 0; number < COUNT; number++) {
      int fd = kind == 0 ? s.container : kind == 1 ? s.group : s.device;
      long result = ioctl(fd, _IO(VFIO_TYPE, FIRST_NUMBER + number), argument(which));
      // The number of a descriptor is nobody's business.
      const char *answer = outcome(result);
      note(number, _IO(VFIO_TYPE, FIRST_NUMBER), answer);
      if (result >= 0) {
        strike(s);
        s = set(stage);
      }
    }
    strike(s);
    tell(arguments[which], COUNT, _IO(VFIO_TYPE, FIRST_NUMBER));
  }
}

static void every_extension(int container) {
  for (int number = 0; number < 256; number++)
    note(number, 0, outcome(ioctl(container, VFIO_CHECK_EXTENSION, (long)number)));
  tell("CHECK_EXTENSION", 256, 0);
  static const unsigned long wide[] = {0x7fffffff, 0x80000000, 0xffffffff, 0x100000001, ~0UL};
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
    say("of %#lx: %s", wide[i], outcome(ioctl(container, VFIO_CHECK_EXTENSION, wide[i])));
}

static void every_type(const struct stage *stage) {
  for (int type = 0; type < 32; type++) {
    struct session s = set(stage);
    note(type, 0, outcome(ioctl(s.container, VFIO_SET_IOMMU, (long)type)));
    strike(s);
  }
  tell("SET_IOMMU", 32, 0);
}

int main(void) {
  static const char *kinds[] = {"container", "group", "device"};
  memory = pages(1);
  for (int kind = 0; kind < 3; kind++)
    for (int i = 0; i < STAGES; i++) {
      if (kind == 2 && !stages[i].opens) continue;
      printf("-- %s, ", kinds[kind]);
      say("%s", stages[i].name);
      every_number(&stages[i], kind);
    }
  for (int i = 0; i < STAGES; i++) {
    printf("-- extensions and types, ");
    say("%s", stages[i].name);
    struct session s = set(&stages[i]);
    every_extension(s.container);
    strike(s);
    every_type(&stages[i]);
  }
  return 0;
}
