/* SPDX-License-Identifier: MIT */
/*
 * Takes one record of the journal into the store. A record applies only to what
 * it expects to find there. Otherwise something that it needs was dropped
 * earlier: then it is lost, and the store stays a valid tree.
 */
#ifndef FLAKEY_FUSEFS_APPLY_H
#define FLAKEY_FUSEFS_APPLY_H

#include <stdint.h>

struct dentry;
struct inode;
struct record;
struct record_pieces;
struct volume;

/* The record needs something that the store does not have. */
#define APPLY_LOST 1

/* Called with the volume's lock, which is let go while a record's data is
 * written; the caller's commit_lock keeps the record. 0: the store has it now.
 * APPLY_LOST, with why in ret_why (static). A negative errno: a real error of
 * the store; the same record can be tried again. */
int apply_record_locked(struct volume *volume, struct record *record,
			const char **ret_why);

/* The name goes away from the store. With a profile that commits by parts, what
 * it meant is kept where something may still lead to it. 0 or an error. */
int apply_leave_locked(struct volume *volume, struct dentry *from);

/* Writes held pieces to the inode's open file of the store. No lock held. */
int apply_pieces(struct volume *volume, struct inode *inode, int fd,
		 const struct record_pieces *pieces);

/* The store now has these bytes, so the live image need not keep those that are
 * still the same. Inode's lock held for writing. */
void apply_settle_pieces(struct volume *volume, struct inode *inode,
			 const struct record_pieces *pieces);

/* The record will never be stored: what it shows stays, as clean data. */
void apply_drop_view(struct record *record);

#endif
