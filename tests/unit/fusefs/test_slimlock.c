/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fusefs/slimlock.h"

#define THREADS 4
#define ROUNDS 20000

static void one_writer_or_many_readers(void **state)
{
	struct slimlock lock = {0};

	(void)state;
	slimlock_read(&lock);
	slimlock_read(&lock);
	assert_false(slimlock_try_write(&lock));
	slimlock_unlock(&lock);
	assert_false(slimlock_try_write(&lock));
	slimlock_unlock(&lock);
	assert_true(slimlock_try_write(&lock));
	assert_false(slimlock_try_write(&lock));
	slimlock_unlock(&lock);
	slimlock_write(&lock);
	slimlock_unlock(&lock);
	slimlock_read(&lock);
	slimlock_unlock(&lock);
}

/* Plain variables: without the lock they differ, and the thread sanitizer
 * says so. */
struct shared {
	struct slimlock lock;
	uint64_t first;
	uint64_t second;
	_Atomic uint64_t torn;
};

static void *work(void *user)
{
	struct shared *shared = user;

	for (int i = 0; i < ROUNDS; i++) {
		slimlock_write(&shared->lock);
		shared->first++;
		shared->second++;
		slimlock_unlock(&shared->lock);
		slimlock_read(&shared->lock);
		if (shared->first != shared->second)
			shared->torn++;
		slimlock_unlock(&shared->lock);
	}
	return NULL;
}

static void writers_and_readers_exclude_each_other(void **state)
{
	struct shared shared = {.first = 0};
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, work, &shared), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(shared.first, THREADS * ROUNDS);
	assert_int_equal(shared.second, THREADS * ROUNDS);
	assert_int_equal(shared.torn, 0);
	assert_true(slimlock_try_write(&shared.lock));
}

struct handover {
	struct slimlock lock;
	_Atomic int ready;
	int value; /* guarded by lock */
};

static void *wait_for_value(void *user)
{
	struct handover *handover = user;

	handover->ready++;
	slimlock_read(&handover->lock);
	assert_int_equal(handover->value, 1);
	slimlock_unlock(&handover->lock);
	return NULL;
}

/* Many sleep on one writer: none may be forgotten. */
static void all_sleepers_are_woken(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		struct handover handover = {.value = 0};
		pthread_t threads[THREADS];

		slimlock_write(&handover.lock);
		for (int t = 0; t < THREADS; t++)
			assert_int_equal(pthread_create(&threads[t], NULL,
							wait_for_value,
							&handover),
					 0);
		while (handover.ready < THREADS)
			(void)0;
		handover.value = 1;
		slimlock_unlock(&handover.lock);
		for (int t = 0; t < THREADS; t++)
			pthread_join(threads[t], NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_writer_or_many_readers),
		cmocka_unit_test(writers_and_readers_exclude_each_other),
		cmocka_unit_test(all_sleepers_are_woken),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
