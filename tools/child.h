/* SPDX-License-Identifier: MIT */
/*
 * A command of the user's that we run, with all that it starts: its process
 * group. Signals that ask us to end are passed on to it.
 *
 * child_prepare() comes first, in main()'s thread: it blocks those signals.
 */
#ifndef FLAKEY_TOOLS_CHILD_H
#define FLAKEY_TOOLS_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;	 /* also the number of its group */
	bool foreground; /* it has our terminal */
	int interrupted; /* the signal that asked us to end, or 0 */
};

/* What child_wait() returns when the time is up first. */
#define CHILD_TIMEOUT (-1)

/* 0 or a negative errno. */
int child_prepare(void);

/* Starts argv, found by $PATH. Before anything of it runs, the number of its
 * group is written to guard_fd, as a pid_t. What cannot be run ends with status
 * 126 or 127, as in shells, having said why. 0 or a negative errno. */
int child_start(const char *const *argv, int guard_fd, struct child *ret_child);

/* Waits for its end, but no longer than timeout_ms (negative: as long as it
 * takes). Returns its exit status, 128 + the signal, or CHILD_TIMEOUT. After a
 * signal that asked us to end, it has a few seconds left. */
int child_wait(struct child *child, int64_t timeout_ms);

/* Kills what is left of the group, and returns when nothing is: nobody writes
 * any more. Takes the terminal back. */
void child_kill(struct child *child);

#endif
