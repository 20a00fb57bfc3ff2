/* SPDX-License-Identifier: MIT */
#include "fusefs/extents.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fusefs/scratch.h"

/* The links that point at the first extent that ends behind an offset. */
struct path {
	struct extent **link[EXTENTS_LEVELS];
};

struct extents *extents_new(struct scratch *scratch)
{
	struct extents *extents = calloc(1, sizeof(*extents));
	if (extents == NULL)
		return NULL;
	extents->scratch = scratch;
	extents->coin = 0x9e3779b9;
	extents->dirty_from = INT64_MAX;
	return extents;
}

struct extents *extents_new_part(const struct extents *extents)
{
	struct extents *part = extents_new(extents->scratch);
	if (part != NULL)
		part->coin = extents->coin;
	return part;
}

static void add(struct extents *extents, int64_t dirty, int64_t clean)
{
	bool had = extents->dirty_bytes + extents->clean_bytes > 0;
	extents->dirty_bytes += dirty;
	extents->clean_bytes += clean;
	if (extents->dirty_bytes == 0) {
		extents->dirty_from = INT64_MAX;
		extents->dirty_to = 0;
	}
	bool has = extents->dirty_bytes + extents->clean_bytes > 0;
	struct extents_totals *totals = extents->totals;
	if (totals == NULL)
		return;
	if (dirty != 0)
		totals->dirty_bytes += dirty;
	if (clean != 0)
		totals->clean_bytes += clean;
	if (had != has)
		totals->files += has ? 1 : -1;
}

static void account(struct extents *extents, const struct extent *extent,
		    int64_t delta_bytes)
{
	if (extent->state == EXTENT_DIRTY)
		add(extents, delta_bytes, 0);
	else if (extent->state == EXTENT_CLEAN && extent->source != EXTENT_ZERO)
		add(extents, 0, delta_bytes);
}

/* After it was accounted for. */
static void note_dirty(struct extents *extents, const struct extent *extent)
{
	if (extent->state != EXTENT_DIRTY)
		return;
	if (extent->offset_bytes < extents->dirty_from)
		extents->dirty_from = extent->offset_bytes;
	if (extents_end(extent) > extents->dirty_to)
		extents->dirty_to = extents_end(extent);
}

void extents_count(struct extents *extents, struct extents_totals *totals)
{
	if (extents == NULL)
		return;
	struct extents_totals *old = extents->totals;
	bool any = extents->dirty_bytes + extents->clean_bytes > 0;
	extents->totals = totals;
	if (old != NULL) {
		old->dirty_bytes -= extents->dirty_bytes;
		old->clean_bytes -= extents->clean_bytes;
		old->files -= any;
	}
	if (totals != NULL) {
		totals->dirty_bytes += extents->dirty_bytes;
		totals->clean_bytes += extents->clean_bytes;
		totals->files += any;
	}
}

static void drop_source(struct extents *extents, const struct extent *extent)
{
	if (extent->source != EXTENT_ZERO)
		scratch_drop(extents->scratch, extent->source,
			     (uint64_t)extent->length_bytes);
}

void extents_free(struct extents *extents)
{
	if (extents == NULL)
		return;
	extents_count(extents, NULL);
	struct extent *extent = extents->head[0];
	while (extent != NULL) {
		struct extent *next = extent->next[0];
		drop_source(extents, extent);
		free(extent);
		extent = next;
	}
	free(extents);
}

/* A quarter of the extents of a level are on the next one too. The sequence is
 * fixed (xorshift): only the shape depends on it, never a result. */
static struct extent *new_extent(struct extents *extents)
{
	uint32_t x = extents->coin;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	extents->coin = x;
	uint16_t levels = 1;
	while (levels < EXTENTS_LEVELS && (x & 3) == 0) {
		levels++;
		x >>= 2;
	}
	struct extent *extent =
		malloc(sizeof(*extent) + levels * sizeof(extent->next[0]));
	if (extent != NULL)
		extent->levels = levels;
	return extent;
}

static struct extent **links_of(struct extents *extents, struct extent *extent)
{
	return extent == NULL ? extents->head : extent->next;
}

static void find_path(struct extents *extents, int64_t offset,
		      struct path *ret_path)
{
	struct extent *before = NULL;
	for (int level = EXTENTS_LEVELS - 1; level >= 0; level--) {
		struct extent *next = links_of(extents, before)[level];
		while (next != NULL && extents_end(next) <= offset) {
			before = next;
			next = before->next[level];
		}
		ret_path->link[level] = &links_of(extents, before)[level];
	}
}

struct extent *extents_at(const struct extents *extents, int64_t offset)
{
	if (extents == NULL)
		return NULL;
	struct extent *const *links = extents->head;
	for (int level = EXTENTS_LEVELS - 1; level >= 0; level--)
		while (links[level] != NULL &&
		       extents_end(links[level]) <= offset)
			links = links[level]->next;
	return links[0];
}

static void insert_at(struct extents *extents, struct path *path,
		      struct extent *extent)
{
	for (int level = 0; level < extent->levels; level++) {
		extent->next[level] = *path->link[level];
		*path->link[level] = extent;
	}
	extents->count++;
	account(extents, extent, extent->length_bytes);
	note_dirty(extents, extent);
}

static void remove_at(struct extents *extents, struct path *path,
		      struct extent *extent)
{
	for (int level = 0; level < extent->levels; level++) {
		assert(*path->link[level] == extent);
		*path->link[level] = extent->next[level];
	}
	extents->count--;
	account(extents, extent, -extent->length_bytes);
}

static void shorten(struct extents *extents, struct extent *extent,
		    int64_t length)
{
	account(extents, extent, length - extent->length_bytes);
	extent->length_bytes = length;
	note_dirty(extents, extent);
}

/* Splits at offset with a node that was allocated beforehand; true if used. */
static bool split_with(struct extents *extents, int64_t offset,
		       struct extent *spare)
{
	struct extent *left = extents_at(extents, offset);
	if (left == NULL || left->offset_bytes >= offset)
		return false;
	int64_t keep = offset - left->offset_bytes;
	spare->offset_bytes = offset;
	spare->length_bytes = left->length_bytes - keep;
	spare->source = left->source;
	spare->seq = left->seq;
	spare->state = left->state;
	if (left->source != EXTENT_ZERO) {
		spare->source += (uint64_t)keep;
		scratch_split(extents->scratch, spare->source);
	}
	shorten(extents, left, keep);
	struct path path;
	find_path(extents, offset, &path);
	insert_at(extents, &path, spare);
	return true;
}

int extents_split(struct extents *extents, int64_t offset)
{
	struct extent *spare = new_extent(extents);
	if (spare == NULL)
		return -ENOMEM;
	if (!split_with(extents, offset, spare))
		free(spare);
	return 0;
}

void extents_remove(struct extents *extents, int64_t offset, int64_t length)
{
	int64_t end = offset + length;
	struct path path;
	find_path(extents, offset, &path);
	struct extent *extent = *path.link[0];
	while (extent != NULL && extent->offset_bytes < end) {
		struct extent *next = extent->next[0];
		remove_at(extents, &path, extent);
		drop_source(extents, extent);
		free(extent);
		extent = next;
	}
}

int extents_cut(struct extents *extents, int64_t offset, int64_t length)
{
	/* Both nodes first, so that a failure leaves the map as it was. */
	struct extent *first = new_extent(extents);
	struct extent *second = new_extent(extents);
	if (first == NULL || second == NULL) {
		free(first);
		free(second);
		return -ENOMEM;
	}
	if (!split_with(extents, offset, first))
		free(first);
	if (!split_with(extents, offset + length, second))
		free(second);
	extents_remove(extents, offset, length);
	return 0;
}

static bool continues(const struct extent *left, const struct extent *right)
{
	if (extents_end(left) != right->offset_bytes ||
	    left->state != right->state || left->seq != right->seq)
		return false;
	if (left->source == EXTENT_ZERO || right->source == EXTENT_ZERO)
		return left->source == right->source;
	return left->source + (uint64_t)left->length_bytes == right->source;
}

/* Merges the extent that begins at offset into the one that ends there. */
static void merge_at(struct extents *extents, int64_t offset)
{
	struct extent *left = extents_at(extents, offset - 1);
	if (left == NULL || extents_end(left) != offset)
		return;
	struct extent *right = left->next[0];
	if (right == NULL || !continues(left, right))
		return;
	if (right->source != EXTENT_ZERO)
		scratch_join(extents->scratch, right->source);
	struct path path;
	find_path(extents, offset, &path);
	remove_at(extents, &path, right);
	shorten(extents, left, left->length_bytes + right->length_bytes);
	free(right);
}

int extents_put(struct extents *extents, int64_t offset, int64_t length,
		const struct extent_what *what)
{
	assert(length > 0);
	struct extent *extent = new_extent(extents);
	if (extent == NULL)
		return -ENOMEM;
	if (extents_cut(extents, offset, length) < 0) {
		free(extent);
		return -ENOMEM;
	}
	extent->offset_bytes = offset;
	extent->length_bytes = length;
	extent->source = what->source;
	extent->seq = what->seq;
	extent->state = (uint16_t)what->state;
	struct path path;
	find_path(extents, offset, &path);
	insert_at(extents, &path, extent);
	merge_at(extents, offset + length);
	merge_at(extents, offset);
	return 0;
}

int extents_take(struct extents *extents, struct extents *from)
{
	struct extent *extent = from->head[0];
	if (extent == NULL)
		return 0;
	int64_t offset = extent->offset_bytes;
	int64_t end = extents_end(extent);
	while ((extent = extent->next[0]) != NULL)
		end = extents_end(extent);
	int r = extents_cut(extents, offset, end - offset);
	if (r < 0)
		return r;
	while ((extent = from->head[0]) != NULL) {
		struct path path;
		find_path(from, extent->offset_bytes, &path);
		remove_at(from, &path, extent);
		find_path(extents, extent->offset_bytes, &path);
		insert_at(extents, &path, extent);
	}
	extents->coin = from->coin;
	merge_at(extents, end);
	merge_at(extents, offset);
	return 0;
}

void extents_grow(struct extents *extents, struct extent *extent,
		  int64_t length)
{
	assert(extent->next[0] == NULL ||
	       extent->next[0]->offset_bytes >= extents_end(extent) + length);
	shorten(extents, extent, extent->length_bytes + length);
}

void extents_mark(struct extents *extents, struct extent *extent,
		  enum extent_state state, uint64_t seq)
{
	account(extents, extent, -extent->length_bytes);
	extent->state = (uint16_t)state;
	extent->seq = seq;
	account(extents, extent, extent->length_bytes);
	note_dirty(extents, extent);
}
