/* SPDX-License-Identifier: MIT */
/*
 * A mount of its own that shows the control directory and nothing else, for a
 * file system that is the kernel's: it is put into that one's root.
 */
#ifndef FLAKEY_CONTROLFS_CONTROLFS_MOUNT_H
#define FLAKEY_CONTROLFS_CONTROLFS_MOUNT_H

struct control;
struct controlfs_mount;
struct errmsg;

/* Mounts on an existing directory; source is what the list of mounts shows.
 * Borrows control. Must be called before the process starts threads; answers
 * only after controlfs_mount_start(). */
int controlfs_mount_new(struct control *control, const char *source,
			const char *mountpoint,
			struct controlfs_mount **ret_mount,
			struct errmsg *reterr_why);
/* Starts the threads that serve it. */
int controlfs_mount_start(struct controlfs_mount *mount,
			  struct errmsg *reterr_why);
/* Readable once it was unmounted everywhere. */
int controlfs_mount_ended_fd(const struct controlfs_mount *mount);
/* Unmounts where it was mounted, if it still is. Takes NULL. */
void controlfs_mount_free(struct controlfs_mount *mount);

#endif
