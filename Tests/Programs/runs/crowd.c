// Processes and threads that map, pin through one mediated device and unmap, all at once: nobody
// waits for ever, no unmap fails, and nothing stays pinned.
#include "../conversations/mediated/pins.h"
#include "runs.h"

#include <pthread.h>

enum { CHILDREN = 4, THREADS = 2, ROUNDS = 200 };

static struct session s;
static int child;

static void *work(void *argument) {
  uint64_t iova = 0x10000000UL * (uint64_t)(child * THREADS + (int)(intptr_t)argument + 1);
  unsigned char *p = numbered_pages(8);
  for (int round = 0; round < ROUNDS; round++) {
    MUST(map_quiet(s.container, READ_WRITE, p, iova, 8 * PAGE) == 0);
    struct pins_command c = command(
      s.device, (struct pins_command){.operation = PINS_PIN, .iova = iova + (uint64_t)(round % 5) * PAGE,
                                      .count = round % 3 + 1, .prot = 3});
    MUST(c.result == round % 3 + 1 && c.first == 0xf00d0 + (uint64_t)(round % 5));
    MUST(unmap_bytes(s, iova, 8 * PAGE) == 8 * PAGE);
  }
  return NULL;
}

int main(void) {
  s = start_mediated(PINS, VFIO_TYPE1v2_IOMMU);
  pid_t children[CHILDREN];
  for (child = 0; child < CHILDREN; child++) {
    if ((children[child] = fork())) continue;
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++) MUST(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    _exit(0);
  }
  for (int i = 0; i < CHILDREN; i++) MUST(went_well(children[i]));
  struct pins_command c = command(s.device, (struct pins_command){.operation = PINS_TOLD});
  say("told %d times", c.result);
  MUST(unmap_all(s) == 0);
  say("done");
  return 0;
}
