/* SPDX-License-Identifier: MIT */
#include "failpoints/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000
/* Nobody is late by more: what a hit counted and whether somebody listens are
 * two loads and stores that a processor may reorder. x86 does not. */
#define LOOK_AGAIN_NS ((int64_t)100 * NS_PER_MS)

static struct {
	atomic_uint listeners;
	atomic_uint rung;
	atomic_uint watchers;
	atomic_int watch_fd; /* 0: not made yet, or not to be had */
} bell;

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t bell_deadline(int64_t timeout_ms)
{
	int64_t now = now_ns();

	if (timeout_ms < 0 || timeout_ms >= (INT64_MAX - now) / NS_PER_MS)
		return INT64_MAX;
	return now + timeout_ms * NS_PER_MS;
}

bool bell_sleep(const atomic_uint *word, unsigned int seen, int64_t deadline_ns)
{
	struct timespec until = {.tv_sec = deadline_ns / NS_PER_S,
				 .tv_nsec = deadline_ns % NS_PER_S};
	const struct timespec *limit = deadline_ns == INT64_MAX ? NULL : &until;

	/* Absolute, so that a signal does not make it longer. */
	return syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen, limit,
		       NULL, FUTEX_BITSET_MATCH_ANY) == 0 ||
	       errno != ETIMEDOUT;
}

void bell_wake(const atomic_uint *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL,
		      0); /* cannot fail */
}

int bell_listen(bell_test_fn *is_true, void *user, int64_t deadline_ns)
{
	int r = 0;

	atomic_fetch_add(&bell.listeners, 1);
	for (;;) {
		unsigned int seen = atomic_load(&bell.rung);
		int64_t again = now_ns() + LOOK_AGAIN_NS;

		if (is_true(user))
			break;
		if (again < deadline_ns) {
			(void)bell_sleep(&bell.rung, seen, again);
		} else if (!bell_sleep(&bell.rung, seen, deadline_ns)) {
			r = is_true(user) ? 0 : -ETIMEDOUT;
			break;
		}
	}
	atomic_fetch_sub(&bell.listeners, 1);
	return r;
}

static void tell_watchers(void)
{
	const uint64_t one = 1;
	int fd = atomic_load(&bell.watch_fd);

	/* Full is as good: nobody has read what was told before. */
	if (fd > 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

void bell_tell_listeners(void)
{
	if (__builtin_expect(atomic_load(&bell.listeners) == 0, 1))
		return;
	atomic_fetch_add(&bell.rung, 1);
	bell_wake(&bell.rung);
	if (atomic_load(&bell.watchers) > 0)
		tell_watchers();
}

static void make_watch_fd(void)
{
	/* Never 0, which is somebody else's, or would be taken for none. */
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int high = fd == 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 1) : fd;
	int none = 0;

	if (fd == 0)
		(void)close(fd); /* high is the same */
	if (high > 0 &&
	    !atomic_compare_exchange_strong(&bell.watch_fd, &none, high))
		(void)close(high); /* another thread was faster */
}

int bell_watch(void)
{
	int fd;

	if (atomic_load(&bell.watch_fd) == 0)
		make_watch_fd();
	atomic_fetch_add(&bell.watchers, 1);
	atomic_fetch_add(&bell.listeners, 1);
	fd = atomic_load(&bell.watch_fd);
	return fd > 0 ? fd : -1;
}

void bell_unwatch(void)
{
	atomic_fetch_sub(&bell.listeners, 1);
	atomic_fetch_sub(&bell.watchers, 1);
}

void bell_forked(void)
{
	int fd = atomic_exchange(&bell.watch_fd, 0);

	atomic_store(&bell.listeners, 0);
	atomic_store(&bell.watchers, 0);
	if (fd > 0)
		(void)close(fd); /* the parent goes on with it */
}
