/* SPDX-License-Identifier: MIT */
/*
 * What stat(2) has shown of files that left memory since: the number of one that
 * began in the journal, and a ctime, which no store can be told. About 40 bytes
 * a file that was changed in this mount; without memory for one, the store's
 * own number and ctime are shown next time.
 *
 * An entry is taken out when its file comes back into memory, and nothing is
 * removed from the store without that: no entry outlives its file. Guarded by
 * the volume's lock.
 */
#ifndef FLAKEY_FUSEFS_RECALL_H
#define FLAKEY_FUSEFS_RECALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct recall_entry {
	uint64_t store_number; /* 0: a free place */
	uint64_t number;
	struct timespec ctime;
};

/* All zeros is an empty one. */
struct recall {
	struct recall_entry *slots;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

void recall_done(struct recall *recall);
void recall_put(struct recall *recall, const struct recall_entry *entry);
/* False if there is none. */
bool recall_take(struct recall *recall, uint64_t store_number,
		 struct recall_entry *ret_entry);
/* The number shown for a file that is not in memory. */
uint64_t recall_number(const struct recall *recall, uint64_t store_number);

#endif
