/* SPDX-License-Identifier: MIT */
/*
 * A few points in a table, as a host for http_reply.h: what it was asked to do
 * can be looked at. Terms that begin with "bad" are refused.
 */
#ifndef FLAKEY_TESTS_UNIT_FAILPOINTS_POINTTABLE_H
#define FLAKEY_TESTS_UNIT_FAILPOINTS_POINTTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "failpoints/http_reply.h"

#define POINTTABLE_TERMS_MAX 64

struct pointtable_row {
	struct http_point point;
	char terms[POINTTABLE_TERMS_MAX];
};

struct pointtable {
	struct pointtable_row *rows; /* sorted by name */
	size_t count;
	int held;     /* calls of hold_deaths() less those of the other */
	int held_max; /* the most that were */
	int next;     /* 0, or what the next call that may fail returns */
	struct http_host host;
};

/* The table borrows rows, whose terms become those of the points. */
void pointtable_init(struct pointtable *table, struct pointtable_row *rows,
		     size_t count);

#endif
