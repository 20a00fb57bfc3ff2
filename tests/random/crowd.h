/* SPDX-License-Identifier: MIT */
/* The board that a crowd of workers shares, and the work of one of them. */
#ifndef FLAKEY_TESTS_RANDOM_CROWD_H
#define FLAKEY_TESTS_RANDOM_CROWD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "tests/random/belief.h"
#include "tests/unit/fusefs/seed.h"

struct survive_rule;

#define CROWD_PROCESSES 2
#define CROWD_THREADS 2
#define CROWD_WORKERS (CROWD_PROCESSES * CROWD_THREADS)
#define CROWD_OWN 2 /* files of each */

/* The files of the workers, then these. */
#define CROWD_PARTED (CROWD_OWN * CROWD_WORKERS)
#define CROWD_LOCKED (CROWD_PARTED + 1)
#define CROWD_FILES (CROWD_LOCKED + 1)

struct crowd {
	const char *cache;
	/* Not NULL where a sync takes nothing of other files: then each worker
	 * walks in a directory of its own (walk.h), and knows exactly what a
	 * power failure leaves there, instead of believing it of files in the
	 * same one. */
	const struct survive_rule *rule;
	struct belief files[CROWD_FILES];
	struct seed seed;
	pthread_barrier_t barrier; /* twice around the look at a crash */
	/* Whoever has the file's lock finds this one free, which shows that
	 * the first keeps others out, also to a thread sanitizer. */
	pthread_mutex_t shadow;
	unsigned long wanted;
	bool direct; /* the mount has no page cache but that of mappings */
	atomic_ulong operations;
	atomic_ulong crashes; /* counted before each is asked for */
	atomic_ulong failures;
	atomic_bool stop;
};

/* Fills and syncs the shared ones. */
bool crowd_make_files(struct crowd *crowd);
/* Until the board says stop, after a crash. */
void crowd_work(struct crowd *crowd, int number);

#endif
