/* SPDX-License-Identifier: MIT */
/*
 * The real file systems write dirty pages of the range out before they change
 * its map, so the same data is pushed here first. Collapsing and inserting move
 * what is behind: until the store has done so, the moved bytes are shown from
 * copies in the scratch file.
 */
#include "fusefs/space.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "fusefs/abort.h"
#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/profile.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

#define COPY_BYTES (1 << 20)

#define MODE_MOVES (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)
#define MODE_ZEROES (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)

struct request {
	struct volume *volume;
	struct inode *inode;
	int fd; /* of the store's file, or -1 */
	int mode;
	int64_t offset;
	int64_t end;
	bool ends_dirty; /* the last byte of the file was unsynced before */
};

/* The combinations that ext4, xfs and btrfs accept. */
static int check_mode(int mode)
{
	switch (mode) {
	case 0:
	case FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_COLLAPSE_RANGE:
	case FALLOC_FL_INSERT_RANGE:
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int check_move(const struct request *request)
{
	int64_t block = profile_block_bytes(request->volume->profile);
	int64_t size = request->inode->size_bytes;
	if (request->offset % block != 0 || request->end % block != 0)
		return -EINVAL;
	if (request->mode & FALLOC_FL_COLLAPSE_RANGE)
		return request->end >= size ? -EINVAL : 0;
	if (request->offset >= size)
		return -EINVAL;
	if (size + request->end - request->offset > DATA_SIZE_MAX)
		return -EFBIG;
	return 0;
}

/* The dirty pages that the range touches. */
static struct commit_range pages_of(const struct request *request)
{
	return (struct commit_range){
		request->offset / DATA_PAGE * DATA_PAGE,
		(request->end + DATA_PAGE - 1) / DATA_PAGE * DATA_PAGE,
	};
}

static bool pushes_before(const struct request *request)
{
	const struct profile *profile = request->volume->profile;

	if (request->mode & FALLOC_FL_PUNCH_HOLE)
		return profile_pushes_before_punching(profile);
	return request->mode & FALLOC_FL_ZERO_RANGE &&
	       profile_pushes_before_zeroing(profile);
}

/* They go out with the journal where the store has no place for them; all of
 * them where that would move with the blocks. */
static int push_range(const struct request *request)
{
	struct commit_range pages = pages_of(request);
	if (request->mode & MODE_MOVES)
		return data_push_all_locked(request->volume, request->inode,
					    pages.from, DATA_END);
	if (!pushes_before(request))
		return 0;
	if (profile_copies_on_write(request->volume->profile))
		return data_push_all_locked(request->volume, request->inode,
					    pages.from, pages.to);
	return data_push_locked(request->volume, request->inode, request->fd,
				pages.from, pages.to);
}

/* Copies [from, from + length) to extents at offset `to`, holes left out. */
static int copy_range(const struct request *request, int64_t from, int64_t to,
		      int64_t length, struct extents *ret_extents)
{
	cleanup_free char *buffer = malloc(COPY_BYTES);
	if (buffer == NULL)
		return -ENOMEM;
	struct scratch *scratch = request->volume->scratch;
	for (int64_t at = 0; at < length;) {
		struct extent_what what = {.seq = UINT64_MAX,
					   .state = EXTENT_PUSHED};
		size_t want = COPY_BYTES;
		if ((int64_t)want > length - at)
			want = (size_t)(length - at);
		size_t had;
		int r = scratch_alloc(scratch, want, &what.source, &had);
		if (r < 0)
			return r;
		r = data_read_locked(request->volume, request->inode,
				     request->fd, buffer, had, from + at);
		if (r == 0)
			r = scratch_write(scratch, what.source, buffer, had);
		if (r == 0)
			r = extents_put(ret_extents, to + at, (int64_t)had,
					&what);
		if (r < 0) {
			scratch_drop(scratch, what.source, had);
			return r;
		}
		at += (int64_t)had;
	}
	return 0;
}

static int put_zeros(struct extents *extents, int64_t from, int64_t to)
{
	if (extents == NULL)
		return -ENOMEM;
	struct extent_what what = {.source = EXTENT_ZERO,
				   .seq = UINT64_MAX,
				   .state = EXTENT_PUSHED};
	return extents_put(extents, from, to - from, &what);
}

static int move_tail(const struct request *request, int64_t *ret_size)
{
	bool insert = request->mode & FALLOC_FL_INSERT_RANGE;
	int64_t size = request->inode->size_bytes;
	int64_t length = request->end - request->offset;
	int64_t from = insert ? request->offset : request->end;
	int64_t to = insert ? request->end : request->offset;
	struct scratch *scratch = request->volume->scratch;
	struct extents *moved = extents_new(scratch);
	if (moved == NULL)
		return -ENOMEM;
	/* Zeros first, over everything from the place on: they are the new
	 * gap, and hide the old end behind a shorter size. */
	int r = put_zeros(moved, request->offset, DATA_END);
	if (r == 0)
		r = copy_range(request, from, to, size - from, moved);
	struct extents *extents = data_extents(request->volume, request->inode);
	if (r == 0)
		r = extents == NULL ? -ENOMEM : extents_take(extents, moved);
	extents_free(moved);
	*ret_size = insert ? size + length : size - length;
	return r;
}

/* Shows the new content, and says what the size becomes. */
static int change_view(const struct request *request, int64_t *ret_size)
{
	int64_t size = request->inode->size_bytes;
	*ret_size = size;
	if (request->mode & MODE_MOVES)
		return move_tail(request, ret_size);
	if (!(request->mode & FALLOC_FL_KEEP_SIZE) && request->end > size)
		*ret_size = request->end;
	if (request->mode & MODE_ZEROES)
		return put_zeros(data_extents(request->volume, request->inode),
				 request->offset, request->end);
	return 0;
}

/* The extents that change_view() made get the number of the record. Without a
 * name there is none: then moved data is dirty, as any other. */
static void stamp_view(const struct request *request, uint64_t seq)
{
	struct inode *inode = request->inode;
	int64_t end = request->mode & MODE_MOVES ? DATA_END : request->end;
	for (struct extent *extent =
		     extents_at(inode->extents, request->offset);
	     extent != NULL && extent->offset_bytes < end;
	     extent = extents_next(extent)) {
		if (extent->seq != UINT64_MAX)
			continue;
		enum extent_state state = EXTENT_PUSHED;
		if (!inode_is_recorded(inode))
			state = extent->source == EXTENT_ZERO ? EXTENT_CLEAN
							      : EXTENT_DIRTY;
		extents_mark(inode->extents, extent, state, seq);
	}
}

/* ext4_punch_hole(): a hole that reaches beyond the end takes the rest of the
 * last page along, and behind it there is nothing to punch. */
static bool clip_hole(struct request *request)
{
	int64_t size = request->inode->size_bytes;
	if (!(request->mode & FALLOC_FL_PUNCH_HOLE) || request->end <= size)
		return true;
	request->end = size - size % DATA_PAGE + DATA_PAGE;
	return request->offset < size;
}

/* ext4_update_disksize_before_punch(): where whole blocks are zeroed, up to there. */
static bool reaches_size(const struct request *request, int64_t *size)
{
	int64_t block = profile_block_bytes(request->volume->profile);
	int64_t first = (request->offset + block - 1) / block * block;

	if (*size > request->end)
		*size = request->end;
	return request->offset <= request->inode->size_bytes &&
	       first<request->end / block * block && * size> request->inode
		       ->written->journal_size_bytes;
}

/* Zeroing the end takes away the unsynced data that would have told the store of
 * the size, unless that went out first. */
static int record_size(const struct request *request)
{
	struct inode *inode = request->inode;
	int64_t size = inode->size_bytes;
	if (!(request->mode & MODE_ZEROES))
		return 0;
	if (profile_grows_in_block(request->volume->profile) &&
	    !reaches_size(request, &size))
		return 0;
	if (request->end < size)
		return 0;
	/* Without a name there are no records yet, nor has anything gone out. */
	if (!inode_is_recorded(inode)) {
		inode->written->journal_size_bytes = inode->size_bytes;
		return 0;
	}
	if (pushes_before(request) &&
	    !profile_grows_in_block(request->volume->profile))
		return 0;
	struct record *record = journal_record_new(RECORD_SIZE, inode);
	if (record == NULL)
		return -ENOMEM;
	record->size_bytes = size;
	/* The store's file is longer where cutting it off was dropped. */
	record->grows = true;
	journal_append(&request->volume->journal, record);
	inode->written->journal_size_bytes = size;
	return 0;
}

static bool has_block(const struct request *request, int64_t offset)
{
	int64_t block = profile_block_bytes(request->volume->profile);

	return data_is_allocated(request->volume, request->inode, request->fd,
				 offset / block * block);
}

static int allocate_locked(struct request *request)
{
	struct volume *volume = request->volume;
	struct inode *inode = request->inode;
	int r = journal_has_room(&volume->journal);
	if (r == 0 && request->mode & MODE_MOVES)
		r = check_move(request);
	if (r == 0 && inode_written(inode) == NULL)
		r = -ENOMEM;
	if (r < 0 || !clip_hole(request))
		return r;
	struct record *record = journal_record_new(RECORD_SPACE, inode);
	if (record == NULL)
		return -ENOMEM;
	record->space = (struct record_space){
		.mode = request->mode,
		.offset_bytes = request->offset,
		.length_bytes = request->end - request->offset,
	};
	int64_t size = inode->size_bytes;
	const struct extent *last_extent = extents_at(inode->extents, size - 1);
	request->ends_dirty = size > 0 && last_extent != NULL &&
			      last_extent->state == EXTENT_DIRTY;
	r = push_range(request);
	/* What has no space yet gets some that waits to be written. */
	bool first = has_block(request, request->offset);
	bool last = has_block(request, request->end);
	if (r == 0)
		r = record_size(request);
	if (r == 0)
		r = change_view(request, &size);
	if (r < 0) {
		journal_record_discard(volume, record);
		data_trim(volume, inode);
		return r;
	}
	uint64_t seq = 0;
	if (inode_is_recorded(inode))
		seq = journal_append(&volume->journal, record);
	else
		journal_record_discard(volume, record);
	stamp_view(request, seq);
	if (request->mode & MODE_ZEROES && first)
		data_order(volume, inode, request->offset);
	if (request->mode & MODE_ZEROES && last)
		data_order(volume, inode, request->end);
	if (size != inode->size_bytes)
		inode->written->journal_size_bytes = size;
	/* The record makes the store's file as long, whatever was unsynced. */
	bool grows = !(request->mode & (FALLOC_FL_KEEP_SIZE | MODE_MOVES));
	if (grows && request->end > inode->written->journal_size_bytes)
		inode->written->journal_size_bytes = request->end;
	inode->size_bytes = size;
	inode_touch(volume, inode,
		    INODE_CHANGE_CONTENT | INODE_CHANGE_DATASYNC);
	return 0;
}

/* Zeroing a part of the last block leaves it as unsynced as it was: what is to tell
 * the store of the size is written as zeros. */
static int zero_end(const struct request *request)
{
	static const char zeros[DATA_PAGE];
	struct inode *inode = request->inode;
	int64_t block = profile_block_bytes(request->volume->profile);
	slimlock_read(&inode->lock);
	int64_t size = inode->size_bytes;
	bool told = !request->ends_dirty ||
		    size <= inode->written->journal_size_bytes;
	slimlock_unlock(&inode->lock);
	int64_t from = (size - 1) / block * block;
	if (from < request->offset)
		from = request->offset;
	if (told || !(request->mode & MODE_ZEROES) || from >= size ||
	    size > request->end)
		return 0;
	const struct data_write write = {
		.data = zeros,
		.size_bytes = (size_t)(size - from),
		.offset_bytes = from,
	};
	return data_write(request->volume, inode, &write);
}

int space_allocate(struct volume *volume, struct inode *inode, int mode,
		   int64_t offset, int64_t length)
{
	int r = check_mode(mode);
	if (r < 0)
		return r;
	if (abort_check(volume) < 0)
		return abort_check(volume);
	if (offset < 0 || length <= 0)
		return -EINVAL;
	if (offset > DATA_SIZE_MAX - length)
		return -EFBIG;
	struct request request = {.volume = volume,
				  .inode = inode,
				  .fd = -1,
				  .mode = mode,
				  .offset = offset,
				  .end = offset + length};
	/* A file that enters the store after this had no content there, and one
	 * that leaves it takes its content along. */
	if (inode->in_store)
		r = store_get_fd(volume, inode, false, &request.fd);
	if (r < 0 && inode->in_store)
		return r;
	struct commit_range pages = pages_of(&request);
	if (pushes_before(&request))
		commit_push(volume, inode, &pages, false);
	slimlock_write(&inode->lock);
	r = allocate_locked(&request);
	slimlock_unlock(&inode->lock);
	if (r == 0 && profile_grows_in_block(volume->profile))
		r = zero_end(&request);
	if (request.fd >= 0)
		store_put_fd(volume->store, inode);
	return r;
}
