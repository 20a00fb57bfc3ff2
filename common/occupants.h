/* SPDX-License-Identifier: MIT */
/*
 * The processes that keep a mount busy: they have a file of it open or mapped,
 * run a program from it, or have their working or root directory there. Read
 * from /proc; of processes that this one may not look at nothing is known.
 */
#ifndef FLAKEY_COMMON_OCCUPANTS_H
#define FLAKEY_COMMON_OCCUPANTS_H

#include <stddef.h>
#include <sys/types.h>

struct errmsg;

/* More are not listed. */
#define OCCUPANTS_MAX 256

struct occupants {
	pid_t pids[OCCUPANTS_MAX];
	size_t count;
};

/* Finds those of the file system that is mounted at the path, this process left
 * out; a file system that is mounted below it is another. 0, or a negative
 * errno. */
int occupants_find(const char *mountpoint, struct occupants *ret_occupants);

/* "sqlite3 (pid 12), sh (pid 13) and 2 more" */
void occupants_name(const struct occupants *occupants,
		    struct errmsg *ret_names);

/* Kills them, and whoever else comes to be found meanwhile, and returns when
 * they have ended. -EBUSY: some do not end within the deadline, or others keep
 * coming. */
int occupants_kill(const char *mountpoint, int deadline_ms);

#endif
