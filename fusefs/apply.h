/* SPDX-License-Identifier: MIT */
/*
 * Takes one record of the journal into the store. A record applies only to what
 * it expects to find there. Otherwise something that it needs was dropped
 * earlier: then it is lost, and the store stays a valid tree.
 */
#ifndef FLAKEY_FUSEFS_APPLY_H
#define FLAKEY_FUSEFS_APPLY_H

#include <stddef.h>
#include <stdint.h>

#include "fusefs/journal.h"

struct dentry;
struct inode;
struct record;
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

/* What did not become of pieces that were written: parts of them, not held. */
struct apply_lost {
	struct record_pieces dropped; /* the disk says that it has them */
	struct record_pieces refused;
	size_t dropped_capacity;
	size_t refused_capacity;
	int error; /* the first that it refused one with, negative, or 0 */
};

/* Writes held pieces to the inode's open file of the store, from done_bytes on,
 * which grows. No lock held. What fault rules keep from the store is in
 * ret_lost, which begins as {0} and is to be given to apply_lose(); NULL: they are
 * not asked. */
int apply_pieces(struct volume *volume, struct inode *inode, int fd,
		 struct record_pieces *pieces, struct apply_lost *ret_lost);
/* Shows them as what they are. 0, or the error that the file is told. */
int apply_lose(struct volume *volume, struct inode *inode,
	       struct apply_lost *lost);
/* The pieces, of which there are some, have come without their bytes. */
int apply_reach(int fd, const struct record_pieces *pieces);

/* The store now has these bytes, so the live image need not keep those that are
 * still the same. Inode's lock held for writing. */
void apply_settle_pieces(struct volume *volume, struct inode *inode,
			 const struct record_pieces *pieces);

/* The record will never be stored: what it shows stays, as clean data. */
void apply_drop_view(struct record *record);

#endif
