/* SPDX-License-Identifier: MIT */
/*
 * Nothing is freed while a hit may look at it, and all is freed in the end: with
 * hits that overlap without a gap, too.
 */
#include <pthread.h>

#include "failpoints/grace.h"
#include "tests/failpoint/tap.h"

#define ITEMS 5

static unsigned int freed;
static bool in_use;

static bool release(struct grace_item *item)
{
	item->phase = UINT64_MAX; /* for is_freed() */
	freed += !in_use;
	return !in_use;
}

static bool is_freed(const struct grace_item *item)
{
	return item->phase == UINT64_MAX;
}

static void reap_often(void)
{
	for (int i = 0; i < 5; i++)
		grace_reap();
}

static void a_hit_holds_what_it_may_see(void)
{
	struct grace_item item;
	atomic_uint *hit = grace_enter();

	freed = 0;
	grace_retire(&item, release);
	reap_often();
	is(freed, 0, "not freed while a hit is in");
	grace_leave(hit);
	grace_reap();
	is(freed, 1, "freed when it has left");
	reap_often();
	is(freed, 1, "once");
}

static void hits_that_overlap_do_not_hold_for_ever(void)
{
	struct grace_item items[ITEMS];
	atomic_uint *hit = grace_enter();
	bool early = false;

	freed = 0;
	for (int i = 0; i < ITEMS; i++) {
		atomic_uint *next;

		grace_retire(&items[i], release);
		grace_reap();
		early |= is_freed(&items[i]);
		next = grace_enter();
		grace_reap();
		early |= is_freed(&items[i]);
		grace_leave(hit);
		hit = next;
	}
	ok(!early, "a hit that was before holds");
	grace_reap();
	ok(freed >= ITEMS - 2, "one that came later does not");
	grace_leave(hit);
	reap_often();
	is(freed, ITEMS, "in the end all are freed");
}

static void who_is_in_use_is_asked_again(void)
{
	struct grace_item item;

	freed = 0;
	in_use = true;
	grace_retire(&item, release);
	reap_often();
	is(freed, 0, "not freed while in use");
	in_use = false;
	grace_reap();
	is(freed, 1, "freed when no more");
}

/* Leaves the counting out to another. */
static void *enter_late(void *unused)
{
	(void)unused;
	return grace_enter();
}

static void hits_of_other_threads_hold_too(void)
{
	struct grace_item item;
	pthread_t thread;
	void *hit = NULL;

	freed = 0;
	if (pthread_create(&thread, NULL, enter_late, NULL) != 0 ||
	    pthread_join(thread, &hit) != 0)
		abort();
	grace_retire(&item, release);
	reap_often();
	is(freed, 0, "not freed while another thread is in");
	grace_leave(hit);
	grace_reap();
	is(freed, 1, "freed when it has left");
}

static void a_child_of_a_fork_is_alone(void)
{
	struct grace_item item;

	freed = 0;
	(void)grace_enter(); /* of a thread that is not in the child */
	grace_retire(&item, release);
	reap_often();
	is(freed, 0, "not freed in the parent");
	grace_forked();
	reap_often();
	is(freed, 1, "freed in the child");
}

int main(void)
{
	a_hit_holds_what_it_may_see();
	hits_that_overlap_do_not_hold_for_ever();
	who_is_in_use_is_asked_again();
	hits_of_other_threads_hold_too();
	a_child_of_a_fork_is_alone();
	return tap_end();
}
