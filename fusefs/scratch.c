/* SPDX-License-Identifier: MIT */
/*
 * New space comes from the current chunk, front to back, so that a stream of
 * writes lies in one piece. When it is full, the emptiest known chunk is next if
 * holes amount to more than 1/SLACK of the file, else a new one: holes of freed
 * data are used again before the file grows by more than that share.
 */
#include "fusefs/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/errmsg.h"
#include "fusefs/scratch_chunks.h"

#define SLACK 32
/* So many are trimmed at a time. */
#define TRIM_CHUNKS 16

int scratch_open(const char *directory, uint64_t limit_bytes,
		 struct scratch **ret_scratch, struct errmsg *reterr_why)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));
	if (scratch == NULL)
		return -ENOMEM;
	/* Not O_TMPFILE: overlay file systems of containers may lack it. */
	char path[4096];
	int length = snprintf(path, sizeof(path), "%s/flakey-scratch-XXXXXX",
			      directory);
	int fd = -1;
	if (length > 0 && (size_t)length < sizeof(path))
		fd = mkostemp(path, O_CLOEXEC);
	else
		errno = ENAMETOOLONG;
	if (fd < 0) {
		int r = -errno;
		errmsg_set(reterr_why,
			   "cannot create the scratch file in '%s': %s; name a"
			   " writable directory with --scratch",
			   directory, strerror(-r));
		free(scratch);
		return r;
	}
	(void)unlink(path); /* if it fails, a file of 0 bytes stays behind */
	scratch->fd = fd;
	scratch->limit_bytes = limit_bytes;
	scratch->current = NO_CHUNK;
	scratch->landing = NO_CHUNK;
	scratch->own_fd = -1;
	pthread_mutex_init(&scratch->lock, NULL);
	pthread_cond_init(&scratch->wanted, NULL);
	pthread_cond_init(&scratch->moved, NULL);
	*ret_scratch = scratch;
	return 0;
}

void scratch_close(struct scratch *scratch)
{
	if (scratch == NULL)
		return;
	scratch_stop_mover(scratch);
	for (size_t i = 0; i < scratch->count; i++)
		free(scratch->chunks[i].touched);
	free(scratch->chunks);
	free(scratch->late);
	close(scratch->fd);
	pthread_mutex_destroy(&scratch->lock);
	pthread_cond_destroy(&scratch->wanted);
	pthread_cond_destroy(&scratch->moved);
	free(scratch);
}

size_t scratch_add_chunk(struct scratch *scratch)
{
	uint64_t end = (uint64_t)(scratch->count + 1) * SCRATCH_CHUNK;
	if (scratch->limit_bytes != 0 && end > scratch->limit_bytes &&
	    scratch->count > 0)
		return NO_CHUNK;
	if (scratch->count == scratch->capacity) {
		size_t capacity =
			scratch->capacity ? scratch->capacity * 2 : 16;
		struct chunk *chunks = reallocarray(scratch->chunks, capacity,
						    sizeof(*chunks));
		if (chunks == NULL)
			return NO_CHUNK;
		scratch->chunks = chunks;
		scratch->capacity = capacity;
	}
	scratch->chunks[scratch->count] = (struct chunk){0};
	return scratch->count++;
}

static size_t emptiest_chunk(const struct scratch *scratch)
{
	size_t best = NO_CHUNK;
	for (size_t i = 0; i < scratch->count; i++) {
		uint32_t used = scratch->chunks[i].used;
		if (i == scratch->landing || i < scratch->foreign_count)
			continue;
		if (used == 0)
			return i;
		if (used < UNITS - UNITS / SLACK &&
		    (best == NO_CHUNK || used < scratch->chunks[best].used))
			best = i;
	}
	return best;
}

bool scratch_has_holes(const struct scratch *scratch)
{
	uint64_t total = (uint64_t)scratch->count * UNITS;
	return total - scratch->used_units > total / SLACK;
}

/* Where the next space comes from, when the current chunk is exhausted. */
static size_t next_chunk(struct scratch *scratch)
{
	size_t chosen = NO_CHUNK;
	if (scratch_has_holes(scratch))
		chosen = emptiest_chunk(scratch);
	if (chosen == NO_CHUNK)
		chosen = scratch_add_chunk(scratch);
	if (chosen == NO_CHUNK && !scratch->expected)
		scratch_end_landing(scratch);
	if (chosen == NO_CHUNK) /* at the limit: any hole will do */
		for (size_t i = scratch->foreign_count; i < scratch->count; i++)
			if (scratch->chunks[i].used < UNITS &&
			    i != scratch->landing)
				chosen = i;
	if (chosen != NO_CHUNK)
		scratch->chunks[chosen].cursor = 0;
	return chosen;
}

/* Finds a free run from the cursor on; 0 if there is none behind it. */
static uint32_t find_run(struct chunk *chunk, uint32_t want, uint32_t *ret_at)
{
	uint32_t at = chunk->cursor;
	while (at < UNITS && chunk->touched[at] != 0)
		at++;
	uint32_t end = at;
	while (end < UNITS && end - at < want && chunk->touched[end] == 0)
		end++;
	*ret_at = at;
	return end - at;
}

void scratch_take_units(struct scratch *scratch, struct chunk *chunk,
			uint32_t at, uint32_t count)
{
	memset(chunk->touched + at, 1, count);
	chunk->used += count;
	chunk->cursor = at + count;
	scratch->used_units += count;
}

static int alloc_locked(struct scratch *scratch, uint32_t want,
			uint64_t *ret_offset, uint32_t *ret_units)
{
	for (int attempt = 0; attempt < 3; attempt++) {
		struct chunk *chunk = NULL;
		if (scratch->current != NO_CHUNK)
			chunk = &scratch->chunks[scratch->current];
		if (chunk != NULL && chunk->touched == NULL) {
			chunk->touched = calloc(UNITS, 1);
			if (chunk->touched == NULL)
				return -ENOMEM;
			chunk->cursor = 0;
			chunk->untrimmed = false;
			scratch_settle_in(scratch, chunk);
		}
		uint32_t at = 0;
		uint32_t units = 0;
		if (chunk != NULL)
			units = find_run(chunk, want, &at);
		if (units > 0) {
			scratch_take_units(scratch, chunk, at, units);
			*ret_offset =
				(uint64_t)scratch->current * SCRATCH_CHUNK +
				(uint64_t)at * SCRATCH_UNIT;
			*ret_units = units;
			return 0;
		}
		scratch->current = next_chunk(scratch);
		if (scratch->current == NO_CHUNK)
			return -ENOSPC;
	}
	return -ENOSPC;
}

int scratch_alloc(struct scratch *scratch, size_t want_bytes,
		  uint64_t *ret_offset, size_t *ret_bytes)
{
	size_t want = (want_bytes + SCRATCH_UNIT - 1) / SCRATCH_UNIT;
	if (want > UNITS)
		want = UNITS;
	uint32_t units = 0;
	pthread_mutex_lock(&scratch->lock);
	int r = alloc_locked(scratch, (uint32_t)want, ret_offset, &units);
	pthread_mutex_unlock(&scratch->lock);
	if (r < 0)
		return r;
	size_t had = (size_t)units * SCRATCH_UNIT;
	*ret_bytes = had < want_bytes ? had : want_bytes;
	return 0;
}

size_t scratch_extend(struct scratch *scratch, uint64_t end_offset,
		      size_t want_bytes)
{
	uint64_t last = end_offset - 1;
	size_t slack =
		(SCRATCH_UNIT - end_offset % SCRATCH_UNIT) % SCRATCH_UNIT;
	pthread_mutex_lock(&scratch->lock);
	struct chunk *chunk = &scratch->chunks[last / SCRATCH_CHUNK];
	uint32_t unit = (uint32_t)(last % SCRATCH_CHUNK / SCRATCH_UNIT);
	size_t had = 0;
	/* The rest of the last unit is ours only if nobody else touches it. */
	if (last / SCRATCH_CHUNK >= scratch->foreign_count &&
	    (slack == 0 || chunk->touched[unit] == 1)) {
		bool lands = last / SCRATCH_CHUNK == scratch->landing;
		had = slack < want_bytes ? slack : want_bytes;
		uint32_t at = unit + 1;
		uint32_t end = at;
		while (!lands && end < UNITS && had < want_bytes &&
		       chunk->touched[end] == 0) {
			had += SCRATCH_UNIT;
			end++;
		}
		if (end > at) {
			uint32_t cursor = chunk->cursor;
			scratch_take_units(scratch, chunk, at, end - at);
			if (cursor > chunk->cursor)
				chunk->cursor = cursor;
		}
		if (had > want_bytes)
			had = want_bytes;
	}
	pthread_mutex_unlock(&scratch->lock);
	return had;
}

/* Gives the disk space of free chunks back; where that is not supported the file
 * just stays as large as it once was. */
static void punch(struct scratch *scratch, size_t index, size_t count)
{
	for (size_t i = 0; i < count; i++)
		scratch->chunks[index + i].untrimmed = false;
	(void)fallocate(scratch->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)index * SCRATCH_CHUNK,
			(off_t)count * SCRATCH_CHUNK);
}

void scratch_release(struct scratch *scratch, size_t index)
{
	struct chunk *chunk = &scratch->chunks[index];
	free(chunk->touched);
	chunk->touched = NULL;
	chunk->cursor = 0;
	if (chunk->moving || index < scratch->foreign_count)
		return; /* the mover, or the other process, does the rest */
	if (chunk->memory != NULL) {
		scratch_give_memory(scratch, chunk);
		return;
	}
	if (scratch->deferred)
		chunk->untrimmed = true;
	else
		punch(scratch, index, 1);
}

/* One holder less of each, and whether all had only one. */
static uint32_t drop_counts(uint8_t *touched, uint32_t count)
{
	/* Nearly always, and then at the speed of memory. */
	if (touched[0] == 1 && memcmp(touched, touched + 1, count - 1) == 0) {
		memset(touched, 0, count);
		return count;
	}
	uint32_t freed = 0;
	for (uint32_t i = 0; i < count; i++)
		freed += --touched[i] == 0;
	return freed;
}

/* Units of one chunk. */
static void drop_units(struct scratch *scratch, size_t index, uint32_t from,
		       uint32_t count)
{
	struct chunk *chunk = &scratch->chunks[index];
	uint32_t freed = drop_counts(chunk->touched + from, count);
	chunk->used -= freed;
	scratch->used_units -= freed;
	if (index == scratch->landing)
		return; /* stays, as it is, until landings end there */
	if (freed > 0 && from < chunk->cursor && index != scratch->current)
		chunk->cursor = from;
	if (chunk->used > 0)
		return;
	bool moves = chunk->memory == NULL && scratch->free_count > 0;
	if (index == scratch->current && !moves) {
		chunk->cursor = 0; /* the same warm pages again */
		return;
	}
	if (index == scratch->current)
		scratch->current = NO_CHUNK;
	scratch_release(scratch, index);
}

void scratch_hold(struct scratch *scratch, uint64_t offset, uint64_t bytes)
{
	uint64_t end = (offset + bytes - 1) / SCRATCH_UNIT;
	pthread_mutex_lock(&scratch->lock);
	for (uint64_t unit = offset / SCRATCH_UNIT; unit <= end; unit++)
		scratch->chunks[unit / UNITS].touched[unit % UNITS]++;
	pthread_mutex_unlock(&scratch->lock);
}

void scratch_drop(struct scratch *scratch, uint64_t offset, uint64_t bytes)
{
	uint64_t unit = offset / SCRATCH_UNIT;
	uint64_t end = (offset + bytes - 1) / SCRATCH_UNIT + 1;
	pthread_mutex_lock(&scratch->lock);
	if (scratch->pinned) {
		scratch_drop_later(scratch, offset, bytes);
		unit = end;
	}
	while (unit < end) {
		uint64_t next = (unit / UNITS + 1) * UNITS;
		if (next > end)
			next = end;
		drop_units(scratch, unit / UNITS, (uint32_t)(unit % UNITS),
			   (uint32_t)(next - unit));
		unit = next;
	}
	pthread_mutex_unlock(&scratch->lock);
}

void scratch_defer(struct scratch *scratch)
{
	pthread_mutex_lock(&scratch->lock);
	scratch->deferred = true;
	pthread_mutex_unlock(&scratch->lock);
}

/* Trims the next run of chunks from index on, and says where it ended. */
static size_t trim_run(struct scratch *scratch, size_t index)
{
	while (index < scratch->count && !scratch->chunks[index].untrimmed)
		index++;
	size_t end = index;
	while (end < scratch->count && end - index < TRIM_CHUNKS &&
	       scratch->chunks[end].untrimmed)
		end++;
	if (end > index)
		punch(scratch, index, end - index);
	return end;
}

void scratch_trim(struct scratch *scratch)
{
	pthread_mutex_lock(&scratch->lock);
	bool any = scratch->deferred;
	scratch->deferred = false;
	for (size_t i = 0; any && i < scratch->count;) {
		i = trim_run(scratch, i);
		/* Writers must not wait for all of it. */
		pthread_mutex_unlock(&scratch->lock);
		pthread_mutex_lock(&scratch->lock);
	}
	pthread_mutex_unlock(&scratch->lock);
}

void scratch_split(struct scratch *scratch, uint64_t offset)
{
	if (offset % SCRATCH_UNIT != 0)
		scratch_hold(scratch, offset, 1);
}

void scratch_join(struct scratch *scratch, uint64_t offset)
{
	if (offset % SCRATCH_UNIT != 0)
		scratch_drop(scratch, offset, 1);
}

uint64_t scratch_used(struct scratch *scratch)
{
	pthread_mutex_lock(&scratch->lock);
	uint64_t units = scratch->used_units;
	pthread_mutex_unlock(&scratch->lock);
	return units * SCRATCH_UNIT;
}

uint64_t scratch_limit(const struct scratch *scratch)
{
	return scratch->limit_bytes;
}
