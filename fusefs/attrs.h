/* SPDX-License-Identifier: MIT */
/* chmod, chown and utimensat on the live image. */
#ifndef FLAKEY_FUSEFS_ATTRS_H
#define FLAKEY_FUSEFS_ATTRS_H

#include <sys/stat.h>

struct inode;
struct volume;

enum attrs_set {
	ATTRS_MODE = 1,
	ATTRS_UID = 2,
	ATTRS_GID = 4,
	ATTRS_ATIME = 8,
	ATTRS_MTIME = 16,
};

/* Takes from st what set (a union of enum attrs_set) names. Taking set-id bits
 * away is the kernel's business: it sends the mode. */
int attrs_set(struct volume *volume, struct inode *inode, int set,
	      const struct stat *st);

/* After a crash a directory's attributes are read from the store again. */
int attrs_refresh(struct volume *volume, struct inode *inode);

#endif
