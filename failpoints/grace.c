/* SPDX-License-Identifier: MIT */
#include "failpoints/grace.h"

#include <pthread.h>
#include <stddef.h>

#define STRIPES 16
#define STRIPE_BITS 4
#define LINE_BYTES 64
/* A hit is over in nanoseconds unless its thread has lost the processor. */
#define TRIES 100

struct stripe {
	_Alignas(LINE_BYTES) atomic_uint inside;
};

static struct {
	struct stripe sets[2][STRIPES];
	atomic_ullong phase;
	struct grace_item *retired; /* the newest first; the registry's lock */
} grace;

/* Threads have their descriptors pages apart. */
static unsigned int own_stripe(void)
{
	uint64_t self = (uint64_t)(uintptr_t)pthread_self() >> 8;

	return (unsigned int)(self * 0x9e3779b97f4a7c15U >> (64 - STRIPE_BITS));
}

atomic_uint *grace_enter(void)
{
	unsigned int set = atomic_load(&grace.phase) & 1;
	atomic_uint *counter = &grace.sets[set][own_stripe()].inside;

	/* In one order with the exchange that takes things away: either this
	 * is seen by grace_reap(), or that is seen by the hit. */
	atomic_fetch_add(counter, 1);
	return counter;
}

void grace_leave(atomic_uint *counter)
{
	atomic_fetch_sub(counter, 1);
}

static bool is_empty(unsigned int set)
{
	for (size_t i = 0; i < STRIPES; i++)
		if (atomic_load(&grace.sets[set][i].inside) != 0)
			return false;
	return true;
}

/* The set that nobody enters any more, but for those who read the phase long
 * ago; they read everything else later. */
static bool move_on(void)
{
	unsigned int other = (atomic_load(&grace.phase) + 1) & 1;

	for (int i = 0; i < TRIES; i++) {
		if (is_empty(other)) {
			atomic_fetch_add(&grace.phase, 1);
			return true;
		}
	}
	return false;
}

void grace_retire(struct grace_item *item,
		  bool (*release)(struct grace_item *item))
{
	item->release = release;
	item->phase = atomic_load(&grace.phase);
	item->next = grace.retired;
	grace.retired = item;
}

void grace_reap(void)
{
	struct grace_item **link = &grace.retired;
	uint64_t phase;

	if (!grace.retired)
		return;
	if (move_on())
		(void)move_on(); /* if it cannot, the next call may */
	phase = atomic_load(&grace.phase);
	while (*link) {
		struct grace_item *item = *link;
		struct grace_item *next = item->next;

		if (phase - item->phase >= 2 && item->release(item))
			*link = next;
		else
			link = &item->next;
	}
}

void grace_forked(void)
{
	for (size_t set = 0; set < 2; set++)
		for (size_t i = 0; i < STRIPES; i++)
			atomic_store(&grace.sets[set][i].inside, 0);
}
