/* SPDX-License-Identifier: MIT */
/*
 * Ends a mount: as root by umount2(2), otherwise by the set-user-ID
 * fusermount3.
 */
#ifndef FLAKEY_TOOLS_UNMOUNT_H
#define FLAKEY_TOOLS_UNMOUNT_H

#include <stdbool.h>

struct errmsg;

struct unmount_options {
	const char *control; /* NULL: the usual name */
	bool force;	     /* also when the commit fails */
	bool kill;	     /* the programs that use it */
	bool lazy;	     /* now for the namespace, later for its users */
};

/* Whether a mount of the dm backend is at a mountpoint, or was left there by a
 * server that died. */
bool unmount_is_dm(const char *mountpoint);

/* Only the system call. mountpoint is absolute and free of symbolic links. */
int unmount_path(const char *mountpoint, bool lazy, struct errmsg *reterr_why);

/* Commits, unmounts, and waits until the server has ended, so that the store
 * is complete. A commit that fails leaves all as it is, unless forced. */
int unmount_clean(const char *mountpoint, const struct unmount_options *options,
		  struct errmsg *reterr_why);

/* The same, but nothing keeps it from ending: programs that still use the mount
 * lose it, and a server that does not end is killed. */
int unmount_whatever(const char *mountpoint, struct errmsg *reterr_why);

#endif
