/* SPDX-License-Identifier: MIT */
/*
 * A list, ordered by when the sleep ends: what sleeps as long as the one before
 * goes to its end at once. One of the threads, the watch, waits for the first;
 * when it takes one out, another thread becomes the watch before that one is gone
 * on with.
 */
#include "fusefs/park.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

struct park {
	struct park_owner owner;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t watch; /* there is no watch, or the first has changed */
	pthread_cond_t done;
	struct list waiting;
	size_t count;
	size_t bytes;
	uint64_t numbers; /* given out */
	bool watched;
	bool ask_again; /* someone who waits wants to be asked again */
	bool stopping;
	int idle;
	int threads;
	pthread_t thread[PARK_THREADS_MAX];
	/* Of what each thread goes on with; 0: nothing. */
	uint64_t running[PARK_THREADS_MAX];
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / NS_PER_S,
				 .tv_nsec = ns % NS_PER_S};
}

static struct parked *first_locked(const struct park *park)
{
	if (list_empty(&park->waiting))
		return NULL;
	return list_entry(park->waiting.next, struct parked, link);
}

/* Behind all that end no later. */
static void insert_locked(struct park *park, struct parked *parked)
{
	struct list *behind = park->waiting.prev;
	while (behind != &park->waiting &&
	       list_entry(behind, struct parked, link)->until_ns >
		       parked->until_ns)
		behind = behind->prev;
	list_append(behind->next, &parked->link);
}

static void look_locked(struct park *park)
{
	struct list woken;
	list_init(&woken);
	park->ask_again = false;
	list_for_each(node, following, &park->waiting) {
		struct parked *parked = list_entry(node, struct parked, link);
		bool again = false;
		if (parked->until_ns > 0 &&
		    !park->owner.sleeps(park->owner.user, parked, &again)) {
			list_remove(&parked->link);
			parked->until_ns = 0;
			list_append(&woken, &parked->link);
		}
		park->ask_again |= again;
	}
	while (!list_empty(&woken)) {
		struct list *node = woken.next;
		list_remove(node);
		insert_locked(park, list_entry(node, struct parked, link));
	}
}

/* When the watch has to look, at the latest. */
static int64_t next_ns(const struct park *park)
{
	const struct parked *first = first_locked(park);
	int64_t next = first == NULL ? PARK_FOR_EVER : first->until_ns;
	int64_t again = now_ns() + PARK_LOOK_AGAIN_MS * NS_PER_MS;
	return park->ask_again && again < next ? again : next;
}

static void wait_locked(struct park *park)
{
	int64_t until = next_ns(park);
	if (until == PARK_FOR_EVER) {
		pthread_cond_wait(&park->watch, &park->lock);
		return;
	}
	const struct timespec limit = timespec_of(until);
	if (pthread_cond_clockwait(&park->watch, &park->lock, CLOCK_MONOTONIC,
				   &limit) == ETIMEDOUT &&
	    park->ask_again)
		look_locked(park);
}

static void *serve(void *user);

static int add_thread_locked(struct park *park)
{
	if (park->threads == PARK_THREADS_MAX)
		return -EAGAIN;
	int r = -pthread_create(&park->thread[park->threads], NULL, serve,
				park);
	if (r == 0)
		park->threads++;
	return r;
}

/* The watch goes on with one that has slept, and somebody else is the watch. */
static void take_locked(struct park *park, struct parked *parked, int slot)
{
	list_remove(&parked->link);
	park->count--;
	park->bytes -= parked->size_bytes;
	park->running[slot] = parked->number;
	park->watched = false;
	if (park->idle > 0)
		pthread_cond_broadcast(&park->watch);
	else if (!list_empty(&park->waiting))
		(void)add_thread_locked(park); /* else this one comes back */
	pthread_mutex_unlock(&park->lock);
	park->owner.wake(park->owner.user, parked);
	pthread_mutex_lock(&park->lock);
	park->running[slot] = 0;
	pthread_cond_broadcast(&park->done);
}

static void *serve(void *user)
{
	struct park *park = user;
	pthread_mutex_lock(&park->lock);
	int slot = 0;
	while (!pthread_equal(park->thread[slot], pthread_self()))
		slot++;
	while (!park->stopping || !list_empty(&park->waiting)) {
		if (park->watched) {
			park->idle++;
			pthread_cond_wait(&park->watch, &park->lock);
			park->idle--;
			continue;
		}
		park->watched = true;
		struct parked *first = first_locked(park);
		if (first != NULL && first->until_ns <= now_ns()) {
			take_locked(park, first, slot);
			continue;
		}
		wait_locked(park);
		park->watched = false;
	}
	pthread_cond_broadcast(&park->watch);
	pthread_mutex_unlock(&park->lock);
	park->owner.leave();
	return NULL;
}

struct park *park_new(const struct park_owner *owner)
{
	struct park *park = calloc(1, sizeof(*park));
	if (park == NULL)
		return NULL;
	park->owner = *owner;
	pthread_mutex_init(&park->lock, NULL);
	pthread_cond_init(&park->watch, NULL);
	pthread_cond_init(&park->done, NULL);
	list_init(&park->waiting);
	return park;
}

/* The threads may all be busy: then there is one more, or the first that is done
 * becomes the watch. */
static int have_watch_locked(struct park *park)
{
	if (park->watched || park->idle > 0)
		return 0;
	int r = add_thread_locked(park);
	return park->threads > 0 ? 0 : r;
}

int park_add(struct park *park, struct parked *parked)
{
	int r = -EAGAIN;
	pthread_mutex_lock(&park->lock);
	if (park->count < PARK_COUNT_MAX &&
	    parked->size_bytes <= PARK_BYTES_MAX - park->bytes)
		r = have_watch_locked(park);
	if (r == 0) {
		bool again = false;
		/* What ended it may have come after it was decided, and looks
		 * behind this. */
		if (!park->owner.sleeps(park->owner.user, parked, &again))
			parked->until_ns = 0;
		park->ask_again |= again;
		parked->number = ++park->numbers;
		park->count++;
		park->bytes += parked->size_bytes;
		insert_locked(park, parked);
		if (first_locked(park) == parked)
			pthread_cond_broadcast(&park->watch);
	}
	pthread_mutex_unlock(&park->lock);
	return r;
}

void park_look(struct park *park)
{
	pthread_mutex_lock(&park->lock);
	look_locked(park);
	pthread_cond_broadcast(&park->watch);
	pthread_mutex_unlock(&park->lock);
}

static bool is_behind_locked(const struct park *park, uint64_t mark)
{
	for (int i = 0; i < PARK_THREADS_MAX; i++)
		if (park->running[i] != 0 && park->running[i] <= mark)
			return true;
	list_for_each(node, following, &park->waiting) {
		const struct parked *parked =
			list_entry(node, struct parked, link);
		if (parked->until_ns == 0 && parked->number <= mark)
			return true;
	}
	return false;
}

void park_drain(struct park *park, int64_t deadline_ns)
{
	const struct timespec limit = timespec_of(deadline_ns);
	pthread_mutex_lock(&park->lock);
	uint64_t mark = park->numbers;
	int r = 0;
	while (r == 0 && is_behind_locked(park, mark))
		r = pthread_cond_clockwait(&park->done, &park->lock,
					   CLOCK_MONOTONIC, &limit);
	pthread_mutex_unlock(&park->lock);
}

bool park_find(struct park *park, bool (*each)(void *what, struct parked *),
	       void *what)
{
	bool found = false;
	pthread_mutex_lock(&park->lock);
	list_for_each(node, following, &park->waiting) {
		found = each(what, list_entry(node, struct parked, link));
		if (found)
			break;
	}
	pthread_mutex_unlock(&park->lock);
	return found;
}

size_t park_count(struct park *park)
{
	pthread_mutex_lock(&park->lock);
	size_t count = park->count;
	pthread_mutex_unlock(&park->lock);
	return count;
}

void park_free(struct park *park)
{
	if (park == NULL)
		return;
	pthread_mutex_lock(&park->lock);
	park->stopping = true;
	look_locked(park);
	pthread_cond_broadcast(&park->watch);
	int threads = park->threads;
	pthread_mutex_unlock(&park->lock);
	for (int i = 0; i < threads; i++)
		pthread_join(park->thread[i], NULL);
	pthread_mutex_destroy(&park->lock);
	pthread_cond_destroy(&park->watch);
	pthread_cond_destroy(&park->done);
	free(park);
}
