/* SPDX-License-Identifier: MIT */
/*
 * Records that do no more than take a free name and give it back cancel out
 * where a commit takes all of them. One by parts takes all of a name's, but of
 * two names that a rename connects it may take the rename with what made the
 * first one, and not yet the removal of the second.
 */
#include "fusefs/stillborn.h"

#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/logtree.h"
#include "fusefs/profile.h"
#include "fusefs/volume.h"

static bool is_simple(const struct volume *volume, const struct record *record)
{
	if (record->replaced != NULL || record->kind == RECORD_EXCHANGE ||
	    record->selected)
		return false;
	return record->kind != RECORD_RENAME ||
	       !profile_is_partial(volume->profile);
}

bool stillborn_is_locked(struct volume *volume, struct inode *inode)
{
	if (inode->in_store || inode->nlink > 0 || inode->dead ||
	    !list_empty(&inode->durable))
		return false;
	if (inode->directory != NULL && inode->directory->records > 0)
		return false;
	uint32_t count = 0;
	bool simple = true;
	pthread_mutex_lock(&volume->journal.lock);
	list_for_each(node, following, &inode->records) {
		const struct record *record =
			list_entry(node, struct record, inode_link);
		count++;
		simple = simple && is_simple(volume, record);
	}
	pthread_mutex_unlock(&volume->journal.lock);
	/* Any other pin is a record of another file that counts on this one,
	 * or one that was dropped. */
	return simple && count > 0 &&
	       inode->pins == count + logtree_pins(inode->log);
}

void stillborn_cancel_locked(struct volume *volume, struct inode *inode)
{
	inode_pin(inode);
	slimlock_write(&inode->lock);
	/* It has records, and nobody else takes them away now. */
	uint64_t first =
		list_entry(inode->records.next, struct record, inode_link)->seq;
	journal_add_gap(&volume->journal, first);
	while (!list_empty(&inode->records)) {
		struct record *record = list_entry(inode->records.next,
						   struct record, inode_link);
		journal_settle_locked(volume, record);
	}
	slimlock_unlock(&inode->lock);
	inode_unpin_locked(volume, inode);
}
