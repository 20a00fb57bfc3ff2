/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait for hits, and hits that wait for threads. A futex and not a
 * condition variable, since hits may happen in signal handlers.
 */
#ifndef FLAKEY_FAILPOINTS_BELL_H
#define FLAKEY_FAILPOINTS_BELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* CLOCK_MONOTONIC in ns, timeout_ms from now; INT64_MAX for timeout_ms < 0. */
int64_t bell_deadline(int64_t timeout_ms);

/* Sleeps while *word is seen, until the deadline or a wake-up, and sometimes
 * less: look again. Returns false when the deadline is over. */
bool bell_sleep(const atomic_uint *word, unsigned int seen,
		int64_t deadline_ns);

/* Wakes all who sleep on word, which was changed. */
void bell_wake(const atomic_uint *word);

/* A listener waits until something is true of a point; hits ring when there is
 * one. Costs a hit one load when there is none. */
typedef bool bell_test_fn(void *user);
/* 0, or -ETIMEDOUT. */
int bell_listen(bell_test_fn *is_true, void *user, int64_t deadline_ns);
void bell_tell_listeners(void);

/*
 * Between the two, the descriptor that the first returns becomes readable
 * whenever listeners are told something; -1: there is none. It is an eventfd,
 * which belongs to this file and is never closed: a hit may be writing to it.
 * Calls nest. Not for signal handlers.
 */
int bell_watch(void);
void bell_unwatch(void);

/* In the child of a fork, where nobody listens. */
void bell_forked(void);

#endif
