/* SPDX-License-Identifier: MIT */
/*
 * What may be left after a power failure, written down naively from the table in
 * docs/crash-plans.md: the history of a small world since all of it was durable,
 * and whether an image that was found can come from it. It knows nothing of how
 * survivors are chosen.
 *
 * The world: a root with a few names, and two directories at most, with a few
 * names each. What something is, is told by the permission bits that it was made
 * with.
 */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_LEGAL_H
#define FLAKEY_TESTS_UNIT_FUSEFS_LEGAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEGAL_OPS 12
#define LEGAL_OBJECTS 32
#define LEGAL_BYTES 12288
#define LEGAL_NAMES 4 /* in a directory */
#define LEGAL_CHANGES (LEGAL_OPS * 2)

/* What a table of order edges says of a file system. */
struct legal_rules {
	const char *profile;
	bool any_entries; /* or only the first so many changes */
	bool copies;	  /* no block is overwritten in place */
	bool beginning;	  /* of a file's data only its beginning survives */
	bool old_first;	  /* new blocks only with all that was overwritten */
	bool size_alone;  /* a file may get places without their bytes */
	bool grows_in_block;
	bool pushes;	 /* a rename over a file takes the data along */
	bool pages;	 /* a file grows by the pages that are written */
	bool zeroes_end; /* a write behind the end writes the last block, too */
	bool one_piece;	 /* all survives, or nothing */
	int block;
	int new_unit; /* no smaller piece is torn off new bytes */
};

struct legal_object {
	bool used;
	bool directory;
	int entries[LEGAL_NAMES];  /* live; of a directory */
	uint8_t base[LEGAL_BYTES]; /* durable */
	int base_size;
	bool murky[LEGAL_BYTES / 1024]; /* blocks of zeros, or of nothing */
	uint8_t live[LEGAL_BYTES];
	int live_size;
	bool dirty[LEGAL_BYTES];
	bool zeroed
		[LEGAL_BYTES]; /* by a write behind the end, if it was there */
	int last_op;	       /* that touched it; 0: none */
	/* Two attributes of their own. */
	bool base_sticky;
	int base_mark;
	bool sticky;
	int mark;
	/* By op, from 1: truncated to (-1: no), written up to (0: no). */
	int cut[LEGAL_OPS + 1];
	int written[LEGAL_OPS + 1];
	int size_before[LEGAL_OPS + 1];
	int marked[LEGAL_OPS + 1];   /* 0: no */
	bool flipped[LEGAL_OPS + 1]; /* the sticky bit */
};

/* One name gets another meaning. Those of one op are one change, unless they are
 * free of each other. */
struct legal_change {
	int op;
	int directory;
	int name;
	int meaning; /* an object; 0: none */
	bool free;
	bool after_all; /* needs everything that came before it */
	int removed;	/* a directory that goes with it; 0: none */
};

struct legal {
	const struct legal_rules *rules;
	struct legal_object objects[LEGAL_OBJECTS]; /* 1 is the root */
	int base_entries[LEGAL_OBJECTS][LEGAL_NAMES];
	struct legal_change changes[LEGAL_CHANGES];
	int change_count;
	int ops;
};

struct legal_plan {
	int unit; /* where runs may be cut; 0: nowhere */
	bool prefix;
	bool fills;
	bool garbage;
};

/* What was found. */
struct legal_found {
	int entries[LEGAL_OBJECTS][LEGAL_NAMES];
	bool there[LEGAL_OBJECTS];
	uint8_t bytes[LEGAL_OBJECTS][LEGAL_BYTES];
	int sizes[LEGAL_OBJECTS];
	bool sticky[LEGAL_OBJECTS];
	int marks[LEGAL_OBJECTS];
};

const struct legal_rules *legal_rules_of(const char *profile);
/* What was found is durable, and the history begins. */
void legal_begin(struct legal *legal, const struct legal_found *found);
/* A new op: its number. */
int legal_op(struct legal *legal);
struct legal_change *legal_change(struct legal *legal, int directory, int name,
				  int meaning);
/* Of a file or directory. mark: 0, the sticky bit is changed. */
void legal_mark(struct legal *legal, int object, int mark);
void legal_write(struct legal *legal, int object, int offset, int length,
		 uint8_t byte);
void legal_truncate(struct legal *legal, int object, int size);
/* NULL: it is legal; or what is wrong, of the nearest moment that was tried. */
const char *legal_judge(const struct legal *legal,
			const struct legal_plan *plan,
			const struct legal_found *found, int *ret_moment);

#endif
