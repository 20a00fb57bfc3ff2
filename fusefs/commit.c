/* SPDX-License-Identifier: MIT */
#include "fusefs/commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/event.h"
#include "common/text.h"
#include "fusefs/apply.h"
#include "fusefs/data.h"
#include "fusefs/dentry.h"
#include "fusefs/errseq.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/profile.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

/* Records stored per hold of the volume's lock: others get in between. */
#define BATCH 64

#define PAGE INT64_C(4096)

/* A commit on its way. */
struct commit {
	struct volume *volume;
	enum mode_kind mode;
	uint64_t target; /* records up to this seq */
	bool names;
};

static void begin(struct volume *volume, struct commit *commit)
{
	pthread_mutex_lock(&volume->commit_lock);
	*commit = (struct commit){
		.volume = volume,
		.mode = volume_mode(volume),
		.target = volume->journal.seq,
	};
	volume->commits++;
}

static int end(struct commit *commit, int r)
{
	struct volume *volume = commit->volume;
	if (r == 0 && commit->names)
		volume->journal.committed = commit->target;
	if (r == 0 && commit->mode == MODE_ALLOW_WRITES)
		r = store_barrier(volume->store);
	pthread_mutex_unlock(&volume->commit_lock);
	return r;
}

static void log_path(struct volume *volume, struct inode *inode,
		     const char *kind, const char *reason)
{
	struct text path;
	struct text json;
	text_init(&path);
	text_init(&json);
	dentry_inode_path_locked(volume, inode, &path);
	if (text_result(&path) == 0)
		text_json_string(&json, path.data);
	if (text_result(&path) == 0 && text_result(&json) == 0)
		event_add(volume->events, kind, "\"path\":%s,\"reason\":\"%s\"",
			  json.data, reason);
	text_done(&path);
	text_done(&json);
}

static void log_lost(struct volume *volume, struct inode *inode,
		     const char *why)
{
	volume->lost_commits++;
	log_path(volume, inode, "lost-commit", why);
}

/* One record further: 1 done, 0 there is none, or an error. */
static int step_locked(struct commit *commit)
{
	struct volume *volume = commit->volume;
	struct record *record = journal_first(&volume->journal, commit->target);
	if (record == NULL)
		return 0;
	int r = APPLY_LOST;
	if (commit->mode == MODE_ALLOW_WRITES) {
		const char *why = NULL;
		r = apply_record_locked(volume, record, &why);
		if (r == APPLY_LOST)
			log_lost(volume, record->inode, why);
	}
	if (r < 0) {
		log_path(volume, record->inode, "store-error", strerror(-r));
		return r;
	}
	if (r == APPLY_LOST) {
		apply_drop_view(record);
		journal_drop_locked(volume, record);
	} else {
		journal_settle_locked(volume, record);
	}
	return 1;
}

/* A journal that cannot be written is aborted: nothing more can change until
 * the next mount, which a crash is. */
static int abort_journal(struct volume *volume)
{
	volume->read_only = true;
	event_add(volume->events, "journal-aborted", "\"state\":\"read-only\"");
	return -EIO;
}

static int commit_names(struct commit *commit)
{
	struct volume *volume = commit->volume;
	commit->names = true;
	pthread_mutex_lock(&volume->times_lock);
	bool times = !list_empty(&volume->times);
	pthread_mutex_unlock(&volume->times_lock);
	if (commit->mode == MODE_ERROR_WRITES &&
	    (times || journal_first(&volume->journal, commit->target) != NULL))
		return abort_journal(volume);
	int r = 1;
	while (r > 0) {
		pthread_mutex_lock(&volume->lock);
		for (int i = 0; i < BATCH && r > 0; i++)
			r = step_locked(commit);
		pthread_mutex_unlock(&volume->lock);
	}
	return r;
}

static struct inode *next_times_locked(struct volume *volume, struct list *todo)
{
	struct inode *inode = NULL;
	pthread_mutex_lock(&volume->times_lock);
	if (!list_empty(todo)) {
		inode = list_entry(todo->next, struct inode, times_link);
		list_remove(&inode->times_link);
	}
	pthread_mutex_unlock(&volume->times_lock);
	return inode;
}

/* Times that are shown and were not stored: a crash has to find them, unless
 * they changed again already. */
static void keep_dropped(struct volume *volume, struct inode *inode)
{
	pthread_mutex_lock(&volume->times_lock);
	if (list_empty(&inode->times_link))
		list_append(&volume->times_dropped, &inode->times_link);
	pthread_mutex_unlock(&volume->times_lock);
}

static void store_times_locked(struct commit *commit, struct inode *inode)
{
	struct volume *volume = commit->volume;
	pthread_rwlock_wrlock(&inode->lock);
	struct timespec times[2] = {inode->atime, inode->mtime};
	inode->times_dirty = false;
	pthread_rwlock_unlock(&inode->lock);
	/* A file of another owner refuses, and one that was unlinked has no
	 * times: neither is worth failing a sync that stored the data. */
	inode->times_dropped = commit->mode != MODE_ALLOW_WRITES;
	if (inode->times_dropped)
		keep_dropped(volume, inode);
	else if ((inode->in_store || inode == volume->root) && !inode->dead)
		(void)store_set_times_locked(volume, inode, times);
	inode_release_locked(volume, inode);
}

static void commit_times(struct commit *commit)
{
	struct volume *volume = commit->volume;
	struct list todo;
	list_init(&todo);
	/* Only those of now: a writer must not keep us here for ever. */
	pthread_mutex_lock(&volume->times_lock);
	while (!list_empty(&volume->times)) {
		struct list *node = volume->times.next;
		list_remove(node);
		list_append(&todo, node);
	}
	pthread_mutex_unlock(&volume->times_lock);
	pthread_mutex_lock(&volume->lock);
	struct inode *inode;
	while ((inode = next_times_locked(volume, &todo)) != NULL)
		store_times_locked(commit, inode);
	pthread_mutex_unlock(&volume->lock);
}

/* Own data */

static int take_piece(struct record_pieces *pieces, size_t *capacity,
		      const struct record_piece *piece)
{
	if (pieces->count == *capacity) {
		size_t grown = *capacity ? *capacity * 2 : 4;
		struct record_piece *list =
			reallocarray(pieces->list, grown, sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		pieces->list = list;
		*capacity = grown;
	}
	pieces->list[pieces->count++] = *piece;
	return 0;
}

/* Holds the dirty data of the range, so that it can be copied without a lock.
 * Writers then leave it alone (flushing). */
static int hold_dirty(struct volume *volume, struct inode *inode,
		      const struct commit_range *range,
		      struct record_pieces *ret_pieces)
{
	size_t capacity = 0;
	for (struct extent *extent = extents_at(inode->extents, range->from);
	     extent != NULL && extent->offset_bytes < range->to;
	     extent = extents_next(extent)) {
		if (extent->state != EXTENT_DIRTY)
			continue;
		int64_t from = extent->offset_bytes;
		int64_t to = extents_end(extent);
		if (from < range->from)
			from = range->from;
		if (to > range->to)
			to = range->to;
		struct record_piece piece = {
			.offset_bytes = from,
			.length_bytes = to - from,
			.source = extent->source +
				  (uint64_t)(from - extent->offset_bytes),
		};
		int r = take_piece(ret_pieces, &capacity, &piece);
		if (r < 0)
			return r;
		scratch_hold(volume->scratch, piece.source,
			     (uint64_t)piece.length_bytes);
	}
	return 0;
}

static void drop_pieces(struct volume *volume, struct record_pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		scratch_drop(volume->scratch, pieces->list[i].source,
			     (uint64_t)pieces->list[i].length_bytes);
	free(pieces->list);
}

/* The pages become clean without having been stored. */
static int clean_range(struct inode *inode, const struct commit_range *range)
{
	int r = extents_split(inode->extents, range->from);
	if (r == 0 && range->to < DATA_END)
		r = extents_split(inode->extents, range->to);
	if (r < 0)
		return r;
	for (struct extent *extent = extents_at(inode->extents, range->from);
	     extent != NULL && extent->offset_bytes < range->to;
	     extent = extents_next(extent))
		if (extent->state == EXTENT_DIRTY)
			extents_mark(inode->extents, extent, EXTENT_CLEAN, 0);
	return 0;
}

/* Writing changes the store's mtime; what a commit without names must not. */
static int write_pieces(struct commit *commit, struct inode *inode,
			const struct record_pieces *pieces)
{
	struct volume *volume = commit->volume;
	int fd;
	int r = store_get_fd(volume, inode, true, &fd);
	if (r < 0)
		return r;
	struct stat before;
	r = store_file_stat(fd, &before);
	if (r == 0)
		r = apply_pieces(volume, fd, pieces);
	struct stat after;
	bool keep_times = !(commit->names && inode->times_dirty);
	if (r == 0 && keep_times) {
		const struct timespec times[2] = {before.st_atim,
						  before.st_mtim};
		(void)store_set_file_times(fd, times); /* only cosmetic */
	}
	bool known = r == 0 && store_file_stat(fd, &after) == 0;
	pthread_rwlock_wrlock(&inode->lock);
	if (r == 0)
		apply_settle_pieces(volume, inode, pieces);
	if (known)
		inode->blocks = (uint64_t)after.st_blocks;
	if (r == 0 &&
	    (inode->extents == NULL || inode->extents->dirty_bytes == 0))
		inode->dirty_since_ns = 0;
	pthread_rwlock_unlock(&inode->lock);
	store_put_fd(volume->store, inode);
	return r;
}

static void log_inode(struct volume *volume, struct inode *inode,
		      const char *kind, const char *reason)
{
	pthread_mutex_lock(&volume->lock);
	if (strcmp(kind, "lost-commit") == 0)
		log_lost(volume, inode, reason);
	else
		log_path(volume, inode, kind, reason);
	pthread_mutex_unlock(&volume->lock);
}

/* What happens to the data of a range when the disk does not take it. */
static int refuse_data(struct commit *commit, struct inode *inode,
		       const struct commit_range *range)
{
	pthread_rwlock_wrlock(&inode->lock);
	int r = clean_range(inode, range);
	inode->dirty_since_ns = 0;
	if (r == 0 && commit->mode == MODE_ERROR_WRITES)
		errseq_set(&inode->write_error, EIO);
	pthread_rwlock_unlock(&inode->lock);
	if (r < 0)
		return r;
	if (commit->mode == MODE_ALLOW_WRITES)
		log_inode(commit->volume, inode, "lost-commit",
			  "the file was dropped");
	if (commit->mode != MODE_ERROR_WRITES)
		return 0;
	log_inode(commit->volume, inode, "write-error", "error-writes");
	return -EIO;
}

static int commit_data(struct commit *commit, struct inode *inode,
		       const struct commit_range *range)
{
	struct volume *volume = commit->volume;
	struct record_pieces pieces = {0};
	pthread_rwlock_wrlock(&inode->lock);
	int r = 0;
	bool any = inode->extents != NULL && inode->extents->dirty_bytes > 0 &&
		   inode->nlink > 0 && !inode->dead;
	if (any)
		r = hold_dirty(volume, inode, range, &pieces);
	else if (inode->nlink == 0 && !inode->in_store)
		data_pay(inode);
	bool arrives = inode->in_store && commit->mode == MODE_ALLOW_WRITES;
	if (r == 0 && arrives && pieces.count > 0)
		inode->flushing++;
	else
		arrives = false;
	pthread_rwlock_unlock(&inode->lock);
	if (r == 0 && arrives) {
		r = write_pieces(commit, inode, &pieces);
		pthread_rwlock_wrlock(&inode->lock);
		inode->flushing--;
		pthread_rwlock_unlock(&inode->lock);
		if (r < 0)
			log_inode(volume, inode, "store-error", strerror(-r));
	} else if (r == 0 && pieces.count > 0) {
		r = refuse_data(commit, inode, range);
	}
	drop_pieces(volume, &pieces);
	return r;
}

static bool data_needs_blocks(struct volume *volume, struct inode *inode,
			      const struct commit_range *range)
{
	int fd = -1;
	if (inode->in_store && store_get_fd(volume, inode, false, &fd) < 0)
		return true;
	pthread_rwlock_rdlock(&inode->lock);
	bool needs = data_allocates(volume, inode, fd, range->from, range->to);
	pthread_rwlock_unlock(&inode->lock);
	if (fd >= 0)
		store_put_fd(volume->store, inode);
	return needs;
}

static struct profile_choice choose(struct volume *volume, struct inode *inode,
				    bool datasync,
				    const struct commit_range *range)
{
	struct profile_sync sync = {
		.directory = inode_is_directory(inode),
		.datasync = datasync,
	};
	pthread_rwlock_rdlock(&inode->lock);
	sync.changed = inode->sync_seq > volume->journal.committed;
	sync.size_changed = inode->datasync_seq > volume->journal.committed;
	pthread_rwlock_unlock(&inode->lock);
	if (!sync.directory && !(datasync ? sync.size_changed : sync.changed))
		sync.data_allocates = data_needs_blocks(volume, inode, range);
	return profile_choose(volume->profile, &sync);
}

static const struct commit_range everything = {0, DATA_END};

int commit_sync(struct volume *volume, struct inode *inode, bool datasync,
		const struct commit_range *range)
{
	struct commit_range pages = everything;
	if (range != NULL) {
		pages.from = range->from / PAGE * PAGE;
		pages.to = (range->to + PAGE - 1) / PAGE * PAGE;
	}
	struct commit commit;
	begin(volume, &commit);
	/* An aborted journal is not written any more, though the disk may
	 * work again. */
	if (volume->read_only)
		return end(&commit, -EROFS);
	struct profile_choice choice = choose(volume, inode, datasync, &pages);
	int r = 0;
	/* With a failing disk the data is tried first, as it really is; else
	 * the order does not show, and the file must exist before its data. */
	bool data_first = commit.mode == MODE_ERROR_WRITES;
	if (choice.own_data && data_first)
		r = commit_data(&commit, inode, &pages);
	if (r == 0 && choice.all_names)
		r = commit_names(&commit);
	if (r == 0 && choice.own_data && !data_first)
		r = commit_data(&commit, inode, &pages);
	if (r == 0 && choice.all_names)
		commit_times(&commit);
	return end(&commit, r);
}

/* Whether the range ends behind the end of the stored file: that the blocks of
 * the last part may have space already does not make its size durable. */
static bool extends_store(struct volume *volume, struct inode *inode,
			  const struct commit_range *range)
{
	int fd;
	if (!inode->in_store || store_get_fd(volume, inode, false, &fd) < 0)
		return true;
	struct stat st;
	bool extends = store_file_stat(fd, &st) < 0 || range->to > st.st_size;
	store_put_fd(volume->store, inode);
	return extends;
}

int commit_direct(struct volume *volume, struct inode *inode,
		  const struct commit_range *range)
{
	struct commit commit;
	begin(volume, &commit);
	int r = 0;
	if (volume->read_only)
		return end(&commit, -EROFS);
	if (data_needs_blocks(volume, inode, range) ||
	    extends_store(volume, inode, range)) {
		/* The data is on the disk, the map that leads to it is not:
		 * as if it had been pushed. */
		pthread_rwlock_wrlock(&inode->lock);
		r = data_push_locked(volume, inode, range->from, range->to);
		pthread_rwlock_unlock(&inode->lock);
		if (r == 0 && commit.mode == MODE_ERROR_WRITES)
			r = -EIO;
	} else if (profile_direct_is_durable(volume->profile)) {
		r = commit_data(&commit, inode, range);
	}
	return end(&commit, r);
}

/* The inodes with unsynced data now, pinned. */
static int collect_dirty(struct volume *volume, struct inode ***ret_inodes,
			 size_t *ret_count)
{
	size_t count = 0;
	size_t used = 0;
	pthread_mutex_lock(&volume->lock);
	pthread_mutex_lock(&volume->times_lock);
	list_for_each(node, following, &volume->dirty)
		count++;
	struct inode **inodes = calloc(count + 1, sizeof(struct inode *));
	if (inodes != NULL) {
		list_for_each(node, following, &volume->dirty) {
			inodes[used] =
				list_entry(node, struct inode, dirty_link);
			inode_pin(inodes[used++]);
		}
	}
	pthread_mutex_unlock(&volume->times_lock);
	pthread_mutex_unlock(&volume->lock);
	*ret_inodes = inodes;
	*ret_count = used;
	return inodes == NULL ? -ENOMEM : 0;
}

int commit_all(struct volume *volume)
{
	struct commit commit;
	begin(volume, &commit);
	if (volume->read_only)
		return end(&commit, -EROFS);
	cleanup_free struct inode **inodes = NULL;
	size_t count = 0;
	int r = collect_dirty(volume, &inodes, &count);
	int names = commit_names(&commit);
	if (r == 0)
		r = names;
	for (size_t i = 0; i < count; i++) {
		/* One that cannot be stored must not keep the others. */
		int one = commit_data(&commit, inodes[i], &everything);
		if (r == 0)
			r = one;
	}
	if (names == 0)
		commit_times(&commit);
	pthread_mutex_lock(&volume->lock);
	for (size_t i = 0; i < count; i++)
		inode_unpin_locked(volume, inodes[i]);
	pthread_mutex_unlock(&volume->lock);
	return end(&commit, r);
}
