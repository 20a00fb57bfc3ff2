/* SPDX-License-Identifier: MIT */
/*
 * What a hit decides: tosses that repeat and are fair, counts that are exact
 * under any number of threads, and in signal handlers.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "failpoints/terms.h"

#define THREADS 8
/* Of each thread: enough for all of them to be at it at the same time. */
#define HITS 200000
#define ONES 2000
#define ALL_HITS ((size_t)THREADS * HITS)
#define TERMS_OF_CHAIN 5
#define SIGNALS 2000
#define DEADLINE_S 60
#define SEED_LOW UINT64_C(160842521)
#define SEED_HIGH UINT64_C(3312051064)

static struct terms *program(const char *source, uint64_t seed)
{
	struct terms *terms = NULL;

	assert_int_equal(
		terms_parse(source, strlen(source), NULL, seed, &terms, NULL),
		0);
	return terms;
}

/* How many of so many hits fire. */
static uint64_t fire(struct terms *terms, uint64_t hits)
{
	struct terms_decision decision;
	uint64_t fired = 0;

	for (uint64_t i = 0; i < hits; i++)
		fired += terms_decide(terms, &decision);
	return fired;
}

static void same_seed_same_tosses(void **state)
{
	/* Written down once, so that a seed in a report is worth something
	 * with the next release, too. */
	static const char wanted[] =
		"111.11.1......11..1.11.11..11111.1.11...1.1.111.111.11..1..1....";
	struct terms *terms = program("50%off", 42);
	char got[sizeof(wanted)] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) - 1; i++)
		got[i] = fire(terms, 1) ? '1' : '.';
	assert_string_equal(got, wanted);
	terms_free(terms);

	assert_int_equal(terms_seed(7, "store/open"),
			 UINT64_C(0xe3dcbd5a63f75095));
	terms = program("off", 42);
	assert_int_equal(terms_random(terms, 3, 1),
			 UINT64_C(0x6fa1e27f27b6febc));
	terms_free(terms);
}

static void certain_is_certain(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct terms *never = program("0%return->0.0%off", seed);
		struct terms *always = program("100%off", seed);
		struct terms *more = program("100.00000001%100%off", seed);

		assert_int_equal(fire(never, 50000), 0);
		assert_int_equal(fire(always, 50000), 50000);
		assert_int_equal(fire(more, 50000), 50000);
		assert_int_equal(terms_counts(never).hits, 50000);
		assert_int_equal(terms_counts(never).fired, 0);
		assert_int_equal(terms_counts(always).fired, 50000);
		terms_free(never);
		terms_free(always);
		terms_free(more);
	}
}

/* The smallest and the largest of a billion tosses, which take a billion seeds to
 * find: what is not quite certain shows its difference there. */
static void nearly_certain_is_not_certain(void **state)
{
	static const struct {
		const char *source;
		uint64_t seed;
		uint64_t fired;
	} rows[] = {
		{"0%off", SEED_LOW, 0},
		{"0.0000001%off", SEED_LOW, 1},
		{"99.9999999%off", SEED_HIGH, 0},
		{"100%off", SEED_HIGH, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct terms *terms = program(rows[i].source, rows[i].seed);

		assert_int_equal(fire(terms, 1), rows[i].fired);
		terms_free(terms);
	}
}

/* Five standard deviations: with these seeds always so, and with others nearly
 * always. */
static void about(uint64_t count, uint64_t all, double probability)
{
	double expected = (double)all * probability;
	double difference = (double)count - expected;

	assert_true(difference * difference <
		    25 * expected * (1 - probability));
}

static void tosses_are_fair(void **state)
{
	static const struct {
		const char *source;
		double probability;
	} rows[] = {
		{"50%off", 0.5},	 {"1%off", 0.01},
		{"0.1%off", 0.001},	 {"99.5%off", 0.995},
		{"50%50%off", 0.25},	 {"50%off->50%off", 0.75},
		{"50%90%10%off", 0.045}, {"12.5%off", 0.125},
	};
	const uint64_t hits = 200000;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (uint64_t seed = 0; seed < 4; seed++) {
			struct terms *terms = program(rows[i].source, seed);

			about(fire(terms, hits), hits, rows[i].probability);
			terms_free(terms);
		}
}

static void tosses_do_not_depend_on_each_other(void **state)
{
	const uint64_t count = 100000;
	struct terms *terms = program("50%off", 1);
	uint64_t equal[9] = {0}; /* to the toss so many hits before */
	unsigned int last = 0;
	uint64_t first = 0;
	uint64_t named = 0;

	(void)state;
	for (uint64_t i = 0; i < count; i++) {
		unsigned int toss = fire(terms, 1) == 1;

		for (unsigned int lag = 1; lag <= 8; lag++)
			equal[lag] += (last >> (lag - 1) & 1) == toss;
		last = last << 1 | toss;
	}
	for (unsigned int lag = 1; lag <= 8; lag++)
		about(equal[lag], count, 0.5);
	terms_free(terms);

	/* Neighbouring seeds, and points with names that differ little. */
	for (uint64_t seed = 0; seed < 20000; seed++) {
		char name[] = "point-\0\0\0";

		terms = program("50%off", seed);
		first += fire(terms, 1);
		terms_free(terms);
		name[6] = (char)('a' + seed % 26);
		name[7] = (char)('a' + seed / 26 % 26);
		name[8] = (char)('a' + seed / 26 / 26);
		terms = program("50%off", terms_seed(1, name));
		named += fire(terms, 1);
		terms_free(terms);
	}
	about(first, 20000, 0.5);
	about(named, 20000, 0.5);
}

static void chance_of_the_host_has_streams(void **state)
{
	struct terms *terms = program("off", 1);
	uint64_t ones[64] = {0};

	(void)state;
	assert_int_equal(terms_random(terms, 1, 0), terms_random(terms, 1, 0));
	for (uint64_t hit = 1; hit <= 10000; hit++)
		for (uint32_t stream = 0; stream < 2; stream++)
			for (unsigned int bit = 0; bit < 64; bit++)
				ones[bit] += terms_random(terms, hit, stream) >>
						     bit &
					     1;
	for (unsigned int bit = 0; bit < 64; bit++)
		about(ones[bit], 20000, 0.5);
	terms_free(terms);
}

static void lost_tosses_burn_a_count_before_them(void **state)
{
	struct terms *burns = program("200*50%off", 3);
	struct terms *saves = program("50%200*off", 3);

	(void)state;
	about(fire(burns, 10000), 200, 0.5);
	assert_int_equal(fire(burns, 1000), 0);
	assert_int_equal(fire(saves, 10000), 200);
	assert_int_equal(fire(saves, 1000), 0);
	terms_free(burns);
	terms_free(saves);
}

/* One of the threads that hit the same program. */
struct hitter {
	pthread_t thread;
	pthread_barrier_t *start;
	struct terms *terms;
	size_t hits;
	/* By the hit's number: which term ran, + 1. */
	unsigned char *ran;
	bool twice; /* a number was given out twice */
};

static void *hit(void *user)
{
	struct hitter *hitter = user;

	pthread_barrier_wait(hitter->start);
	for (size_t i = 0; i < hitter->hits; i++) {
		struct terms_decision decision;

		if (!terms_decide(hitter->terms, &decision))
			continue;
		/* Another thread that writes here is a race for TSan, too. */
		hitter->twice |= hitter->ran[decision.hit] != 0;
		hitter->ran[decision.hit] = (unsigned char)(decision.term + 1);
	}
	return NULL;
}

static void hit_from_threads(struct terms *terms, size_t hits,
			     unsigned char *ran)
{
	struct hitter hitters[THREADS];
	pthread_barrier_t start;

	assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (size_t i = 0; i < THREADS; i++) {
		hitters[i] = (struct hitter){
			.start = &start,
			.terms = terms,
			.hits = hits,
			.ran = ran,
		};
		assert_int_equal(pthread_create(&hitters[i].thread, NULL, hit,
						&hitters[i]),
				 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(hitters[i].thread, NULL), 0);
		assert_false(hitters[i].twice);
	}
	pthread_barrier_destroy(&start);
}

static void counts_are_exact_whatever_the_threads(void **state)
{
	struct terms *terms = program("7*off->300000*return(1)->1*50000*print->"
				      "50%100000*yield->1%pause",
				      5);
	unsigned char *ran = calloc(1, ALL_HITS + 1);
	size_t by_term[TERMS_OF_CHAIN + 1] = {0};

	(void)state;
	assert_non_null(ran);
	hit_from_threads(terms, HITS, ran);
	for (size_t i = 1; i <= ALL_HITS; i++)
		by_term[ran[i]]++;
	assert_int_equal(by_term[1], 7);
	assert_int_equal(by_term[2], 300000);
	assert_int_equal(by_term[3], 1);
	assert_int_equal(by_term[4], 100000);
	assert_int_equal(terms_counts(terms).hits, ALL_HITS);
	assert_int_equal(terms_counts(terms).fired, ALL_HITS - by_term[0]);
	free(ran);
	terms_free(terms);
}

/* Two thousand times several threads want the last hit that a count lets pass. */
static void last_hits_are_given_to_one(void **state)
{
	char source[ONES * 7];
	struct terms *terms;
	unsigned char *ran = calloc(1, ALL_HITS + 1);
	char *end = source;

	(void)state;
	assert_non_null(ran);
	for (int i = 0; i < ONES; i++)
		end = stpcpy(end, i ? "->1*off" : "1*off");
	terms = program(source, 1);
	hit_from_threads(terms, ONES, ran);
	assert_int_equal(terms_counts(terms).hits, THREADS * ONES);
	assert_int_equal(terms_counts(terms).fired, ONES);
	free(ran);
	terms_free(terms);
}

static void threads_toss_as_one_would(void **state)
{
	struct terms *terms = program("30%off->30%print->30%break", 6);
	struct terms *alone = program("30%off->30%print->30%break", 6);
	unsigned char *ran = calloc(1, ALL_HITS + 1);
	unsigned char *wanted = calloc(1, ALL_HITS + 1);

	(void)state;
	assert_non_null(ran);
	assert_non_null(wanted);
	hit_from_threads(terms, HITS, ran);
	for (size_t i = 1; i <= ALL_HITS; i++) {
		struct terms_decision decision;

		if (terms_decide(alone, &decision))
			wanted[i] = (unsigned char)(decision.term + 1);
	}
	assert_memory_equal(ran, wanted, ALL_HITS + 1);
	free(ran);
	free(wanted);
	terms_free(terms);
	terms_free(alone);
}

/* For the handler, which has no argument. */
static struct terms *interrupted;
static volatile sig_atomic_t handled;
static volatile sig_atomic_t handler_fired;

static void on_signal(int number)
{
	struct terms_decision decision;
	int before = errno;

	(void)number;
	handler_fired += terms_decide(interrupted, &decision);
	handled++;
	if (errno != before)
		handler_fired = INT32_MIN / 2; /* fails below */
}

static void *send_signals(void *user)
{
	const pthread_t *receiver = user;
	int sent = 0;

	for (; sent < SIGNALS; sent++) {
		struct timespec wait = {0, 20000};

		/* Apart enough that most of them are not merged. */
		(void)nanosleep(&wait, NULL);
		if (pthread_kill(*receiver, SIGUSR1) != 0)
			break;
	}
	return NULL;
}

static void signal_handlers_may_decide(void **state)
{
	const struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = SA_RESTART,
	};
	pthread_t self = pthread_self();
	struct timespec until;
	struct timespec now;
	uint64_t fired = 0;
	uint64_t hits = 0;
	pthread_t sender;

	(void)state;
	interrupted = program("50%1000000*off->1000*return", 9);
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(pthread_create(&sender, NULL, send_signals, &self), 0);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DEADLINE_S;
	do {
		fired += fire(interrupted, 1000);
		hits += 1000;
		/* A sanitizer runs handlers in system calls only. */
		(void)poll(NULL, 0, 0);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (handled < SIGNALS / 10 && now.tv_sec < until.tv_sec);
	assert_int_equal(pthread_join(sender, NULL), 0);
	(void)poll(NULL, 0, 0);
	assert_int_equal(signal(SIGUSR1, SIG_IGN) == SIG_ERR, 0);
	assert_in_range(handled, SIGNALS / 10, SIGNALS);
	assert_int_equal(terms_counts(interrupted).hits,
			 hits + (uint64_t)handled);
	assert_int_equal(terms_counts(interrupted).fired,
			 fired + (uint64_t)handler_fired);
	terms_free(interrupted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_tosses),
		cmocka_unit_test(certain_is_certain),
		cmocka_unit_test(nearly_certain_is_not_certain),
		cmocka_unit_test(tosses_are_fair),
		cmocka_unit_test(tosses_do_not_depend_on_each_other),
		cmocka_unit_test(chance_of_the_host_has_streams),
		cmocka_unit_test(lost_tosses_burn_a_count_before_them),
		cmocka_unit_test(counts_are_exact_whatever_the_threads),
		cmocka_unit_test(last_hits_are_given_to_one),
		cmocka_unit_test(threads_toss_as_one_would),
		cmocka_unit_test(signal_handlers_may_decide),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
