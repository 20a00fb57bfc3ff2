/* SPDX-License-Identifier: MIT */
#include "fusefs/refuse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "fusefs/data.h"
#include "fusefs/errseq.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/profile.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

#define SECTOR_BYTES 512
/* So many zeros stand for all that is recorded of blocks without data. */
#define ZEROS_BYTES 65536

/* Whether the extent still shows the piece: it may have been written over since. */
static bool shows(const struct extent *extent, const struct record_piece *piece)
{
	return extent->state != EXTENT_CLEAN && extent->source != EXTENT_ZERO &&
	       extent->source - (uint64_t)extent->offset_bytes ==
		       piece->source - (uint64_t)piece->offset_bytes;
}

/* What shows the piece becomes clean, or is forgotten. Lock held. */
static int settle_piece(struct inode *inode, const struct record_piece *piece,
			bool reverted)
{
	int64_t end = piece->offset_bytes + piece->length_bytes;
	if (inode->extents == NULL)
		return 0;
	int r = extents_split(inode->extents, piece->offset_bytes);
	if (r == 0)
		r = extents_split(inode->extents, end);
	if (r < 0)
		return r;
	struct extent *extent = extents_at(inode->extents, piece->offset_bytes);
	while (extent != NULL && extent->offset_bytes < end) {
		struct extent *next = extents_next(extent);
		bool shown = shows(extent, piece);
		if (shown && reverted)
			extents_remove(inode->extents, extent->offset_bytes,
				       extent->length_bytes);
		else if (shown)
			extents_mark(inode->extents, extent, EXTENT_CLEAN,
				     EXTENT_REFUSED);
		extent = next;
	}
	return 0;
}

/* A record of zeros that is being made. */
struct zeros {
	struct volume *volume;
	struct record *record;
	size_t capacity;
	uint64_t source; /* ZEROS_BYTES of them */
};

/* As many pieces of the same zeros as the bytes take. */
static int add_zeros(struct zeros *zeros, int64_t from, int64_t to)
{
	int r = 0;
	while (from < to && r == 0) {
		const struct record_piece piece = {
			.offset_bytes = from,
			.length_bytes = to - from < ZEROS_BYTES ? to - from
								: ZEROS_BYTES,
			.source = zeros->source,
		};
		r = journal_add_piece(&zeros->record->pieces, &zeros->capacity,
				      &piece);
		if (r == 0)
			scratch_hold(zeros->volume->scratch, piece.source,
				     (uint64_t)piece.length_bytes);
		from += piece.length_bytes;
	}
	return r;
}

/* Zeros for what of the piece lies in blocks without space. */
static int add_unstored(struct zeros *zeros, struct inode *inode, int fd,
			const struct record_piece *piece)
{
	int64_t block = profile_block_bytes(zeros->volume->profile);
	int64_t end = piece->offset_bytes + piece->length_bytes;
	int64_t from = piece->offset_bytes;
	int64_t to = from;
	int r = 0;
	while (to < end && r == 0) {
		int64_t begin = to / block * block;
		bool has = data_is_allocated(zeros->volume, inode, fd, begin);
		if (has)
			r = add_zeros(zeros, from, to);
		to = begin + block < end ? begin + block : end;
		if (has)
			from = to;
	}
	return r < 0 ? r : add_zeros(zeros, from, to);
}

/* Blocks that were found for data which then failed stay the file's: the next
 * commit of names stores the map and the size. What is in such a block depends
 * on who had it before; here it is zeros, as on a new disk. */
static int map_unstored(struct volume *volume, struct inode *inode, int fd,
			const struct record_pieces *pieces)
{
	static const char page[ZEROS_BYTES];
	struct zeros zeros = {
		.volume = volume,
		.record = journal_record_new(RECORD_DATA, inode),
	};
	if (zeros.record == NULL)
		return -ENOMEM;
	zeros.record->maps_only = true;
	size_t had = 0;
	/* Without room for zeros the blocks are holes, which read the same. */
	int r = scratch_alloc(volume->scratch, ZEROS_BYTES, &zeros.source,
			      &had);
	bool fits = r == 0 && had == ZEROS_BYTES;
	r = r == -ENOSPC ? 0 : r;
	if (fits)
		r = scratch_write(volume->scratch, zeros.source, page,
				  ZEROS_BYTES);
	for (size_t i = 0; i < pieces->count && r == 0 && fits; i++)
		r = add_unstored(&zeros, inode, fd, &pieces->list[i]);
	if (r < 0 || zeros.record->pieces.count == 0)
		journal_record_discard(volume, zeros.record);
	else
		data_append_record(volume, inode, zeros.record);
	if (had > 0)
		scratch_drop(volume->scratch, zeros.source, had);
	return r;
}

int refuse_pieces(struct volume *volume, struct inode *inode,
		  const struct record_pieces *pieces, int error)
{
	const struct profile_failure *failure =
		profile_failure(volume->profile);
	bool maps = error != 0 && failure->maps_failed;
	bool reverted = error != 0 && failure->pages == PROFILE_PAGES_REVERTED;
	int fd = -1;
	int r = 0;
	if (maps && inode->in_store)
		r = store_get_fd(volume, inode, false, &fd);
	if (r < 0)
		return r;
	slimlock_write(&inode->lock);
	if (maps)
		r = map_unstored(volume, inode, fd, pieces);
	for (size_t i = 0; i < pieces->count && r == 0; i++)
		r = settle_piece(inode, &pieces->list[i], reverted);
	if (r == 0 && error != 0) {
		errseq_set(&inode->write_error, error);
		inode->pages_stale = reverted;
	}
	slimlock_unlock(&inode->lock);
	if (fd >= 0)
		store_put_fd(volume->store, inode);
	return r;
}

/* The parts of one piece go to the one list or the other. */
static int sort_piece(struct volume *volume, struct inode *inode,
		      const struct record_piece *piece,
		      struct record_pieces *lists[2], size_t capacities[2],
		      int *ret_error)
{
	int64_t end = piece->offset_bytes + piece->length_bytes;
	int64_t from = piece->offset_bytes;
	int r = 0;
	while (from < end && r == 0) {
		int64_t first = from / SECTOR_BYTES * SECTOR_BYTES;
		int64_t last =
			(end + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
		int64_t to = last;
		int said = volume->bad_blocks(volume->bad_blocks_user, inode,
					      first, last, &to);
		/* Whole sectors. One of which only the beginning is good is
		 * bad. */
		if (said == 0 && to < first + SECTOR_BYTES)
			said = volume->bad_blocks(volume->bad_blocks_user,
						  inode, to, last, &to);
		if (said != 0)
			to += SECTOR_BYTES - 1;
		to = to / SECTOR_BYTES * SECTOR_BYTES;
		if (to <= first)
			to = first + SECTOR_BYTES;
		if (to > end)
			to = end;
		const struct record_piece part = {
			.offset_bytes = from,
			.length_bytes = to - from,
			.source = piece->source +
				  (uint64_t)(from - piece->offset_bytes),
		};
		r = journal_add_piece(lists[said != 0], &capacities[said != 0],
				      &part);
		if (said != 0 && *ret_error == 0)
			*ret_error = said;
		from = to;
	}
	return r;
}

/* Each part of a piece gets a hold of its own. Both are in order. */
static void split_holds(struct volume *volume,
			const struct record_pieces *pieces,
			const struct record_pieces *parts)
{
	const struct record_piece *piece = pieces->list;
	for (size_t i = 0; i < parts->count; i++) {
		const struct record_piece *part = &parts->list[i];
		while (piece->offset_bytes + piece->length_bytes <=
		       part->offset_bytes)
			piece++;
		if (part->offset_bytes > piece->offset_bytes)
			scratch_split(volume->scratch, part->source);
	}
}

int refuse_ask(struct volume *volume, struct inode *inode,
	       struct record_pieces *pieces, struct record_pieces *ret_refused,
	       int *ret_error)
{
	struct record_pieces taken = {0};
	struct record_pieces refused = {0};
	struct record_pieces *lists[2] = {&taken, &refused};
	size_t capacities[2] = {0};
	int error = 0;
	int r = 0;
	for (size_t i = 0; i < pieces->count && r == 0; i++)
		r = sort_piece(volume, inode, &pieces->list[i], lists,
			       capacities, &error);
	if (r < 0 || error == 0) {
		free(taken.list);
		free(refused.list);
		*ret_error = 0;
		return r;
	}
	if (profile_failure(volume->profile)->all_or_nothing) {
		*ret_refused = *pieces;
		*pieces = (struct record_pieces){0};
		free(taken.list);
		free(refused.list);
	} else {
		split_holds(volume, pieces, &taken);
		split_holds(volume, pieces, &refused);
		free(pieces->list);
		*pieces = taken;
		*ret_refused = refused;
	}
	*ret_error = error;
	return 0;
}

int refuse_look(struct volume *volume, struct inode *inode,
		const struct record_pieces *pieces)
{
	int said = 0;
	for (size_t i = 0; i < pieces->count && said == 0; i++) {
		int64_t to = pieces->list[i].offset_bytes;
		int64_t end = to + pieces->list[i].length_bytes;
		while (said == 0 && to < end)
			said = volume->bad_blocks(volume->bad_blocks_user,
						  inode, to, end, &to);
	}
	return said;
}

int refuse_wake_block(struct volume *volume, struct inode *inode,
		      int64_t offset)
{
	int64_t block = profile_block_bytes(volume->profile);
	int64_t from = offset / block * block;
	int64_t to = from + block;
	if (inode->extents == NULL || inode->extents->clean_bytes == 0)
		return 0;
	int r = extents_split(inode->extents, from);
	if (r == 0)
		r = extents_split(inode->extents, to);
	if (r < 0)
		return r;
	for (struct extent *extent = extents_at(inode->extents, from);
	     extent != NULL && extent->offset_bytes < to;
	     extent = extents_next(extent))
		if (extent->state == EXTENT_CLEAN &&
		    extent->seq == EXTENT_REFUSED &&
		    extent->source != EXTENT_ZERO)
			extents_mark(inode->extents, extent, EXTENT_DIRTY, 0);
	return 0;
}
