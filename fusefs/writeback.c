/* SPDX-License-Identifier: MIT */
#include "fusefs/writeback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/event.h"
#include "common/text.h"
#include "fusefs/apply.h"
#include "fusefs/data.h"
#include "fusefs/dentry.h"
#include "fusefs/disk.h"
#include "fusefs/errseq.h"
#include "fusefs/extents.h"
#include "fusefs/fault.h"
#include "fusefs/fault_store.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/limbo.h"
#include "fusefs/profile.h"
#include "fusefs/refuse.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

void writeback_log_locked(struct volume *volume, struct inode *inode,
			  const char *kind, const char *reason)
{
	struct text path;
	struct text json;
	text_init(&path);
	text_init(&json);
	dentry_inode_path_locked(volume, inode, &path);
	if (text_result(&path) == 0)
		text_json_string(&json, path.data);
	bool known = text_result(&path) == 0 && text_result(&json) == 0;
	event_add(volume->events, kind, "\"path\":%s,\"reason\":\"%s\"",
		  known ? json.data : "\"?\"", reason);
	text_done(&path);
	text_done(&json);
}

void writeback_log_lost_locked(struct volume *volume, struct inode *inode,
			       const char *why)
{
	volume->lost_commits++;
	writeback_log_locked(volume, inode, "lost-commit", why);
}

static int hold_piece(struct volume *volume, struct record_pieces *pieces,
		      size_t *capacity, const struct data_run *run)
{
	struct record_piece piece = {
		.offset_bytes = run->from,
		.length_bytes = run->to - run->from,
		.source = run->extent->source +
			  (uint64_t)(run->from - run->extent->offset_bytes),
	};
	int r = journal_add_piece(pieces, capacity, &piece);
	if (r == 0)
		scratch_hold(volume->scratch, piece.source,
			     (uint64_t)piece.length_bytes);
	return r;
}

/* A sync of some pages of a file, and nothing that a mode takes away. */
static bool looks_at_blocks(const struct writeback *writeback)
{
	return !writeback->stored_only && writeback->to != DATA_END &&
	       writeback->mode == MODE_ALLOW_WRITES &&
	       profile_grows_in_block(writeback->volume->profile);
}

/* Where all blocks of a page are there, ext4 writes them and leaves the size as it
 * is: what lies behind the stored end stays unsynced, until a page that needs a
 * block makes the file longer. mpage_map_and_submit_extent(). */
static int64_t end_of_range(const struct writeback *writeback,
			    struct inode *inode, int fd)
{
	struct volume *volume = writeback->volume;
	int64_t to = writeback->to;
	if (!looks_at_blocks(writeback) || fd < 0 || inode->written == NULL ||
	    to >= inode->size_bytes)
		return to;
	int64_t stored = inode->written->journal_size_bytes;
	while (to > writeback->from && to > stored &&
	       !data_allocates(volume, inode, fd, to - DATA_PAGE, to))
		to -= DATA_PAGE;
	return to > stored || stored > writeback->to ? to : stored;
}

/* Holds the dirty data of the range, so that it can be copied without a lock.
 * Writers then leave it alone (flushing). */
static int hold_dirty(const struct writeback *writeback, struct inode *inode,
		      int fd, struct record_pieces *ret_pieces)
{
	struct data_blocks blocks;
	data_blocks_init(&blocks, writeback->volume, inode, fd);
	size_t capacity = 0;
	struct data_run run = {.to = writeback->from};
	int r = 0;
	int64_t to = end_of_range(writeback, inode, fd);
	while (r == 0 &&
	       data_next_run(&blocks, run.to, to, writeback->stored_only, &run))
		if (run.stored || !writeback->stored_only)
			r = hold_piece(writeback->volume, ret_pieces, &capacity,
				       &run);
	return r < 0 ? r : blocks.error;
}

static void drop_pieces(struct volume *volume, struct record_pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		scratch_drop(volume->scratch, pieces->list[i].source,
			     (uint64_t)pieces->list[i].length_bytes);
	free(pieces->list);
}

static bool has_durable_name(struct volume *volume, struct inode *inode)
{
	pthread_mutex_lock(&volume->lock);
	bool has = dentry_durable_of(inode) != NULL;
	pthread_mutex_unlock(&volume->lock);
	return has;
}

/* The file as it is in the store before it is written. */
static int look_before(struct volume *volume, struct inode *inode, int fd,
		       struct stat *ret_st)
{
	int r = store_file_stat(fd, ret_st);
	/* Removed from the store by somebody else: nothing would survive. */
	if (r == 0 && ret_st->st_nlink == 0 && has_durable_name(volume, inode))
		return -ESTALE;
	return r;
}

/* Only files with holes get more blocks when they do not grow. */
static uint64_t blocks_after(int fd, const struct stat *before,
			     const struct record_pieces *pieces)
{
	const struct record_piece *last = &pieces->list[pieces->count - 1];
	struct stat after;
	bool grows = last->offset_bytes + last->length_bytes > before->st_size;
	bool sparse = before->st_blocks * INT64_C(512) < before->st_size;
	if ((grows || sparse) && store_file_stat(fd, &after) == 0)
		return (uint64_t)after.st_blocks;
	return (uint64_t)before->st_blocks;
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

void writeback_diverge_locked(struct volume *volume, struct inode *inode,
			      int error)
{
	inode->diverged = true;
	inode->times_dropped = true;
	keep_dropped(volume, inode);
	writeback_log_locked(volume, inode, "write-error", strerror(-error));
}

/* Where the pages are dropped, nothing has changed that a commit would store: its
 * times go the same way. */
static void forget_change_locked(struct volume *volume, struct inode *inode)
{
	slimlock_write(&inode->lock);
	pthread_mutex_lock(&volume->journal.lock);
	bool others = !list_empty(&inode->records);
	pthread_mutex_unlock(&volume->journal.lock);
	if (!others) {
		inode->times_dirty = false;
		inode->sync_seq = 0;
		inode->datasync_seq = 0;
		pthread_mutex_lock(&volume->times_lock);
		list_remove(&inode->times_link);
		pthread_mutex_unlock(&volume->times_lock);
	}
	slimlock_unlock(&inode->lock);
}

/* The disk does not take it. error: why, negative; 0: it says that it does. */
static int refuse(const struct writeback *writeback, struct inode *inode,
		  const struct record_pieces *pieces, int error)
{
	struct volume *volume = writeback->volume;
	int r = refuse_pieces(volume, inode, pieces, -error);
	if (r < 0)
		return r;
	if (error == 0 && writeback->mode == MODE_ALLOW_WRITES) {
		pthread_mutex_lock(&volume->lock);
		writeback_log_lost_locked(volume, inode,
					  "the file was dropped");
		pthread_mutex_unlock(&volume->lock);
	}
	if (error == 0)
		return 0;
	/* Size and map are shown, too, whatever becomes of the pages. */
	pthread_mutex_lock(&volume->lock);
	if (profile_failure(volume->profile)->pages == PROFILE_PAGES_REVERTED)
		forget_change_locked(volume, inode);
	writeback_diverge_locked(volume, inode, error);
	pthread_mutex_unlock(&volume->lock);
	return error;
}

/* Where data is written to new blocks, a file grows by whole pages, as far as it goes
 * in memory: ext4's mpage_map_and_submit_extent(), xfs_setfilesize(). */
static int grow_by_pages(struct volume *volume, struct inode *inode, int fd,
			 const struct record_pieces *pieces,
			 const struct stat *before)
{
	const struct record_piece *last = &pieces->list[pieces->count - 1];
	int64_t end = last->offset_bytes + last->length_bytes;
	int64_t to = (end + DATA_PAGE - 1) / DATA_PAGE * DATA_PAGE;

	slimlock_write(&inode->lock);
	if (profile_is_partial(volume->profile))
		to = end;
	if (to > inode->size_bytes)
		to = inode->size_bytes;
	if (end > before->st_size && to > inode->written->journal_size_bytes)
		inode->written->journal_size_bytes = to;
	slimlock_unlock(&inode->lock);
	if (end <= before->st_size || to <= end)
		return 0;
	return store_truncate(fd, to);
}

/* Writing changes the store's mtime; what a commit without names must not. */
static int copy_pieces(const struct writeback *writeback, struct inode *inode,
		       int fd, struct record_pieces *pieces,
		       const struct stat *before, struct apply_lost *ret_lost)
{
	struct store_privileges privileges;
	store_save_privileges(inode, fd, before->st_mode, &privileges);
	int r = apply_pieces(writeback->volume, inode, fd, pieces, ret_lost);
	if (r == 0)
		r = grow_by_pages(writeback->volume, inode, fd, pieces, before);
	if (r == 0)
		r = store_restore_privileges(fd, &privileges);
	slimlock_read(&inode->lock);
	bool keep_times = !(writeback->times_follow && inode->times_dirty);
	slimlock_unlock(&inode->lock);
	if (r == 0 && keep_times) {
		const struct timespec times[2] = {before->st_atim,
						  before->st_mtim};
		(void)store_set_file_times(fd, times); /* only cosmetic */
	}
	return r;
}

int writeback_lose(const struct writeback *writeback, struct inode *inode,
		   struct apply_lost *lost)
{
	int r = 0;
	if (lost->dropped.count > 0)
		r = refuse_pieces(writeback->volume, inode, &lost->dropped, 0);
	if (r == 0 && lost->refused.count > 0)
		r = refuse(writeback, inode, &lost->refused, lost->error);
	free(lost->dropped.list);
	free(lost->refused.list);
	return r;
}

/* Of pieces that could not be written to their end, what was. */
static void settle_begun(struct volume *volume, struct inode *inode,
			 struct record_pieces *pieces)
{
	int64_t left = pieces->done_bytes;
	size_t count = 0;
	while (count < pieces->count &&
	       pieces->list[count].length_bytes <= left)
		left -= pieces->list[count++].length_bytes;
	const struct record_pieces whole = {.list = pieces->list,
					    .count = count};
	if (count > 0)
		apply_settle_pieces(volume, inode, &whole);
	if (count == pieces->count || left == 0)
		return;
	struct record_piece part = pieces->list[count];
	part.length_bytes = left;
	const struct record_pieces last = {.list = &part, .count = 1};
	apply_settle_pieces(volume, inode, &last);
}

int writeback_pieces(const struct writeback *writeback, struct inode *inode,
		     struct record_pieces *pieces)
{
	struct volume *volume = writeback->volume;
	struct apply_lost lost = {0};
	int fd;
	int r = store_get_fd(volume, inode, true, &fd);
	if (r < 0)
		return r;
	struct stat before;
	r = look_before(volume, inode, fd, &before);
	if (r == 0)
		r = copy_pieces(writeback, inode, fd, pieces, &before, &lost);
	int told = writeback_lose(writeback, inode, &lost);
	uint64_t blocks = r == 0 ? blocks_after(fd, &before, pieces) : 0;
	slimlock_write(&inode->lock);
	if (r == 0) {
		apply_settle_pieces(volume, inode, pieces);
		inode->blocks = blocks;
	} else if (r == -FAULT_AGAIN) {
		settle_begun(volume, inode, pieces);
	}
	if (r == 0 &&
	    (inode->extents == NULL ||
	     inode->extents->dirty_bytes + inode->extents->clean_bytes == 0))
		inode->written->dirty_since_ns = 0;
	slimlock_unlock(&inode->lock);
	store_put_fd(volume->store, inode);
	return r < 0 ? r : told;
}

/* Whoever changes the end of a file that way has its answer from elsewhere: the
 * next sync is told. */
static void note_error(struct inode *inode, int r)
{
	if (r >= 0)
		return;
	slimlock_write(&inode->lock);
	errseq_set(&inode->write_error, -r);
	slimlock_unlock(&inode->lock);
}

static int write_block(struct disk_io *io, int fd, const void *data,
		       size_t size, int64_t offset)
{
	struct fault_store rules;
	struct fault_deed deed;
	if (!fault_store_armed(io->volume, RULE_STORE_WRITE))
		return disk_write(io, fd, data, size, offset);
	cleanup_free char *bytes = malloc(size);
	if (bytes == NULL)
		return -ENOMEM;
	memcpy(bytes, data, size);
	fault_store_begin(&rules, io->volume, io->inode, RULE_STORE_WRITE);
	int r = fault_store_ask(&rules, offset, (int64_t)size, &deed);
	bool arrives = r == 0 && !deed.dropped;
	if (arrives && deed.harms > 0)
		fault_store_harm(&rules, &deed, bytes, size, offset);
	fault_store_done(&deed);
	if (arrives)
		r = disk_write(io, fd, bytes, size, offset);
	if (arrives && r == 0)
		note_error(io->inode,
			   fault_store_after(&rules, offset, (int64_t)size));
	if (deed.simulated)
		note_error(io->inode, r);
	fault_store_end(&rules);
	return deed.simulated ? 0 : r;
}

int writeback_block(struct volume *volume, struct inode *inode, int64_t offset,
		    const void *data, size_t size_bytes)
{
	int fd;
	int r = store_get_fd(volume, inode, true, &fd);
	if (r < 0)
		return r;
	struct stat before;
	struct store_privileges privileges;
	r = look_before(volume, inode, fd, &before);
	if (r == 0) {
		const struct timespec times[2] = {before.st_atim,
						  before.st_mtim};
		store_save_privileges(inode, fd, before.st_mode, &privileges);
		struct disk_io io;
		disk_begin(&io, volume, &volume->disk, inode, DISK_WRITE);
		r = write_block(&io, fd, data, size_bytes, offset);
		int ended = disk_end(&io);
		if (r == 0)
			r = ended;
		if (r == 0)
			r = store_restore_privileges(fd, &privileges);
		(void)store_set_file_times(fd, times); /* only cosmetic */
	}
	store_put_fd(volume->store, inode);
	return r;
}

void writeback_log(struct volume *volume, struct inode *inode, const char *kind,
		   const char *reason)
{
	pthread_mutex_lock(&volume->lock);
	writeback_log_locked(volume, inode, kind, reason);
	pthread_mutex_unlock(&volume->lock);
}

/* What the disk takes; the rest is left to the caller, with its error. */
static int store_pieces(const struct writeback *writeback, struct inode *inode,
			struct record_pieces *pieces,
			struct record_pieces *ret_refused, int *ret_error)
{
	int r = 0;
	bool asks = writeback->volume->bad_blocks != NULL;
	bool later = profile_failure(writeback->volume->profile)->tells_later;
	/* In the journal it is safe; its place is tried by the next sync. */
	if (asks && later)
		inode->place_error =
			refuse_look(writeback->volume, inode, pieces);
	else if (asks)
		r = refuse_ask(writeback->volume, inode, pieces, ret_refused,
			       ret_error);
	if (r == 0 && pieces->count > 0)
		r = writeback_pieces(writeback, inode, pieces);
	if (r < 0 && r != -FAULT_AGAIN)
		writeback_log(writeback->volume, inode, "store-error",
			      strerror(-r));
	return r;
}

/* A truncation to the size that the file had changes none of its data. */
static bool is_idle(const struct inode *inode, const struct record *record)
{
	return record->same && record->size_bytes >= inode->size_bytes;
}

bool writeback_waits(struct volume *volume, struct inode *inode, bool limbo)
{
	bool waits = false;
	pthread_mutex_lock(&volume->journal.lock);
	list_for_each(node, following, &inode->records) {
		const struct record *record =
			list_entry(node, struct record, inode_link);
		switch (record->kind) {
		case RECORD_CREATE:
			waits |= !inode->in_store && !limbo;
			break;
		case RECORD_LINK:
		case RECORD_RENAME:
		case RECORD_EXCHANGE:
			waits |= inode->limbo != NULL && !limbo;
			break;
		case RECORD_SIZE:
			waits |= !is_idle(inode, record);
			break;
		case RECORD_DATA:
		case RECORD_SPACE:
			waits = true;
			break;
		default:
			break;
		}
	}
	pthread_mutex_unlock(&volume->journal.lock);
	return waits;
}

static void end_flush(struct inode *inode)
{
	slimlock_write(&inode->lock);
	inode->written->flushing--;
	slimlock_unlock(&inode->lock);
}

int writeback_hold_limbo(const struct writeback *writeback, struct inode *inode,
			 struct record_pieces *ret_pieces)
{
	struct record_pieces pieces = {0};
	int r = 0;
	slimlock_write(&inode->lock);
	if (writeback_waits(writeback->volume, inode, true))
		r = WRITEBACK_WAITS;
	else if (inode->extents != NULL && inode->extents->dirty_bytes > 0)
		r = hold_dirty(writeback, inode, -1, &pieces);
	if (r == 0 && pieces.count > 0)
		inode->written->flushing++;
	slimlock_unlock(&inode->lock);
	if (r == 0)
		*ret_pieces = pieces;
	else
		drop_pieces(writeback->volume, &pieces);
	return r;
}

void writeback_release(const struct writeback *writeback, struct inode *inode,
		       struct record_pieces *pieces)
{
	end_flush(inode);
	drop_pieces(writeback->volume, pieces);
}

static int write_inode(const struct writeback *writeback, struct inode *inode,
		       int fd)
{
	struct record_pieces pieces = {0};
	struct record_pieces refused = {0};
	int error = 0;
	if (writeback->mode == MODE_ERROR_WRITES)
		error = writeback->error < 0 ? writeback->error : -EIO;
	int r = 0;
	slimlock_write(&inode->lock);
	bool any = inode->extents != NULL && inode->extents->dirty_bytes > 0 &&
		   inode_is_recorded(inode) && !inode->dead;
	/* With a failing disk the data is tried first. */
	if (any && !writeback->stored_only &&
	    writeback->mode == MODE_ALLOW_WRITES &&
	    writeback_waits(writeback->volume, inode, false))
		r = WRITEBACK_WAITS;
	else if (any)
		r = hold_dirty(writeback, inode, fd, &pieces);
	else if (inode->nlink == 0 && !inode->in_store && inode->limbo == NULL)
		data_pay(inode);
	bool arrives = r == 0 && pieces.count > 0 && inode->in_store &&
		       writeback->mode == MODE_ALLOW_WRITES;
	/* Until it is known what becomes of them: what is written meanwhile must
	 * not be taken for them. */
	bool held = r == 0 && pieces.count > 0;
	if (held)
		inode->written->flushing++;
	slimlock_unlock(&inode->lock);
	if (arrives)
		r = store_pieces(writeback, inode, &pieces, &refused, &error);
	if (arrives && r == 0 && error != 0)
		r = refuse(writeback, inode, &refused, error);
	else if (!arrives && r == 0 && pieces.count > 0)
		r = refuse(writeback, inode, &pieces, error);
	else if (!arrives && r < 0)
		writeback_log(writeback->volume, inode, "store-error",
			      strerror(-r));
	if (held)
		end_flush(inode);
	drop_pieces(writeback->volume, &refused);
	drop_pieces(writeback->volume, &pieces);
	return r;
}

int writeback_inode(const struct writeback *writeback, struct inode *inode)
{
	struct volume *volume = writeback->volume;
	int fd = -1;
	bool looks = writeback->stored_only || looks_at_blocks(writeback);
	if (!looks || (!inode->in_store && !writeback->stored_only))
		return write_inode(writeback, inode, fd);
	if (!inode->in_store)
		return 0;
	int r = store_get_fd(volume, inode, false, &fd);
	if (r < 0) {
		writeback_log(volume, inode, "store-error", strerror(-r));
		return r;
	}
	r = write_inode(writeback, inode, fd);
	store_put_fd(volume->store, inode);
	return r;
}

/* 0, or an error of the store whose cause can go away. */
static int times_error(struct volume *volume, struct inode *inode, int r)
{
	/* A file of another owner refuses, and one that was unlinked has no
	 * times: neither is worth failing a sync that stored the data. */
	if (r == 0 || r == -EPERM || (r == -ENOENT && inode->nlink == 0))
		return 0;
	writeback_log_locked(volume, inode, "store-error", strerror(-r));
	return r;
}

int writeback_times_locked(struct volume *volume, enum mode_kind mode,
			   struct inode *inode)
{
	int r = 0;
	slimlock_write(&inode->lock);
	struct timespec times[2] = {inode->atime, inode->mtime};
	inode->times_dirty = false;
	if (inode->limbo != NULL && mode == MODE_ALLOW_WRITES)
		limbo_take_times_locked(inode);
	slimlock_unlock(&inode->lock);
	bool stored = mode == MODE_ALLOW_WRITES;
	inode->times_dropped = !stored || inode->diverged;
	if (inode->times_dropped)
		keep_dropped(volume, inode);
	if (stored && (inode->in_store || inode == volume->root) &&
	    !inode->dead)
		r = times_error(volume, inode,
				store_set_times_locked(volume, inode, times));
	if (r < 0) {
		slimlock_write(&inode->lock);
		inode_note_times(volume, inode);
		slimlock_unlock(&inode->lock);
	}
	inode_release_locked(volume, inode);
	return r;
}
