/* SPDX-License-Identifier: MIT */
/* Data on its way to the store: through the rules, and through the disk. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "fusefs/apply.h"
#include "fusefs/disk.h"
#include "fusefs/extents.h"
#include "fusefs/fault_store.h"
#include "fusefs/inode.h"
#include "fusefs/profile.h"
#include "fusefs/refuse.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/writeback.h"

/* Writes the next bytes of a piece: how many, or an error. A buffer is made when
 * it is first needed, for what is not in memory. */
static ssize_t apply_part(struct disk_io *io, int fd,
			  const struct record_piece *piece, int64_t done,
			  char **buffer)
{
	struct volume *volume = io->volume;
	uint64_t source = piece->source + (uint64_t)done;
	size_t n;
	const void *data = scratch_peek(volume->scratch, source, &n);
	if ((int64_t)n > piece->length_bytes - done)
		n = (size_t)(piece->length_bytes - done);
	bool peeked = data != NULL;
	int r = 0;
	if (!peeked) {
		if (*buffer == NULL)
			*buffer = malloc(SCRATCH_CHUNK);
		if (*buffer == NULL)
			return -ENOMEM;
		r = scratch_read(volume->scratch, source, *buffer, n);
		data = *buffer;
	}
	if (r == 0)
		r = disk_write(io, fd, data, n, piece->offset_bytes + done);
	if (peeked)
		scratch_unpeek(volume->scratch, source);
	return r < 0 ? r : (ssize_t)n;
}

/* Pieces on their way, with the rules that look at them. */
struct passage {
	struct disk_io io;
	int fd;
	char *buffer;
	struct fault_store rules;
	struct apply_lost *lost; /* NULL: nobody looks */
};

static int note_lost(struct passage *passage, const struct record_piece *part,
		     int error)
{
	struct apply_lost *lost = passage->lost;
	if (error == 0)
		return journal_add_piece(&lost->dropped,
					 &lost->dropped_capacity, part);
	if (lost->error == 0)
		lost->error = error;
	return journal_add_piece(&lost->refused, &lost->refused_capacity, part);
}

/* The file ends where it would, whatever becomes of its bytes. */
static int reach(int fd, int64_t end)
{
	struct stat st;
	int r = store_file_stat(fd, &st);
	if (r == 0 && st.st_size < end)
		r = store_truncate(fd, end);
	return r;
}

/* Its bytes are still those of the live image, so they are harmed where they have
 * arrived. */
static int harm(struct passage *passage, const struct record_piece *part,
		const struct fault_deed *deed)
{
	size_t size = (size_t)part->length_bytes;
	cleanup_free char *data = malloc(size);
	if (data == NULL)
		return -ENOMEM;
	ssize_t n = store_read(passage->fd, data, size, part->offset_bytes);
	if (n <= 0)
		return (int)n;
	fault_store_harm(&passage->rules, deed, data, (size_t)n,
			 part->offset_bytes);
	return store_write(passage->fd, data, (size_t)n, part->offset_bytes);
}

static int write_part(struct passage *passage, const struct record_piece *part)
{
	for (int64_t n = 0; n < part->length_bytes;) {
		ssize_t came = apply_part(&passage->io, passage->fd, part, n,
					  &passage->buffer);
		if (came < 0)
			return (int)came;
		n += came;
	}
	return 0;
}

/* A transfer of which rules keep something from the store. Where a failing block
 * spoils what is written with it, that is all of it; where the data is in the
 * journal, safe, nothing is kept from it, and the next sync tells. */
static int split_part(struct passage *passage, const struct record_piece *part,
		      const struct fault_deed *deed)
{
	const struct profile_failure *failure =
		profile_failure(passage->io.volume->profile);
	bool whole = failure->all_or_nothing && deed->simulated;
	int64_t end = part->offset_bytes + part->length_bytes;
	int64_t to;
	int r = 0;
	for (int64_t from = part->offset_bytes; r == 0 && from < end;
	     from = to) {
		enum fault_fate fate = fault_store_fate(deed, from, end, &to);
		if (whole) {
			fate = FAULT_REFUSED;
			to = end;
		}
		if (fate == FAULT_REFUSED && failure->tells_later) {
			passage->io.inode->place_error = deed->error;
			fate = FAULT_WRITTEN;
		}
		const struct record_piece cut = {
			.offset_bytes = from,
			.length_bytes = to - from,
			.source = part->source +
				  (uint64_t)(from - part->offset_bytes),
		};
		if (fate == FAULT_WRITTEN)
			r = write_part(passage, &cut);
		else
			r = note_lost(passage, &cut,
				      fate == FAULT_REFUSED ? deed->error : 0);
		/* Of what is refused the profile knows. */
		if (r == 0 && fate == FAULT_DROPPED)
			r = reach(passage->fd, to);
	}
	return r;
}

/* The next bytes of a piece, as the rules will have it: how many, or an error. */
static ssize_t pass_part(struct passage *passage,
			 const struct record_piece *piece, int64_t done)
{
	struct record_piece part = {
		.offset_bytes = piece->offset_bytes + done,
		.length_bytes = piece->length_bytes - done,
		.source = piece->source + (uint64_t)done,
	};
	if (passage->lost == NULL)
		return apply_part(&passage->io, passage->fd, piece, done,
				  &passage->buffer);
	if (part.length_bytes > SCRATCH_CHUNK)
		part.length_bytes = SCRATCH_CHUNK;
	struct fault_deed deed;
	int r = fault_store_ask(&passage->rules, part.offset_bytes,
				part.length_bytes, &deed);
	bool written = r == 0 && !deed.dropped;
	if (deed.simulated || (r == 0 && deed.dropped))
		r = split_part(passage, &part, &deed);
	else if (r == 0)
		r = write_part(passage, &part);
	if (written && r == 0 && deed.harms > 0)
		r = harm(passage, &part, &deed);
	fault_store_done(&deed);
	if (written && r == 0)
		r = fault_store_after(&passage->rules, part.offset_bytes,
				      part.length_bytes);
	return r < 0 ? r : part.length_bytes;
}

static int pass_pieces(struct passage *passage, struct record_pieces *pieces)
{
	int64_t before = 0;
	for (size_t i = 0; i < pieces->count; i++) {
		const struct record_piece *piece = &pieces->list[i];
		while (pieces->done_bytes < before + piece->length_bytes) {
			ssize_t n = pass_part(passage, piece,
					      pieces->done_bytes - before);
			if (n < 0)
				return (int)n;
			pieces->done_bytes += n;
		}
		before += piece->length_bytes;
	}
	return 0;
}

int apply_pieces(struct volume *volume, struct inode *inode, int fd,
		 struct record_pieces *pieces, struct apply_lost *ret_lost)
{
	struct passage passage = {.fd = fd};
	disk_begin(&passage.io, volume, &volume->disk, inode, DISK_WRITE);
	if (fault_store_armed(volume, RULE_STORE_WRITE)) {
		fault_store_begin(&passage.rules, volume, inode,
				  RULE_STORE_WRITE);
		passage.lost = ret_lost;
	}
	int r = pass_pieces(&passage, pieces);
	int ended = disk_end(&passage.io);
	if (passage.lost != NULL)
		fault_store_end(&passage.rules);
	free(passage.buffer);
	return r < 0 ? r : ended;
}

int apply_reach(int fd, const struct record_pieces *pieces)
{
	const struct record_piece *last = &pieces->list[pieces->count - 1];
	return reach(fd, last->offset_bytes + last->length_bytes);
}

/* What a record shows stays, as if the disk had it. */
static void clean_part(struct inode *inode, const struct record_piece *part)
{
	int64_t end = part->offset_bytes + part->length_bytes;
	if (inode->extents == NULL ||
	    extents_split(inode->extents, part->offset_bytes) < 0 ||
	    extents_split(inode->extents, end) < 0)
		return;
	for (struct extent *extent =
		     extents_at(inode->extents, part->offset_bytes);
	     extent != NULL && extent->offset_bytes < end;
	     extent = extents_next(extent))
		if (extent->source - (uint64_t)extent->offset_bytes ==
		    part->source - (uint64_t)part->offset_bytes)
			extents_mark(inode->extents, extent, EXTENT_CLEAN, 0);
}

int apply_lose(struct volume *volume, struct inode *inode,
	       struct apply_lost *lost)
{
	int error = lost->error;
	slimlock_write(&inode->lock);
	for (size_t i = 0; i < lost->dropped.count; i++)
		clean_part(inode, &lost->dropped.list[i]);
	slimlock_unlock(&inode->lock);
	/* Without memory it stays dirty, and is tried again. */
	if (error < 0 &&
	    refuse_pieces(volume, inode, &lost->refused, -error) == 0) {
		pthread_mutex_lock(&volume->lock);
		writeback_diverge_locked(volume, inode, error);
		pthread_mutex_unlock(&volume->lock);
	}
	free(lost->dropped.list);
	free(lost->refused.list);
	return error;
}
