/* SPDX-License-Identifier: MIT */
/*
 * What an armed point runs: its terms, and of each term the value that a hit
 * hands out, in a form that outlives the program. Immutable but for the counters
 * of the engine; freed by grace_retire().
 */
#ifndef FLAKEY_FAILPOINTS_PROGRAM_H
#define FLAKEY_FAILPOINTS_PROGRAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failpoints/failpoint.h"
#include "failpoints/grace.h"

struct errmsg;
struct terms;

struct program {
	struct grace_item grace;
	struct terms *terms;
	/* Of each term its first argument; NULL until program_keep_strings(). */
	struct failpoint_value *values;
	size_t value_count;
	bool tosses; /* some term is left to chance */
	/* A value of the wrong type has been complained about. */
	atomic_flag complained;
};

/* seed is that of the process. Returns 0, -EINVAL with a sentence, or
 * -ENOMEM. */
int program_new(const char *name, const char *terms, size_t length_bytes,
		uint64_t seed, struct program **ret_program,
		struct errmsg *reterr_why);

/* Before it is armed, with the registry's lock held. 0, -ENOMEM, -ENOSPC. */
int program_keep_strings(struct program *program);

/* Nobody may have seen it. Takes NULL. */
void program_free(struct program *program);

/* It was armed: frees it when no hit can be looking at it. */
void program_retire(struct program *program);

#endif
