/* SPDX-License-Identifier: MIT */
#include "fusefs/limbo_pass.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "fusefs/apply.h"
#include "fusefs/fault_store.h"
#include "fusefs/inode.h"
#include "fusefs/limbo.h"
#include "fusefs/profile.h"
#include "fusefs/scratch.h"
#include "fusefs/volume.h"
#include "fusefs/writeback.h"

struct passage {
	const struct writeback *writeback;
	struct inode *inode;
	struct fault_store rules;
	struct apply_lost lost;
};

static int pay(const struct passage *passage, const struct record_piece *part)
{
	struct volume *volume = passage->writeback->volume;
	struct inode *inode = passage->inode;
	pthread_mutex_lock(&volume->lock);
	slimlock_write(&inode->lock);
	int r = limbo_take_data_locked(volume, inode, part->offset_bytes,
				       part->offset_bytes + part->length_bytes);
	slimlock_unlock(&inode->lock);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

static int put(const struct passage *passage, int64_t offset, const char *data,
	       size_t size)
{
	struct volume *volume = passage->writeback->volume;
	size_t had = 0;
	int r = 0;
	for (size_t done = 0; r == 0 && done < size; done += had) {
		struct record_piece piece = {.offset_bytes =
						     offset + (int64_t)done};
		r = scratch_alloc(volume->scratch, size - done, &piece.source,
				  &had);
		if (r < 0)
			return r;
		piece.length_bytes = (int64_t)had;
		r = scratch_write(volume->scratch, piece.source, data + done,
				  had);
		pthread_mutex_lock(&volume->lock);
		if (r == 0)
			r = limbo_put_locked(volume, passage->inode, &piece);
		pthread_mutex_unlock(&volume->lock);
		scratch_drop(volume->scratch, piece.source, had);
	}
	return r;
}

/* The live image goes on with the right ones. */
static int harm(struct passage *passage, const struct record_piece *part,
		const struct fault_deed *deed)
{
	size_t size = (size_t)part->length_bytes;
	cleanup_free char *data = malloc(size);
	if (data == NULL)
		return -ENOMEM;
	int r = scratch_read(passage->writeback->volume->scratch, part->source,
			     data, size);
	if (r < 0)
		return r;
	fault_store_harm(&passage->rules, deed, data, size, part->offset_bytes);
	return put(passage, part->offset_bytes, data, size);
}

/* A part to which the same happens. */
static int settle(struct passage *passage, const struct record_piece *cut,
		  enum fault_fate fate, const struct fault_deed *deed)
{
	struct apply_lost *lost = &passage->lost;
	if (fate == FAULT_REFUSED && lost->error == 0)
		lost->error = deed->error;
	if (fate == FAULT_REFUSED)
		return journal_add_piece(&lost->refused,
					 &lost->refused_capacity, cut);
	if (fate == FAULT_WRITTEN)
		return pay(passage, cut);
	struct volume *volume = passage->writeback->volume;
	pthread_mutex_lock(&volume->lock);
	limbo_reach_locked(passage->inode,
			   cut->offset_bytes + cut->length_bytes);
	pthread_mutex_unlock(&volume->lock);
	return journal_add_piece(&lost->dropped, &lost->dropped_capacity, cut);
}

static int split(struct passage *passage, const struct record_piece *part,
		 const struct fault_deed *deed)
{
	struct volume *volume = passage->writeback->volume;
	bool whole = profile_failure(volume->profile)->all_or_nothing &&
		     deed->simulated;
	int64_t end = part->offset_bytes + part->length_bytes;
	int64_t to = end;
	int r = 0;
	for (int64_t from = part->offset_bytes; r == 0 && from < end;
	     from = to) {
		enum fault_fate fate = FAULT_REFUSED;
		if (!whole)
			fate = fault_store_fate(deed, from, end, &to);
		const struct record_piece cut = {
			.offset_bytes = from,
			.length_bytes = to - from,
			.source = part->source +
				  (uint64_t)(from - part->offset_bytes),
		};
		r = settle(passage, &cut, fate, deed);
	}
	return r;
}

static int pass_part(struct passage *passage, const struct record_piece *part)
{
	struct fault_deed deed;
	int r = fault_store_ask(&passage->rules, part->offset_bytes,
				part->length_bytes, &deed);
	bool arrives = r == 0 && !deed.dropped;
	if (r == 0 || deed.simulated)
		r = split(passage, part, &deed);
	if (r == 0 && arrives && deed.harms > 0)
		r = harm(passage, part, &deed);
	fault_store_done(&deed);
	if (r == 0 && arrives)
		r = fault_store_after(&passage->rules, part->offset_bytes,
				      part->length_bytes);
	return r;
}

static int pass_piece(struct passage *passage, const struct record_piece *piece)
{
	int r = 0;
	for (int64_t done = 0; r == 0 && done < piece->length_bytes;) {
		struct record_piece part = {
			.offset_bytes = piece->offset_bytes + done,
			.length_bytes = piece->length_bytes - done,
			.source = piece->source + (uint64_t)done,
		};
		if (part.length_bytes > SCRATCH_CHUNK)
			part.length_bytes = SCRATCH_CHUNK;
		r = pass_part(passage, &part);
		done += part.length_bytes;
	}
	return r;
}

int limbo_pass(const struct writeback *writeback, struct inode *inode)
{
	struct passage passage = {.writeback = writeback, .inode = inode};
	struct record_pieces pieces = {0};
	int r = writeback_hold_limbo(writeback, inode, &pieces);
	if (r != 0 || pieces.count == 0)
		return r;
	fault_store_begin(&passage.rules, writeback->volume, inode,
			  RULE_STORE_WRITE);
	for (size_t i = 0; r == 0 && i < pieces.count; i++)
		r = pass_piece(&passage, &pieces.list[i]);
	fault_store_end(&passage.rules);
	int told = writeback_lose(writeback, inode, &passage.lost);
	writeback_release(writeback, inode, &pieces);
	return r < 0 ? r : told;
}
