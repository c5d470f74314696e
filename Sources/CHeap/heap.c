#define _GNU_SOURCE 1
#include "cheap.h"
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

// libc's own functions, found in libc alone: allocators and sanitizers take all of their names, some of them
// __libc_malloc's too.
static void *of_libc(_Atomic(void *) *known, const char *name) {
  void *function = atomic_load_explicit(known, memory_order_acquire);
  if (function == 0) {
    function = dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), name);
    atomic_store_explicit(known, function, memory_order_release);
  }
  return function;
}

void *malloc(size_t bytes) {
  static _Atomic(void *) known;
  return ((void *(*)(size_t))of_libc(&known, "malloc"))(bytes);
}

void *calloc(size_t count, size_t bytes) {
  static _Atomic(void *) known;
  return ((void *(*)(size_t, size_t))of_libc(&known, "calloc"))(count, bytes);
}

void *realloc(void *block, size_t bytes) {
  static _Atomic(void *) known;
  return ((void *(*)(void *, size_t))of_libc(&known, "realloc"))(block, bytes);
}

void free(void *block) {
  static _Atomic(void *) known;
  ((void (*)(void *))of_libc(&known, "free"))(block);
}

int posix_memalign(void **block, size_t alignment, size_t bytes) {
  static _Atomic(void *) known;
  return ((int (*)(void **, size_t, size_t))of_libc(&known, "posix_memalign"))(block, alignment, bytes);
}

size_t malloc_usable_size(void *block) {
  static _Atomic(void *) known;
  return ((size_t(*)(void *))of_libc(&known, "malloc_usable_size"))(block);
}

char *strdup(const char *text) {
  size_t bytes = strlen(text) + 1;
  char *copy = malloc(bytes);
  return copy == 0 ? 0 : memcpy(copy, text, bytes);
}
