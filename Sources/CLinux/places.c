#define _GNU_SOURCE 1
#include "clinux_shared.h"
#include "kernel.h"
#include "places.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

// A program may change its root, or leave its mount namespace, after it opened what it needs: QEMU does with -chroot.
// Set once, before the process has a second thread in here; the numbers are a forked child's too.
static struct place {
  char path[48];
  int32_t descriptor;
} places[3];
static const size_t place_count = sizeof places / sizeof *places;

void clinux_keep_place(const char *directory, int32_t descriptor) {
  struct place *place = places;
  while (place < places + place_count && place->path[0]) place++;
  if (place == places + place_count || strlen(directory) >= sizeof place->path) return;
  place->descriptor = descriptor;
  strcpy(place->path, directory);
}

long enter_at(long call, const char *path, long a, long b) {
  long r = enter(call, AT_FDCWD, (long)path, a, b, 0, 0);
  if (r != -ENOENT) return r;
  for (struct place *place = places; place < places + place_count && place->path[0]; place++) {
    size_t length = strlen(place->path);
    if (strncmp(path, place->path, length) || (path[length] && path[length] != '/')) continue;
    const char *rest = path[length] ? path + length + 1 : ".";
    long there = enter(call, place->descriptor, (long)rest, a, b, 0, 0);
    // Whatever else may have become of the number, the file was not found.
    return there == -EBADF || there == -ENOTDIR ? r : there;
  }
  return r;
}
