/* SPDX-License-Identifier: MIT */
/*
 * A random walk: acts are chosen from what the model knows, done to the target
 * and to the model, and both are compared: what programs see, and the store's
 * directory. It goes in rounds of a fixed number of acts; each begins with an
 * empty directory and a seed of its own, so that one can be walked alone.
 *
 * Among others that walk elsewhere on the same mount, with a profile whose syncs
 * take nothing of them, there are no rounds. Others fail the power then, at a
 * moment that one act may straddle: what it says does not count, and if it was a
 * sync, the store is as before it or as after it.
 */
#ifndef FLAKEY_TESTS_RANDOM_WALK_H
#define FLAKEY_TESTS_RANDOM_WALK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "tests/random/act.h"
#include "tests/random/model.h"
#include "tests/random/survive.h"
#include "tests/unit/fusefs/seed.h"

struct target;

#define WALK_ROUND 2000

struct walk {
	struct target *target;
	struct model model;
	struct seed seed;
	struct act log[WALK_ROUND + 1]; /* of this round */
	unsigned long logged;
	unsigned long number;
	unsigned long trace_from; /* acts that are printed: none if 0 */
	unsigned long trace_to;
	unsigned long kinds[ACT_KINDS]; /* done */
	unsigned long doubts;
	bool failed;
	bool quiet; /* failures are not printed, and do not count */
	/* Among others: power failures so far, and those that we came back
	 * from; NULL: alone. */
	const atomic_ulong *crashes;
	unsigned long crashes_seen;
	bool owes; /* a sync that may or may not have happened */
	struct survive_sync owed;
};

/* Picks what to do next. */
void walk_choose(struct walk *walk, struct act *ret_act);
/* Does it; false, after lines that say why, if anything is not as it must be. */
bool walk_do(struct walk *walk, const struct act *act);
/* The power failed, and what was begun since may have any result. */
bool walk_is_over(const struct walk *walk);
/* Among others: the next act; and what comes after a power failure, when nobody is
 * at work. False, after lines that say why, if anything is not as it must be. */
bool walk_step(struct walk *walk);
bool walk_come_back(struct walk *walk);
/* A whole round, from its number on. */
bool walk_round(struct walk *walk, const struct survive_rule *rule,
		unsigned long first);

#endif
