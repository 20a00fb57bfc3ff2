/* SPDX-License-Identifier: MIT */
/*
 * It looks now and then, as the kernel's flusher does: at most a quarter of the
 * time given too late.
 */
#include "fusefs/background.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/event.h"
#include "fusefs/commit.h"
#include "fusefs/fault_commit.h"
#include "fusefs/inode.h"
#include "fusefs/ops.h"
#include "fusefs/shutdown.h"
#include "fusefs/volume.h"

#define LOOKS_PER_TIME 4

struct background {
	struct fusefs *fusefs;
	int64_t commit_ns; /* 0: never */
	int64_t writeback_ns;
	pthread_t thread;
	pthread_mutex_t lock; /* guards stopping */
	pthread_cond_t wake;
	bool stopping;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return inode_nanoseconds(now);
}

/* When the oldest change of names was made, or INT64_MAX. */
static int64_t oldest_change_ns(struct volume *volume)
{
	int64_t oldest = INT64_MAX;
	pthread_mutex_lock(&volume->journal.lock);
	if (!list_empty(&volume->journal.records))
		oldest = list_entry(volume->journal.records.next, struct record,
				    link)
				 ->time_ns;
	pthread_mutex_unlock(&volume->journal.lock);
	pthread_mutex_lock(&volume->times_lock);
	if (!list_empty(&volume->times) && volume->times_since_ns < oldest)
		oldest = volume->times_since_ns;
	pthread_mutex_unlock(&volume->times_lock);
	return oldest;
}

static void commit_old(struct background *background)
{
	struct volume *volume = background->fusefs->volume;
	if (volume->read_only ||
	    oldest_change_ns(volume) > now_ns() - background->commit_ns)
		return;
	uint64_t records = volume->journal.count;
	/* Failed or not: the next look tries again what stayed. */
	struct fault_commit asked;
	int r = fault_commit_begin(&asked, volume, NULL);
	if (r == 0)
		r = fault_commit_end(&asked, commit_by_itself(volume));
	event_add(volume->events, "background-commit",
		  "\"records\":%llu,\"failed\":%s", (unsigned long long)records,
		  r < 0 ? "true" : "false");
}

/* The files with data that is old enough, pinned, for free(). */
static int list_old(struct background *background, struct inode ***ret_inodes,
		    size_t *ret_count)
{
	struct volume *volume = background->fusefs->volume;
	int64_t limit_ns = now_ns() - background->writeback_ns;
	size_t kept = 0;
	size_t count = 0;
	struct inode **inodes = NULL;
	pthread_mutex_lock(&volume->lock);
	int r = inode_list_dirty_locked(volume, &inodes, &count);
	for (size_t i = 0; i < count && r == 0; i++) {
		struct inode *inode = inodes[i];
		slimlock_read(&inode->lock);
		bool old = inode->extents != NULL &&
			   inode->extents->dirty_bytes > 0 &&
			   inode->written->dirty_since_ns != 0 &&
			   inode->written->dirty_since_ns <= limit_ns;
		slimlock_unlock(&inode->lock);
		if (!old)
			continue;
		inode_pin(inode);
		inodes[kept++] = inode;
	}
	pthread_mutex_unlock(&volume->lock);
	*ret_inodes = inodes;
	*ret_count = kept;
	return r;
}

static void write_old(struct background *background)
{
	struct volume *volume = background->fusefs->volume;
	cleanup_free struct inode **inodes = NULL;
	size_t count = 0;
	if (volume->read_only || list_old(background, &inodes, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		commit_data_by_itself(volume, inodes[i]);
		shutdown_tell(background->fusefs, inodes[i]);
		pthread_mutex_lock(&volume->lock);
		inode_unpin_locked(volume, inodes[i]);
		pthread_mutex_unlock(&volume->lock);
	}
	if (count > 0)
		event_add(volume->events, "background-writeback",
			  "\"files\":%zu", count);
}

/* False when it is to end. */
static bool wait_a_while(struct background *background)
{
	int64_t shortest = background->commit_ns;
	if (shortest == 0 || (background->writeback_ns != 0 &&
			      background->writeback_ns < shortest))
		shortest = background->writeback_ns;
	shortest /= LOOKS_PER_TIME;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t ns = inode_nanoseconds(until) + shortest;
	until.tv_sec = ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	pthread_mutex_lock(&background->lock);
	int r = 0;
	while (!background->stopping && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&background->wake, &background->lock,
					   &until);
	bool go = !background->stopping;
	pthread_mutex_unlock(&background->lock);
	return go;
}

static void *work(void *user)
{
	struct background *background = user;
	struct fusefs *fusefs = background->fusefs;
	while (wait_a_while(background)) {
		/* It is no request, so it takes the gate by itself. */
		pthread_rwlock_rdlock(&fusefs->volume->gate);
		if (background->writeback_ns != 0)
			write_old(background);
		if (background->commit_ns != 0)
			commit_old(background);
		pthread_rwlock_unlock(&fusefs->volume->gate);
		shutdown_tell(fusefs, NULL);
	}
	return NULL;
}

int background_start(struct fusefs *fusefs, int64_t commit_ms,
		     int64_t writeback_ms, struct background **ret_background)
{
	*ret_background = NULL;
	if (commit_ms == 0 && writeback_ms == 0)
		return 0;
	struct background *background = calloc(1, sizeof(*background));
	if (background == NULL)
		return -ENOMEM;
	background->fusefs = fusefs;
	background->commit_ns = commit_ms * 1000000;
	background->writeback_ns = writeback_ms * 1000000;
	pthread_mutex_init(&background->lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&background->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int r = -pthread_create(&background->thread, NULL, work, background);
	if (r < 0) {
		pthread_cond_destroy(&background->wake);
		pthread_mutex_destroy(&background->lock);
		free(background);
		return r;
	}
	*ret_background = background;
	return 0;
}

void background_stop(struct background *background)
{
	if (background == NULL)
		return;
	pthread_mutex_lock(&background->lock);
	background->stopping = true;
	pthread_cond_signal(&background->wake);
	pthread_mutex_unlock(&background->lock);
	pthread_join(background->thread, NULL);
	pthread_cond_destroy(&background->wake);
	pthread_mutex_destroy(&background->lock);
	free(background);
}
