/* SPDX-License-Identifier: MIT */
/*
 * Which blocks of a file have space, and where its holes are: the store's own
 * map, as the records of the journal will have changed it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "fusefs/data.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/profile.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

enum answer {
	NO,
	YES,
	UNKNOWN
};

/* They are in order of offset. */
static bool has_piece(const struct record_pieces *pieces, int64_t from,
		      int64_t to)
{
	size_t low = 0;
	size_t high = pieces->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct record_piece *piece = &pieces->list[middle];
		if (piece->offset_bytes + piece->length_bytes <= from)
			low = middle + 1;
		else
			high = middle;
	}
	return low < pieces->count && pieces->list[low].offset_bytes < to;
}

static enum answer ask_record(const struct record *record, int64_t block,
			      int64_t end)
{
	if (record->kind == RECORD_DATA &&
	    has_piece(&record->pieces, block, end))
		return YES;
	if (record->kind == RECORD_SIZE && record->size_bytes <= block)
		return NO;
	if (record->kind == RECORD_SPACE &&
	    record->space.mode &
		    (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) &&
	    record->space.offset_bytes <= block &&
	    record->space.offset_bytes + record->space.length_bytes >= end)
		return NO;
	return UNKNOWN;
}

/* Space that was allocated ahead, to the block's edges. */
static bool gives_space(const struct record *record, int64_t block, int64_t end)
{
	const struct record_space *space = &record->space;

	return record->kind == RECORD_SPACE &&
	       !(space->mode &
		 (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE |
		  FALLOC_FL_INSERT_RANGE)) &&
	       space->offset_bytes < end &&
	       space->offset_bytes + space->length_bytes > block;
}

/* What the journal says of the block. ahead: space only to be written to counts,
 * too. */
static enum answer ask_journal(struct volume *volume, struct inode *inode,
			       int64_t block, bool ahead)
{
	int64_t end = block + profile_block_bytes(volume->profile);
	enum answer answer = UNKNOWN;
	pthread_mutex_lock(&volume->journal.lock);
	for (struct list *node = inode->records.prev;
	     node != &inode->records && answer == UNKNOWN; node = node->prev) {
		const struct record *record =
			list_entry(node, struct record, inode_link);
		answer = ahead && gives_space(record, block, end)
				 ? YES
				 : ask_record(record, block, end);
	}
	pthread_mutex_unlock(&volume->journal.lock);
	return answer;
}

/* It may be coarser than the blocks of the profile: where the end of what was ever
 * written is known, the rest of that page has none. */
int data_store_has_block(struct volume *volume, struct inode *inode, int fd,
			 int64_t block)
{
	int64_t size = profile_block_bytes(volume->profile);
	const struct inode_written *written = inode->written;
	int64_t known = written != NULL ? written->allocated_bytes : 0;
	if (!inode->in_store)
		return 0;
	if (block < known || (written != NULL && block == written->tail_block))
		return 1;
	if (fd < 0 ||
	    (known > 0 && block / DATA_PAGE == (known - 1) / DATA_PAGE))
		return 0;
	int64_t data = store_seek(fd, block, false);
	if (data < 0)
		return data == -ENXIO ? 0 : (int)data;
	return data >= block && data < block + size;
}

bool data_is_allocated(struct volume *volume, struct inode *inode, int fd,
		       int64_t block)
{
	enum answer answer = ask_journal(volume, inode, block, false);
	if (answer != UNKNOWN)
		return answer == YES;
	return data_store_has_block(volume, inode, fd, block) > 0;
}

/* Whether a record changes any of these bytes of the store: then what is newer
 * must not overtake it. */
static bool changes_bytes(const struct record *record, int64_t from, int64_t to)
{
	const struct record_space *space = &record->space;
	switch (record->kind) {
	case RECORD_DATA:
		return has_piece(&record->pieces, from, to);
	case RECORD_SIZE:
		return record->size_bytes < to;
	case RECORD_SPACE:
		if (space->mode &
		    (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
			return space->offset_bytes < to;
		return space->mode &
			       (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) &&
		       space->offset_bytes < to &&
		       space->offset_bytes + space->length_bytes > from;
	default:
		return false;
	}
}

static bool is_changed(const struct data_blocks *blocks, int64_t block)
{
	struct volume *volume = blocks->volume;
	int64_t end = block + profile_block_bytes(volume->profile);
	if (end > blocks->stored_bytes)
		end = blocks->stored_bytes;
	bool changed = false;
	pthread_mutex_lock(&volume->journal.lock);
	list_for_each(node, following, &blocks->inode->records)
		if (changes_bytes(list_entry(node, struct record, inode_link),
				  block, end))
			changed = true;
	pthread_mutex_unlock(&volume->journal.lock);
	return changed;
}

void data_blocks_init(struct data_blocks *blocks, struct volume *volume,
		      struct inode *inode, int fd)
{
	struct stat st;
	*blocks = (struct data_blocks){
		.volume = volume, .inode = inode, .fd = fd};
	if (fd >= 0)
		blocks->error = store_file_stat(fd, &st);
	if (fd >= 0 && blocks->error == 0)
		blocks->stored_bytes = st.st_size;
}

bool data_is_stored(struct data_blocks *blocks, int64_t offset)
{
	int64_t block = profile_block_bytes(blocks->volume->profile);
	block = offset / block * block;
	if (offset >= blocks->stored_bytes || is_changed(blocks, block))
		return false;
	int r = data_store_has_block(blocks->volume, blocks->inode, blocks->fd,
				     block);
	if (r < 0)
		blocks->error = r;
	return r > 0;
}

bool data_next_run(struct data_blocks *blocks, int64_t from, int64_t to,
		   bool by_stored, struct data_run *ret_run)
{
	extents_clamp_dirty(blocks->inode->extents, &from, &to);
	struct extent *extent = extents_at(blocks->inode->extents, from);
	while (extent != NULL && extent->offset_bytes < to &&
	       extent->state != EXTENT_DIRTY)
		extent = extents_next(extent);
	if (from >= to || extent == NULL || extent->offset_bytes >= to)
		return false;
	if (extent->offset_bytes > from)
		from = extent->offset_bytes;
	if (extents_end(extent) < to)
		to = extents_end(extent);
	*ret_run = (struct data_run){.from = from, .to = to, .extent = extent};
	if (!by_stored)
		return true;
	int64_t block = profile_block_bytes(blocks->volume->profile);
	ret_run->stored = data_is_stored(blocks, from);
	int64_t next = (from / block + 1) * block;
	while (next < to && data_is_stored(blocks, next) == ret_run->stored)
		next += block;
	if (ret_run->stored && next > blocks->stored_bytes)
		next = blocks->stored_bytes;
	if (next < to)
		ret_run->to = next;
	return true;
}

typedef bool has_space_fn(struct volume *volume, struct inode *inode, int fd,
			  int64_t block);

/* Whether any dirty block of the range has no space. */
static bool any_without(struct volume *volume, struct inode *inode, int fd,
			const struct data_range *range, has_space_fn *has_space)
{
	int64_t from = range->from;
	int64_t to = range->to;
	int64_t size = profile_block_bytes(volume->profile);
	extents_clamp_dirty(inode->extents, &from, &to);
	for (struct extent *extent = extents_at(inode->extents, from);
	     extent != NULL && extent->offset_bytes < to;
	     extent = extents_next(extent)) {
		if (extent->state != EXTENT_DIRTY)
			continue;
		int64_t block = extent->offset_bytes > from
					? extent->offset_bytes
					: from;
		int64_t end =
			extents_end(extent) < to ? extents_end(extent) : to;
		for (block = block / size * size; block < end; block += size)
			if (!has_space(volume, inode, fd, block))
				return true;
	}
	return false;
}

bool data_allocates(struct volume *volume, struct inode *inode, int fd,
		    int64_t from, int64_t to)
{
	const struct data_range range = {from, to};

	return any_without(volume, inode, fd, &range, data_is_allocated);
}

static bool has_space(struct volume *volume, struct inode *inode, int fd,
		      int64_t block)
{
	enum answer answer = ask_journal(volume, inode, block, true);

	if (answer != UNKNOWN)
		return answer == YES;
	return data_store_has_block(volume, inode, fd, block) > 0;
}

bool data_reserves(struct volume *volume, struct inode *inode, int fd,
		   int64_t from, int64_t to)
{
	const struct data_range range = {from, to};

	return any_without(volume, inode, fd, &range, has_space);
}

/* The block that holds the last byte below `end`. What is known of another is as
 * true as before. */
static void learn_tail(struct inode_written *written, int fd, int64_t end,
		       int64_t block)
{
	int64_t tail = (end - 1) / block * block;
	int64_t data = store_seek(fd, tail, false);
	if (data >= tail && data < tail + block)
		written->tail_block = tail;
	else if (written->tail_block == tail)
		written->tail_block = -1;
}

int data_learn_blocks_below(struct volume *volume, struct inode *inode,
			    int64_t end)
{
	int fd;
	if (!inode->in_store || store_get_fd(volume, inode, false, &fd) < 0)
		return 0; /* what is unknown has no blocks */
	struct stat st;
	slimlock_write(&inode->lock);
	struct inode_written *written = inode_written(inode);
	if (written != NULL && written->allocated_bytes == 0 &&
	    store_file_stat(fd, &st) == 0 && st.st_size > 0) {
		int64_t hole = store_seek(fd, 0, true);
		if (hole > 0)
			written->allocated_bytes = hole;
		learn_tail(written, fd, end < st.st_size ? end : st.st_size,
			   profile_block_bytes(volume->profile));
	}
	slimlock_unlock(&inode->lock);
	store_put_fd(volume->store, inode);
	return written == NULL ? -ENOMEM : 0;
}

int data_learn_blocks(struct volume *volume, struct inode *inode)
{
	return data_learn_blocks_below(volume, inode, DATA_END);
}

/* Where data, or a hole, begins in what the store has of [offset, end); end if
 * nowhere. */
static int64_t seek_store(int fd, int64_t offset, int64_t end, bool hole)
{
	int64_t found = fd < 0 ? -ENXIO : store_seek(fd, offset, hole);
	if (found == -ENXIO)
		found = hole ? offset : end;
	return found < end ? found : end;
}

static int64_t seek_locked(const struct inode *inode, int fd, int64_t offset,
			   bool hole)
{
	int64_t size = inode->size_bytes;
	const struct extent *extent = extents_at(inode->extents, offset);
	while (offset < size) {
		int64_t end = size;
		bool inside = extent != NULL && extent->offset_bytes <= offset;
		if (inside) {
			if ((extent->source == EXTENT_ZERO) == hole)
				return offset;
			end = extents_end(extent);
			extent = extents_next(extent);
			offset = end;
			continue;
		}
		if (extent != NULL && extent->offset_bytes < end)
			end = extent->offset_bytes;
		offset = seek_store(fd, offset, end, hole);
		if (offset < 0 || offset < end)
			return offset;
	}
	return hole ? size : -ENXIO;
}

static bool block_has_data(const struct inode *inode, int fd, int64_t from,
			   int64_t block)
{
	int64_t found = seek_locked(inode, fd, from, false);
	return found >= 0 && found < from + block;
}

/* Real file systems know data and holes by whole blocks. */
static int64_t seek_blocks_locked(const struct inode *inode, int fd,
				  int64_t offset, int64_t block, bool hole)
{
	int64_t from = offset / block * block;
	if (!hole) {
		int64_t found = seek_locked(inode, fd, from, false);
		if (found < 0)
			return found;
		found = found / block * block;
		return found > offset ? found : offset;
	}
	while (offset < inode->size_bytes) {
		from = offset / block * block;
		if (!block_has_data(inode, fd, from, block))
			return offset;
		int64_t found = seek_locked(inode, fd, offset, true);
		if (found < 0)
			return found;
		found = found / block * block;
		offset = found > from ? found : from + block;
	}
	return inode->size_bytes;
}

int64_t data_seek(struct volume *volume, struct inode *inode, int64_t offset,
		  bool hole)
{
	int fd;
	int r = data_enter(volume, inode, &fd);
	if (r < 0)
		return r;
	int64_t found = -ENXIO;
	if (offset >= 0 && offset < inode->size_bytes)
		found = seek_blocks_locked(inode, fd, offset,
					   profile_block_bytes(volume->profile),
					   hole);
	data_leave(volume, inode, fd);
	return found;
}
