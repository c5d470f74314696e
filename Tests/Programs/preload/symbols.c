// What dlsym(3) finds. As a program: `every NAME…` by libc's handle, `kept` for other handles, and
// `between` with this file as a library in LD_PRELOAD that stands in front of dup(2), which it takes from libc's handle,
// and of mmap(2), which it asks of syscall(2).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef BETWEEN
int between_calls;
int dup(int descriptor) {
  int (*behind)(int) = (int (*)(int))dlsym(dlopen("libc.so.6", RTLD_LAZY), "dup");
  if (++between_calls > 10) _exit(3);
  return behind(descriptor);
}
int between_maps;
void *mmap(void *at, size_t length, int protection, int flags, int descriptor, off_t offset) {
  if (++between_maps > 1000) _exit(4);
  return (void *)syscall(SYS_mmap, at, length, protection, flags, descriptor, offset);
}
#else

static int check(const char *what, int holds) {
  if (!holds) printf("%s\n", what);
  return holds;
}

static const char *file_of(void *address) {
  Dl_info info;
  return dladdr(address, &info) ? info.dli_fname : "nowhere";
}

int main(int count, char **arguments) {
  void *libc = dlopen("libc.so.6", RTLD_LAZY);
  const char *mode = arguments[1];
  int all = check("no libc", libc != 0);
  if (!strcmp(mode, "every")) {
    int seen = 0;
    for (int i = 2; i < count; i++) {
      void *found = dlsym(libc, arguments[i]);
      if (!found) continue;  // this libc lacks it
      seen++;
      all &= check(arguments[i], strstr(file_of(found), "ioasid-preload") != 0 &&
                                     found == dlsym(dlopen(0, RTLD_LAZY), arguments[i]));
    }
    all &= check("few names", seen > 100);
  } else if (!strcmp(mode, "kept")) {
    all &= check("another function", strstr(file_of(dlsym(libc, "getppid")), "libc.so") != 0);
    all &= check("after the program", strstr(file_of(dlsym(RTLD_NEXT, "dup")), "ioasid-preload") != 0);
    all &= check("anywhere", strstr(file_of(dlsym(RTLD_DEFAULT, "dup")), "ioasid-preload") != 0);
    dlerror();
    all &= check("a name that is nowhere", !dlsym(libc, "no_such_function") && strstr(dlerror(), "no_such_function"));
    all &= check("no error before", dlsym(libc, "dup") && !dlerror());
    all &= check("no error after the default", !dlsym(RTLD_DEFAULT, "nor_this") && strstr(dlerror(), "nor_this"));
  } else {
    int *calls = dlsym(RTLD_DEFAULT, "between_calls");
    int copy = dup(1);
    int *maps = dlsym(RTLD_DEFAULT, "between_maps"), before = maps ? *maps : 0;
    char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    all &= check("a page", page != MAP_FAILED && (*page = 1) && maps && *maps == before + 1);
    all &= check("once", calls && *calls == 1 && copy > 2 && !close(copy));
  }
  if (all) printf("ok\n");
  return !all;
}
#endif
