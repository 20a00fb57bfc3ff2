/* SPDX-License-Identifier: MIT */
/*
 * A point: a name, its sites, and what it runs. Points are found by name with
 * the registry's lock held; a hit finds its own through the site, without.
 */
#ifndef FLAKEY_FAILPOINTS_POINT_H
#define FLAKEY_FAILPOINTS_POINT_H

#include <stdatomic.h>
#include <stddef.h>

#include "failpoints/failpoint.h"
#include "failpoints/gate.h"
#include "failpoints/grace.h"
#include "failpoints/program.h"

struct point {
	struct grace_item grace;
	struct point *next;	      /* of the same hash; the lock */
	struct failpoint_site *sites; /* the newest first; the lock */
	_Atomic(struct program *) program;
	struct gate gate;   /* where `pause` waits */
	atomic_uint guests; /* hits that use the point after grace_leave() */
	char name[];
};

/* The lock is the registry's, held by the caller of all of these. */

/* NULL: there is none. */
struct point *point_find(const char *name);
/* Returns 0 and the point, a new one if need be; -ENOMEM, -ENOSPC. */
int point_get(const char *name, struct point **ret_point);
/* Forgets it, unless there is a reason to know it: a site or a program. */
void point_forget_unused(struct point *point);
/* Goes through all: starts with NULL, ends with NULL. */
struct point *point_next(const struct point *point);
size_t point_count(void);

/* Puts a program in the place of the old one, or none (NULL). Paused threads
 * go on. */
void point_arm(struct point *point, struct program *program);

/* Adds a site of the point's name; armed as the point is. */
void point_add_site(struct point *point, struct failpoint_site *site);
void point_remove_site(struct point *point, struct failpoint_site *site);

#endif
