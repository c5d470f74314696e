// Flags of open(2) and fcntl(2) on the nodes, rare advice on registers, and threads that are
// cancelled in a transfer.
#include "conversation.h"
#include <pthread.h>
#include <sys/uio.h>

static void flags(const char *node) {
  static const struct {
    const char *name;
    int flags;
  } ways[] = {
      {"O_RDWR | O_NOFOLLOW", O_RDWR | O_NOFOLLOW}, {"O_RDWR | O_ASYNC", O_RDWR | O_ASYNC},
      {"O_RDWR | O_DIRECT", O_RDWR | O_DIRECT},     {"O_RDWR | O_NONBLOCK", O_RDWR | O_NONBLOCK},
      {"O_RDWR | O_APPEND", O_RDWR | O_APPEND},     {"O_RDWR | O_TRUNC", O_RDWR | O_TRUNC},
      {"O_RDWR | O_CREAT", O_RDWR | O_CREAT},       {"O_RDWR | O_CREAT | O_EXCL", O_RDWR | O_CREAT | O_EXCL},
      {"O_RDWR | O_DIRECTORY", O_RDWR | O_DIRECTORY}, {"O_WRONLY | O_DIRECT", O_WRONLY | O_DIRECT},
      {"3", 3},
  };
  for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    int file = open(node, ways[i].flags, 0600);
    say("open(%s, %s) = %s", node, ways[i].name, opened(file));
    if (file < 0) continue;
    if (ways[i].flags != 3) say("  flags %#o", fcntl(file, F_GETFL));
    int group = node[9] != 'v';
    CALL(file, group ? VFIO_GROUP_GET_STATUS : VFIO_GET_API_VERSION, NULL);
    DO(fcntl(file, F_SETFL, O_DIRECT));
    DO(fcntl(file, F_SETFL, O_APPEND | O_NONBLOCK));
    close(file);
  }
}

static int device;
static volatile int cleaned, turns;
static void clean(void *unused UNUSED) { cleaned++; }
static void *reads(void *vector) {
  char bytes[4];
  struct iovec one = {bytes, sizeof bytes};
  pthread_cleanup_push(clean, NULL);
  for (;; turns++) {
    if (vector) {
      if (preadv(device, &one, 1, (off_t)config_offset(0)) != 4) break;
    } else if (pread(device, bytes, sizeof bytes, (off_t)config_offset(0)) != 4) {
      break;
    }
  }
  pthread_cleanup_pop(0);
  return NULL;
}
static void cancel(const char *what, void *vector) {
  pthread_t thread;
  void *result;
  cleaned = turns = 0;
  if (pthread_create(&thread, NULL, reads, vector)) give_up("pthread_create");
  while (turns < 10) wait_ms(1);
  pthread_cancel(thread);
  pthread_join(thread, &result);
  say("a thread in %s: %s, cleaned up %d times", what, result == PTHREAD_CANCELED ? "cancelled" : "ended", cleaned);
}

int main(void) {
  alarm(60);
  flags("/dev/vfio/vfio");
  flags(group_node(FIRST));
  struct session s = start(FIRST, VFIO_TYPE1v2_IOMMU);
  device = s.device;
  cancel("pread", NULL);
  cancel("preadv", &device);
  uint16_t id = (uint16_t)config_get(device, 0, 2);
  say("and the device answers: %#x", id);
  void *bar = (void *)map_bar(device, PAGE);
  DO(madvise(bar, PAGE, 24));  // MADV_DONTNEED_LOCKED
  DO(mremap(bar, PAGE, PAGE, MREMAP_MAYMOVE | 4) == MAP_FAILED ? -1 : 0);  // MREMAP_DONTUNMAP
  say("and the register answers: %#x", get32(bar, ID));
  finish(s);
  return 0;
}
