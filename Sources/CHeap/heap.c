#define _GNU_SOURCE 1
#include "cheap.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

// What libc's own functions are called however malloc is replaced.
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

void *malloc(size_t bytes) { return __libc_malloc(bytes); }
void *calloc(size_t count, size_t bytes) { return __libc_calloc(count, bytes); }
void *realloc(void *block, size_t bytes) { return __libc_realloc(block, bytes); }
void free(void *block) { __libc_free(block); }

int posix_memalign(void **block, size_t alignment, size_t bytes) {
  if (alignment == 0 || alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  void *made = __libc_memalign(alignment, bytes);
  if (made == 0) return ENOMEM;
  *block = made;
  return 0;
}

// The one that has no other name, looked for in libc alone.
size_t malloc_usable_size(void *block) {
  typedef size_t (*usable_size)(void *);
  static _Atomic(usable_size) known;
  usable_size call = atomic_load_explicit(&known, memory_order_acquire);
  if (call == 0) {
    call = (usable_size)dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "malloc_usable_size");
    atomic_store_explicit(&known, call, memory_order_release);
  }
  return call(block);
}

char *strdup(const char *text) {
  size_t bytes = strlen(text) + 1;
  char *copy = __libc_malloc(bytes);
  return copy == 0 ? 0 : memcpy(copy, text, bytes);
}
