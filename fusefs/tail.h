/* SPDX-License-Identifier: MIT */
/*
 * The ends of a file whose size changes, where a profile writes them at once
 * (profile_writes_tail()). As xfs_setattr_size() of Linux 6.1 has it:
 *
 *   - a file that shrinks first writes the page that its new end is in;
 *   - the block with the new end (the old one, if the file grows) is zeroed
 *     behind it, in the page cache;
 *   - if it was, or if the file had grown by data that is not stored yet, the
 *     pages from the stored end to the new one are written.
 *
 * What is written to blocks that the file has is on the disk at once, though the
 * new size waits for the next commit of names: zeros, for once, before the end
 * that they belong to.
 */
#ifndef FLAKEY_FUSEFS_TAIL_H
#define FLAKEY_FUSEFS_TAIL_H

#include <stdint.h>

struct commit_range;
struct inode;
struct volume;

/* data_truncate(), and what the profile writes before and after it. No lock
 * held. */
int tail_truncate(struct volume *volume, struct inode *inode, int64_t size);

/* space_allocate() likewise. Of a range that is punched or zeroed only whole blocks
 * go by the map; parts of some become zero as data does. No lock held. */
int tail_allocate(struct volume *volume, struct inode *inode, int mode,
		  int64_t offset, int64_t length);

/* Blocks in the range that the store has and that only lose an end by a record:
 * brings the store's to what the live image shows of them, the length of its
 * file left as it is. The commit lock is held, the inode's is not. 0 or an error
 * of the store. */
int tail_write_in_place(struct volume *volume, struct inode *inode,
			const struct commit_range *range);

#endif
