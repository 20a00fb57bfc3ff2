/* SPDX-License-Identifier: MIT */
/*
 * Who survives a crash with a plan that keeps a share: decided from facts about
 * the journal and about unsynced data, and from a seed, and from nothing else.
 * Acts on nothing.
 *
 * Changes of names, attributes and content are those of the journal, in its
 * order. Where the profile has one order for all of them, a prefix survives.
 * Elsewhere each is in chains (of a name, of a file's content, ...): it survives
 * only if all survive that the chains have before it.
 *
 * Of unsynced data, pieces survive by themselves, as the profile allows. The
 * chance in a file's data comes from the seed and the file's path, so that it
 * does not depend on other files.
 */
#ifndef FLAKEY_FUSEFS_SURVIVORS_H
#define FLAKEY_FUSEFS_SURVIVORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan;
struct profile_survival;

/* Chains that a change can be in, or wait for. */
#define SURVIVORS_CHAINS 6

/* One change of the journal. */
struct survivors_change {
	/* Numbers of chains, 0 for none. It survives only with all earlier
	 * changes that belong to those which it waits for. */
	uint64_t waits_for[SURVIVORS_CHAINS];
	uint64_t belongs_to[SURVIVORS_CHAINS];
	/* Changes with the same number, unless it is 0, are parts of one. */
	uint64_t group;
	/* The file that gets a name by it, and the one that nothing is left of
	 * unless some surviving change gives it a name; 0 for none. */
	uint64_t names;
	uint64_t needs_name;
	bool waits_for_all; /* for every earlier change */
	bool tied;   /* there is no moment between it and the one before */
	bool late;   /* data that the disk may not have yet when it is kept */
	bool kept;   /* the answers */
	bool filled; /* ... a late one, without its bytes */
};

/* Fills in the answers. 0 or -ENOMEM. */
int survivors_choose_changes(const struct plan *plan,
			     const struct profile_survival *survival,
			     struct survivors_change *changes, size_t count);

/* Unsynced bytes of a file that lie next to each other. */
struct survivors_run {
	int64_t from;
	int64_t to;
	bool fresh;  /* where the file had no space */
	bool tail;   /* new, but in a block that the file has */
	bool forced; /* what has survived takes them along */
};

struct survivors_file {
	const char *path;
	const struct survivors_run *runs; /* in order of offset */
	size_t run_count;
	/* Every change survives that was made before the newest one of this
	 * file; and every one of its content. */
	bool has_all;
	bool has_content;
};

enum survivors_fate {
	SURVIVORS_KEPT,
	SURVIVORS_FILLED, /* the file got the place, but not the bytes */
};

struct survivors_piece {
	int64_t from;
	int64_t to;
	bool fresh;
	enum survivors_fate fate;
};

struct survivors_pieces {
	struct survivors_piece *list; /* owned; in order of offset */
	size_t count;
	size_t capacity;
};

/* What is not in *ret_pieces is lost. 0 or -ENOMEM; the list is to be freed in any
 * case. */
int survivors_choose_data(const struct plan *plan,
			  const struct profile_survival *survival,
			  const struct survivors_file *file,
			  struct survivors_pieces *ret_pieces);

/* Bytes from the seed for a place that is filled with garbage. */
void survivors_garbage(const struct plan *plan, const char *path,
		       int64_t offset_bytes, void *buffer, size_t size_bytes);

#endif
