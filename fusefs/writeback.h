/* SPDX-License-Identifier: MIT */
/*
 * Writing a file's own unsynced data to the store, as a part of a commit: the
 * caller holds commit_lock and no other lock.
 */
#ifndef FLAKEY_FUSEFS_WRITEBACK_H
#define FLAKEY_FUSEFS_WRITEBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/mode.h"

struct apply_lost;
struct inode;
struct record_pieces;
struct volume;

struct writeback {
	struct volume *volume;
	enum mode_kind mode;
	int error; /* of MODE_ERROR_WRITES, negative; 0: EIO */
	int64_t from;
	int64_t to;
	/* Only where the store has the block, and within its size: what a
	 * write-back can make durable without a commit of names. */
	bool stored_only;
	/* A commit of names stores the times afterwards. */
	bool times_follow;
};

/* Records of the file that change its content are still in the journal: written
 * now, the data would be changed by them later. */
#define WRITEBACK_WAITS 1
/* Attempts at data that new records keep overtaking. */
#define WRITEBACK_OVERTAKEN_MAX 1000

/* 0, WRITEBACK_WAITS (nothing was done), EIO where writes are to fail, or the
 * store's real error: then the data is still dirty. */
int writeback_inode(const struct writeback *writeback, struct inode *inode);

/* Takes pieces of the inode's unsynced data into the store, whatever else it has.
 * Nobody may change the file meanwhile. 0 or an error of the store. */
int writeback_pieces(const struct writeback *writeback, struct inode *inode,
		     struct record_pieces *pieces);

/* For data that goes into limbo: holds what there is of it, until it is given to
 * writeback_release(). 0, WRITEBACK_WAITS or -ENOMEM: then nothing is held. */
int writeback_hold_limbo(const struct writeback *writeback, struct inode *inode,
			 struct record_pieces *ret_pieces);
void writeback_release(const struct writeback *writeback, struct inode *inode,
		       struct record_pieces *pieces);
/* What rules have kept from the disk is shown as what it is; frees the lists. 0,
 * or the error that the file is told. */
int writeback_lose(const struct writeback *writeback, struct inode *inode,
		   struct apply_lost *lost);

/* Whether such records are there. In limbo data does not wait for a name. */
bool writeback_waits(struct volume *volume, struct inode *inode, bool limbo);

/* Stores the times of the inode, which is on no list of those that wait for it,
 * or lets them be dropped. May free it. 0, or an error of the store whose cause
 * can go away. */
int writeback_times_locked(struct volume *volume, enum mode_kind mode,
			   struct inode *inode);

/* Logs that something which the program was told is stored is not. */
void writeback_log_lost_locked(struct volume *volume, struct inode *inode,
			       const char *why);
/* Writes into a block that the store's file has, and leaves all else of the file
 * as it is. The commit lock is held. 0 or an error of the store. */
int writeback_block(struct volume *volume, struct inode *inode, int64_t offset,
		    const void *data, size_t size_bytes);

/* The file shows what the store will never have: a crash has to find it. */
void writeback_diverge_locked(struct volume *volume, struct inode *inode,
			      int error);

void writeback_log(struct volume *volume, struct inode *inode, const char *kind,
		   const char *reason);
void writeback_log_locked(struct volume *volume, struct inode *inode,
			  const char *kind, const char *reason);

#endif
