/* SPDX-License-Identifier: MIT */
/*
 * Doing what a hit is told to. Nothing is locked meanwhile, and nothing of the
 * program that said so is needed: a sleeper may sleep on while its point is
 * disarmed. All but exiting is async-signal-safe.
 */
#ifndef FLAKEY_FAILPOINTS_PERFORM_H
#define FLAKEY_FAILPOINTS_PERFORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "failpoints/failpoint.h"

struct gate;

struct deed {
	int id;		  /* enum terms_id */
	const char *name; /* of the point */
	struct failpoint_value value;
	struct gate *gate; /* of the point, and how it was before the terms */
	uint32_t gate_seen;
	/* For `pause`: counts whom the point may not vanish under. */
	atomic_uint *guests;
};

/* Returns whether the body is to run: then value is what it gets. */
bool perform(const struct deed *deed);

#endif
