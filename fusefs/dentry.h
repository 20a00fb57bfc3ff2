/* SPDX-License-Identifier: MIT */
/*
 * A name in a directory, and what it means twice: live (what programs see) and
 * durable (what the store has). The two differ exactly while records of the
 * journal touch the name (pending > 0). A name that is not in memory means in
 * both what the store says. In a directory that the store does not have, names
 * have a durable meaning, too: what its own fsync has paid for (limbo.h). Those
 * are all in memory, on the directory's overlay.
 *
 * Names hang on the directory's inode, not on a path: renaming a directory
 * moves nothing. All guarded by the volume's lock.
 */
#ifndef FLAKEY_FUSEFS_DENTRY_H
#define FLAKEY_FUSEFS_DENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"

struct inode;
struct text;
struct volume;

#define DENTRY_NAME_MAX 255

struct dentry {
	struct dentry *hash_next;
	struct inode *directory; /* pinned */
	struct inode *live;	 /* NULL: no such name */
	struct inode *durable;	 /* NULL: no such name */
	struct list live_link;
	struct list durable_link;
	struct list overlay_link;
	uint32_t pending; /* records that touch it */
	uint32_t hash;
	uint32_t seen; /* the incarnation of its last lookup, or change */
	uint8_t name_length;
	char name[]; /* NUL-terminated */
};

struct dentry *dentry_find_locked(struct volume *volume,
				  struct inode *directory, const char *name);

/* Finds or makes the name. A new one means what durable says, in both worlds.
 * NULL: out of memory. */
struct dentry *dentry_get_locked(struct volume *volume, struct inode *directory,
				 const char *name, struct inode *durable);

void dentry_set_live_locked(struct dentry *dentry, struct inode *inode);
void dentry_set_durable_locked(struct dentry *dentry, struct inode *inode);

/* One record more, or less, touches the name. A name that means nothing in
 * both worlds is forgotten with its last record. */
void dentry_pend_locked(struct dentry *dentry);
void dentry_settle_locked(struct volume *volume, struct dentry *dentry);

/* Forgets a name that no record touches. */
void dentry_free_locked(struct volume *volume, struct dentry *dentry);

/* Some name of the inode in the store, or NULL. */
struct dentry *dentry_durable_of(struct inode *inode);
struct dentry *dentry_live_of(struct inode *inode);

/* The live path from the root, with a leading '/'; "(unlinked)" for a file
 * without a live name. For reports. */
void dentry_path_locked(struct volume *volume, struct inode *directory,
			const char *name, struct text *ret_path);
void dentry_inode_path_locked(struct volume *volume, struct inode *inode,
			      struct text *ret_path);

#endif
