/* SPDX-License-Identifier: MIT */
#include "fusefs/step.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/cleanup.h"
#include "fusefs/apply.h"
#include "fusefs/fault.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/limbo.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/writeback.h"

/* Every file system with xattrs takes values of this size. */
#define XATTR_SURE_BYTES 2048

/* Whether it is the file that has no room for one more xattr, for ever, and not
 * the disk, which would have none for another file's either. */
static bool is_beyond_inode(struct volume *volume,
			    const struct record_xattr *xattr)
{
	if (xattr->value == NULL)
		return false;
	cleanup_fd int fd = store_trial_open(volume->store);
	if (fd < 0)
		return xattr->size_bytes >= XATTR_SURE_BYTES;
	return store_trial_set(fd, xattr->name, xattr->value,
			       xattr->size_bytes) == 0;
}

/* Whether the record waits until the cause is gone. */
static bool may_go_away(struct volume *volume, const struct record *record,
			int r)
{
	if (r == -ENOSPC && record->kind == RECORD_XATTR)
		return !is_beyond_inode(volume, &record->xattr);
	return store_error_passes(r);
}

static void drop_locked(struct volume *volume, struct record *record)
{
	struct inode *inode = record->inode;
	if (record->kind == RECORD_CREATE && inode->limbo != NULL)
		inode->limbo->dropped = true;
	apply_drop_view(record);
	journal_drop_locked(volume, record);
}

/* The store. An xattr that is said to have no room is tried once more where
 * another file has: there may be space again since. */
static int store_record_locked(struct volume *volume, struct record *record,
			       const char **ret_why)
{
	int r = apply_record_locked(volume, record, ret_why);
	if (r == -ENOSPC && !may_go_away(volume, record, r))
		r = apply_record_locked(volume, record, ret_why);
	return r;
}

int step_record_locked(struct volume *volume, enum mode_kind mode,
		       struct record *record, int *ret_refused)
{
	int r = APPLY_LOST;
	if (mode == MODE_ALLOW_WRITES && !record->dropped) {
		const char *why = NULL;
		r = store_record_locked(volume, record, &why);
		if (r == APPLY_LOST)
			writeback_log_lost_locked(volume, record->inode, why);
	}
	if (r < 0 && r != -FAULT_AGAIN)
		writeback_log_locked(volume, record->inode, "store-error",
				     strerror(-r));
	if (r < 0 && may_go_away(volume, record, r))
		return r;
	if (r < 0) {
		writeback_log_lost_locked(volume, record->inode,
					  "the store refuses it");
		*ret_refused = r;
	}
	if (r != 0)
		drop_locked(volume, record);
	else
		journal_settle_locked(volume, record);
	return 0;
}
