/* SPDX-License-Identifier: MIT */
/*
 * A thread draws the line, for whoever waits sits in a system call. It writes to
 * the descriptor itself: no lock of stdio is ever held by it.
 */
#include "tools/progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "tools/terminal.h"

#define FIRST_MS 500
#define STEP_MS 200
#define NS_PER_MS INT64_C(1000000)
#define ERASE "\r\033[K"

struct progress {
	const char *what;
	struct timespec begin;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards stop */
	pthread_cond_t wake;
	bool stop;
};

static void draw(const char *line, int length)
{
	ssize_t size = write(STDERR_FILENO, line, (size_t)length);

	(void)size; /* a terminal that is gone shows nothing */
}

static void draw_time(const struct progress *progress)
{
	struct timespec now;
	char line[160];
	int length;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* always there */
	length = snprintf(line, sizeof(line), ERASE "%s: %.80s: %lld s",
			  log_name(), progress->what,
			  (long long)(now.tv_sec - progress->begin.tv_sec));
	if (length > 0 && length < (int)sizeof(line))
		draw(line, length);
}

/* Waits until the end or for so long. Returns whether it is the end. */
static bool wait_locked(struct progress *progress, int64_t ms)
{
	struct timespec until;
	int64_t ns;

	(void)clock_gettime(CLOCK_MONOTONIC, &until); /* always there */
	ns = until.tv_nsec + ms * NS_PER_MS;
	until.tv_sec += ns / (1000 * NS_PER_MS);
	until.tv_nsec = ns % (1000 * NS_PER_MS);
	while (!progress->stop &&
	       pthread_cond_timedwait(&progress->wake, &progress->mutex,
				      &until) == 0)
		;
	return progress->stop;
}

static void *show(void *user)
{
	struct progress *progress = user;
	bool drawn = false;

	pthread_mutex_lock(&progress->mutex);
	while (!wait_locked(progress, drawn ? STEP_MS : FIRST_MS)) {
		draw_time(progress);
		drawn = true;
	}
	pthread_mutex_unlock(&progress->mutex);
	if (drawn)
		draw(ERASE, (int)sizeof(ERASE) - 1);
	return NULL;
}

/* Signals are for the thread that works. */
static int start_thread(struct progress *progress)
{
	sigset_t all;
	sigset_t before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&progress->thread, NULL, show, progress);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

static void done(struct progress *progress)
{
	pthread_cond_destroy(&progress->wake);
	pthread_mutex_destroy(&progress->mutex);
	free(progress);
}

struct progress *progress_start(const char *what)
{
	struct progress *progress;
	pthread_condattr_t monotonic;

	if (!terminal_is_live(STDERR_FILENO))
		return NULL;
	progress = calloc(1, sizeof(*progress));
	if (!progress)
		return NULL;
	progress->what = what;
	(void)clock_gettime(CLOCK_MONOTONIC, &progress->begin); /* is there */
	pthread_mutex_init(&progress->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&progress->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (start_thread(progress) < 0) {
		done(progress);
		return NULL;
	}
	return progress;
}

void progress_stop(struct progress *progress)
{
	if (!progress)
		return;
	pthread_mutex_lock(&progress->mutex);
	progress->stop = true;
	pthread_cond_signal(&progress->wake);
	pthread_mutex_unlock(&progress->mutex);
	pthread_join(progress->thread, NULL);
	done(progress);
}
