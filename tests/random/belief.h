/* SPDX-License-Identifier: MIT */
/*
 * What one of many workers knows of a file when others sync at moments that it
 * does not know: the bytes that programs see, exactly; and for each byte the
 * values that it has had since its owner synced it, one of which a power failure
 * leaves. A sync of the owner leaves one value, and that one is certain.
 *
 * Lies in memory that all processes share. Each byte has one owner at a time.
 */
#ifndef FLAKEY_TESTS_RANDOM_BELIEF_H
#define FLAKEY_TESTS_RANDOM_BELIEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BELIEF_BYTES 40960
#define BELIEF_SIZES 64

struct belief {
	char name[16];
	int64_t size;
	int64_t sizes[BELIEF_SIZES]; /* since the last sync; the first: then */
	int count;
	bool any_size; /* there were too many to note */
	bool may_miss; /* the name may lead to nothing */
	/* By a rename that no sync is known to have stored. An fdatasync of the
	 * file need not: another sync may have stored the file before. */
	bool renamed;
	uint8_t live[BELIEF_BYTES];
	uint8_t values[BELIEF_BYTES][32]; /* a bit for each */
};

/* Changes, noted before they are asked for: a crash may come in between. */
void belief_put(struct belief *belief, int64_t offset, const uint8_t *bytes,
		int64_t length);
void belief_zero(struct belief *belief, int64_t offset, int64_t length);
void belief_resize(struct belief *belief, int64_t size);
/* Another file has its name now, an empty one. */
void belief_replace(struct belief *belief);

/* The owner of these bytes synced them, and if whole, also of the size. */
void belief_sync(struct belief *belief, int64_t offset, int64_t length,
		 bool whole);
/* A power failure left this; size -1: nothing. NULL, and then it is believed,
 * or what is wrong with it, at *ret_offset. */
const char *belief_check(struct belief *belief, const uint8_t *bytes,
			 int64_t size, int64_t *ret_offset);

#endif
