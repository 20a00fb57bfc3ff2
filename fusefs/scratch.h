/* SPDX-License-Identifier: MIT */
/*
 * The scratch file: where data lies that no sync has paid for yet. It is an
 * unlinked file, so the kernel pages it out by itself and a killed daemon
 * leaves nothing behind; dirty data is bounded by disk, not by memory.
 *
 * Space is given out in units of SCRATCH_UNIT bytes out of chunks of
 * SCRATCH_CHUNK. A unit has a count of the ranges that touch it, because a
 * range can be split at any byte and a commit holds ranges while it copies
 * them: a unit is free when nobody touches it. That costs one byte a unit,
 * 1.6% of the data.
 *
 * A bounded number of chunks is in memory instead of the file: what is small or
 * soon committed costs no system call. When half of that is used, a thread moves
 * the oldest to the file; so a stream is not held up by writing it there. If the
 * disk is full they just stay.
 *
 * Thread-safe: one mutex around the counts; data is copied outside of it.
 */
#ifndef FLAKEY_FUSEFS_SCRATCH_H
#define FLAKEY_FUSEFS_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#define SCRATCH_UNIT 64
#define SCRATCH_CHUNK (1 << 20)

struct errmsg;
struct scratch;

/* Creates the unlinked file in directory. limit_bytes 0: no limit but the
 * disk's. */
int scratch_open(const char *directory, uint64_t limit_bytes,
		 struct scratch **ret_scratch, struct errmsg *reterr_why);
void scratch_close(struct scratch *scratch);

/* From now on up to so many chunks are in memory; at most once, before the first
 * use. Without memory there are none. */
void scratch_use_memory(struct scratch *scratch, size_t chunks);

/* Gives out up to want_bytes in one piece, at least one byte. 0, -ENOSPC at
 * the limit, -ENOMEM. The space has one holder and no defined content. */
int scratch_alloc(struct scratch *scratch, size_t want_bytes,
		  uint64_t *ret_offset, size_t *ret_bytes);

/* Makes a range that ends at end_offset longer, in place, by up to want_bytes:
 * how many bytes were had, 0 if its neighbour is taken. */
size_t scratch_extend(struct scratch *scratch, uint64_t end_offset,
		      size_t want_bytes);

/* A place in memory where data that is on its way may land, so that nobody has to
 * copy it: how many bytes, 0 for none now. Begins at a multiple of
 * SCRATCH_LANDING. One at a time, ended by scratch_landed(), which gives out
 * what has come, a multiple of that (0: nothing), as scratch_alloc() does. */
#define SCRATCH_LANDING 4096
size_t scratch_land(struct scratch *scratch, char **ret_memory);
uint64_t scratch_landed(struct scratch *scratch, size_t bytes);

/* One more holder of a range; and one less. Every hold is dropped once. */
void scratch_hold(struct scratch *scratch, uint64_t offset, uint64_t bytes);
void scratch_drop(struct scratch *scratch, uint64_t offset, uint64_t bytes);

/* While it is on, space that is dropped stays on the disk, which is quick: for a
 * crash, which has to be over soon. scratch_trim() gives all of it back. */
void scratch_defer(struct scratch *scratch);
void scratch_trim(struct scratch *scratch);

/* While it is pinned, space that is dropped is not given out again: another
 * process, born of this one meanwhile, still reads what was there. With
 * scratch_freeze() it can be born; in it, scratch_part() comes first, after which
 * new space lies in a file of its own. 0 or an error. */
void scratch_pin(struct scratch *scratch);
void scratch_unpin(struct scratch *scratch);
void scratch_freeze(struct scratch *scratch);
void scratch_thaw(struct scratch *scratch);
int scratch_part(struct scratch *scratch);
/* Its descriptor. */
int scratch_fd(const struct scratch *scratch);

/* A held range is about to be held as two, cut at offset; or two neighbours
 * that meet at offset are about to be held as one. */
void scratch_split(struct scratch *scratch, uint64_t offset);
void scratch_join(struct scratch *scratch, uint64_t offset);

/* Copies all bytes in or out: 0, -ENOSPC when the disk is full, -EIO. */
int scratch_write(struct scratch *scratch, uint64_t offset, const void *data,
		  size_t bytes);
int scratch_read(struct scratch *scratch, uint64_t offset, void *data,
		 size_t bytes);

/* Where a held range is, and how much of it is in one chunk; NULL if it is not
 * in memory. Stays there until scratch_unpeek(). */
const void *scratch_peek(struct scratch *scratch, uint64_t offset,
			 size_t *ret_bytes);
void scratch_unpeek(struct scratch *scratch, uint64_t offset);

/* Bytes in use, whole units; and the limit, 0 for none. */
uint64_t scratch_used(struct scratch *scratch);
uint64_t scratch_limit(const struct scratch *scratch);

#endif
