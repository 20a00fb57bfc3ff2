/* SPDX-License-Identifier: MIT */
/*
 * random volume|CACHE PROFILE ACTS: walks at random over a volume, or over the
 * mount of on-mount with that cache, as one test point. Prints the seed;
 * FLAKEY_TEST_SEED gives it again. FLAKEY_RANDOM_RANGE=FROM-TO walks only the
 * rounds with these acts, printing each of them, and stops behind TO.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/random/survive.h"
#include "tests/random/target.h"
#include "tests/random/walk.h"

#define DEADLINE_S 600

static struct walk walk;

static void read_range(void)
{
	const char *range = getenv("FLAKEY_RANDOM_RANGE");
	char *end = NULL;

	if (range == NULL || *range == '\0')
		return;
	walk.trace_from = strtoul(range, &end, 10);
	walk.trace_to =
		*end == '-' ? strtoul(end + 1, NULL, 10) : walk.trace_from;
}

static bool run(const struct survive_rule *rule, unsigned long acts,
		unsigned long *ret_done)
{
	bool good = true;
	unsigned long first = 0;

	if (walk.trace_to > 0) {
		first = walk.trace_from / WALK_ROUND * WALK_ROUND;
		acts = walk.trace_to + 1;
	}
	for (; first < acts && good; first += WALK_ROUND) {
		good = walk_round(&walk, rule, first);
		*ret_done += walk.logged;
	}
	return good;
}

int main(int argc, char **argv)
{
	const struct survive_rule *rule;

	if (argc != 4 || (rule = survive_find(argv[2])) == NULL) {
		fprintf(stderr, "usage: random volume|CACHE PROFILE ACTS\n");
		return 2;
	}
	(void)alarm(DEADLINE_S);
	seed_start(&walk.seed);
	read_range();
	if (strcmp(argv[1], "volume") == 0)
		walk.target = target_volume_start(argv[2]);
	else
		walk.target = target_mount_start(argv[1], NULL);
	if (walk.target == NULL) {
		printf("Bail out! cannot start\n");
		return 1;
	}
	unsigned long done = 0;
	bool good = run(rule, strtoul(argv[3], NULL, 10), &done);
	printf("# %s, %s: %lu operations, %lu syncs to settle a doubt, %lu "
	       "crashes\n",
	       argv[1], argv[2], done, walk.doubts, walk.kinds[ACT_CRASH]);
	if (!good)
		printf("# to see it again: FLAKEY_TEST_SEED=%llu "
		       "FLAKEY_RANDOM_RANGE=%lu-%lu\n",
		       (unsigned long long)walk.seed.number,
		       walk.number / WALK_ROUND * WALK_ROUND, walk.number);
	printf("%sok 1 - %s, %s\n1..1\n", good ? "" : "not ", argv[1], argv[2]);
	walk.target->table->stop(walk.target);
	return good ? 0 : 1;
}
