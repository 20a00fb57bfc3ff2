/* SPDX-License-Identifier: MIT */
/*
 * The points of fault rules, and what can be done there: names, classes, the
 * table of actions, and the errors that an operation may return.
 */
#ifndef FLAKEY_RULES_RULE_POINTS_H
#define FLAKEY_RULES_RULE_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/rule.h"

struct nearest;

/* What a point knows of its operation, for selectors. As bits. */
enum rule_points_knows {
	RULE_KNOWS_TO = 1 << 0,	   /* to= */
	RULE_KNOWS_RANGE = 1 << 1, /* offset= */
	RULE_KNOWS_FLAGS = 1 << 2, /* flags= */
};

/* "fs/write" */
const char *rule_points_name(enum rule_point point);

/* The points of a name, of one or a class, as bits; 0: there is none. */
uint64_t rule_points_find(const char *name, size_t length_bytes);

/* All names, of classes too; NULL behind the last. */
const char *rule_points_at(size_t index);

/* Offers all names, of classes too. */
void rule_points_offer(struct nearest *nearest);

/* Whether the point knows all of these. */
bool rule_points_know(enum rule_point point, unsigned int knows);

/* Whether the action, an enum terms_id or rule_action, can be done there. */
bool rule_points_can(enum rule_point point, bool after, int action);

/* Whether the operation may return the error. */
bool rule_points_may_return(enum rule_point point, int error);

#endif
