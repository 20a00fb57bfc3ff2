/* SPDX-License-Identifier: MIT */
/*
 * Commits: what a sync moves from the journal into the store. The profile
 * chooses, the mode decides whether it arrives. One commit at a time.
 *
 * Order: records of names and content in journal order, then the file's own
 * data, then times. Being killed at any point leaves a prefix of the records
 * and a part of the data: a state that the real file system can leave, too.
 *
 * 0, or a negative errno: EIO when writes are to fail, or the real error of the
 * store; then what was not stored is still in the journal, and the next sync
 * tries again.
 */
#ifndef FLAKEY_FUSEFS_COMMIT_H
#define FLAKEY_FUSEFS_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/mode.h"

struct inode;
struct volume;

/* What the disk does to the commits of this thread, whatever its mode is, until
 * it is told something else; fault is borrowed, NULL: what the mode says. */
struct commit_fault {
	enum mode_kind mode;
	int error; /* of error-writes, positive */
};
void commit_obey(const struct commit_fault *fault);

struct commit_range {
	int64_t from;
	int64_t to;
};

/* fsync, fdatasync (datasync), msync, and O_SYNC and O_DSYNC writes, of a file
 * or directory. range: the bytes of own data, NULL for all. */
int commit_sync(struct volume *volume, struct inode *inode, bool datasync,
		const struct commit_range *range);

/* A sync that fails with a negative errno, whatever the disk does: the data in
 * the range (NULL: all) has the fate that the profile's file system gives it then,
 * and other descriptors of the file are told. Returns the errno. */
int commit_fail(struct volume *volume, struct inode *inode,
		const struct commit_range *range, int error);

/* Before an O_DIRECT write there: 0, or why the disk will not take it. */
int commit_direct_check(struct volume *volume, struct inode *inode,
			const struct commit_range *range);
/* An O_DIRECT write was made there: what the profile makes durable of it. */
int commit_direct(struct volume *volume, struct inode *inode,
		  const struct commit_range *range);

/* The data in a range, NULL for all, that the real file system starts to write by
 * itself; if asked so, only if any of it needs new blocks. */
void commit_push(struct volume *volume, struct inode *inode,
		 const struct commit_range *range, bool only_if_allocates);
/* Of all unsynced data, that for which the store has blocks. */
void commit_stored(struct volume *volume, struct inode *inode);

/* What happens without a sync, when a file system finds it time (background.h): a
 * commit of names; and all unsynced data of a file is written. What fails is told
 * to nobody now. */
int commit_by_itself(struct volume *volume);
void commit_data_by_itself(struct volume *volume, struct inode *inode);

/* Everything: `sync`, clean unmount. */
int commit_all(struct volume *volume);

#endif
