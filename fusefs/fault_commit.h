/* SPDX-License-Identifier: MIT */
/*
 * A commit that somebody asks for, as fault rules will have it: those at the
 * point store/commit, and what the sync was told before. To be put around the
 * call, without a lock but the gate:
 *
 *	int r = fault_commit_begin(&asked, volume, inode);
 *	if (r == 0)
 *		r = fault_commit_end(&asked, commit_sync(...));
 */
#ifndef FLAKEY_FUSEFS_FAULT_COMMIT_H
#define FLAKEY_FUSEFS_FAULT_COMMIT_H

#include <stdbool.h>

#include "fusefs/commit.h"
#include "fusefs/fault_store.h"

struct inode;
struct volume;

struct fault_commit {
	struct fault_store store;
	struct commit_fault obeyed;
	int error;	/* with which commit_fail() is to be called, or 0 */
	int fail_after; /* the error that it ends with though it is done, or 0 */
	bool armed;
};

/* inode: NULL for a commit of everything. 0, or the error that there is instead
 * of a commit. */
int fault_commit_begin(struct fault_commit *asked, struct volume *volume,
		       struct inode *inode);
/* r: the commit's. The result that is told. */
int fault_commit_end(struct fault_commit *asked, int r);

#endif
