/* SPDX-License-Identifier: MIT */
/*
 * The processes that keep a mount busy: they have a file of it open or mapped,
 * run a program from it, or have their working or root directory there. Read
 * from /proc; of processes that this one may not look at nothing is known.
 */
#ifndef FLAKEY_COMMON_OCCUPANTS_H
#define FLAKEY_COMMON_OCCUPANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct errmsg;

struct occupants_search {
	const char *mountpoint;
	/* Files with another path, too, as those of another mount namespace
	 * have; then all that any process has open is looked at. */
	bool anywhere;
	uint64_t ino_end; /* of files with lower numbers only; or 0 */
	pid_t spared;	  /* a process that is left out; or 0 */
};

/* Returns whether to go on. */
typedef bool occupants_fn(void *user, pid_t pid);

/* Calls each for those of the file system that is mounted at the path, this
 * process left out; a file system that is mounted below it is another. 0, or a
 * negative errno. */
int occupants_each(const struct occupants_search *search, occupants_fn *each,
		   void *user);

/* With the NUL. */
#define OCCUPANTS_NAME_MAX 32

/* What the process is called, without control characters; "?" if it is gone. */
void occupants_read_name(pid_t pid, char ret_name[static OCCUPANTS_NAME_MAX]);

/* More are not listed. */
#define OCCUPANTS_MAX 256

struct occupants {
	pid_t pids[OCCUPANTS_MAX];
	size_t count;
};

/* Finds those that occupants_each() names, below the path by their path. */
int occupants_find(const char *mountpoint, struct occupants *ret_occupants);

/* "sqlite3 (pid 12), sh (pid 13) and 2 more" */
void occupants_name(const struct occupants *occupants,
		    struct errmsg *ret_names);

/* Kills them, and whoever else comes to be found meanwhile, and returns when
 * they have ended. -EBUSY: some do not end within the deadline, or others keep
 * coming. */
int occupants_kill(const char *mountpoint, int deadline_ms);

#endif
