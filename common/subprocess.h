/* SPDX-License-Identifier: MIT */
/*
 * Runs programs with a fixed argument list, never through a shell. Made of
 * posix_spawn(3), so that it is safe in a process with threads: nothing of ours
 * runs between fork and exec.
 *
 * The child gets default signal actions and an empty signal mask.
 */
#ifndef FLAKEY_COMMON_SUBPROCESS_H
#define FLAKEY_COMMON_SUBPROCESS_H

#include <sys/types.h>

struct errmsg;

/* Runs to the end with nothing on stdin and stdout; the last line of stderr is
 * put into ret_said. argv[0] is found by $PATH; argv ends with NULL. Returns
 * the exit status, 128 + the signal, or a negative errno: -ENOENT, no such
 * program; -ECHILD, it ran, but the host program ignores or reaps its
 * children. */
int subprocess_run(const char *const *argv, struct errmsg *ret_said);

/* The exit status, 128 + the signal, or a negative errno. */
int subprocess_wait(pid_t pid);

#endif
