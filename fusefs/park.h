/* SPDX-License-Identifier: MIT */
/*
 * Where operations wait that a fault rule makes sleep. They have no thread there:
 * a thousand that sleep cost a thousand pieces of memory, and the mount is as
 * alive as before. A few threads take those out whose time has come, or whose
 * sleep was ended, and go on with them; how, is the owner's business.
 *
 * There is room for PARK_COUNT_MAX of them and PARK_BYTES_MAX in all.
 *
 * Threads: any, for all but park_new() and park_free().
 */
#ifndef FLAKEY_FUSEFS_PARK_H
#define FLAKEY_FUSEFS_PARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"

struct park;

#define PARK_COUNT_MAX 16384
#define PARK_BYTES_MAX ((size_t)256 << 20)
/* Threads that go on with what has slept. */
#define PARK_THREADS_MAX 8
/* How often those are asked again that want it. */
#define PARK_LOOK_AGAIN_MS 200

/* Stands for "for ever". */
#define PARK_FOR_EVER INT64_MAX

/* One that waits: the beginning of the owner's struct. The first two are set by
 * who parks it, and may be changed by the calls below. */
struct parked {
	int64_t until_ns; /* CLOCK_MONOTONIC, or PARK_FOR_EVER */
	size_t size_bytes;
	struct list link;
	uint64_t number;
};

struct park_owner {
	/* Whether it shall go on to sleep: asked when it is parked, by
	 * park_look(), and from then on every now and then if it is said to be
	 * one that must be. The park's lock is held, and no call may be made
	 * from here. */
	bool (*sleeps)(void *user, struct parked *parked, bool *ret_ask_again);
	/* It has slept, and is no longer in the park. In a thread of the park,
	 * without any lock. */
	void (*wake)(void *user, struct parked *parked);
	/* A thread of the park is about to end. */
	void (*leave)(void);
	void *user;
};

/* owner is copied. NULL: out of memory. */
struct park *park_new(const struct park_owner *owner);

/* 0, and it is the park's until it is woken, which may be at once; -EAGAIN: there
 * is no room, or no thread. */
int park_add(struct park *park, struct parked *parked);

/* Something may have ended sleeps: asks for each. */
void park_look(struct park *park);

/* Waits until all that were parked before and do not sleep any more have been
 * woken and are done, at most until the deadline (CLOCK_MONOTONIC). Not from a
 * thread of the park. */
void park_drain(struct park *park, int64_t deadline_ns);

/* Calls each for those that wait, until it returns true; with the park's lock
 * held. Returns whether one did. */
bool park_find(struct park *park, bool (*each)(void *what, struct parked *),
	       void *what);

/* How many wait. */
size_t park_count(struct park *park);

/* Ends the threads; whatever waits must have been woken before: sleeps() has to
 * be false for all. Takes NULL. */
void park_free(struct park *park);

#endif
