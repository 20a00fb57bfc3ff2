/* SPDX-License-Identifier: MIT */
/*
 * The extents of one file that differ from its stored content: a map from byte
 * ranges to scratch data or to zeros. What the map does not cover is read from
 * the store. Extents never overlap, are never empty, and are kept in order of
 * offset (a skip list: iterative, and one allocation an extent).
 *
 * The map holds the scratch space of its extents. Not thread-safe: the lock of
 * the inode guards it.
 */
#ifndef FLAKEY_FUSEFS_EXTENTS_H
#define FLAKEY_FUSEFS_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scratch;

enum extent_state {
	EXTENT_DIRTY,  /* in the page cache: only a sync of the file takes it */
	EXTENT_PUSHED, /* belongs to the journal record with the same seq */
	EXTENT_CLEAN,  /* acknowledged but never stored: shown, never written */
};

/* The seq of a clean extent that no record had. */
#define EXTENT_REFUSED 0

/* The source of an extent of zeros, which has no scratch space. */
#define EXTENT_ZERO UINT64_MAX

#define EXTENTS_LEVELS 12

struct extent {
	int64_t offset_bytes;
	int64_t length_bytes;
	uint64_t source; /* scratch offset, or EXTENT_ZERO */
	uint64_t seq;	 /* of the record, when not dirty */
	uint16_t state;
	uint16_t levels;
	struct extent *next[]; /* levels of them */
};

/* Sums over all maps that count for a crash, so that nobody has to walk them. */
struct extents_totals {
	_Atomic int64_t dirty_bytes;
	_Atomic int64_t clean_bytes;
	_Atomic int64_t files; /* with any of these */
};

struct extents {
	struct scratch *scratch;       /* borrowed */
	struct extents_totals *totals; /* borrowed; NULL: not counted */
	struct extent *head[EXTENTS_LEVELS];
	uint64_t count;
	int64_t dirty_bytes; /* sum over EXTENT_DIRTY */
	int64_t clean_bytes; /* sum over EXTENT_CLEAN with scratch data */
	/* All dirty extents are within; what is not dirty need not be walked to
	 * find them. */
	int64_t dirty_from;
	int64_t dirty_to;
	uint32_t coin; /* state of the level toss */
};

/* What an extent is to be: all but its place. */
struct extent_what {
	uint64_t source;
	uint64_t seq;
	enum extent_state state;
};

struct extents *extents_new(struct scratch *scratch);
/* One for extents_take() into this one. The level toss goes on in it, and comes
 * back with what is taken: if each map began anew, all that is taken one by one
 * would be of the same level, and finding it a walk over a plain list. */
struct extents *extents_new_part(const struct extents *extents);
/* Lets go of all scratch space. Takes NULL. */
void extents_free(struct extents *extents);

/* From now on it counts there, or nowhere (NULL): a crash does not care for a
 * file without a name. Takes NULL for extents. */
void extents_count(struct extents *extents, struct extents_totals *totals);

/* The first extent that ends behind offset, or NULL. extents may be NULL. */
struct extent *extents_at(const struct extents *extents, int64_t offset_bytes);

static inline struct extent *extents_next(const struct extent *extent)
{
	return extent->next[0];
}

static inline int64_t extents_end(const struct extent *extent)
{
	return extent->offset_bytes + extent->length_bytes;
}

/* Uncovers a range: it reads from the store again. 0 or -ENOMEM, and then the
 * map is as before. */
int extents_cut(struct extents *extents, int64_t offset_bytes,
		int64_t length_bytes);

/* The same for a range whose ends no extent crosses: it cannot fail. */
void extents_remove(struct extents *extents, int64_t offset_bytes,
		    int64_t length_bytes);

/* Covers a range, taking over one hold of what->source. Merges with neighbours
 * that continue it. 0 or -ENOMEM: nothing changed, the hold stays with the
 * caller. */
int extents_put(struct extents *extents, int64_t offset_bytes,
		int64_t length_bytes, const struct extent_what *what);

/* Moves all of from, which covers one range without a gap, over what is there;
 * both have the same scratch file. from is empty then. 0 or -ENOMEM: nothing
 * changed. */
int extents_take(struct extents *extents, struct extents *from);

/* The extent that ends exactly at offset grows by length in place, over
 * uncovered bytes; its scratch space was extended by the caller. */
void extents_grow(struct extents *extents, struct extent *extent,
		  int64_t length_bytes);

/* Narrows a range to where anything dirty is. */
static inline void extents_clamp_dirty(const struct extents *extents,
				       int64_t *from, int64_t *to)
{
	if (extents != NULL && *from < extents->dirty_from)
		*from = extents->dirty_from;
	if (extents != NULL && *to > extents->dirty_to)
		*to = extents->dirty_to;
}

/* Changes state and seq of a whole extent. */
void extents_mark(struct extents *extents, struct extent *extent,
		  enum extent_state state, uint64_t seq);

/* Splits, so that no extent crosses offset. 0 or -ENOMEM. */
int extents_split(struct extents *extents, int64_t offset_bytes);

#endif
