/* SPDX-License-Identifier: MIT */
/*
 * What of a mount outlives a death of its server: a directory below /run, named
 * by a number that the mountpoint alone decides, so that whoever knows the
 * mountpoint can find everything and clean up. It holds
 *
 *	mountpoint	a symbolic link to it, for people
 *	unfinished	one to an image that has not got its name yet
 *	control/	where the control files are mounted; the directory in the
 *			mount's root is a second view of it
 *
 * Whoever holds the directory's lock serves the mount, or cleans up.
 */
#ifndef FLAKEY_DMBACKEND_RUNTIME_H
#define FLAKEY_DMBACKEND_RUNTIME_H

#include <stdbool.h>

struct errmsg;

#define RUNTIME_ROOT "/run/flakey"
#define RUNTIME_ID_MAX 17
#define RUNTIME_PATH_MAX 64
#define RUNTIME_UUID_MAX 32

struct runtime {
	char id[RUNTIME_ID_MAX];
	char uuid[RUNTIME_UUID_MAX]; /* of the device */
	char directory[RUNTIME_PATH_MAX];
	char control[RUNTIME_PATH_MAX];
	int fd; /* of the directory; holds the lock; -1: not ours */
};

/* Names everything; mountpoint is absolute and free of symbolic links. */
void runtime_name(const char *mountpoint, struct runtime *ret_runtime);

bool runtime_exists(const struct runtime *runtime);

/* Takes the lock. -ENOENT: there is no such directory, -EBUSY: somebody serves
 * the mount. */
int runtime_lock(struct runtime *runtime, struct errmsg *reterr_why);
/* Makes the directory and takes its lock. */
int runtime_create(struct runtime *runtime, const char *mountpoint,
		   struct errmsg *reterr_why);

/* Remembers the path of an image without its name; NULL: there is none now. */
int runtime_set_unfinished(const struct runtime *runtime, const char *path,
			   struct errmsg *reterr_why);
/* The path, owned, or NULL. */
char *runtime_unfinished(const struct runtime *runtime);

/* Removes the directory, if it is ours, and lets the lock go. */
void runtime_remove(struct runtime *runtime);
/* Lets the lock go. */
void runtime_unlock(struct runtime *runtime);

#endif
