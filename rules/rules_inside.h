/* SPDX-License-Identifier: MIT */
/* A set of rules inside, for the files rules*.c. */
#ifndef FLAKEY_RULES_RULES_INSIDE_H
#define FLAKEY_RULES_RULES_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rules/rules.h"

struct rules_table;

struct rules {
	struct rules_armed armed; /* the first member: rules_armed() */
	struct event_log *events;
	uint64_t seed;
	unsigned int unseen;
	rule_check_fn *check; /* may be NULL */
	void *check_user;
	rules_woke_fn *woke; /* may be NULL */
	void *woke_user;

	pthread_mutex_t change_lock; /* one change at a time; outermost */
	pthread_mutex_t lock;	     /* guards table, held for moments */
	struct rules_table *table;   /* never NULL */
	struct rules_table *nothing; /* an empty one; constant */

	_Atomic uint64_t interruptions; /* by crashes */
	atomic_bool stopped;

	/* Sleepers wait for `ended`, waits for `fired`. */
	pthread_mutex_t sleep_lock;
	pthread_cond_t ended;
	pthread_cond_t fired;
	atomic_uint waits; /* that firings have to tell */
	int watch_fd;	   /* eventfd, -1: none; sleep_lock */
};

/* The table of the moment, with a reference. */
struct rules_table *rules_hold(struct rules *rules);

/* All sleeps are to look whether they go on, and all waits. */
void rules_wake(struct rules *rules);

#endif
