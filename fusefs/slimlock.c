/* SPDX-License-Identifier: MIT */
/*
 * The state is the number of readers, or WRITER; WAITED is added by whoever goes
 * to sleep on it (futex(2)), and makes the last holder wake all of them: a lock
 * that is fought for is rare, so nothing is done to keep an order.
 */
#include "fusefs/slimlock.h"

#include <assert.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WRITER UINT32_C(0x80000000)
#define WAITED UINT32_C(0x40000000)

static void sleep_on(struct slimlock *lock, uint32_t state)
{
	uint32_t marked = state | WAITED;
	if (state != marked &&
	    !atomic_compare_exchange_strong_explicit(
		    &lock->state, &state, marked, memory_order_relaxed,
		    memory_order_relaxed))
		return; /* it changed: try again */
	/* Returns at once if it changed meanwhile; whatever woke us, the caller
	 * looks again. */
	(void)syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, marked, NULL,
		      NULL, 0);
}

static void wake_all(struct slimlock *lock)
{
	(void)syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, INT_MAX,
		      NULL, NULL, 0); /* nobody there is no error */
}

void slimlock_read(struct slimlock *lock)
{
	uint32_t state =
		atomic_load_explicit(&lock->state, memory_order_relaxed);
	for (;;) {
		if (state & WRITER) {
			sleep_on(lock, state);
			state = atomic_load_explicit(&lock->state,
						     memory_order_relaxed);
		} else if (atomic_compare_exchange_weak_explicit(
				   &lock->state, &state, state + 1,
				   memory_order_acquire,
				   memory_order_relaxed)) {
			return;
		}
	}
}

static bool take(struct slimlock *lock, uint32_t *state)
{
	return (*state & ~WAITED) == 0 &&
	       atomic_compare_exchange_strong_explicit(
		       &lock->state, state, *state | WRITER,
		       memory_order_acquire, memory_order_relaxed);
}

bool slimlock_try_write(struct slimlock *lock)
{
	uint32_t state =
		atomic_load_explicit(&lock->state, memory_order_relaxed);
	return take(lock, &state);
}

void slimlock_write(struct slimlock *lock)
{
	uint32_t state =
		atomic_load_explicit(&lock->state, memory_order_relaxed);
	while (!take(lock, &state)) {
		if ((state & ~WAITED) != 0)
			sleep_on(lock, state);
		state = atomic_load_explicit(&lock->state,
					     memory_order_relaxed);
	}
}

void slimlock_unlock(struct slimlock *lock)
{
	uint32_t state =
		atomic_load_explicit(&lock->state, memory_order_relaxed);
	assert((state & ~WAITED) != 0);
	if (state & WRITER) {
		state = atomic_exchange_explicit(&lock->state, 0,
						 memory_order_release);
		if (state & WAITED)
			wake_all(lock);
		return;
	}
	state = atomic_fetch_sub_explicit(&lock->state, 1,
					  memory_order_release) -
		1;
	/* Whoever comes in between finds the mark and wakes them instead. */
	if (state == WAITED &&
	    atomic_compare_exchange_strong_explicit(&lock->state, &state, 0,
						    memory_order_relaxed,
						    memory_order_relaxed))
		wake_all(lock);
}
