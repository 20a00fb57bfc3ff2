/* SPDX-License-Identifier: MIT */
/*
 * A write goes into the dirty extent that already covers its place, into the
 * free scratch space behind the extent that ends there, or into new space. In
 * place only while no commit copies the extents: a commit must store one state
 * of a byte, and know whether it is still the newest afterwards.
 */
#include "fusefs/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fusefs/abort.h"
#include "fusefs/disk.h"
#include "fusefs/errseq.h"
#include "fusefs/extents.h"
#include "fusefs/fault_store.h"
#include "fusefs/inode.h"
#include "fusefs/profile.h"
#include "fusefs/refuse.h"
#include "fusefs/release.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

/* Of extents whose record has no number yet, beside UINT64_MAX. */
#define SHOWN_SEQ (UINT64_MAX - 1)

struct extents *data_extents(struct volume *volume, struct inode *inode)
{
	if (inode->extents != NULL)
		return inode->extents;
	struct inode_written *written = inode_written(inode);
	if (written != NULL)
		inode->extents = extents_new(volume->scratch);
	if (inode->extents == NULL)
		return NULL;
	if (inode->nlink > 0)
		extents_count(inode->extents, &volume->totals);
	pthread_mutex_lock(&volume->times_lock);
	list_append(&volume->dirty, &written->dirty_link);
	pthread_mutex_unlock(&volume->times_lock);
	return inode->extents;
}

void data_trim(struct volume *volume, struct inode *inode)
{
	if (inode->extents == NULL || inode->extents->count > 0)
		return;
	extents_free(inode->extents);
	inode->extents = NULL;
	pthread_mutex_lock(&volume->times_lock);
	list_remove(&inode->written->dirty_link);
	pthread_mutex_unlock(&volume->times_lock);
}

static int read_store(struct disk_io *io, int fd, char *to, size_t size,
		      int64_t offset)
{
	ssize_t n = fd < 0 ? 0 : disk_read(io, fd, to, size, offset);
	if (n < 0)
		return (int)n;
	memset(to + n, 0, size - (size_t)n);
	if (n > 0 && io->rules != NULL)
		return fault_store_read(io->rules, fd, to, (size_t)n, offset);
	return 0;
}

static int read_live(struct disk_io *io, int fd, void *buffer, size_t size,
		     int64_t offset)
{
	struct volume *volume = io->volume;
	struct inode *inode = io->inode;
	char *to = buffer;
	struct extent *extent = extents_at(inode->extents, offset);
	int r = 0;
	while (size > 0 && r == 0) {
		int64_t n = (int64_t)size;
		bool inside = extent != NULL && extent->offset_bytes <= offset;
		int64_t edge = INT64_MAX;
		if (extent != NULL)
			edge = inside ? extents_end(extent)
				      : extent->offset_bytes;
		if (n > edge - offset)
			n = edge - offset;
		if (!inside)
			r = read_store(io, fd, to, (size_t)n, offset);
		else if (extent->source == EXTENT_ZERO)
			memset(to, 0, (size_t)n);
		else
			r = scratch_read(
				volume->scratch,
				extent->source +
					(uint64_t)(offset -
						   extent->offset_bytes),
				to, (size_t)n);
		if (inside)
			extent = extents_next(extent);
		to += n;
		offset += n;
		size -= (size_t)n;
	}
	return r;
}

int data_read_locked(struct volume *volume, struct inode *inode, int fd,
		     void *buffer, size_t size, int64_t offset)
{
	struct disk_io io = {.volume = volume, .inode = inode};
	return read_live(&io, fd, buffer, size, offset);
}

int data_enter(struct volume *volume, struct inode *inode, int *ret_fd)
{
	for (;;) {
		bool stored = inode->in_store;
		*ret_fd = -1;
		if (stored) {
			int r = store_get_fd(volume, inode, false, ret_fd);
			if (r < 0 && inode->in_store)
				return r;
		}
		slimlock_read(&inode->lock);
		/* A commit may have moved everything there meanwhile, or
		 * everything away. */
		if (stored == inode->in_store)
			return 0;
		data_leave(volume, inode, *ret_fd);
	}
}

void data_leave(struct volume *volume, struct inode *inode, int fd)
{
	slimlock_unlock(&inode->lock);
	if (fd >= 0)
		store_put_fd(volume->store, inode);
}

static ssize_t read_some(struct disk_io *io, void *buffer, size_t size,
			 int64_t offset)
{
	struct inode *inode = io->inode;
	int fd;
	int r = data_enter(io->volume, inode, &fd);
	if (r < 0)
		return r;
	ssize_t n = 0;
	if (offset < inode->size_bytes) {
		n = (ssize_t)size;
		if (n > inode->size_bytes - offset)
			n = inode->size_bytes - offset;
		r = read_live(io, fd, buffer, (size_t)n, offset);
	}
	data_leave(io->volume, inode, fd);
	return r < 0 ? r : n;
}

ssize_t data_read(struct volume *volume, struct inode *inode, void *buffer,
		  size_t size, int64_t offset)
{
	struct disk_io io;
	struct fault_store rules;
	disk_begin(&io, volume, &volume->disk, inode, DISK_READ);
	if (fault_store_armed(volume, RULE_STORE_READ)) {
		fault_store_begin(&rules, volume, inode, RULE_STORE_READ);
		io.rules = &rules;
	}
	ssize_t n = read_some(&io, buffer, size, offset);
	if (io.rules != NULL)
		fault_store_end(&rules);
	int r = disk_end(&io);
	return n < 0 || r == 0 ? n : r;
}

/* A part of a write. Each of these takes all of it or changes nothing. */
struct part {
	const char *data;
	size_t size;
	int64_t offset;
	/* The beginning that is in the scratch file already, and where. */
	size_t landed;
	uint64_t source;
	bool dropped;
	bool direct;
};

static int write_in_place(struct volume *volume, const struct extent *extent,
			  const struct part *part)
{
	return scratch_write(volume->scratch,
			     extent->source + (uint64_t)(part->offset -
							 extent->offset_bytes),
			     part->data, part->size);
}

/* Gives back what scratch_extend() had; the rest of a unit that was ours before
 * stays so. */
static void unextend(struct volume *volume, uint64_t end, size_t had)
{
	uint64_t unit = SCRATCH_UNIT;
	uint64_t taken = (end + unit - 1) / unit * unit;
	if (end + had > taken)
		scratch_drop(volume->scratch, taken, end + had - taken);
}

/* The extent that grows by writing behind it. */
struct growth {
	struct extent *extent;
	uint64_t end; /* of its data in the scratch file, before */
	size_t had;
};

/* Into the space behind the extent that ends where the part begins; nothing of
 * it is shown yet. 1, or 0 if there is not enough. */
static int write_behind(struct volume *volume, struct extents *extents,
			const struct part *part, struct growth *ret_growth)
{
	if (part->offset == 0)
		return 0;
	struct extent *before = extents_at(extents, part->offset - 1);
	if (before == NULL || extents_end(before) != part->offset ||
	    before->state != EXTENT_DIRTY || before->source == EXTENT_ZERO)
		return 0;
	uint64_t end = before->source + (uint64_t)before->length_bytes;
	size_t had = scratch_extend(volume->scratch, end, part->size);
	if (had < part->size) {
		unextend(volume, end, had);
		return 0;
	}
	int r = scratch_write(volume->scratch, end, part->data, had);
	if (r == 0)
		r = extents_split(extents, part->offset);
	if (r == 0)
		r = extents_split(extents, part->offset + (int64_t)had);
	if (r < 0) {
		unextend(volume, end, had);
		return r;
	}
	*ret_growth = (struct growth){before, end, had};
	return 1;
}

/* Where it has landed, or into new space, for as much as can be had in one
 * piece. */
static ssize_t write_anew(struct volume *volume, struct extents *extents,
			  const struct part *part)
{
	struct extent_what what = {.source = part->source,
				   .state = part->dropped ? EXTENT_CLEAN
							  : EXTENT_DIRTY};
	size_t had = part->landed;
	int r = 0;
	if (had == 0) {
		r = scratch_alloc(volume->scratch, part->size, &what.source,
				  &had);
		if (r < 0)
			return r;
		r = scratch_write(volume->scratch, what.source, part->data,
				  had);
	}
	if (r == 0)
		r = extents_put(extents, part->offset, (int64_t)had, &what);
	if (r < 0) {
		scratch_drop(volume->scratch, what.source, had);
		return r;
	}
	return (ssize_t)had;
}

/* All pieces are had before the first is shown: a write that does not fit
 * leaves nothing behind, neither in the file nor beyond its end. */
static int write_pieces(struct volume *volume, struct extents *extents,
			struct part *part)
{
	struct extents *pieces = extents_new_part(extents);
	if (pieces == NULL)
		return -ENOMEM;
	struct part rest = *part;
	int r = 0;
	part->landed = 0; /* taken over, or dropped */
	while (rest.size > 0 && r == 0) {
		ssize_t n = write_anew(volume, pieces, &rest);
		if (n < 0) {
			r = (int)n;
			break;
		}
		rest.data += n;
		rest.size -= (size_t)n;
		rest.offset += n;
		rest.landed = 0;
	}
	if (r == 0)
		r = extents_take(extents, pieces);
	extents_free(pieces);
	return r;
}

static int write_extents(struct volume *volume, struct inode *inode,
			 struct part *whole)
{
	if (whole->landed > 0 || whole->dropped)
		return write_pieces(volume, inode->extents, whole);
	struct extent *extent = extents_at(inode->extents, whole->offset);
	struct part first = *whole;
	first.size = 0;
	if (extent != NULL && extent->offset_bytes <= whole->offset &&
	    extent->state == EXTENT_DIRTY && extent->source != EXTENT_ZERO &&
	    inode->written->flushing == 0 && !volume->copying)
		first.size = (size_t)(extents_end(extent) - whole->offset);
	if (first.size > whole->size)
		first.size = whole->size;
	struct part rest = {
		.data = whole->data + first.size,
		.size = whole->size - first.size,
		.offset = whole->offset + (int64_t)first.size,
	};
	struct growth growth = {0};
	int r = 1;
	if (rest.size > 0)
		r = write_behind(volume, inode->extents, &rest, &growth);
	if (r < 0)
		return r;
	if (r == 0)
		return write_pieces(volume, inode->extents, whole);
	/* The space for these is there, so only a broken disk can refuse them.
	 * Then what is behind must not be seen either. */
	r = first.size > 0 ? write_in_place(volume, extent, &first) : 0;
	if (r < 0 && rest.size > 0)
		unextend(volume, growth.end, growth.had);
	if (r < 0 || rest.size == 0)
		return r;
	extents_remove(inode->extents, rest.offset, (int64_t)growth.had);
	extents_grow(inode->extents, growth.extent, (int64_t)growth.had);
	return 0;
}

/* Appends a record for the inode and notes that fdatasync must wait for it. A
 * file without a name needs none: nothing of it can be durable. */
static void append_record(struct volume *volume, struct inode *inode,
			  struct record *record)
{
	if (!inode_is_recorded(inode)) {
		journal_record_discard(volume, record);
		return;
	}
	inode->sync_seq = journal_append(&volume->journal, record);
	inode->datasync_seq = inode->sync_seq;
	inode->status_owed = true;
}

/* As ext4_da_write_end() has it: a write is taken page by page, and where a page
 * of it grows the file and ends in a block that has space, the size on disk
 * changes with the next commit, whether or not the data follows. Behind the
 * page of the old end nothing has space yet. The record for that, if any. */
static int grow_in_block(struct volume *volume, struct inode *inode,
			 int64_t offset, int64_t end,
			 struct record **ret_record)
{
	int64_t block = profile_block_bytes(volume->profile);
	int64_t edge =
		(inode->size_bytes + DATA_PAGE - 1) / DATA_PAGE * DATA_PAGE;
	if (end > edge)
		end = edge;
	*ret_record = NULL;
	if (end <= inode->size_bytes ||
	    !profile_grows_in_block(volume->profile) ||
	    inode->size_bytes == edge || offset >= edge ||
	    !data_is_allocated(volume, inode, -1, (end - 1) / block * block))
		return 0;
	struct record *record = journal_record_new(RECORD_SIZE, inode);
	if (record == NULL)
		return -ENOMEM;
	record->size_bytes = end;
	*ret_record = record;
	return 0;
}

static int write_locked(struct volume *volume, struct inode *inode,
			struct part *part)
{
	int64_t offset = part->offset;
	int64_t end = offset + (int64_t)part->size;
	if (offset < 0 || end > DATA_SIZE_MAX)
		return -EFBIG;
	int r = journal_has_room(&volume->journal);
	if (r < 0 || part->size == 0)
		return r;
	if (data_extents(volume, inode) == NULL)
		return -ENOMEM;
	static const char zeros[DATA_PAGE];
	struct part gap = {.data = zeros, .offset = inode->size_bytes};
	gap.size = (size_t)(data_gap_end(volume, inode, offset) - gap.offset);
	struct record *record;
	r = grow_in_block(volume, inode, offset, end, &record);
	if (r == 0)
		r = refuse_wake_block(volume, inode, offset);
	if (r == 0)
		r = refuse_wake_block(volume, inode, end - 1);
	if (r == 0)
		r = write_extents(volume, inode, part);
	if (r < 0) {
		journal_record_discard(volume, record);
		data_trim(volume, inode);
		return r;
	}
	/* Without it these bytes are zeros as well. */
	if (gap.size > 0 && !part->dropped)
		(void)write_extents(volume, inode, &gap);
	if (record != NULL) {
		inode->written->journal_size_bytes = record->size_bytes;
		append_record(volume, inode, record);
	}
	if (part->direct)
		data_order_direct(volume, inode, offset, end);
	if (end > inode->size_bytes)
		inode->size_bytes = end;
	if (inode->written->dirty_since_ns == 0)
		inode->written->dirty_since_ns = inode_nanoseconds(inode_now());
	inode_touch(volume, inode, INODE_CHANGE_WRITE);
	release_dirties(volume, inode);
	return 0;
}

int data_write(struct volume *volume, struct inode *inode,
	       const struct data_write *write)
{
	struct part part = {
		.data = write->data,
		.size = write->size_bytes,
		.offset = write->offset_bytes,
		.landed = write->landed_bytes,
		.source = write->landed_at,
		.dropped = write->dropped,
		.direct = write->direct,
	};
	int r = abort_check_pages(volume);
	if (r == 0) {
		slimlock_write(&inode->lock);
		struct timespec mtime = inode->mtime;
		r = write_locked(volume, inode, &part);
		if (write->timed)
			inode->mtime = mtime;
		slimlock_unlock(&inode->lock);
	}
	if (part.landed > 0)
		scratch_drop(volume->scratch, part.source, part.landed);
	return r;
}

/* Behind the new end the store still has the old bytes, until the record is
 * stored: zeros hide them. */
static int hide_behind(struct volume *volume, struct inode *inode, int64_t size,
		       uint64_t seq)
{
	struct extents *extents = data_extents(volume, inode);
	if (extents == NULL)
		return -ENOMEM;
	struct extent_what what = {
		.source = EXTENT_ZERO,
		.seq = seq,
		.state =
			inode_is_recorded(inode) ? EXTENT_PUSHED : EXTENT_CLEAN,
	};
	return extents_put(extents, size, DATA_END - size, &what);
}

static int truncate_locked(struct volume *volume, struct inode *inode,
			   int64_t size)
{
	int r = journal_has_room(&volume->journal);
	if (r < 0)
		return r;
	if (inode_written(inode) == NULL)
		return -ENOMEM;
	struct record *record = journal_record_new(RECORD_SIZE, inode);
	if (record == NULL)
		return -ENOMEM;
	record->size_bytes = size;
	if (size % profile_block_bytes(volume->profile) != 0)
		r = refuse_wake_block(volume, inode, size);
	/* The record's number is not known before it is appended, and the
	 * extents must not fail afterwards: they get theirs at the end. */
	if (r == 0 && size < inode->size_bytes)
		r = hide_behind(volume, inode, size, UINT64_MAX);
	if (r < 0) {
		journal_record_discard(volume, record);
		return r;
	}
	/* ext4 takes one to the size that it has for no change of size, if the
	 * disk is to have that. */
	bool resized = size != inode->size_bytes ||
		       size != inode->written->journal_size_bytes ||
		       !profile_grows_in_block(volume->profile);
	record->same = !resized;
	uint64_t datasync_seq = inode->datasync_seq;
	append_record(volume, inode, record);
	if (!resized)
		inode->datasync_seq = datasync_seq;
	struct extent *hidden = extents_at(inode->extents, size);
	if (hidden != NULL && hidden->seq == UINT64_MAX)
		extents_mark(inode->extents, hidden, hidden->state,
			     inode->sync_seq);
	release_truncates(volume, inode, size);
	if (size <= inode->size_bytes) {
		data_order(volume, inode, size);
		int64_t block = profile_block_bytes(volume->profile);
		inode->written->tail_zeroed =
			size % block != 0 &&
			data_is_allocated(volume, inode, -1,
					  size / block * block);
		uint64_t blocks = ((uint64_t)size + 4095) / 4096 * 8;
		if (inode->blocks > blocks)
			inode->blocks = blocks;
	}
	inode->size_bytes = size;
	inode->written->journal_size_bytes = size;
	inode_touch(volume, inode,
		    resized ? INODE_CHANGE_CONTENT | INODE_CHANGE_DATASYNC
			    : INODE_CHANGE_CONTENT);
	return 0;
}

bool data_forget_zeroed(struct inode *inode, int error)
{
	struct inode_written *written;
	slimlock_write(&inode->lock);
	written = inode->written;
	bool zeroed = written != NULL && written->tail_zeroed;
	if (zeroed)
		written->tail_zeroed = false;
	if (zeroed && error != 0)
		errseq_set(&inode->write_error, error);
	slimlock_unlock(&inode->lock);
	return zeroed;
}

int data_truncate(struct volume *volume, struct inode *inode, int64_t size)
{
	if (abort_check(volume) < 0)
		return abort_check(volume);
	if (size < 0)
		return -EINVAL;
	if (size > DATA_SIZE_MAX)
		return -EFBIG;
	int r = 0;
	/* data_order() will ask, and so will writes behind the new end. */
	if (size % profile_block_bytes(volume->profile) != 0)
		r = data_learn_blocks_below(volume, inode, size);
	if (r < 0)
		return r;
	slimlock_write(&inode->lock);
	r = truncate_locked(volume, inode, size);
	slimlock_unlock(&inode->lock);
	return r;
}

static int add_piece(struct record_pieces *pieces, size_t *capacity,
		     const struct extent *extent)
{
	const struct record_piece piece = {
		.offset_bytes = extent->offset_bytes,
		.length_bytes = extent->length_bytes,
		.source = extent->source,
	};
	return journal_add_piece(pieces, capacity, &piece);
}

/* A record with all data in state; nothing is held yet. */
static int collect(struct inode *inode, enum extent_state state, int64_t from,
		   int64_t to, struct record *record)
{
	size_t capacity = 0;
	int r = 0;
	for (struct extent *extent = extents_at(inode->extents, from);
	     extent != NULL && extent->offset_bytes < to && r == 0;
	     extent = extents_next(extent))
		if (extent->state == state)
			r = add_piece(&record->pieces, &capacity, extent);
	return r;
}

/* The same with the dirty data that the store has no place for. Splits extents
 * where it meets other. */
static int collect_unstored(struct data_blocks *blocks, int64_t from,
			    int64_t to, struct record *record)
{
	struct extents *extents = blocks->inode->extents;
	size_t capacity = 0;
	struct data_run run = {.to = from};
	int r = 0;
	while (r == 0 && data_next_run(blocks, run.to, to, true, &run)) {
		if (run.stored)
			continue;
		r = extents_split(extents, run.from);
		if (r == 0)
			r = extents_split(extents, run.to);
		if (r == 0)
			r = add_piece(&record->pieces, &capacity,
				      extents_at(extents, run.from));
	}
	return r < 0 ? r : blocks->error;
}

void data_append_record(struct volume *volume, struct inode *inode,
			struct record *record)
{
	const struct record_piece *last =
		&record->pieces.list[record->pieces.count - 1];
	int64_t end = last->offset_bytes + last->length_bytes;
	append_record(volume, inode, record);
	if (end > inode->size_bytes)
		end = inode->size_bytes;
	if (end > inode->written->journal_size_bytes)
		inode->written->journal_size_bytes = end;
}

/* The record takes its data over, if it has any and nothing went wrong. */
static int record_pieces(struct volume *volume, struct inode *inode,
			 struct record *record, int r)
{
	if (r < 0 || record->pieces.count == 0) {
		record->pieces.count = 0;
		journal_record_discard(volume, record);
		return r;
	}
	struct record_pieces pieces = record->pieces;
	for (size_t i = 0; i < pieces.count; i++)
		scratch_hold(volume->scratch, pieces.list[i].source,
			     (uint64_t)pieces.list[i].length_bytes);
	data_append_record(volume, inode, record);
	for (size_t i = 0; i < pieces.count; i++)
		extents_mark(
			inode->extents,
			extents_at(inode->extents, pieces.list[i].offset_bytes),
			EXTENT_PUSHED, inode->sync_seq);
	return 0;
}

/* What is pushed of a part of a file makes it grow by whole pages: see writeback.c. */
static int grow_by_page(struct volume *volume, struct inode *inode, int64_t to)
{
	int64_t size = inode->written->journal_size_bytes;

	size = (size + DATA_PAGE - 1) / DATA_PAGE * DATA_PAGE;
	if (size == inode->written->journal_size_bytes || size > to ||
	    size > inode->size_bytes)
		return 0;
	struct record *record = journal_record_new(RECORD_SIZE, inode);
	if (record == NULL)
		return -ENOMEM;
	record->size_bytes = size;
	append_record(volume, inode, record);
	inode->written->journal_size_bytes = size;
	return 0;
}

int data_push_locked(struct volume *volume, struct inode *inode, int fd,
		     int64_t from, int64_t to)
{
	if (inode->extents == NULL || !inode_is_recorded(inode))
		return 0;
	struct record *record = journal_record_new(RECORD_DATA, inode);
	if (record == NULL)
		return -ENOMEM;
	struct data_blocks blocks;
	data_blocks_init(&blocks, volume, inode, fd);
	int r = collect_unstored(&blocks, from, to, record);
	bool any = r == 0 && record->pieces.count > 0;
	r = record_pieces(volume, inode, record, r);
	if (r == 0 && any && profile_writes_tail(volume->profile))
		r = grow_by_page(volume, inode, to);
	return r;
}

int data_push_all_locked(struct volume *volume, struct inode *inode,
			 int64_t from, int64_t to)
{
	if (inode->extents == NULL || !inode_is_recorded(inode))
		return 0;
	struct record *record = journal_record_new(RECORD_DATA, inode);
	if (record == NULL)
		return -ENOMEM;
	int r = extents_split(inode->extents, from);
	if (r == 0)
		r = collect(inode, EXTENT_DIRTY, from, to, record);
	return record_pieces(volume, inode, record, r);
}

int64_t data_dirty_run(const struct inode *inode, int64_t from, int64_t to)
{
	int64_t run = -1;
	for (struct extent *extent = extents_at(inode->extents, from);
	     extent != NULL; extent = extents_next(extent)) {
		int64_t page = extent->offset_bytes / DATA_PAGE * DATA_PAGE;
		if (extent->state != EXTENT_DIRTY)
			continue;
		if (page >= to && page > run)
			break;
		run = (extents_end(extent) + DATA_PAGE - 1) / DATA_PAGE *
		      DATA_PAGE;
	}
	return run > to ? run : to;
}

void data_pay(struct inode *inode)
{
	for (struct extent *extent = extents_at(inode->extents, 0);
	     extent != NULL; extent = extents_next(extent))
		if (extent->state == EXTENT_DIRTY)
			extents_mark(inode->extents, extent, EXTENT_PUSHED, 0);
}

int data_record_paid(struct volume *volume, struct inode *inode)
{
	if (inode->extents == NULL)
		return 0;
	struct record *record = journal_record_new(RECORD_DATA, inode);
	if (record == NULL)
		return -ENOMEM;
	int r = collect(inode, EXTENT_PUSHED, 0, DATA_END, record);
	return record_pieces(volume, inode, record, r);
}

/* What a copy of an extent is to be: dirty bytes stay so; those that were paid for
 * are shared with limbo and must not be written in place, so a record has them. */
static int record_shown(struct volume *volume, const struct extent *extent,
			struct extents *shown, struct record *data,
			size_t *capacity)
{
	struct extent_what what = {.source = extent->source,
				   .seq = extent->seq,
				   .state = (enum extent_state)extent->state};
	uint64_t bytes = (uint64_t)extent->length_bytes;
	int r = 0;
	if (what.state == EXTENT_PUSHED) {
		what.seq = SHOWN_SEQ;
		r = add_piece(&data->pieces, capacity, extent);
	}
	if (r < 0)
		return r;
	if (what.state == EXTENT_PUSHED)
		scratch_hold(volume->scratch, what.source, bytes);
	scratch_hold(volume->scratch, what.source, bytes);
	r = extents_put(shown, extent->offset_bytes, extent->length_bytes,
			&what);
	if (r < 0)
		scratch_drop(volume->scratch, what.source, bytes);
	return r;
}

static void stamp(struct extents *extents, uint64_t from, uint64_t to)
{
	for (struct extent *extent = extents_at(extents, 0); extent != NULL;
	     extent = extents_next(extent))
		if (extent->seq == from)
			extents_mark(extents, extent, EXTENT_PUSHED, to);
}

int data_record_anew(struct volume *volume, struct inode *inode)
{
	struct record *cut = journal_record_new(RECORD_SIZE, inode);
	struct record *data = journal_record_new(RECORD_DATA, inode);
	struct record *grow = journal_record_new(RECORD_SIZE, inode);
	struct extents *extents = data_extents(volume, inode);
	struct extents *shown = extents_new(volume->scratch);
	const struct extent_what zeros = {.source = EXTENT_ZERO,
					  .seq = UINT64_MAX,
					  .state = EXTENT_PUSHED};
	bool has_all = cut != NULL && data != NULL && grow != NULL &&
		       extents != NULL && shown != NULL;
	/* Zeros behind all that is shown: they hide what was paid for. */
	int r = has_all ? extents_put(shown, 0, DATA_END, &zeros) : -ENOMEM;
	size_t capacity = 0;
	for (struct extent *extent = has_all ? extents_at(extents, 0) : NULL;
	     extent != NULL && r == 0; extent = extents_next(extent))
		if (extent->source != EXTENT_ZERO)
			r = record_shown(volume, extent, shown, data,
					 &capacity);
	if (r == 0)
		r = extents_take(extents, shown);
	extents_free(shown);
	if (r < 0) {
		journal_record_discard(volume, cut);
		journal_record_discard(volume, data);
		journal_record_discard(volume, grow);
		return r;
	}
	grow->size_bytes = inode->size_bytes;
	append_record(volume, inode, cut);
	stamp(extents, UINT64_MAX, inode->sync_seq);
	append_record(volume, inode, data);
	stamp(extents, SHOWN_SEQ, inode->sync_seq);
	append_record(volume, inode, grow);
	inode->written->journal_size_bytes = inode->size_bytes;
	return 0;
}
