/* SPDX-License-Identifier: MIT */
#include "failpoints/death.h"

#include <stdatomic.h>

#include "failpoints/bell.h"

/* How many replies are on their way. */
static atomic_uint held;

void death_hold(void)
{
	atomic_fetch_add(&held, 1);
}

void death_release(void)
{
	unsigned int count = atomic_load(&held);

	/* In the child of a fork it has become 0 meanwhile. */
	while (count > 0 &&
	       !atomic_compare_exchange_weak(&held, &count, count - 1))
		;
	bell_wake(&held);
}

void death_wait(void)
{
	int64_t deadline_ns = bell_deadline(DEATH_WAIT_MS);
	unsigned int count;

	while ((count = atomic_load(&held)) > 0)
		if (!bell_sleep(&held, count, deadline_ns))
			return;
}

void death_forked(void)
{
	atomic_store(&held, 0);
}
