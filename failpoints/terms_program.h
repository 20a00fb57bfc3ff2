/* SPDX-License-Identifier: MIT */
/*
 * A program inside: what terms_parse() makes and all others read. Only the
 * counters change after parsing, and they have cache lines of their own.
 */
#ifndef FLAKEY_FAILPOINTS_TERMS_PROGRAM_H
#define FLAKEY_FAILPOINTS_TERMS_PROGRAM_H

#include <stdatomic.h>

#include "failpoints/terms.h"

/* Signal handlers decide, so counting must take no lock. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit counters want a lock here");

#define TERMS_PROGRAM_LINE_BYTES 64

struct terms {
	struct terms_term *terms;
	size_t term_count;
	/* Those of all terms, in their order; terms point into them. */
	struct terms_modifier *modifiers;
	size_t modifier_count;
	struct terms_value *values;
	size_t value_count;
	/* How many hits each modifier has let pass, for those that count. More
	 * than its number while several threads are refused at once. */
	_Atomic uint64_t *passed;
	char *source;
	char *strings; /* of the values, one after the other */
	uint64_t seed;
	char space_before[TERMS_PROGRAM_LINE_BYTES];
	_Atomic uint64_t hits;
	_Atomic uint64_t fired;
	char space_behind[TERMS_PROGRAM_LINE_BYTES];
};

#endif
