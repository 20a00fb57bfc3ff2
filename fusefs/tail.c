/* SPDX-License-Identifier: MIT */
#include "fusefs/tail.h"

#include <errno.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/profile.h"
#include "fusefs/release.h"
#include "fusefs/space.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/writeback.h"

#define BLOCK_MAX 4096

/* Whether it takes the block away that begins there. */
static bool frees(const struct record *record, int64_t block, int64_t end)
{
	const struct record_space *space = &record->space;

	if (record->kind == RECORD_SIZE)
		return record->size_bytes <= block;
	if (record->kind != RECORD_SPACE)
		return false;
	if (space->mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
		return space->offset_bytes < end;
	return space->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) &&
	       space->offset_bytes < end &&
	       space->offset_bytes + space->length_bytes > block;
}

/* The first block from *from on that loses only its end, if it is below `to`. */
static bool next_cut(struct volume *volume, struct inode *inode, int64_t *from,
		     int64_t to)
{
	int64_t size = profile_block_bytes(volume->profile);
	int64_t found = to;

	pthread_mutex_lock(&volume->journal.lock);
	list_for_each(node, following, &inode->records) {
		const struct record *record =
			list_entry(node, struct record, inode_link);
		int64_t block = record->size_bytes / size * size;

		if (record->kind == RECORD_SIZE && record->size_bytes > block &&
		    block >= *from && block < found)
			found = block;
	}
	pthread_mutex_unlock(&volume->journal.lock);
	*from = found;
	return found < to;
}

static bool is_freed(struct volume *volume, struct inode *inode, int64_t block)
{
	int64_t end = block + profile_block_bytes(volume->profile);
	bool freed = false;

	pthread_mutex_lock(&volume->journal.lock);
	list_for_each(node, following, &inode->records)
		freed |= frees(list_entry(node, struct record, inode_link),
			       block, end);
	pthread_mutex_unlock(&volume->journal.lock);
	return freed;
}

/* What the live image has of the block, as far as the store's file goes: how many
 * bytes, 0 if the store has no such block, or an error. The lock is held. */
static int64_t read_block_locked(struct volume *volume, struct inode *inode,
				 int fd, int64_t block, char *buffer)
{
	int64_t size = profile_block_bytes(volume->profile);
	struct stat st;
	int r = data_store_has_block(volume, inode, fd, block);
	if (r <= 0)
		return r;
	r = store_file_stat(fd, &st);
	if (r < 0 || st.st_size <= block)
		return r;
	if (size > st.st_size - block)
		size = st.st_size - block;
	r = data_read_locked(volume, inode, fd, buffer, (size_t)size, block);
	return r < 0 ? r : size;
}

static int64_t read_block(struct volume *volume, struct inode *inode,
			  int64_t block, char *buffer)
{
	int fd;
	int64_t r = data_enter(volume, inode, &fd);
	if (r < 0)
		return r;
	if (fd >= 0)
		r = read_block_locked(volume, inode, fd, block, buffer);
	data_leave(volume, inode, fd);
	return r;
}

int tail_write_in_place(struct volume *volume, struct inode *inode,
			const struct commit_range *range)
{
	char buffer[BLOCK_MAX];
	int64_t size = profile_block_bytes(volume->profile);
	int64_t r = 0;

	for (int64_t block = range->from;
	     r == 0 && next_cut(volume, inode, &block, range->to);
	     block += size) {
		if (is_freed(volume, inode, block))
			continue;
		r = read_block(volume, inode, block, buffer);
		if (r > 0)
			r = writeback_block(volume, inode, block, buffer,
					    (size_t)r);
	}
	return (int)r;
}

/* Whether the block is there, on the disk or not yet. */
static bool has_block(struct volume *volume, struct inode *inode, int64_t block)
{
	int64_t end = block + profile_block_bytes(volume->profile);
	int fd;

	if (data_enter(volume, inode, &fd) < 0)
		return false;
	bool there = data_is_allocated(volume, inode, fd, block);
	const struct extent *extent = extents_at(inode->extents, block);
	while (!there && extent != NULL && extent->offset_bytes < end) {
		there = extent->state == EXTENT_DIRTY ||
			extent->source != EXTENT_ZERO;
		extent = extents_next(extent);
	}
	data_leave(volume, inode, fd);
	return there;
}

static bool cuts_block(struct volume *volume, struct inode *inode,
		       int64_t offset)
{
	int64_t size = profile_block_bytes(volume->profile);

	return offset % size != 0 &&
	       has_block(volume, inode, offset / size * size);
}

static void write_pages(struct volume *volume, struct inode *inode,
			int64_t from, int64_t to)
{
	const struct commit_range range = {
		from / DATA_PAGE * DATA_PAGE,
		(to + DATA_PAGE - 1) / DATA_PAGE * DATA_PAGE,
	};

	if (range.from < range.to)
		commit_push(volume, inode, &range, false);
}

/* The ends as they are, and as a commit of names would leave them. */
struct ends {
	int64_t live;
	int64_t stored;
};

static struct ends ends_of(struct inode *inode)
{
	struct ends ends;

	slimlock_read(&inode->lock);
	ends.live = inode->size_bytes;
	ends.stored = inode->written != NULL
			      ? inode->written->journal_size_bytes
			      : ends.live;
	slimlock_unlock(&inode->lock);
	return ends;
}

/* What writes pages makes the file forget an earlier truncation: xfs_vm_writepages().
 * One that shrinks it is noted after that. */
static void grow_writes(struct volume *volume, struct inode *inode, bool zeroes)
{
	slimlock_write(&inode->lock);
	release_writes(volume, inode);
	if (zeroes)
		release_syncs(volume, inode);
	slimlock_unlock(&inode->lock);
}

int tail_truncate(struct volume *volume, struct inode *inode, int64_t size)
{
	struct ends ends = ends_of(inode);
	bool copies = profile_copies_on_write(volume->profile);
	if (copies && size >= 0 && size < ends.live && size % DATA_PAGE != 0)
		write_pages(volume, inode, size, size + 1);
	if (!profile_writes_tail(volume->profile) || volume->read_only ||
	    size < 0)
		return data_truncate(volume, inode, size);
	if (size <= ends.live) {
		write_pages(volume, inode, size, size + 1);
		/* The file may have grown by that. */
		ends = ends_of(inode);
	}
	bool zeroes =
		cuts_block(volume, inode, size < ends.live ? size : ends.live);
	int r = data_truncate(volume, inode, size);
	if (r == 0 &&
	    (zeroes || (size > ends.stored && ends.live != ends.stored))) {
		if (size > ends.live)
			grow_writes(volume, inode, zeroes);
		write_pages(volume, inode, ends.stored, size);
	}
	return r;
}

/* A part of a block, if it is there, becomes zero as by a write. */
static int zero_part(struct volume *volume, struct inode *inode, int64_t from,
		     int64_t to)
{
	static const char zeros[BLOCK_MAX];
	int64_t size = profile_block_bytes(volume->profile);
	struct ends ends = ends_of(inode);

	if (to > ends.live)
		to = ends.live;
	if (from >= to || !has_block(volume, inode, from / size * size))
		return 0;
	const struct data_write write = {
		.data = zeros,
		.size_bytes = (size_t)(to - from),
		.offset_bytes = from,
	};
	return data_write(volume, inode, &write);
}

/* Whole blocks go by the map, parts of some as data. */
static int zero_range(struct volume *volume, struct inode *inode, int mode,
		      const struct commit_range *range)
{
	int64_t size = profile_block_bytes(volume->profile);
	int64_t first = (range->from + size - 1) / size * size;
	int64_t last = range->to / size * size;
	int64_t live = ends_of(inode).live;
	int r = 0;

	/* file_modified(): whatever is there to zero. */
	slimlock_write(&inode->lock);
	inode_touch(volume, inode, INODE_CHANGE_WRITE);
	slimlock_unlock(&inode->lock);
	if (mode & FALLOC_FL_ZERO_RANGE)
		r = space_allocate(volume, inode, mode & FALLOC_FL_KEEP_SIZE,
				   range->from, range->to - range->from);
	if (r == 0 && first < last)
		r = space_allocate(volume, inode, mode | FALLOC_FL_KEEP_SIZE,
				   first, last - first);
	if (r == 0)
		r = zero_part(volume, inode, range->from,
			      first < range->to ? first : range->to);
	if (r == 0 && last >= first)
		r = zero_part(volume, inode, last, range->to);
	if (r == 0 && profile_writes_tail(volume->profile) &&
	    range->from < live && range->to >= live && live % DATA_PAGE != 0)
		write_pages(volume, inode, live, live + 1);
	return r;
}

/* btrfs_punch_hole(), find_first_non_hole(): where there is nothing, nothing
 * changes, not even a time. */
static bool is_behind_all(struct volume *volume, struct inode *inode,
			  const struct commit_range *range)
{
	int64_t end = ends_of(inode).live;
	int64_t from = range->from / DATA_PAGE * DATA_PAGE;

	return from >= end && !has_block(volume, inode, from);
}

int tail_allocate(struct volume *volume, struct inode *inode, int mode,
		  int64_t offset, int64_t length)
{
	bool zeroes = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE);

	bool tail = profile_writes_tail(volume->profile);
	bool copies = profile_copies_on_write(volume->profile);
	if ((!tail && !copies) || volume->read_only || offset < 0 ||
	    length <= 0 || offset > DATA_SIZE_MAX - length)
		return space_allocate(volume, inode, mode, offset, length);
	const struct commit_range range = {offset, offset + length};
	if (zeroes) {
		slimlock_write(&inode->lock);
		release_writes(volume, inode);
		slimlock_unlock(&inode->lock);
	}
	if (zeroes || copies)
		write_pages(volume, inode, range.from, range.to);
	if (mode & FALLOC_FL_PUNCH_HOLE && copies &&
	    is_behind_all(volume, inode, &range))
		return 0;
	/* The file may have grown by that. */
	struct ends ends = ends_of(inode);
	if (tail && (mode & ~FALLOC_FL_ZERO_RANGE) == 0 &&
	    range.to <= ends.live)
		mode |= FALLOC_FL_KEEP_SIZE;
	bool cuts = cuts_block(volume, inode, ends.live);
	int r = zeroes ? zero_range(volume, inode, mode, &range)
		       : space_allocate(volume, inode, mode, offset, length);
	int64_t size = ends_of(inode).live;
	if (r == 0 && tail && size > ends.live &&
	    (cuts || ends.live != ends.stored)) {
		grow_writes(volume, inode, cuts);
		write_pages(volume, inode, ends.stored, size);
	}
	return r;
}
