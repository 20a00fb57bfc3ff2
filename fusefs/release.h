/* SPDX-License-Identifier: MIT */
/*
 * What a close does to a file that was truncated: it pushes the data written since,
 * with profiles that say so (profile_pushes_on_close()). With xfs a sync of the file
 * makes it forget the truncation (xfs_file_fsync()), and so does any start of a
 * write-back of its pages: a punch while there are dirty ones, and a sync of everything,
 * if the file had pages to write since the one before.
 *
 * All with the inode's lock.
 */
#ifndef FLAKEY_FUSEFS_RELEASE_H
#define FLAKEY_FUSEFS_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

struct inode;
struct volume;

/* It gets this size now, or its pages became dirty. */
void release_truncates(struct volume *volume, struct inode *inode,
		       int64_t size);
void release_dirties(struct volume *volume, struct inode *inode);
/* It is synced; or write-back of it begins otherwise, in whichever range. */
void release_syncs(struct volume *volume, struct inode *inode);
void release_writes(struct volume *volume, struct inode *inode);
/* It is closed: whether that pushes its data. */
bool release_pushes(struct volume *volume, struct inode *inode);

#endif
