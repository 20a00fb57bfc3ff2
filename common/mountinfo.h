/* SPDX-License-Identifier: MIT */
/*
 * Which mount serves a path, from /proc/self/mountinfo (proc(5)).
 */
#ifndef FLAKEY_COMMON_MOUNTINFO_H
#define FLAKEY_COMMON_MOUNTINFO_H

#include <stdbool.h>

/* The file system type of our FUSE mounts. */
#define MOUNTINFO_TYPE_FUSE "fuse.flakey"
/* That of the control files in the root of a dm mount, whose own is the file
 * system's. */
#define MOUNTINFO_TYPE_DM "fuse.flakey-dm"

/* One mount; the strings are owned. */
struct mountinfo {
	char *mountpoint;
	char *type;
	char *source;
};

void mountinfo_done(struct mountinfo *mount);

/* Searches the text of a mountinfo file, which it changes, for the mount that
 * an absolute path without symbolic links lies on: the longest mountpoint, and
 * of those the newest. 0, -ENOENT or -ENOMEM. */
int mountinfo_search(char *text, const char *path, struct mountinfo *ret_mount);

/* The same in the file of this process. */
int mountinfo_find(const char *path, struct mountinfo *ret_mount);

/* Calls each for every mount of this process, in the order of the file. The mount
 * is the caller's, for the call. */
typedef void mountinfo_fn(void *user, const struct mountinfo *mount);
int mountinfo_each(mountinfo_fn *each, void *user);

/* The absolute path without symbolic links, also of the mountpoint of a FUSE
 * mount whose server is dead, of which ret_dead tells. Owned by the caller. */
int mountinfo_resolve(const char *path, char **ret_path, bool *ret_dead);

#endif
