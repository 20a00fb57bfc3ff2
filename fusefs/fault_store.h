/* SPDX-License-Identifier: MIT */
/*
 * Fault rules at the disk boundary: transfers of data to and from the store, and
 * commits. It is the volume that asks, in the middle of its work and with locks
 * held, so nothing waits here: what has to wait makes the work end with
 * -FAULT_AGAIN, as an error of the store would that goes away. The request then
 * waits outside, and is done again: what has arrived is not done twice, and the
 * transfer that waited is not asked about twice. What cannot be done again (a
 * request that changes more than it stores) goes on, and waits when it is done;
 * what nobody waits for (a verb, unmounting) is not delayed.
 *
 * While no rule is set for a point, it costs one load.
 */
#ifndef FLAKEY_FUSEFS_FAULT_STORE_H
#define FLAKEY_FUSEFS_FAULT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"
#include "fusefs/volume.h"
#include "rules/rules.h"

struct inode;

/* Something that is about to ask: transfers of one file, or one commit. */
struct fault_store {
	struct volume *volume;
	enum rule_point point;
	uint64_t file;	   /* tells it from others */
	struct text names; /* those of the file, each with its NUL */
	size_t name_count;
};

/* What the rules want of a transfer or commit. */
struct fault_deed {
	bool dropped;
	/* With an error: the disk has said so, not the real store. */
	bool simulated;
	int error;	/* which it said, negative, or 0 */
	int fail_after; /* the error that it ends with though it is done */
	size_t harms;
	struct rule_verdicts verdicts;
};

static inline bool fault_store_armed(const struct volume *volume,
				     enum rule_point point)
{
	return volume->rules != NULL && rules_armed(volume->rules, point) &&
	       !volume->rescuing;
}

/* No lock is held: looks up the names. inode may be NULL. */
void fault_store_begin(struct fault_store *store, struct volume *volume,
		       struct inode *inode, enum rule_point point);
void fault_store_end(struct fault_store *store);

/* 0: it is to be done, as *ret_deed says. -FAULT_AGAIN, or another negative errno:
 * it is not done; but if the deed is simulated, what rules do not select of a
 * transfer is. In any case the deed is to be given to fault_store_done(). A commit
 * has no range: -1. */
int fault_store_ask(struct fault_store *store, int64_t offset_bytes,
		    int64_t length_bytes, struct fault_deed *ret_deed);
enum fault_fate {
	FAULT_WRITTEN,
	FAULT_DROPPED,
	FAULT_REFUSED,
};
/* What becomes of all bytes of a transfer in [from, *ret_to), which is at most to:
 * rules for some bytes are for the sectors that these are in. */
enum fault_fate fault_store_fate(const struct fault_deed *deed, int64_t from,
				 int64_t to, int64_t *ret_to);
/* It is done: 0, or the error (negative) that it ends with all the same. */
int fault_store_after(struct fault_store *store, int64_t offset_bytes,
		      int64_t length_bytes);

/* Corrupts the data of a transfer as the deed has it. */
void fault_store_harm(struct fault_store *store, const struct fault_deed *deed,
		      void *data, size_t size_bytes, int64_t offset_bytes);
void fault_store_done(struct fault_deed *deed);

/* What was read from a file of the store: asks for each run of data of it, and
 * acts on it. 0, or the error of the read. */
int fault_store_read(struct fault_store *store, int fd, void *data,
		     size_t size_bytes, int64_t offset_bytes);

#endif
