/* SPDX-License-Identifier: MIT */
/*
 * Points that are hit by some threads while others arm and disarm them.
 * FLAKEY_TEST_SEED has no part in it: the chance is the scheduler's.
 */
#include <errno.h>
#include <failpoint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/failpoint/tap.h"

#define THREADS 4
#define LONG_MS 20000
#define ROUNDS 300

static atomic_bool stop;

static bool hit(void)
{
	return FAILPOINT("threads/hit");
}

static int64_t hit_int(void)
{
	int64_t value = 0;

	return FAILPOINT_INT("threads/int", &value) ? value : 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void start(pthread_t *threads, void *(*run)(void *))
{
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run, NULL) != 0)
			abort();
}

/* Returns the sum of what they return. */
static int64_t join(const pthread_t *threads)
{
	int64_t sum = 0;

	for (size_t i = 0; i < THREADS; i++) {
		void *result = NULL;

		(void)pthread_join(threads[i], &result); /* they are there */
		sum += (int64_t)(intptr_t)result;
	}
	return sum;
}

static void *hit_often(void *unused)
{
	intptr_t hits = 0;

	(void)unused;
	for (int i = 0; i < 20000; i++)
		hits += hit();
	return (void *)hits;
}

static void counts_are_exact(void)
{
	pthread_t threads[THREADS];

	is(failpoint_enable("threads/hit", "7*off->1234*return"), 0, "armed");
	start(threads, hit_often);
	is(join(threads), 1234, "N* hits N times, whoever comes");
	is(failpoint_fired("threads/hit"), 1241, "all are counted");
	is(failpoint_hits("threads/hit"), THREADS * 20000, "the others, too");
	is(failpoint_disable("threads/hit"), 0, "the end");
}

static void *hit_once(void *unused)
{
	(void)unused;
	return (void *)(intptr_t)hit();
}

static void sleepers_sleep_together(void)
{
	pthread_t threads[THREADS];
	int64_t began = now_ms();

	is(failpoint_enable("threads/hit", "sleep(2s)"), 0, "a long sleep");
	start(threads, hit_once);
	is(failpoint_wait_fired("threads/hit", THREADS, LONG_MS), 0,
	   "all fall asleep");
	is(failpoint_disable("threads/hit"), 0, "disarming");
	ok(now_ms() - began < 1900, "waits for no sleeper");
	is(join(threads), 0, "they wake up, without a hit");
	ok(now_ms() - began >= 2000, "no sooner than told");
	ok(now_ms() - began < 2000 * THREADS - 500, "nor one after the other");
}

static void paused_threads_go_on(void)
{
	pthread_t threads[THREADS];

	is(failpoint_pause("threads/hit"), 0, "pause");
	start(threads, hit_once);
	is(failpoint_wait_paused("threads/hit", THREADS, LONG_MS), 0,
	   "all wait");
	is(failpoint_resume("threads/hit"), THREADS, "resume lets all go");
	is(join(threads), 0, "without a hit");
	start(threads, hit_once);
	is(failpoint_wait_paused("threads/hit", THREADS, LONG_MS), 0,
	   "it is still armed");
	is(failpoint_disable("threads/hit"), 0, "disarming");
	is(join(threads), 0, "lets all go, too");
	is(failpoint_enable("threads/hit", "4*pause->return"), 0, "four waits");
	start(threads, hit_once);
	is(failpoint_wait_paused("threads/hit", THREADS, LONG_MS), 0,
	   "all wait");
	is(failpoint_enable("threads/hit", "pause"), 0, "arming again");
	is(join(threads), 0, "lets all go, too");
	is(failpoint_wait_paused("threads/hit", 1, 0), -ETIMEDOUT,
	   "who was let go does not count");
	is(failpoint_disable("threads/hit"), 0, "the end");
}

static void *pause_and_count(void *unused)
{
	intptr_t rounds = 0;

	(void)unused;
	while (!atomic_load(&stop)) {
		(void)hit();
		rounds++;
	}
	return (void *)rounds;
}

/* A wake-up that is lost leaves a thread behind, and join() waits for ever. */
static void no_wake_up_is_lost(void)
{
	pthread_t threads[THREADS];
	int failed = 0;

	atomic_store(&stop, false);
	failed += failpoint_pause("threads/hit");
	start(threads, pause_and_count);
	for (int i = 0; i < ROUNDS; i++) {
		failed += failpoint_wait_paused("threads/hit", 1 + i % THREADS,
						LONG_MS);
		if (i % 3 == 0)
			failed += failpoint_resume("threads/hit") <= 0;
		else
			failed += failpoint_enable("threads/hit", "pause");
	}
	atomic_store(&stop, true);
	failed += failpoint_disable("threads/hit");
	ok(join(threads) >= ROUNDS && failed == 0, "no wake-up is lost");
}

static void *hit_until_stopped(void *unused)
{
	intptr_t wrong = 0;

	(void)unused;
	while (!atomic_load(&stop)) {
		int64_t value = hit_int();

		wrong += value != 0 && value != 1111 && value != 2222;
	}
	return (void *)wrong;
}

static void *change_until_stopped(void *unused)
{
	static const char *const terms[] = {
		"return(1111)", "3*return(2222)->off", "50%return(1111)",
		"1*return(2222)->return(1111)"};
	intptr_t failed = 0;

	(void)unused;
	for (unsigned int i = 0; !atomic_load(&stop); i++) {
		int r = i % 5 == 4
				? failpoint_disable("threads/int")
				: failpoint_enable("threads/int", terms[i % 4]);

		failed += r < 0 && r != -EALREADY;
	}
	return (void *)failed;
}

static void hits_and_changes_do_not_harm_each_other(void)
{
	pthread_t hitters[THREADS];
	pthread_t changers[THREADS];
	int bad = 0;

	failpoint_set_seed(1);
	atomic_store(&stop, false);
	start(hitters, hit_until_stopped);
	start(changers, change_until_stopped);
	for (int i = 0; i < ROUNDS; i++) {
		bad += failpoint_list(NULL, NULL) != 2;
		bad += failpoint_hits("threads/int") < 0;
	}
	atomic_store(&stop, true);
	is(join(hitters), 0, "no hit has a value that nobody gave");
	is(join(changers), 0, "no change fails");
	is(bad, 0, "the list is whole");
	(void)failpoint_disable_all(); /* armed or not */
}

static void *make_and_hit(void *unused)
{
	intptr_t failed = 0;

	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		struct failpoint_site *site = failpoint_define(
			"threads/made", FAILPOINT_TYPE_VOID, "");

		if (!site) {
			failed++;
			continue;
		}
		for (int j = 0; j < 10; j++)
			(void)failpoint_at(site);
		failpoint_undefine(site);
	}
	return (void *)failed;
}

static void sites_come_and_go(void)
{
	pthread_t threads[THREADS];
	int failed = 0;

	start(threads, make_and_hit);
	for (int i = 0; i < ROUNDS; i++) {
		int r = failpoint_enable("threads/made", "2*return->off");

		failed += r < 0;
		r = failpoint_disable("threads/made");
		failed += r < 0;
	}
	is(join(threads), 0, "sites come and go");
	is(failed, 0, "while their point is armed and disarmed");
	is(failpoint_hits("threads/made"), -ENOENT, "and nothing is left");
}

static void *fire_later(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop))
		(void)hit_int();
	return NULL;
}

static void waiting_ends_with_the_hit(void)
{
	pthread_t threads[THREADS];

	atomic_store(&stop, false);
	start(threads, fire_later);
	for (int i = 0; i < 50; i++)
		if (failpoint_enable("threads/int", "99*off->return(1)") < 0 ||
		    failpoint_wait_fired("threads/int", 100, LONG_MS) < 0)
			ok(false, "waiting for the 100th hit");
	is(failpoint_disable("threads/int"), 0, "50 times 100 hits");
	atomic_store(&stop, true);
	(void)join(threads);
}

int main(void)
{
	counts_are_exact();
	sleepers_sleep_together();
	paused_threads_go_on();
	no_wake_up_is_lost();
	hits_and_changes_do_not_harm_each_other();
	sites_come_and_go();
	waiting_ends_with_the_hit();
	return tap_end();
}
