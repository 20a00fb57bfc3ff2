/* SPDX-License-Identifier: MIT */
#include "fusefs/risk.h"

#include <stddef.h>

#include "common/cleanup.h"
#include "common/list.h"
#include "common/text.h"
#include "fusefs/dentry.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/volume.h"

struct walk {
	struct volume *volume;
	backend_loss_fn *each;
	void *user;
	struct text path;
	struct text path2;
	struct text remedy;
};

static const char *what_of_attributes(const struct record_attributes *it)
{
	if (it->set & RECORD_ACCESS_LIST)
		return it->access_list != NULL ? "ACL set" : "ACL removed";
	if (it->set & RECORD_DEFAULT_LIST)
		return it->default_list != NULL ? "default ACL set"
						: "default ACL removed";
	return "mode or owner changed";
}

static const char *what_of(const struct record *record)
{
	switch (record->kind) {
	case RECORD_CREATE:
		return "created";
	case RECORD_LINK:
		return record->moved ? "renamed to it" : "linked";
	case RECORD_UNLINK:
		return record->moved ? "renamed away" : "removed";
	case RECORD_RENAME:
		return record->replaced != NULL ? "renamed over it" : "renamed";
	case RECORD_EXCHANGE:
		return "exchanged";
	case RECORD_ATTRIBUTES:
		return what_of_attributes(&record->attributes);
	case RECORD_XATTR:
		return record->xattr.value != NULL ? "xattr set"
						   : "xattr removed";
	case RECORD_SIZE:
		return "size changed";
	case RECORD_DATA:
		return record->unwritten ? "there as zeros, written"
					 : "written";
	case RECORD_SPACE:
		return "space changed";
	}
	return "changed";
}

static const char *kind_of(const struct record *record)
{
	switch (record->kind) {
	case RECORD_ATTRIBUTES:
	case RECORD_XATTR:
		return "attributes";
	case RECORD_SIZE:
		return "size";
	case RECORD_DATA:
		return "data";
	case RECORD_SPACE:
		return "space";
	default:
		return "entry";
	}
}

static void name_path(struct walk *walk, const struct dentry *dentry,
		      struct text *path)
{
	dentry_path_locked(walk->volume, dentry->directory, dentry->name, path);
}

/* The names that the record is about, and which sync would save it. */
static void fill_paths(struct walk *walk, const struct record *record,
		       struct backend_loss *loss)
{
	text_clear(&walk->path);
	text_clear(&walk->path2);
	text_clear(&walk->remedy);
	const struct dentry *first =
		record->from != NULL ? record->from : record->to;
	if (first == NULL) {
		dentry_inode_path_locked(walk->volume, record->inode,
					 &walk->path);
		text_printf(&walk->remedy, "fsync of the file");
	} else {
		const struct dentry *last =
			record->to != NULL ? record->to : record->from;
		name_path(walk, first, &walk->path);
		if (last != first)
			name_path(walk, last, &walk->path2);
		text_printf(&walk->remedy, "fsync of the directory '");
		dentry_inode_path_locked(walk->volume, last->directory,
					 &walk->remedy);
		text_printf(&walk->remedy, "'");
	}
	if (text_result(&walk->path) == 0)
		loss->path = walk->path.data;
	if (text_result(&walk->path2) == 0 && walk->path2.length_bytes > 0)
		loss->path2 = walk->path2.data;
	if (text_result(&walk->remedy) == 0)
		loss->remedy = walk->remedy.data;
}

static int report_record(struct walk *walk, const struct record *record,
			 bool dropped)
{
	struct backend_loss loss = {
		.kind = kind_of(record),
		.path = "?",
		.what = what_of(record),
		.offset_bytes = -1,
		.since_ns = record->time_ns,
		.dropped = dropped,
	};
	fill_paths(walk, record, &loss);
	if (record->kind == RECORD_SIZE) {
		loss.offset_bytes = 0;
		loss.length_bytes = record->size_bytes;
	} else if (record->kind == RECORD_SPACE) {
		loss.offset_bytes = record->space.offset_bytes;
		loss.length_bytes = record->space.length_bytes;
	}
	if (record->kind != RECORD_DATA)
		return walk->each(walk->user, &loss);
	for (size_t i = 0; i < record->pieces.count; i++) {
		loss.offset_bytes = record->pieces.list[i].offset_bytes;
		loss.length_bytes = record->pieces.list[i].length_bytes;
		int r = walk->each(walk->user, &loss);
		if (r != 0)
			return r;
	}
	return 0;
}

/* The unsynced ranges of a file, neighbours as one. */
static int report_extents(struct walk *walk, struct inode *inode,
			  enum extent_state state, struct backend_loss *loss)
{
	const struct extent *extent = extents_at(inode->extents, 0);
	while (extent != NULL) {
		if (extent->state != state || extent->source == EXTENT_ZERO) {
			extent = extents_next(extent);
			continue;
		}
		loss->offset_bytes = extent->offset_bytes;
		loss->length_bytes = 0;
		while (extent != NULL && extent->state == state &&
		       extent->source != EXTENT_ZERO &&
		       extent->offset_bytes ==
			       loss->offset_bytes + loss->length_bytes) {
			loss->length_bytes += extent->length_bytes;
			extent = extents_next(extent);
		}
		int r = walk->each(walk->user, loss);
		if (r != 0)
			return r;
	}
	return 0;
}

static int report_inode(struct walk *walk, struct inode *inode)
{
	text_clear(&walk->path);
	dentry_inode_path_locked(walk->volume, inode, &walk->path);
	struct backend_loss loss = {
		.kind = "data",
		.path = text_result(&walk->path) == 0 ? walk->path.data : "?",
		.what = "written",
		.remedy = "fsync of the file",
	};
	slimlock_read(&inode->lock);
	if (inode->written != NULL)
		loss.since_ns = inode->written->dirty_since_ns;
	int r = 0;
	if (inode->nlink > 0)
		r = report_extents(walk, inode, EXTENT_DIRTY, &loss);
	loss.dropped = 1;
	loss.remedy = NULL;
	if (r == 0 && inode->nlink > 0)
		r = report_extents(walk, inode, EXTENT_CLEAN, &loss);
	slimlock_unlock(&inode->lock);
	return r;
}

static int report_records(struct walk *walk, struct list *records, bool dropped,
			  bool selected_only)
{
	int r = 0;
	list_for_each(node, following, records) {
		const struct record *record =
			list_entry(node, struct record, link);
		if (record->selected || !selected_only)
			r = report_record(walk, record, dropped);
		if (r != 0)
			break;
	}
	return r;
}

static int report_dirty(struct walk *walk)
{
	/* Writers may add to the list meanwhile, but none can be freed. */
	cleanup_free struct inode **inodes = NULL;
	size_t count = 0;
	int r = inode_list_dirty_locked(walk->volume, &inodes, &count);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (!inodes[i]->dead)
			r = report_inode(walk, inodes[i]);
	return r;
}

int risk_each_selected_locked(struct volume *volume, backend_loss_fn *each,
			      void *user)
{
	struct walk walk = {.volume = volume, .each = each, .user = user};
	text_init(&walk.path);
	text_init(&walk.path2);
	text_init(&walk.remedy);
	pthread_mutex_lock(&volume->journal.lock);
	int r = report_records(&walk, &volume->journal.records, false, true);
	pthread_mutex_unlock(&volume->journal.lock);
	text_done(&walk.path);
	text_done(&walk.path2);
	text_done(&walk.remedy);
	return r;
}

int risk_each(struct volume *volume, backend_loss_fn *each, void *user)
{
	struct walk walk = {.volume = volume, .each = each, .user = user};
	text_init(&walk.path);
	text_init(&walk.path2);
	text_init(&walk.remedy);
	/* No record may leave while the lists are walked; new ones only join
	 * at the end. */
	pthread_mutex_lock(&volume->commit_lock);
	pthread_mutex_lock(&volume->lock);
	pthread_mutex_lock(&volume->journal.lock);
	int r = report_records(&walk, &volume->journal.records, false, false);
	if (r == 0)
		r = report_records(&walk, &volume->journal.dropped, true,
				   false);
	pthread_mutex_unlock(&volume->journal.lock);
	if (r == 0)
		r = report_dirty(&walk);
	pthread_mutex_unlock(&volume->lock);
	pthread_mutex_unlock(&volume->commit_lock);
	text_done(&walk.path);
	text_done(&walk.path2);
	text_done(&walk.remedy);
	return r;
}

void risk_sum(struct volume *volume, struct risk_totals *ret_totals)
{
	*ret_totals = (struct risk_totals){
		.files = (uint64_t)volume->totals.files,
		.dirty_bytes = (uint64_t)volume->totals.dirty_bytes,
		.dropped_bytes = (uint64_t)volume->totals.clean_bytes,
	};
	pthread_mutex_lock(&volume->lock);
	ret_totals->inodes = volume->inode_count;
	ret_totals->open_files = volume->open_count;
	pthread_mutex_lock(&volume->journal.lock);
	ret_totals->dropped_records = volume->journal.dropped_count;
	ret_totals->records =
		volume->journal.count + volume->journal.dropped_count;
	ret_totals->dirty_bytes += volume->journal.data_bytes;
	pthread_mutex_unlock(&volume->journal.lock);
	pthread_mutex_unlock(&volume->lock);
}
