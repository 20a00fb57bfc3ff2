/* SPDX-License-Identifier: MIT */
/*
 * What becomes of unsynced data that a write-back could not place: its pages are
 * clean afterwards, so that no later sync tries again. Whether they keep the
 * latest data, or what is stored is seen again, is the profile's.
 *
 * A page that was refused is a page all the same: who writes to a part of its
 * block makes all of the block dirty (refuse_wake_block()).
 */
#ifndef FLAKEY_FUSEFS_REFUSE_H
#define FLAKEY_FUSEFS_REFUSE_H

#include <stdint.h>

#include "fusefs/journal.h"

struct inode;
struct volume;

/* The disk does not take the held pieces. error: the positive errno that the
 * file's descriptors are told, 0 if they are told nothing, since it is a disk
 * that lies. 0 or -ENOMEM, and then some may be dirty as before. No lock held
 * but the commit's. */
int refuse_pieces(struct volume *volume, struct inode *inode,
		  const struct record_pieces *pieces, int error);

/* Asks the disk (volume.h) for each sector of the pieces, and moves those that it
 * does not take to ret_refused, which then has their holds; *ret_error is the
 * first negative errno, or 0. 0 or -ENOMEM: nothing was moved. */
int refuse_ask(struct volume *volume, struct inode *inode,
	       struct record_pieces *pieces, struct record_pieces *ret_refused,
	       int *ret_error);

/* The same without moving anything: the first negative errno, or 0. */
int refuse_look(struct volume *volume, struct inode *inode,
		const struct record_pieces *pieces);

/* A part of the block at offset becomes dirty, and what was refused of it with
 * it. Lock held for writing. 0 or -ENOMEM. */
int refuse_wake_block(struct volume *volume, struct inode *inode,
		      int64_t offset);

#endif
