/* SPDX-License-Identifier: MIT */
/* A sync of everything does not look at each file. It is counted, and a file that
 * was truncated compares the counts when it matters. */
#include "fusefs/release.h"

#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/profile.h"
#include "fusefs/volume.h"

static bool forgets(const struct volume *volume)
{
	return profile_pushes_on_close(volume->profile) ==
	       PROFILE_CLOSE_AFTER_SHRINKING;
}

static void forget_at_sync_of_all(struct volume *volume, struct inode *inode)
{
	if (inode->dirtied_at >= inode->truncated_at &&
	    inode->dirtied_at < volume->syncs_of_all)
		inode->truncated = false;
}

void release_truncates(struct volume *volume, struct inode *inode, int64_t size)
{
	enum profile_close close = profile_pushes_on_close(volume->profile);
	int64_t block = profile_block_bytes(volume->profile);

	if ((close == PROFILE_CLOSE_AFTER_EMPTYING && size == 0) ||
	    (forgets(volume) && size <= inode->size_bytes &&
	     inode->size_bytes > 0)) {
		inode->truncated = true;
		inode->truncated_at = volume->syncs_of_all;
	}
	/* What is left of the last block is zeroed in memory. */
	if (forgets(volume) && size % block != 0)
		release_dirties(volume, inode);
}

void release_dirties(struct volume *volume, struct inode *inode)
{
	if (!forgets(volume))
		return;
	forget_at_sync_of_all(volume, inode);
	inode->dirtied_at = volume->syncs_of_all;
}

void release_writes(struct volume *volume, struct inode *inode)
{
	if (forgets(volume) && inode->extents != NULL &&
	    inode->extents->dirty_bytes > 0)
		inode->truncated = false;
}

void release_syncs(struct volume *volume, struct inode *inode)
{
	if (forgets(volume))
		inode->truncated = false;
}

bool release_pushes(struct volume *volume, struct inode *inode)
{
	if (forgets(volume))
		forget_at_sync_of_all(volume, inode);
	bool pushes = inode->truncated;
	inode->truncated = false;
	return pushes;
}
