// What the launcher needs of Linux that SwiftGlibc hides or Swift cannot say.
#ifndef CLINUX_LAUNCH_H
#define CLINUX_LAUNCH_H
#include <stddef.h>
#include <stdint.h>

/// unshare(2) of the mount namespace, with a user namespace around it when `user` is not 0. 0 or the errno.
int32_t clinux_unshare_mounts(int32_t user);

/// setns(2) to whatever namespace the descriptor of a file in /proc/PID/ns stands for. 0 or the errno.
int32_t clinux_enter_namespace(int32_t descriptor);

#endif
