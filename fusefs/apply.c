/* SPDX-License-Identifier: MIT */
#include "fusefs/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "fusefs/access.h"
#include "fusefs/adopt.h"
#include "fusefs/data.h"
#include "fusefs/dentry.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/limbo.h"
#include "fusefs/profile.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/surface.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"

static bool is_stored(const struct volume *volume,
		      const struct inode *directory)
{
	return directory == volume->root || !list_empty(&directory->durable);
}

static int lost(const char **ret_why, const char *why)
{
	*ret_why = why;
	return APPLY_LOST;
}

static void settle_lists(struct record *record)
{
	if (record->attributes.set &
	    (RECORD_ACCESS_LIST | RECORD_DEFAULT_LIST)) {
		slimlock_write(&record->inode->lock);
		access_settle(record->inode, &record->attributes);
		slimlock_unlock(&record->inode->lock);
	}
}

/* In a directory in limbo a name means durably what is said, and the store has
 * nothing to do with it. */
static bool is_limbo(const struct dentry *dentry)
{
	return dentry->directory->limbo != NULL;
}

/* Neither live nor durable. In limbo it can still get one of the names that it had,
 * if that is kept. */
static bool is_gone(struct volume *volume, const struct inode *inode)
{
	return inode->nlink == 0 && !inode->unnamed &&
	       list_empty(&inode->durable) &&
	       !(volume->salvaging && inode->limbo != NULL &&
		 journal_awaits_name(&volume->journal, inode));
}

/* What was committed by parts has taken it away before it could get the name that
 * the record is about: nothing is left to give it to, and it is lost again by
 * what is still to come. */
static bool has_passed(struct volume *volume, const struct inode *inode)
{
	return profile_is_partial(volume->profile) && is_gone(volume, inode) &&
	       (inode->in_store || inode->limbo == NULL);
}

static void bury(struct volume *volume, struct inode *inode)
{
	if (inode != NULL && is_gone(volume, inode) &&
	    profile_is_partial(volume->profile))
		limbo_bury_locked(volume, inode);
}

int apply_leave_locked(struct volume *volume, struct dentry *from)
{
	struct inode *inode = from->durable;
	int r = 0;
	if (is_limbo(from)) {
		dentry_set_durable_locked(from, NULL);
	} else {
		r = adopt_orphan_locked(volume, from);
		if (r == 0)
			r = store_unlink_locked(volume, from);
	}
	if (r < 0)
		adopt_undo_locked(volume, inode);
	else
		bury(volume, inode);
	return r;
}

/* With a profile that commits by parts: the record's inode gets the name,
 * wherever it is now. */
static int apply_enter(struct volume *volume, struct record *record,
		       const char **ret_why)
{
	struct inode *inode = record->inode;
	struct dentry *to = record->to;
	if (to->durable == inode)
		return 0;
	if (!is_limbo(to) && !is_stored(volume, to->directory))
		return lost(ret_why, "its directory was dropped");
	if (to->durable != NULL && to->durable != record->replaced)
		return lost(ret_why, "the removal of its name was dropped");
	if (has_passed(volume, inode))
		return to->durable == NULL ? 0 : apply_leave_locked(volume, to);
	if (inode->limbo != NULL ? inode->limbo->dropped : !inode->in_store)
		return lost(ret_why, "the file was dropped");
	struct inode *replaced = to->durable;
	int r = 0;
	if (is_limbo(to)) {
		dentry_set_durable_locked(to, inode);
	} else {
		if (replaced != NULL)
			r = adopt_orphan_locked(volume, to);
		if (r == 0)
			r = surface_locked(volume, to, inode);
		if (r < 0 && replaced != NULL)
			adopt_undo_locked(volume, replaced);
	}
	if (r == 0)
		bury(volume, replaced);
	return r;
}

static int apply_create(struct volume *volume, struct record *record,
			const char **ret_why)
{
	if (!is_stored(volume, record->to->directory))
		return lost(ret_why, "its directory was dropped");
	if (record->to->durable != NULL)
		return lost(ret_why, "the removal of its name was dropped");
	int r = store_create_locked(volume, record->to, record->inode,
				    &record->attributes);
	if (r == 0)
		settle_lists(record);
	return r;
}

static int apply_link(struct volume *volume, struct record *record,
		      const char **ret_why)
{
	if (!record->inode->in_store)
		return lost(ret_why, "the file was dropped");
	if (!is_stored(volume, record->to->directory))
		return lost(ret_why, "its directory was dropped");
	if (record->to->durable != NULL)
		return lost(ret_why, "the removal of its name was dropped");
	int r = store_link_locked(volume, record->to, record->inode);
	if (r == -ENOENT && list_empty(&record->inode->durable))
		return lost(ret_why, "its other names were dropped");
	return r;
}

static int apply_unlink(struct volume *volume, struct record *record,
			const char **ret_why)
{
	struct dentry *from = record->from;
	if (from->durable == NULL)
		return 0; /* it never arrived, so nothing is left to remove */
	if (from->durable != record->inode)
		return lost(ret_why, "the name means an older file");
	int r = apply_leave_locked(volume, from);
	if (r == -ENOTEMPTY)
		return lost(ret_why, "removals inside it were dropped");
	return r;
}

/* Between two directories of which at least one is in limbo. */
static int move_in_limbo(struct volume *volume, struct record *record,
			 bool exchange, const char **ret_why)
{
	struct dentry *from = record->from;
	struct dentry *to = record->to;
	struct inode *inode = from->durable;
	if (is_limbo(from) && is_limbo(to)) {
		dentry_set_durable_locked(from, exchange ? to->durable : NULL);
		dentry_set_durable_locked(to, inode);
		return 0;
	}
	/* What is in the store cannot go where nothing leads to. */
	if (exchange || !is_limbo(from) || inode->in_store)
		return lost(ret_why, "the target's directory was dropped");
	dentry_set_durable_locked(from, NULL);
	int r = apply_enter(volume, record, ret_why);
	if (r != 0)
		dentry_set_durable_locked(from, inode);
	return r;
}

static int move_in_store(struct volume *volume, struct record *record,
			 bool exchange)
{
	struct inode *replaced = exchange ? NULL : record->to->durable;
	int r = 0;
	if (replaced != NULL)
		r = adopt_orphan_locked(volume, record->to);
	if (r == 0)
		r = store_rename_locked(volume, record->from, record->to,
					exchange);
	if (r < 0 && replaced != NULL)
		adopt_undo_locked(volume, replaced);
	return r;
}

/* Of an exchange with one that has passed, the move of the other one is left. */
static void reduce_exchange(struct volume *volume, struct record *record)
{
	if (record->to->durable == NULL &&
	    has_passed(volume, record->replaced)) {
		record->kind = RECORD_RENAME;
	} else if (record->from->durable == NULL &&
		   has_passed(volume, record->inode)) {
		struct dentry *from = record->from;
		record->kind = RECORD_RENAME;
		record->from = record->to;
		record->to = from;
		record->inode = record->replaced;
	}
	if (record->kind == RECORD_RENAME)
		record->replaced = NULL;
}

static int rename_one(struct volume *volume, struct record *record,
		      const char **ret_why)
{
	bool exchange = record->kind == RECORD_EXCHANGE;
	if (record->from->durable == NULL &&
	    has_passed(volume, record->inode)) {
		if (record->to->durable == NULL)
			return 0;
		return record->to->durable == record->replaced
			       ? apply_leave_locked(volume, record->to)
			       : lost(ret_why, "the target is an older file");
	}
	if (record->from->durable != record->inode)
		return lost(ret_why, "what is renamed was dropped");
	if (!is_stored(volume, record->to->directory) && !is_limbo(record->to))
		return lost(ret_why, "the target's directory was dropped");
	if (record->to->durable != record->replaced &&
	    (exchange || record->to->durable != NULL))
		return lost(ret_why, "the target is an older file");
	int r = is_limbo(record->from) || is_limbo(record->to)
			? move_in_limbo(volume, record, exchange, ret_why)
			: move_in_store(volume, record, exchange);
	if (r == -ENOTEMPTY)
		return lost(ret_why, "removals inside the target were dropped");
	if (r == -EINVAL)
		return lost(ret_why,
			    "in the store it would go below itself: an earlier"
			    " move was dropped");
	if (r == 0 && !exchange)
		bury(volume, record->replaced);
	return r;
}

static int apply_rename(struct volume *volume, const struct record *record,
			const char **ret_why)
{
	/* Not its links, which are the journal's. */
	struct record left = {
		.seq = record->seq,
		.kind = record->kind,
		.inode = record->inode,
		.replaced = record->replaced,
		.from = record->from,
		.to = record->to,
		.moved = record->moved,
	};
	if (record->kind == RECORD_EXCHANGE)
		reduce_exchange(volume, &left);
	return rename_one(volume, &left, ret_why);
}

/* Cuts what still shows the piece; later writes over it stay. */
static void settle_piece(struct inode *inode, const struct record_piece *piece)
{
	int64_t end = piece->offset_bytes + piece->length_bytes;
	int64_t offset = piece->offset_bytes;
	while (offset < end) {
		struct extent *extent = extents_at(inode->extents, offset);
		if (extent == NULL || extent->offset_bytes >= end)
			return;
		int64_t from = extent->offset_bytes > offset
				       ? extent->offset_bytes
				       : offset;
		int64_t to =
			extents_end(extent) < end ? extents_end(extent) : end;
		/* Not what the disk only says it has. */
		bool same =
			extent->source != EXTENT_ZERO &&
			extent->state != EXTENT_CLEAN &&
			extent->source - (uint64_t)extent->offset_bytes ==
				piece->source - (uint64_t)piece->offset_bytes;
		/* Without memory for the cut it is shown from here on, too:
		 * the bytes are the same. */
		if (same && extents_cut(inode->extents, from, to - from) < 0)
			return;
		offset = to;
	}
}

void apply_settle_pieces(struct volume *volume, struct inode *inode,
			 const struct record_pieces *pieces)
{
	int64_t block = profile_block_bytes(volume->profile);
	struct inode_written *written = inode->written;
	for (size_t i = 0; i < pieces->count; i++) {
		const struct record_piece *piece = &pieces->list[i];
		int64_t end = piece->offset_bytes + piece->length_bytes;
		settle_piece(inode, piece);
		int64_t known = (written->allocated_bytes + block - 1) / block;
		if (piece->offset_bytes <= known * block &&
		    end > written->allocated_bytes)
			written->allocated_bytes = end;
		if (end >= inode->size_bytes)
			written->tail_block = (end - 1) / block * block;
	}
	data_trim(volume, inode);
}

/* The extents that only hid the store's old state are not needed any more; but
 * where the size was dropped before, the last one is all that knows it. */
static void settle_seq(struct volume *volume, const struct record *record,
		       int64_t stored_bytes)
{
	struct inode *inode = record->inode;
	int64_t from;
	int64_t to;
	journal_range(record, &from, &to);
	struct extent *extent = extents_at(inode->extents, from);
	while (extent != NULL && extent->offset_bytes < to) {
		struct extent *next = extents_next(extent);
		bool mine = extent->state == EXTENT_PUSHED &&
			    extent->seq == record->seq;
		bool last = extent->offset_bytes < inode->size_bytes &&
			    extents_end(extent) >= inode->size_bytes;
		if (mine && last && stored_bytes < inode->size_bytes)
			extents_mark(inode->extents, extent, EXTENT_CLEAN,
				     record->seq);
		else if (mine)
			(void)extents_cut(inode->extents, extent->offset_bytes,
					  extent->length_bytes);
		extent = next;
	}
	data_trim(volume, inode);
}

static void forget_blocks(struct volume *volume, struct inode *inode,
			  const struct record *record)
{
	int64_t block = profile_block_bytes(volume->profile);
	const struct record_space *space = &record->space;
	bool cut = record->kind == RECORD_SIZE;
	int64_t from = cut ? record->size_bytes : space->offset_bytes;
	from = (from + block - 1) / block * block;
	/* Parts of blocks are zeroed, and stay. */
	if (!cut &&
	    space->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) &&
	    (space->offset_bytes + space->length_bytes) / block * block <= from)
		return;
	struct inode_written *written = inode->written;
	if (written->allocated_bytes > from)
		written->allocated_bytes = from;
	if (written->tail_block >= from)
		written->tail_block = -1;
}

static int apply_pieces_unlocked(struct volume *volume, struct record *record,
				 int fd)
{
	struct inode *inode = record->inode;
	inode_pin(inode);
	pthread_mutex_unlock(&volume->lock);
	struct apply_lost lost = {0};
	int r = apply_pieces(volume, inode, fd, &record->pieces,
			     record->maps_only ? NULL : &lost);
	/* Who syncs the file is told, this commit is not about it. */
	(void)apply_lose(volume, inode, &lost);
	pthread_mutex_lock(&volume->lock);
	inode_unpin_locked(volume, inode);
	return r;
}

/* What the file may do with its content was decided when it was changed, and
 * is in records of its own; the store's system decides again and must not. */
static int apply_data(struct volume *volume, struct record *record, int fd)
{
	struct stat st;
	int r = store_file_stat(fd, &st);
	if (r < 0)
		return r;
	struct store_privileges privileges;
	store_save_privileges(record->inode, fd, st.st_mode, &privileges);
	if (record->grows && st.st_size >= record->size_bytes)
		r = 0;
	else if (record->kind == RECORD_SIZE)
		r = store_truncate(fd, record->size_bytes);
	else if (record->kind == RECORD_SPACE)
		r = store_space(fd, &record->space);
	else if (record->unwritten)
		r = apply_reach(fd, &record->pieces);
	else
		r = apply_pieces_unlocked(volume, record, fd);
	return r < 0 ? r : store_restore_privileges(fd, &privileges);
}

static int apply_content(struct volume *volume, struct record *record,
			 const char **ret_why)
{
	struct inode *inode = record->inode;
	if (inode->limbo != NULL)
		return limbo_take_record_locked(volume, record);
	if (!inode->in_store)
		return inode->nlink == 0
			       ? 0
			       : lost(ret_why, "the file was dropped");
	int fd;
	int r = store_get_fd_locked(volume, inode, true, &fd);
	if (r == -ENOENT && inode->nlink == 0)
		return 0; /* unlinked since: nobody can see it any more */
	if (r == -ENOENT && list_empty(&inode->durable))
		return lost(ret_why, "its names were dropped");
	if (r < 0)
		return r;
	r = apply_data(volume, record, fd);
	store_put_fd(volume->store, inode);
	if (r == -EINVAL && record->kind == RECORD_SPACE)
		return lost(ret_why, "the data that it moves was dropped");
	if (r < 0)
		return r;
	struct stat st;
	bool known = store_get_fd_locked(volume, inode, false, &fd) == 0;
	if (known) {
		known = store_file_stat(fd, &st) == 0;
		store_put_fd(volume->store, inode);
	}
	slimlock_write(&inode->lock);
	if (known)
		inode->blocks = (uint64_t)st.st_blocks;
	/* The step has changed the store's mtime: this commit mends it. */
	inode_note_times(volume, inode);
	if (record->kind == RECORD_DATA) {
		apply_settle_pieces(volume, inode, &record->pieces);
	} else {
		forget_blocks(volume, inode, record);
		settle_seq(volume, record, known ? st.st_size : INT64_MAX);
	}
	slimlock_unlock(&inode->lock);
	return 0;
}

static int apply_status(struct volume *volume, struct record *record,
			const char **ret_why)
{
	struct inode *inode = record->inode;
	if (inode->limbo != NULL)
		return limbo_take_record_locked(volume, record);
	if (inode != volume->root && !inode->in_store)
		return inode->nlink == 0
			       ? 0
			       : lost(ret_why, "the file was dropped");
	int r;
	if (record->kind == RECORD_ATTRIBUTES)
		r = store_set_attributes_locked(volume, inode,
						&record->attributes);
	else
		r = store_set_xattr_locked(volume, inode, record->xattr.name,
					   record->xattr.value,
					   record->xattr.size_bytes);
	if (r == -ENOENT && inode->nlink == 0)
		return 0;
	if (r == -ENOENT && list_empty(&inode->durable))
		return lost(ret_why, "its names were dropped");
	if (r == 0 && record->kind == RECORD_XATTR) {
		slimlock_write(&inode->lock);
		xattrs_settle(inode, record->xattr.name);
		slimlock_unlock(&inode->lock);
	}
	if (r == 0 && record->kind == RECORD_ATTRIBUTES)
		settle_lists(record);
	return r;
}

int apply_record_locked(struct volume *volume, struct record *record,
			const char **ret_why)
{
	bool partial = profile_is_partial(volume->profile);
	switch (record->kind) {
	case RECORD_CREATE:
		return partial ? apply_enter(volume, record, ret_why)
			       : apply_create(volume, record, ret_why);
	case RECORD_LINK:
		return partial ? apply_enter(volume, record, ret_why)
			       : apply_link(volume, record, ret_why);
	case RECORD_UNLINK:
		return apply_unlink(volume, record, ret_why);
	case RECORD_RENAME:
	case RECORD_EXCHANGE:
		return apply_rename(volume, record, ret_why);
	case RECORD_ATTRIBUTES:
	case RECORD_XATTR:
		return apply_status(volume, record, ret_why);
	case RECORD_SIZE:
	case RECORD_DATA:
	case RECORD_SPACE:
		return apply_content(volume, record, ret_why);
	}
	return -EINVAL;
}

void apply_drop_view(struct record *record)
{
	struct inode *inode = record->inode;
	int64_t from;
	int64_t to;
	journal_range(record, &from, &to);
	if (from == to)
		return;
	slimlock_write(&inode->lock);
	for (struct extent *extent = extents_at(inode->extents, from);
	     extent != NULL && extent->offset_bytes < to;
	     extent = extents_next(extent))
		if (extent->state == EXTENT_PUSHED &&
		    extent->seq == record->seq)
			extents_mark(inode->extents, extent, EXTENT_CLEAN,
				     record->seq);
	slimlock_unlock(&inode->lock);
}
