/* SPDX-License-Identifier: MIT */
#include "tests/random/belief.h"

#include <string.h>

static void add(struct belief *belief, int64_t offset, uint8_t byte)
{
	belief->live[offset] = byte;
	belief->values[offset][byte / 8] |= (uint8_t)(1u << byte % 8);
}

static void only(struct belief *belief, int64_t offset)
{
	memset(belief->values[offset], 0, sizeof(belief->values[offset]));
	add(belief, offset, belief->live[offset]);
}

static void note_size(struct belief *belief, int64_t size)
{
	belief->size = size;
	if (belief->count == BELIEF_SIZES)
		belief->any_size = true;
	else
		belief->sizes[belief->count++] = size;
}

void belief_zero(struct belief *belief, int64_t offset, int64_t length)
{
	for (int64_t i = offset; i < offset + length && i < BELIEF_BYTES; i++)
		add(belief, i, 0);
}

void belief_put(struct belief *belief, int64_t offset, const uint8_t *bytes,
		int64_t length)
{
	int64_t end = offset + length;

	/* The size may come without the bytes. */
	if (end > belief->size) {
		belief_zero(belief, belief->size, end - belief->size);
		note_size(belief, end);
		/* A part of the growth may have been sent before a crash. */
		belief->any_size = true;
	}
	for (int64_t i = 0; i < length; i++)
		add(belief, offset + i, bytes[i]);
}

void belief_resize(struct belief *belief, int64_t size)
{
	int64_t from = size < belief->size ? size : belief->size;

	belief_zero(belief, from, BELIEF_BYTES - from);
	note_size(belief, size);
}

void belief_replace(struct belief *belief)
{
	belief_resize(belief, 0);
	belief->may_miss = true;
}

void belief_sync(struct belief *belief, int64_t offset, int64_t length,
		 bool whole)
{
	for (int64_t i = offset; i < offset + length; i++)
		only(belief, i);
	if (!whole)
		return;
	belief->sizes[0] = belief->size;
	belief->count = 1;
	belief->any_size = false;
	belief->may_miss = false;
	belief->renamed = false;
}

static bool size_is_right(const struct belief *belief, int64_t size)
{
	if (size < 0)
		return belief->may_miss;
	bool right = belief->any_size && size <= BELIEF_BYTES;
	for (int i = 0; i < belief->count; i++)
		right |= belief->sizes[i] == size;
	return right;
}

const char *belief_check(struct belief *belief, const uint8_t *bytes,
			 int64_t size, int64_t *ret_offset)
{
	*ret_offset = size;
	if (!size_is_right(belief, size))
		return size < 0 ? "the file is not there" : "wrong size";
	for (int64_t i = 0; i < size; i++) {
		if (belief->values[i][bytes[i] / 8] & 1u << bytes[i] % 8)
			continue;
		*ret_offset = i;
		return "wrong byte";
	}
	memset(belief->live, 0, sizeof(belief->live));
	belief->size = size < 0 ? 0 : size;
	if (size > 0)
		memcpy(belief->live, bytes, (size_t)size);
	belief_sync(belief, 0, BELIEF_BYTES, true);
	belief->may_miss = size < 0;
	return NULL;
}
