/* SPDX-License-Identifier: MIT */
/*
 * Where data lands that is still on its way when its place is chosen. Nobody
 * knows how much will come, so landings have a chunk to themselves, which lies in
 * memory and is filled front to back: what came is taken, the rest is for the
 * next landing.
 */
#include <assert.h>
#include <stdlib.h>

#include "fusefs/scratch_chunks.h"

/* No landings where the limit is nearer than this: nobody else can have the rest
 * of the chunk while one is under way. */
#define SPARE_CHUNKS 8

void scratch_end_landing(struct scratch *scratch)
{
	size_t index = scratch->landing;
	scratch->landing = NO_CHUNK;
	if (index != NO_CHUNK && scratch->chunks[index].used == 0)
		scratch_release(scratch, index);
}

static bool is_near_limit(const struct scratch *scratch)
{
	return scratch->limit_bytes != 0 &&
	       (scratch->count + SPARE_CHUNKS) * SCRATCH_CHUNK >
		       scratch->limit_bytes;
}

static size_t free_chunk(struct scratch *scratch)
{
	for (size_t i = 0; scratch_has_holes(scratch) && i < scratch->count;
	     i++) {
		const struct chunk *chunk = &scratch->chunks[i];
		if (chunk->touched == NULL && !chunk->moving)
			return i;
	}
	return scratch_add_chunk(scratch);
}

/* A chunk for landings, if there is none with a rest. */
static bool begin_chunk(struct scratch *scratch)
{
	if (scratch->landing != NO_CHUNK &&
	    scratch->chunks[scratch->landing].cursor == UNITS)
		scratch_end_landing(scratch);
	if (scratch->landing != NO_CHUNK) {
		struct chunk *chunk = &scratch->chunks[scratch->landing];
		if (chunk->used == 0)
			chunk->cursor = 0; /* the same warm pages again */
		return true;
	}
	if (scratch->free_count == 0 || is_near_limit(scratch))
		return false;
	size_t index = free_chunk(scratch);
	if (index == NO_CHUNK)
		return false;
	struct chunk *chunk = &scratch->chunks[index];
	/* The current one is kept even when it is empty. */
	if (index == scratch->current)
		scratch->current = NO_CHUNK;
	chunk->touched = calloc(UNITS, 1);
	if (chunk->touched == NULL)
		return false;
	chunk->cursor = 0;
	chunk->untrimmed = false;
	scratch_settle_in(scratch, chunk);
	scratch->landing = index;
	return true;
}

size_t scratch_land(struct scratch *scratch, char **ret_memory)
{
	size_t bytes = 0;
	pthread_mutex_lock(&scratch->lock);
	assert(!scratch->expected);
	if (begin_chunk(scratch)) {
		const struct chunk *chunk = &scratch->chunks[scratch->landing];
		size_t inside = (size_t)chunk->cursor * SCRATCH_UNIT;
		*ret_memory = chunk->memory + inside;
		bytes = SCRATCH_CHUNK - inside;
		scratch->expected = true;
	}
	pthread_mutex_unlock(&scratch->lock);
	return bytes;
}

uint64_t scratch_landed(struct scratch *scratch, size_t bytes)
{
	pthread_mutex_lock(&scratch->lock);
	assert(scratch->expected && bytes % SCRATCH_LANDING == 0);
	struct chunk *chunk = &scratch->chunks[scratch->landing];
	uint64_t source = (uint64_t)scratch->landing * SCRATCH_CHUNK +
			  (uint64_t)chunk->cursor * SCRATCH_UNIT;
	if (bytes > 0)
		scratch_take_units(scratch, chunk, chunk->cursor,
				   (uint32_t)(bytes / SCRATCH_UNIT));
	scratch->expected = false;
	pthread_mutex_unlock(&scratch->lock);
	return source;
}
