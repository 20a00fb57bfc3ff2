/* SPDX-License-Identifier: MIT */
/*
 * A file that came and went between two commits: its records undo each other,
 * and the store need never hear of it.
 */
#ifndef FLAKEY_FUSEFS_STILLBORN_H
#define FLAKEY_FUSEFS_STILLBORN_H

#include <stdbool.h>

struct inode;
struct volume;

/* Whether no commit, of all or of any part, could tell that the records of the
 * inode, which has just lost a name, are not there. */
bool stillborn_is_locked(struct volume *volume, struct inode *inode);

/* Takes all records of the inode out of the journal. */
void stillborn_cancel_locked(struct volume *volume, struct inode *inode);

#endif
