/* SPDX-License-Identifier: MIT */
/*
 * Commits by parts: of the journal, the sync of a file takes the records of its
 * content and attributes, that of a directory the records of its entries, and
 * what those cannot do without. What stays is still in order for every name and
 * every file, so any later commit finds what it expects.
 *
 * Records on one name are always taken in order. A rename of a file between two
 * directories is two records, one in each; a directory, which cannot be in two
 * places, is moved by one record, which either directory's sync takes: then the
 * other one's records on that name come along. The removal of a directory takes
 * the removals in it along. A directory of the store that is moved into one that
 * is not durable takes along the names that lead there. Where that is not enough,
 * because what leads there lies inside of what is moved, all records are taken.
 */
#ifndef FLAKEY_FUSEFS_PARTIAL_H
#define FLAKEY_FUSEFS_PARTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mode.h"

struct commit_range;
struct inode;
struct record;
struct volume;

struct partial {
	struct volume *volume;
	enum mode_kind mode;
	uint64_t target; /* records up to this seq */
	int refused;	 /* the error of a record that will never be stored */
};

/* The journal cannot be written. */
#define PARTIAL_ABORTS 1
/* The parts cannot be told apart: nothing was lost, and a commit of the whole
 * journal up to the target does what was asked for. */
#define PARTIAL_TAKES_ALL 2

/* With commit_lock. range: the bytes of own data. 0, one of the above, or a
 * negative errno: what was not stored is still in the journal. */
int partial_sync(struct partial *partial, struct inode *inode, bool datasync,
		 const struct commit_range *range);

/* Records that a commit takes. */
struct partial_chosen {
	const struct partial *partial;
	struct inode *directory; /* all of its records are, or NULL */
	struct record **list;
	size_t count;
	size_t capacity;
	int failed; /* of choosing */
};
int partial_choose(struct partial_chosen *chosen, struct record *record);

/* Stores, in order, what choose chooses with the volume's lock held, and what
 * that cannot do without. Results as above. */
typedef int partial_choose_fn(struct partial_chosen *chosen, void *user);
int partial_take(struct partial *partial, partial_choose_fn *choose,
		 void *user);

/* The parts of a sync: a file's own records and data; its times. */
int partial_sync_content(struct partial *partial, struct inode *inode,
			 bool datasync, const struct commit_range *range);
int partial_sync_times(struct partial *partial, struct inode *inode);

/* Files without a name are paid for. */
int partial_pay_all_unnamed(struct volume *volume, enum mode_kind mode);

#endif
