/* SPDX-License-Identifier: MIT */
/*
 * Chance for a model test: one number, printed, from which all follows. The
 * environment can give it again as FLAKEY_TEST_SEED; FLAKEY_TEST_STEPS makes a
 * run shorter or longer than the test says, FLAKEY_TEST_SHARE takes so many
 * percent of what it says, and without either a quarter is taken.
 */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_SEED_H
#define FLAKEY_TESTS_UNIT_FUSEFS_SEED_H

#include <stdbool.h>
#include <stdint.h>

struct seed {
	uint64_t number;
	uint64_t state;
};

/* Prints the seed as a TAP comment. */
void seed_start(struct seed *seed);
unsigned long seed_steps(unsigned long usual);

/* 0 to limit - 1. */
uint32_t seed_below(struct seed *seed, uint32_t limit);
/* Once in so many times. */
bool seed_once_in(struct seed *seed, uint32_t times);

#endif
