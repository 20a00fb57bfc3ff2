/* SPDX-License-Identifier: MIT */
/*
 * points [--check]: what a failpoint costs, in ns of processor time, beside
 * libfiu where that was there to build with. Loops with ten points are compared
 * with the same loop without; loops with one armed point, too. All threads run
 * the same loop at the same time. The rounds of all loops take turns; printed is
 * the median.
 *
 * Processor time, and not the time that goes by, since other programs shall not
 * count; waiting for another processor's cache does.
 *
 * --check: fewer rounds; ends with 1 if the best round of a disabled point took
 * more than DISABLED_MAX_NS, or of an armed one in one thread more than
 * ARMED_MAX_NS.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_FIU
#define FIU_ENABLE
#include <fiu-control.h>
#include <fiu.h>
#endif

#include "failpoints/failpoint.h"

#define DISABLED_MAX_NS 0.5
#define ARMED_MAX_NS 60.0
#define POINTS 10
#define THREADS_MAX 4
#define ROUNDS 15
#define ROUNDS_CHECK 5
#define TURNS_DISABLED 500000
#define TURNS_ARMED 100000

#define HIT(number)                                                            \
	do {                                                                   \
		if (FAILPOINT("bench/" #number))                               \
			sum += number;                                         \
	} while (0)
#define FIU_HIT(number)                                                        \
	do {                                                                   \
		if (fiu_fail("bench/" #number))                                \
			sum += number;                                         \
	} while (0)
#define TEN(hit)                                                               \
	do {                                                                   \
		hit(1);                                                        \
		hit(2);                                                        \
		hit(3);                                                        \
		hit(4);                                                        \
		hit(5);                                                        \
		hit(6);                                                        \
		hit(7);                                                        \
		hit(8);                                                        \
		hit(9);                                                        \
		hit(10);                                                       \
	} while (0)

/* A loop of so many turns. The sum is written so that the compiler has to do
 * every turn. */
typedef long loop_fn(long turns, unsigned int thread);

static long plain(long turns, unsigned int thread)
{
	volatile long sum = thread;

	for (long i = 0; i < turns; i++)
		sum += i;
	return sum;
}

static long ten_points(long turns, unsigned int thread)
{
	volatile long sum = thread;

	for (long i = 0; i < turns; i++) {
		sum += i;
		TEN(HIT);
	}
	return sum;
}

static long armed_together(long turns, unsigned int thread)
{
	volatile long sum = thread;

	for (long i = 0; i < turns; i++) {
		sum += i;
		if (FAILPOINT("bench/armed"))
			sum += 1;
	}
	return sum;
}

static struct failpoint_site *own[THREADS_MAX];

static long armed_alone(long turns, unsigned int thread)
{
	struct failpoint_site *site = own[thread];
	volatile long sum = thread;

	for (long i = 0; i < turns; i++) {
		sum += i;
		if (failpoint_at(site))
			sum += 1;
	}
	return sum;
}

#ifdef HAVE_FIU
static long ten_fiu(long turns, unsigned int thread)
{
	volatile long sum = thread;

	for (long i = 0; i < turns; i++) {
		sum += i;
		TEN(FIU_HIT);
	}
	return sum;
}

static long armed_fiu(long turns, unsigned int thread)
{
	volatile long sum = thread;

	for (long i = 0; i < turns; i++) {
		sum += i;
		if (fiu_fail("bench/armed"))
			sum += 1;
	}
	return sum;
}
#endif

static const struct row {
	const char *name;
	loop_fn *loop;
	long turns;
	double most_ns;	     /* 0: not checked */
	unsigned int points; /* in a turn */
	bool any_threads;    /* checked whatever their number */
} rows[] = {
	{"disabled", ten_points, TURNS_DISABLED, DISABLED_MAX_NS, POINTS, true},
	{"armed `off`, a point for each thread", armed_alone, TURNS_ARMED,
	 ARMED_MAX_NS, 1, false},
	{"armed `off`, one point for all", armed_together, TURNS_ARMED,
	 ARMED_MAX_NS, 1, false},
#ifdef HAVE_FIU
	{"libfiu, disabled", ten_fiu, TURNS_ARMED, 0, POINTS, false},
	{"libfiu, armed with probability 0", armed_fiu, TURNS_ARMED, 0, 1,
	 false},
#endif
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

struct runner {
	pthread_t thread;
	pthread_barrier_t *barrier;
	const struct row *row;
	unsigned int index;
	double ns; /* a point */
};

static double processor_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* cannot fail */
	return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static double time_of(loop_fn *loop, long turns, unsigned int thread)
{
	double began = processor_ns();

	(void)loop(turns, thread); /* it has no meaning */
	return (processor_ns() - began) / (double)turns;
}

static void *run(void *user)
{
	struct runner *runner = user;
	const struct row *row = runner->row;
	double without;
	double with;

	(void)pthread_barrier_wait(runner->barrier); /* begin together */
	without = time_of(plain, row->turns, runner->index);
	(void)pthread_barrier_wait(runner->barrier); /* all have begun */
	with = time_of(row->loop, row->turns, runner->index);
	runner->ns = (with - without) / row->points;
	return NULL;
}

/* The mean of the threads. */
static double one_round(const struct row *row, unsigned int threads)
{
	struct runner runners[THREADS_MAX];
	pthread_barrier_t barrier;
	double sum = 0;

	(void)pthread_barrier_init(&barrier, NULL, threads); /* cannot fail */
	for (unsigned int i = 0; i < threads; i++) {
		runners[i].barrier = &barrier;
		runners[i].row = row;
		runners[i].index = i;
		if (pthread_create(&runners[i].thread, NULL, run,
				   &runners[i]) != 0)
			abort();
	}
	for (unsigned int i = 0; i < threads; i++) {
		(void)pthread_join(runners[i].thread, NULL); /* it is there */
		sum += runners[i].ns;
	}
	(void)pthread_barrier_destroy(&barrier); /* nobody waits */
	return sum / threads;
}

static int by_size(const void *left, const void *right)
{
	double l = *(const double *)left;
	double r = *(const double *)right;

	return (l > r) - (l < r);
}

/* Returns 1 if a limit was passed. */
static int measure(unsigned int threads, bool check)
{
	double ns[ROW_COUNT][ROUNDS];
	int rounds = check ? ROUNDS_CHECK : ROUNDS;
	int failed = 0;

	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < ROW_COUNT; i++)
			ns[i][round] = one_round(&rows[i], threads);
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *row = &rows[i];
		const char *verdict = "";

		qsort(ns[i], (size_t)rounds, sizeof(ns[i][0]), by_size);
		if (check && row->most_ns > 0 &&
		    (threads == 1 || row->any_threads) &&
		    ns[i][0] > row->most_ns) {
			verdict = "  too much";
			failed = 1;
		}
		printf("%-38s %u threads %8.2f ns%s\n", row->name, threads,
		       ns[i][rounds / 2], verdict);
	}
	return failed;
}

static int arm(void)
{
	char terms[64];
	int r = failpoint_enable("bench/armed", "off");

	for (int i = 0; i < THREADS_MAX; i++) {
		(void)snprintf(terms, sizeof(terms), "bench/own-%d", i);
		own[i] = failpoint_define(terms, FAILPOINT_TYPE_VOID, "");
		if (!own[i] || failpoint_enable(terms, "off") < 0)
			r = -1;
	}
#ifdef HAVE_FIU
	if (fiu_init(0) < 0 ||
	    fiu_enable_random("bench/armed", 1, NULL, 0, 0.0F) < 0)
		r = -1;
#endif
	return r;
}

int main(int argc, char **argv)
{
	bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
	int failed = 0;

	if (arm() < 0) {
		(void)fprintf(stderr, "points: cannot arm\n");
		return 2;
	}
	for (unsigned int threads = 1; threads <= THREADS_MAX; threads *= 2)
		failed |= measure(threads, check);
	return failed;
}
