/* SPDX-License-Identifier: MIT */
/*
 * What a process knows of points: the one mutex, the seed, and the changes that
 * are made under it. The mutex guards the points' names, sites and programs
 * (point.h), what waits to be freed (grace.h) and the strings (stringpool.h). It
 * is held for no longer than it takes to change pointers; hits never take it.
 */
#ifndef FLAKEY_FAILPOINTS_REGISTRY_H
#define FLAKEY_FAILPOINTS_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failpoints/failpoint.h"

struct errmsg;
struct program;

void registry_lock(void);
/* Frees what has become free meanwhile. */
void registry_unlock(void);

/* One point that is to be armed. */
struct registry_order {
	char *name;		 /* owned */
	struct program *program; /* owned, until it is armed */
};

struct registry_orders {
	struct registry_order *items; /* owned */
	size_t count;
};

/* Adds an order for a name and terms that do not end with a NUL. 0, -EINVAL or
 * -ENOMEM, with a sentence. */
int registry_order_add(struct registry_orders *orders, const char *name,
		       size_t name_length_bytes, const char *terms,
		       size_t terms_length_bytes, struct errmsg *reterr_why);
void registry_orders_done(struct registry_orders *orders);

/* Arms all or, after an error, none. known: -ENOENT for a name without a
 * site. */
int registry_arm(struct registry_orders *orders, bool known,
		 struct errmsg *reterr_why);

/* 0, -ENOENT or -EALREADY. */
int registry_disarm(const char *name, struct errmsg *reterr_why);
int registry_disarm_all(void);

void registry_set_seed(uint64_t seed);
uint64_t registry_seed(void);

/* 0, or -EINVAL with a sentence. */
int registry_check_name(const char *name, size_t length_bytes,
			struct errmsg *reterr_why);

/* Around fork(2). */
void registry_before_fork(void);
void registry_after_fork(void);
void registry_in_child(void);

#endif
