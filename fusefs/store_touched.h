/* SPDX-License-Identifier: MIT */
/*
 * Which objects of the store its steps may have changed while somebody watches, by
 * their numbers there. An object is noted before it is changed, while the commit lock
 * is held: taken at a moment at which nobody has that lock, a set is complete.
 */
#ifndef FLAKEY_FUSEFS_STORE_TOUCHED_H
#define FLAKEY_FUSEFS_STORE_TOUCHED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A set of numbers that are not 0. */
struct store_numbers {
	uint64_t *slots;
	size_t capacity; /* 0, or a power of two */
	size_t count;
	bool all; /* there was no memory to tell them apart */
};

struct store_touched {
	_Atomic bool watched;
	pthread_mutex_t lock; /* guards the set */
	struct store_numbers set;
};

void store_touched_init(struct store_touched *touched);
void store_touched_done(struct store_touched *touched);
/* Begins with none; the end forgets them. */
void store_touched_watch(struct store_touched *touched);
void store_touched_unwatch(struct store_touched *touched);
/* Costs one load if nobody watches. */
void store_touched_add(struct store_touched *touched, uint64_t number);
size_t store_touched_count(struct store_touched *touched);
/* Hands over what there is, and begins anew. */
void store_touched_take(struct store_touched *touched,
			struct store_numbers *ret_numbers);

bool store_numbers_have(const struct store_numbers *numbers, uint64_t number);
void store_numbers_free(struct store_numbers *numbers);

#endif
