/* SPDX-License-Identifier: MIT */
/*
 * POSIX access lists of the live image. The kernel enforces them; this is where
 * they come from, what new files inherit, and how they and the mode keep saying
 * the same. A list that differs from the store's is with the inode's xattrs, its
 * record is that of the attributes, or of the creation: list and mode change in
 * one step, as they do in one transaction of a real file system.
 *
 * Whether an inode has any is remembered, since the kernel asks often and the
 * answer is nearly always no.
 */
#ifndef FLAKEY_FUSEFS_ACCESS_H
#define FLAKEY_FUSEFS_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct acl_asker;
struct inode;
struct record_attributes;
struct volume;

/* Whether the xattr of that name is one of the two lists. */
bool access_is_list(const char *name);

/* getxattr(2) of such a name. */
ssize_t access_get(struct volume *volume, struct inode *inode, const char *name,
		   void *value, size_t size);

/* setxattr(2) and, without a value, removexattr(2). May change the mode; takes
 * set-group-ID away where clears_set_id says so. */
int access_set(struct volume *volume, struct inode *inode, const char *name,
	       const void *value, size_t size, bool clears_set_id);
int access_remove(struct volume *volume, struct inode *inode, const char *name);

/* Whether its list, or else its mode, grants all of the wanted bits (of 4, 2 and
 * 1): for what the kernel leaves to us. */
bool access_permits(struct volume *volume, struct inode *inode,
		    const struct acl_asker *asker, mode_t wanted);

/* A new inode in a directory, with the mode that was asked for: gets what it
 * inherits, or loses the bits of umask. */
int access_begin_locked(struct volume *volume, struct inode *directory,
			struct inode *inode, mode_t umask);

/* The inode's first record tells of its lists, too. 0 or -ENOMEM. */
int access_describe(struct inode *inode, struct record_attributes *attributes);

/* A record with attributes was stored. Inode's lock held for writing. */
void access_settle(struct inode *inode,
		   const struct record_attributes *attributes);

#endif
