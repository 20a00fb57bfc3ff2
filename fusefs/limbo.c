/* SPDX-License-Identifier: MIT */
#include "fusefs/limbo.h"

#include <assert.h>
#include <errno.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

#include "fusefs/access.h"
#include "fusefs/acl.h"
#include "fusefs/data.h"
#include "fusefs/dentry.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/scratch.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"

int limbo_begin_locked(struct volume *volume, struct inode *inode,
		       struct record_attributes *attributes)
{
	struct limbo *limbo = calloc(1, sizeof(*limbo));
	if (limbo == NULL)
		return -ENOMEM;
	limbo->inode = inode;
	limbo->attributes = *attributes;
	attributes->set &= ~(RECORD_ACCESS_LIST | RECORD_DEFAULT_LIST);
	attributes->access_list = NULL;
	attributes->default_list = NULL;
	list_append(&volume->limbo, &limbo->link);
	inode->limbo = limbo;
	slimlock_write(&inode->lock);
	limbo_take_times_locked(inode);
	xattrs_pay(inode, ACL_ACCESS_NAME);
	xattrs_pay(inode, ACL_DEFAULT_NAME);
	slimlock_unlock(&inode->lock);
	return 0;
}

static void free_xattrs(struct limbo *limbo)
{
	while (limbo->xattrs != NULL) {
		struct limbo_xattr *first = limbo->xattrs;
		limbo->xattrs = first->next;
		free(first->xattr.name);
		free(first->xattr.value);
		free(first);
	}
}

void limbo_free(struct volume *volume, struct inode *inode)
{
	struct limbo *limbo = inode->limbo;
	(void)volume; /* its lock is held */
	if (limbo == NULL)
		return;
	list_remove(&limbo->link);
	free_xattrs(limbo);
	extents_free(limbo->extents);
	free(limbo->attributes.access_list);
	free(limbo->attributes.default_list);
	free(limbo);
	inode->limbo = NULL;
}

/* Attributes and lists */

static void take_list(struct acl **to, struct acl **from)
{
	free(*to);
	*to = *from;
	*from = NULL;
}

static int take_attributes(struct limbo *limbo, struct record *record)
{
	struct record_attributes *now = &limbo->attributes;
	struct record_attributes *change = &record->attributes;
	now->set |= change->set;
	if (change->set & RECORD_MODE)
		now->mode = change->mode;
	if (change->set & RECORD_UID)
		now->uid = change->uid;
	if (change->set & RECORD_GID)
		now->gid = change->gid;
	if (change->set & RECORD_ACCESS_LIST) {
		take_list(&now->access_list, &change->access_list);
		xattrs_pay(limbo->inode, ACL_ACCESS_NAME);
	}
	if (change->set & RECORD_DEFAULT_LIST) {
		take_list(&now->default_list, &change->default_list);
		xattrs_pay(limbo->inode, ACL_DEFAULT_NAME);
	}
	return 0;
}

static void remove_xattr(struct limbo *limbo, const char *name)
{
	struct limbo_xattr **link = &limbo->xattrs;
	while (*link != NULL && strcmp((*link)->xattr.name, name) != 0)
		link = &(*link)->next;
	struct limbo_xattr *found = *link;
	if (found == NULL)
		return;
	*link = found->next;
	free(found->xattr.name);
	free(found->xattr.value);
	free(found);
}

int limbo_add_xattr(struct limbo *limbo, const char *name, const void *value,
		    size_t size)
{
	struct limbo_xattr *added = calloc(1, sizeof(*added));
	if (added == NULL)
		return -ENOMEM;
	added->xattr.name = strdup(name);
	added->xattr.value = malloc(size + 1);
	added->xattr.size_bytes = size;
	if (added->xattr.name == NULL || added->xattr.value == NULL) {
		free(added->xattr.name);
		free(added->xattr.value);
		free(added);
		return -ENOMEM;
	}
	if (size > 0)
		memcpy(added->xattr.value, value, size);
	remove_xattr(limbo, name);
	added->next = limbo->xattrs;
	limbo->xattrs = added;
	return 0;
}

static int take_xattr(struct limbo *limbo, struct record *record)
{
	const struct record_xattr *xattr = &record->xattr;
	int r = 0;
	if (xattr->value == NULL)
		remove_xattr(limbo, xattr->name);
	else
		r = limbo_add_xattr(limbo, xattr->name, xattr->value,
				    xattr->size_bytes);
	if (r < 0)
		return r;
	slimlock_write(&limbo->inode->lock);
	xattrs_pay(limbo->inode, xattr->name);
	slimlock_unlock(&limbo->inode->lock);
	return 0;
}

/* Content */

static struct extents *extents_of(struct volume *volume, struct limbo *limbo)
{
	if (limbo->extents == NULL)
		limbo->extents = extents_new(volume->scratch);
	return limbo->extents;
}

/* Takes a hold of its own. */
static int put_bytes(struct volume *volume, struct limbo *limbo,
		     const struct record_piece *piece)
{
	const struct extent_what what = {.source = piece->source,
					 .seq = LIMBO_PAID,
					 .state = EXTENT_PUSHED};
	if (extents_of(volume, limbo) == NULL)
		return -ENOMEM;
	scratch_hold(volume->scratch, piece->source,
		     (uint64_t)piece->length_bytes);
	int r = extents_put(limbo->extents, piece->offset_bytes,
			    piece->length_bytes, &what);
	if (r < 0)
		scratch_drop(volume->scratch, piece->source,
			     (uint64_t)piece->length_bytes);
	else if (piece->offset_bytes + piece->length_bytes > limbo->size_bytes)
		limbo->size_bytes = piece->offset_bytes + piece->length_bytes;
	return r;
}

static int cut(struct limbo *limbo, int64_t from, int64_t to)
{
	return limbo->extents == NULL || to <= from
		       ? 0
		       : extents_cut(limbo->extents, from, to - from);
}

static int take_size(struct limbo *limbo, int64_t size)
{
	int r = cut(limbo, size, DATA_END);
	if (r == 0)
		limbo->size_bytes = size;
	return r;
}

static int take_pieces(struct volume *volume, struct limbo *limbo,
		       const struct record_pieces *pieces)
{
	int r = 0;
	for (size_t i = 0; i < pieces->count && r == 0; i++)
		r = put_bytes(volume, limbo, &pieces->list[i]);
	return r;
}

/* Everything from `from` on lies delta bytes further. */
static int shift(struct volume *volume, struct limbo *limbo, int64_t from,
		 int64_t delta)
{
	struct limbo moved = {.inode = limbo->inode};
	int r = 0;
	for (const struct extent *extent = extents_at(limbo->extents, 0);
	     extent != NULL && r == 0; extent = extents_next(extent)) {
		const struct record_piece piece = {
			.offset_bytes = extent->offset_bytes >= from
						? extent->offset_bytes + delta
						: extent->offset_bytes,
			.length_bytes = extent->length_bytes,
			.source = extent->source,
		};
		r = put_bytes(volume, &moved, &piece);
	}
	if (r < 0) {
		extents_free(moved.extents);
		return r;
	}
	extents_free(limbo->extents);
	limbo->extents = moved.extents;
	limbo->size_bytes += delta;
	return 0;
}

static int take_space(struct volume *volume, struct limbo *limbo,
		      const struct record_space *space)
{
	int64_t from = space->offset_bytes;
	int64_t to = from + space->length_bytes;
	int r = 0;
	if (space->mode & FALLOC_FL_INSERT_RANGE) {
		if (limbo->extents != NULL)
			r = extents_split(limbo->extents, from);
		return r < 0 ? r : shift(volume, limbo, from, to - from);
	}
	if (space->mode & FALLOC_FL_COLLAPSE_RANGE) {
		r = cut(limbo, from, to);
		return r < 0 ? r : shift(volume, limbo, to, from - to);
	}
	if (space->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		r = cut(limbo, from, to);
	if (r == 0 && !(space->mode & FALLOC_FL_KEEP_SIZE) &&
	    to > limbo->size_bytes)
		limbo->size_bytes = to;
	return r;
}

/* What the record showed in the live image is paid for: bytes; zeros are behind
 * all others. */
static void pay_view(struct volume *volume, struct inode *inode, uint64_t seq)
{
	slimlock_write(&inode->lock);
	struct extent *extent = extents_at(inode->extents, 0);
	while (extent != NULL) {
		struct extent *next = extents_next(extent);
		bool shown =
			extent->state == EXTENT_PUSHED && extent->seq == seq;
		if (shown && extent->source != EXTENT_ZERO)
			extents_mark(inode->extents, extent, EXTENT_PUSHED,
				     LIMBO_PAID);
		else if (shown)
			/* Without memory it stays, and is right. */
			(void)extents_cut(inode->extents, extent->offset_bytes,
					  extent->length_bytes);
		extent = next;
	}
	data_trim(volume, inode);
	slimlock_unlock(&inode->lock);
}

int limbo_take_record_locked(struct volume *volume, struct record *record)
{
	struct limbo *limbo = record->inode->limbo;
	int r = -EINVAL;
	switch (record->kind) {
	case RECORD_ATTRIBUTES:
		slimlock_write(&record->inode->lock);
		r = take_attributes(limbo, record);
		slimlock_unlock(&record->inode->lock);
		return r;
	case RECORD_XATTR:
		return take_xattr(limbo, record);
	case RECORD_SIZE:
		r = take_size(limbo, record->size_bytes);
		break;
	case RECORD_DATA:
		r = take_pieces(volume, limbo, &record->pieces);
		break;
	case RECORD_SPACE:
		r = take_space(volume, limbo, &record->space);
		break;
	default:
		break;
	}
	if (r == 0)
		pay_view(volume, record->inode, record->seq);
	return r;
}

int limbo_take_data_locked(struct volume *volume, struct inode *inode,
			   int64_t from, int64_t to)
{
	if (inode->extents == NULL)
		return 0;
	int r = extents_split(inode->extents, from);
	if (r == 0 && to < DATA_END)
		r = extents_split(inode->extents, to);
	for (struct extent *extent = extents_at(inode->extents, from);
	     extent != NULL && extent->offset_bytes < to && r == 0;
	     extent = extents_next(extent)) {
		if (extent->state != EXTENT_DIRTY)
			continue;
		const struct record_piece piece = {
			.offset_bytes = extent->offset_bytes,
			.length_bytes = extent->length_bytes,
			.source = extent->source,
		};
		r = put_bytes(volume, inode->limbo, &piece);
		if (r == 0)
			extents_mark(inode->extents, extent, EXTENT_PUSHED,
				     LIMBO_PAID);
	}
	if (r == 0 && inode->extents->dirty_bytes == 0 &&
	    inode->extents->clean_bytes == 0)
		inode->written->dirty_since_ns = 0;
	return r;
}

int limbo_put_locked(struct volume *volume, struct inode *inode,
		     const struct record_piece *piece)
{
	return put_bytes(volume, inode->limbo, piece);
}

void limbo_reach_locked(struct inode *inode, int64_t size_bytes)
{
	if (inode->limbo->size_bytes < size_bytes)
		inode->limbo->size_bytes = size_bytes;
}

void limbo_take_times_locked(struct inode *inode)
{
	inode->limbo->times[0] = inode->atime;
	inode->limbo->times[1] = inode->mtime;
}

static int describe(struct inode *inode, struct record_attributes *attributes)
{
	attributes->set = RECORD_MODE | RECORD_UID | RECORD_GID;
	attributes->mode = inode->mode;
	attributes->uid = inode->uid;
	attributes->gid = inode->gid;
	return access_describe(inode, attributes);
}

int limbo_begin_unnamed_locked(struct volume *volume, struct inode *inode)
{
	struct record_attributes attributes = {0};
	int r = describe(inode, &attributes);
	if (r == 0)
		r = limbo_begin_locked(volume, inode, &attributes);
	if (r == 0)
		return 0;
	free(attributes.access_list);
	free(attributes.default_list);
	inode->nlookup = 0;
	inode_release_locked(volume, inode);
	return r;
}

/* What lies in no extent of the live image is zeros for a file in limbo; what
 * was dropped by the disk is shown, and not paid for. */
static int copy_view(struct volume *volume, struct inode *inode,
		     struct limbo *copy)
{
	int r = 0;
	for (struct extent *extent = extents_at(inode->extents, 0);
	     extent != NULL && r == 0; extent = extents_next(extent)) {
		if (extent->source == EXTENT_ZERO ||
		    extent->state == EXTENT_CLEAN)
			continue;
		const struct record_piece piece = {
			.offset_bytes = extent->offset_bytes,
			.length_bytes = extent->length_bytes,
			.source = extent->source,
		};
		r = put_bytes(volume, copy, &piece);
	}
	return r;
}

int limbo_take_unnamed_locked(struct volume *volume, struct inode *inode)
{
	struct limbo *limbo = inode->limbo;
	struct limbo copy = {.inode = inode};
	struct record record = {.inode = inode};
	slimlock_write(&inode->lock);
	int r = copy_view(volume, inode, &copy);
	if (r == 0)
		r = xattrs_copy(inode, &copy);
	if (r == 0)
		r = describe(inode, &record.attributes);
	if (r == 0) {
		extents_free(limbo->extents);
		limbo->extents = copy.extents;
		free_xattrs(limbo);
		limbo->xattrs = copy.xattrs;
		limbo->size_bytes = inode->size_bytes;
		record.attributes.set |=
			RECORD_ACCESS_LIST | RECORD_DEFAULT_LIST;
		(void)take_attributes(limbo, &record);
		limbo_take_times_locked(inode);
		limbo->seq = inode->sync_seq;
		data_pay(inode);
	} else {
		extents_free(copy.extents);
		free_xattrs(&copy);
	}
	free(record.attributes.access_list);
	free(record.attributes.default_list);
	slimlock_unlock(&inode->lock);
	return r;
}

bool limbo_is_plain(const struct limbo *limbo)
{
	return limbo->size_bytes == 0 && limbo->xattrs == NULL &&
	       (limbo->extents == NULL || limbo->extents->count == 0);
}

static bool is_paid(const struct extent *extent)
{
	return extent->state == EXTENT_PUSHED && extent->seq == LIMBO_PAID;
}

void limbo_leave_locked(struct volume *volume, struct inode *inode)
{
	slimlock_write(&inode->lock);
	struct extent *extent = extents_at(inode->extents, 0);
	while (extent != NULL) {
		struct extent *next = extents_next(extent);
		/* Without memory it is shown from here on, too: the bytes are
		 * the same. */
		if (is_paid(extent))
			(void)extents_cut(inode->extents, extent->offset_bytes,
					  extent->length_bytes);
		extent = next;
	}
	data_trim(volume, inode);
	xattrs_settle_paid(inode);
	slimlock_unlock(&inode->lock);
	limbo_free(volume, inode);
}

void limbo_bury_locked(struct volume *volume, struct inode *inode)
{
	inode_pin(inode);
	slimlock_write(&inode->lock);
	inode->lingers = false;
	pthread_mutex_lock(&volume->journal.lock);
	struct list graves;
	list_init(&graves);
	list_for_each(node, following, &inode->records) {
		struct record *record =
			list_entry(node, struct record, inode_link);
		if (record->from == NULL && record->to == NULL &&
		    !record->selected) {
			list_remove(&record->link);
			list_append(&graves, &record->link);
		}
	}
	pthread_mutex_unlock(&volume->journal.lock);
	while (!list_empty(&graves))
		journal_settle_locked(
			volume, list_entry(graves.next, struct record, link));
	slimlock_unlock(&inode->lock);
	limbo_free(volume, inode);
	inode_unpin_locked(volume, inode);
}
