/* SPDX-License-Identifier: MIT */
/*
 * What the live image shows already is left out; only the rest is copied to the
 * scratch file, and then shown from there. The bytes are the same, so nobody
 * sees a difference, whether the name goes afterwards or not.
 */
#include "fusefs/adopt.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "fusefs/acl.h"
#include "fusefs/data.h"
#include "fusefs/dentry.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/limbo.h"
#include "fusefs/profile.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"

#define COPY_BYTES ((size_t)256 << 10)

/* A copy on its way. */
struct copy {
	struct volume *volume;
	struct inode *inode;
	int fd;
	char *buffer; /* COPY_BYTES */
	struct extents *extents;
};

/* The next bytes in [from, end) that the live image takes from the store. Only a
 * commit makes them more, so the lock need not be kept. */
static bool next_gap(struct inode *inode, int64_t from, int64_t end,
		     int64_t *ret_from, int64_t *ret_to)
{
	slimlock_read(&inode->lock);
	const struct extent *extent = extents_at(inode->extents, from);
	while (extent != NULL && extent->offset_bytes <= from) {
		from = extents_end(extent);
		extent = extents_next(extent);
	}
	*ret_from = from;
	*ret_to = end;
	if (extent != NULL && extent->offset_bytes < end)
		*ret_to = extent->offset_bytes;
	slimlock_unlock(&inode->lock);
	return from < end;
}

static int copy_bytes(struct copy *copy, int64_t from, int64_t to)
{
	struct scratch *scratch = copy->volume->scratch;
	while (from < to) {
		struct extent_what what = {.state = EXTENT_PUSHED};
		size_t had = COPY_BYTES;
		if ((int64_t)had > to - from)
			had = (size_t)(to - from);
		int r = scratch_alloc(scratch, had, &what.source, &had);
		if (r < 0)
			return r;
		ssize_t n = store_read(copy->fd, copy->buffer, had, from);
		r = n < 0 ? (int)n : (size_t)n < had ? -EIO : 0;
		if (r == 0)
			r = scratch_write(scratch, what.source, copy->buffer,
					  had);
		if (r == 0)
			r = extents_put(copy->extents, from, (int64_t)had,
					&what);
		if (r < 0) {
			scratch_drop(scratch, what.source, had);
			return r;
		}
		from += (int64_t)had;
	}
	return 0;
}

/* Copies what the store has in [from, to), without its holes. */
static int copy_gap(struct copy *copy, int64_t from, int64_t to)
{
	while (from < to) {
		int64_t data = store_seek(copy->fd, from, false);
		if (data == -ENXIO || data >= to)
			return 0;
		if (data < 0)
			return (int)data;
		int64_t hole = store_seek(copy->fd, data, true);
		if (hole < 0)
			return (int)hole;
		if (hole > to)
			hole = to;
		int r = copy_bytes(copy, data, hole);
		if (r < 0)
			return r;
		from = hole;
	}
	return 0;
}

static int copy_store(struct copy *copy, int64_t size)
{
	int64_t from = 0;
	int64_t to = 0;
	int r = 0;
	while (r == 0 && next_gap(copy->inode, to, size, &from, &to))
		r = copy_gap(copy, from, to);
	return r;
}

/* Shows a part of the copy wherever nothing newer is shown. */
static int show(struct copy *copy, const struct extent *part)
{
	struct inode *inode = copy->inode;
	int64_t end = extents_end(part);
	int64_t from = part->offset_bytes;
	while (from < end) {
		const struct extent *extent = extents_at(inode->extents, from);
		if (extent != NULL && extent->offset_bytes <= from) {
			from = extents_end(extent);
			continue;
		}
		int64_t to = end;
		if (extent != NULL && extent->offset_bytes < end)
			to = extent->offset_bytes;
		struct extent_what what = {
			.source = part->source +
				  (uint64_t)(from - part->offset_bytes),
			.state = EXTENT_PUSHED,
		};
		scratch_hold(copy->volume->scratch, what.source,
			     (uint64_t)(to - from));
		int r = extents_put(inode->extents, from, to - from, &what);
		if (r < 0) {
			scratch_drop(copy->volume->scratch, what.source,
				     (uint64_t)(to - from));
			return r;
		}
		from = to;
	}
	return 0;
}

static int show_all(struct copy *copy)
{
	if (copy->extents->count == 0)
		return 0;
	struct inode *inode = copy->inode;
	slimlock_write(&inode->lock);
	int r = data_extents(copy->volume, inode) == NULL ? -ENOMEM : 0;
	for (const struct extent *part = extents_at(copy->extents, 0);
	     part != NULL && r == 0; part = extents_next(part))
		r = show(copy, part);
	data_trim(copy->volume, inode);
	slimlock_unlock(&inode->lock);
	return r;
}

static int adopt_data(struct volume *volume, struct inode *inode, int fd,
		      struct limbo *limbo)
{
	cleanup_free char *buffer = malloc(COPY_BYTES);
	struct copy copy = {
		.volume = volume, .inode = inode, .fd = fd, .buffer = buffer};
	struct stat st;
	int r = store_file_stat(fd, &st);
	if (r < 0)
		return r;
	copy.extents = extents_new(volume->scratch);
	if (buffer == NULL || copy.extents == NULL)
		r = -ENOMEM;
	if (r == 0)
		/* In limbo there must be all of it. */
		r = limbo != NULL ? copy_gap(&copy, 0, st.st_size)
				  : copy_store(&copy, st.st_size);
	if (r == 0)
		r = show_all(&copy);
	if (r == 0 && limbo != NULL) {
		limbo->extents = copy.extents;
		limbo->size_bytes = st.st_size;
	} else {
		extents_free(copy.extents);
	}
	return r;
}

static int adopt_regular_locked(struct volume *volume, struct inode *inode,
				int fd, struct limbo *limbo)
{
	inode_pin(inode);
	pthread_mutex_unlock(&volume->lock);
	int r = adopt_data(volume, inode, fd, limbo);
	pthread_mutex_lock(&volume->lock);
	inode->pins--; /* still used: the caller has seen to that */
	return r;
}

/* Another name that is not in memory may lead to the file: then it must stay the
 * one that the store has. */
static bool is_last_link(int fd)
{
	struct stat st;
	return store_file_stat(fd, &st) == 0 && st.st_nlink == 1;
}

static int keep_regular_locked(struct volume *volume, struct inode *inode)
{
	int fd;
	int r = store_get_fd_locked(volume, inode, false, &fd);
	if (r < 0)
		return r;
	/* Without room in the scratch file a descriptor more is tried. */
	if (store_has_many_orphans_locked(volume->store) && is_last_link(fd))
		inode->adopted =
			xattrs_adopt_locked(volume, inode, NULL) == 0 &&
			adopt_regular_locked(volume, inode, fd, NULL) == 0;
	store_put_fd(volume->store, inode);
	return 0;
}

/* What the store says of it, as limbo has it. */
static int begin_limbo_locked(struct volume *volume, struct inode *inode)
{
	struct record_attributes attributes = {.set = RECORD_MODE | RECORD_UID |
						      RECORD_GID};
	struct stat st;
	int r = store_inode_stat_locked(volume, inode, &st);
	if (r == 0 && volume->has_lists && !S_ISLNK(inode->type))
		r = store_acl_get_locked(volume, inode, ACL_ACCESS_NAME,
					 &attributes.access_list);
	if (attributes.access_list != NULL)
		attributes.set |= RECORD_ACCESS_LIST;
	if (r == 0) {
		attributes.mode = st.st_mode;
		attributes.uid = st.st_uid;
		attributes.gid = st.st_gid;
		r = limbo_begin_locked(volume, inode, &attributes);
	}
	free(attributes.access_list);
	if (r < 0)
		return r;
	inode->limbo->times[0] = st.st_atim;
	inode->limbo->times[1] = st.st_mtim;
	return xattrs_adopt_locked(volume, inode, inode->limbo);
}

static int adopt_to_limbo_locked(struct volume *volume, struct dentry *dentry)
{
	struct inode *inode = dentry->durable;
	struct stat st = {.st_nlink = 0};
	int fd = -1;
	int r = 0;
	if (inode_is_regular(inode))
		r = store_get_fd_locked(volume, inode, false, &fd);
	else
		r = store_inode_stat_locked(volume, inode, &st);
	if (r == 0 && fd < 0 && st.st_nlink > 1)
		return inode->stored_fd != NULL
			       ? 0
			       : store_keep_special_locked(volume, dentry);
	/* Not to know is no answer here: the last name would take it along. */
	if (r == 0 && fd >= 0)
		r = store_file_stat(fd, &st);
	if (r < 0 || (fd >= 0 && st.st_nlink > 1)) {
		if (fd >= 0)
			store_put_fd(volume->store, inode);
		return r;
	}
	r = begin_limbo_locked(volume, inode);
	if (r == 0 && fd >= 0)
		r = adopt_regular_locked(volume, inode, fd, inode->limbo);
	if (fd >= 0)
		store_put_fd(volume->store, inode);
	if (r < 0 && inode->limbo != NULL)
		limbo_leave_locked(volume, inode);
	inode->adopted = r == 0;
	return r;
}

/* Whether another name leads to it, in the store or else in limbo. */
static bool has_other(const struct dentry *dentry, bool in_store)
{
	list_for_each(node, following, &dentry->durable->durable) {
		const struct dentry *other =
			list_entry(node, struct dentry, durable_link);
		if (other != dentry && other->directory->in_store == in_store)
			return true;
	}
	return false;
}

int adopt_orphan_locked(struct volume *volume, struct dentry *dentry)
{
	struct inode *inode = dentry->durable;
	if (inode->dead || has_other(dentry, true) || inode_is_directory(inode))
		return 0;
	bool comes_back = profile_is_partial(volume->profile) &&
			  (inode->nlink > 0 || has_other(dentry, false) ||
			   (volume->salvaging &&
			    journal_awaits_name(&volume->journal, inode)));
	if (inode->nlookup == 0 && inode->open_count == 0 &&
	    inode->nlink == 0 && !comes_back)
		return 0;
	int r = 0;
	if (S_ISLNK(inode->type) && inode->target == NULL)
		r = store_readlink_locked(volume, dentry, &inode->target);
	if (r == 0 && comes_back)
		return adopt_to_limbo_locked(volume, dentry);
	return r == 0 && inode_is_regular(inode)
		       ? keep_regular_locked(volume, inode)
		       : r;
}

void adopt_undo_locked(struct volume *volume, struct inode *inode)
{
	inode->adopted = false;
	if (inode->in_store && inode->limbo != NULL)
		limbo_leave_locked(volume, inode);
}
