#ifndef CLINUX_PLACES_H
#define CLINUX_PLACES_H

// A call of the kind openat(2), given AT_FDCWD and a path; where the path leads nowhere any more, once more from the
// directory that was kept.
long enter_at(long call, const char *path, long a, long b);

#endif
