/* SPDX-License-Identifier: MIT */
/* chmod, chown and utimensat on the live image. */
#ifndef FLAKEY_FUSEFS_ATTRS_H
#define FLAKEY_FUSEFS_ATTRS_H

#include <stdbool.h>
#include <sys/stat.h>

struct inode;
struct volume;

enum attrs_set {
	ATTRS_MODE = 1,
	ATTRS_UID = 2,
	ATTRS_GID = 4,
	ATTRS_ATIME = 8,
	ATTRS_MTIME = 16,
	ATTRS_OUTSIDER = 32, /* the caller is not in the file's group */
};

/* What becomes of set-id bits. Set-group-ID without group execution stays, but
 * not for one who is not in the group, and may not have it either. */
enum attrs_set_id {
	ATTRS_SET_ID_KEPT,
	ATTRS_SET_ID_CLEARED,
	ATTRS_SET_ID_CLEARED_FOR_OUTSIDER,
};

/* Takes from st what set (a union of enum attrs_set) names. A change of owner
 * takes privileges away, as below. */
int attrs_set(struct volume *volume, struct inode *inode, int set,
	      const struct stat *st);

/* Content changes: file capabilities go, and where set_id says so the set-id
 * bits, as the kernel has it for other file systems. */
int attrs_clear_privileges(struct volume *volume, struct inode *inode,
			   enum attrs_set_id set_id);
/* Finds out whether there are any capabilities to lose: before the first write,
 * since nobody wants to look again at each. */
void attrs_learn_capability(struct volume *volume, struct inode *inode);

/* After a crash a directory's attributes are read from the store again. */
int attrs_refresh(struct volume *volume, struct inode *inode);
int attrs_refresh_locked(struct volume *volume, struct inode *inode);

#endif
