/* SPDX-License-Identifier: MIT */
/*
 * A worker does random things to a mount, from one thread, and knows which
 * errors are right: those that its rivals explain, and EIO for a descriptor that
 * is older than a crash. It also keeps a log of numbered records, each appended
 * and synced: those that fsync acknowledged must be there after any crash.
 */
#ifndef FLAKEY_TESTS_STRESS_WORKER_H
#define FLAKEY_TESTS_STRESS_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Lives in memory that all processes share. */
struct worker_board {
	atomic_ulong operations;    /* done by all */
	atomic_ulong wanted;	    /* of them, before the next crash */
	int bell;		    /* pipe: a byte says that they are done */
	atomic_ulong crashes_begun; /* counted before the crash is asked for */
	atomic_ulong crashes_ended; /* and when it was answered */
	atomic_ulong late_paths;    /* see expect_path() */
	atomic_bool stop;	    /* set by the end, or a failure */
	atomic_ulong failures;
};

struct worker {
	struct worker_board *board;
	int root; /* of the mount; borrowed */
	int number;
	uint64_t random;	  /* state of the generator: the seed */
	unsigned long log_synced; /* records that fsync acknowledged */
	unsigned long began;	  /* crashes when the action at hand began */
};

/* Makes the worker's log, empty and durable. Before any crash. */
bool worker_prepare(const struct worker *worker);
/* Works until the board says stop. */
void worker_run(struct worker *worker);
/* Whether all that was acknowledged is in the log. */
bool worker_check_log(const struct worker *worker);

#endif
