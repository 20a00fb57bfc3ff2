/* SPDX-License-Identifier: MIT */
/*
 * Processes that have a mount open: by a file, a working or root directory, or a
 * mapping. Found in /proc without asking the mount anything, since it may not
 * answer just now. The files of the control directory do not count: who has only
 * those is a client of ours.
 */
#ifndef FLAKEY_FUSEFS_HOLDERS_H
#define FLAKEY_FUSEFS_HOLDERS_H

#include <stdint.h>
#include <sys/types.h>

struct text;

struct holders {
	const char *mountpoint;
	uint64_t control_ino; /* inode numbers from here on are control files */
	pid_t spared;	      /* a process or thread that is not killed; or 0 */
};

/* SIGKILL to all of them that we may signal, but not to us, until there are no
 * more; waits until they are gone. Adds a line for each: "PID NAME", or
 * "PID NAME: REASON" where it lives on. How many were killed, or an error. */
int64_t holders_kill(const struct holders *holders, struct text *ret_list);

#endif
