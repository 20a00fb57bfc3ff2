/* SPDX-License-Identifier: MIT */
/*
 * When may memory be freed that a hit may be reading? Hits take no lock: they
 * read what is armed between grace_enter() and grace_leave(). Who replaces it
 * hands the old one to grace_retire(), and it is freed when every hit that could
 * have seen it has left. Nobody waits: what cannot be freed yet is tried again by
 * the next grace_reap().
 *
 * Hits count themselves in and out, in one of two sets of counters; which one,
 * the phase says. The phase moves on when the other set has come to zero. After
 * two moves both have been at zero, so all who were in have left, whatever the
 * number of those who came in since. A set has several counters, on cache lines
 * of their own, so that threads do not wait for each other's.
 *
 * grace_enter() and grace_leave() are async-signal-safe. The others are called
 * with the registry's lock held.
 */
#ifndef FLAKEY_FAILPOINTS_GRACE_H
#define FLAKEY_FAILPOINTS_GRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Part of what is retired. */
struct grace_item {
	struct grace_item *next;
	uint64_t phase; /* in which it was retired */
	/* Frees the whole; false: somebody uses it still, ask again. */
	bool (*release)(struct grace_item *item);
};

/* Returns what grace_leave() takes. */
atomic_uint *grace_enter(void);
void grace_leave(atomic_uint *counter);

/* The item can no longer be found by a hit that enters from now on. */
void grace_retire(struct grace_item *item,
		  bool (*release)(struct grace_item *item));

/* Frees what may be freed. */
void grace_reap(void);

/* In the child of a fork: other threads' hits have vanished with them. */
void grace_forked(void);

#endif
