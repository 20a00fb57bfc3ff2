/* SPDX-License-Identifier: MIT */
/*
 * A random walk: acts are chosen from what the model knows, done to the target
 * and to the model, and both are compared: what programs see, and the store's
 * directory. It goes in rounds of a fixed number of acts; each begins with an
 * empty directory and a seed of its own, so that one can be walked alone.
 */
#ifndef FLAKEY_TESTS_RANDOM_WALK_H
#define FLAKEY_TESTS_RANDOM_WALK_H

#include <stdbool.h>

#include "tests/random/act.h"
#include "tests/random/model.h"
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
};

/* Picks what to do next. */
void walk_choose(struct walk *walk, struct act *ret_act);
/* Does it; false, after lines that say why, if anything is not as it must be. */
bool walk_do(struct walk *walk, const struct act *act);
/* A whole round, from its number on. */
bool walk_round(struct walk *walk, const struct survive_rule *rule,
		unsigned long first);

#endif
