/* SPDX-License-Identifier: MIT */
#include "tests/unit/fusefs/seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? strtoull(value, NULL, 0)
					       : otherwise;
}

void seed_start(struct seed *seed)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	seed->number = (uint64_t)now.tv_sec * 1000003 + (uint64_t)now.tv_nsec +
		       (uint64_t)getpid();
	seed->number =
		from_environment("FLAKEY_TEST_SEED", seed->number % 1000000000);
	seed->state = (seed->number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	printf("# FLAKEY_TEST_SEED=%llu\n", (unsigned long long)seed->number);
	(void)fflush(stdout); /* an abort must not take it along */
}

unsigned long seed_steps(unsigned long usual)
{
	unsigned long share =
		(unsigned long)from_environment("FLAKEY_TEST_SHARE", 25);

	return (unsigned long)from_environment("FLAKEY_TEST_STEPS",
					       usual * share / 100);
}

uint32_t seed_below(struct seed *seed, uint32_t limit)
{
	/* xorshift64*: small, seeded, and good enough to shuffle. */
	seed->state ^= seed->state >> 12;
	seed->state ^= seed->state << 25;
	seed->state ^= seed->state >> 27;
	return (uint32_t)((seed->state * UINT64_C(2685821657736338717)) >> 33) %
	       limit;
}

bool seed_once_in(struct seed *seed, uint32_t times)
{
	return seed_below(seed, times) == 0;
}
