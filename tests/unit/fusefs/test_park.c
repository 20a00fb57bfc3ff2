/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "fusefs/park.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define CROWD 200

struct sleeper {
	struct parked parked;
	int number;
};

static struct {
	atomic_bool rouse; /* nobody sleeps any more */
	atomic_int placed;
	atomic_int woken; /* once order has them */
	atomic_int order[CROWD];
	atomic_bool slow; /* waking takes long */
	atomic_bool go;
} world;

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static bool sleeps(void *user, struct parked *parked, bool *ret_ask_again)
{
	(void)user;
	(void)parked;
	*ret_ask_again = false;
	return !world.rouse;
}

static void wake(void *user, struct parked *parked)
{
	(void)user;
	struct sleeper *sleeper = (struct sleeper *)parked;
	while (world.slow && !world.go)
		(void)sched_yield();
	world.order[world.placed++] = sleeper->number;
	world.woken++;
	free(sleeper);
}

static void leave(void)
{
}

static struct park *begin(void)
{
	const struct park_owner owner = {
		.sleeps = sleeps, .wake = wake, .leave = leave};
	world.rouse = false;
	world.placed = 0;
	world.woken = 0;
	world.slow = false;
	world.go = false;
	struct park *park = park_new(&owner);
	assert_non_null(park);
	return park;
}

static int add(struct park *park, int number, int64_t until_ns, size_t bytes)
{
	struct sleeper *sleeper = calloc(1, sizeof(*sleeper));
	assert_non_null(sleeper);
	sleeper->number = number;
	sleeper->parked.until_ns = until_ns;
	sleeper->parked.size_bytes = bytes;
	int r = park_add(park, &sleeper->parked);
	if (r < 0)
		free(sleeper);
	return r;
}

static void end(struct park *park)
{
	world.rouse = true;
	world.go = true;
	park_free(park);
}

static void wait_for(int woken)
{
	int64_t deadline = now_ns() + 20 * NS_PER_S;
	while (world.woken < woken && now_ns() < deadline)
		(void)sched_yield();
	assert_int_equal(world.woken, woken);
}

static void sleepers_wake_when_their_time_has_come(void **state)
{
	(void)state;
	struct park *park = begin();
	int64_t now = now_ns();
	assert_int_equal(add(park, 1, now + 60 * NS_PER_MS, 0), 0);
	assert_int_equal(add(park, 2, PARK_FOR_EVER, 0), 0);
	assert_int_equal(add(park, 3, now + 20 * NS_PER_MS, 0), 0);
	wait_for(2);
	assert_true(now_ns() >= now + 60 * NS_PER_MS);
	assert_int_equal(world.order[0], 3);
	assert_int_equal(world.order[1], 1);
	assert_int_equal(park_count(park), 1);
	end(park);
	assert_int_equal(world.woken, 3);
}

static void all_are_woken_and_waited_for(void **state)
{
	(void)state;
	struct park *park = begin();
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(add(park, i, PARK_FOR_EVER, 0), 0);
	assert_int_equal(park_count(park), CROWD);
	world.rouse = true;
	park_look(park);
	park_drain(park, now_ns() + 20 * NS_PER_S);
	assert_int_equal(world.woken, CROWD);
	end(park);
}

static void one_that_takes_long_holds_nobody_up(void **state)
{
	(void)state;
	struct park *park = begin();
	world.slow = true;
	assert_int_equal(add(park, 1, now_ns(), 0), 0);
	while (park_count(park) > 0)
		(void)sched_yield();
	/* It is under way; another thread looks after the rest. */
	park_drain(park, now_ns() + 30 * NS_PER_MS);
	assert_int_equal(world.woken, 0);
	assert_int_equal(add(park, 2, now_ns(), 0), 0);
	while (park_count(park) > 0)
		(void)sched_yield();
	world.go = true;
	wait_for(2);
	end(park);
}

static void there_is_a_limit(void **state)
{
	(void)state;
	struct park *park = begin();
	assert_int_equal(add(park, 1, PARK_FOR_EVER, PARK_BYTES_MAX), 0);
	assert_int_equal(add(park, 2, PARK_FOR_EVER, 1), -EAGAIN);
	assert_int_equal(park_count(park), 1);
	end(park);
	assert_int_equal(world.woken, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleepers_wake_when_their_time_has_come),
		cmocka_unit_test(all_are_woken_and_waited_for),
		cmocka_unit_test(one_that_takes_long_holds_nobody_up),
		cmocka_unit_test(there_is_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
