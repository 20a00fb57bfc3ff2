/* SPDX-License-Identifier: MIT */
/*
 * A switch loads the new table and resumes with it: the resume suspends by
 * itself, so that at no moment the device is left suspended, and a bad table
 * leaves the one in force alone.
 */
#include "dmbackend/switcher.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/errmsg.h"
#include "common/event.h"
#include "common/mode.h"
#include "common/text.h"
#include "dmbackend/device.h"
#include "dmbackend/schedule.h"
#include "dmbackend/table.h"

/* After a switch that the kernel refused for a moment. */
#define RETRY_MS 100

struct switcher {
	char *device;
	char *lower;
	uint64_t sectors;
	struct event_log *events;
	pthread_t thread;
	bool running;

	/* Held for a switch, and before the other. */
	pthread_mutex_t work;

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t wake;
	struct mode mode;
	int64_t since_ms;	/* CLOCK_MONOTONIC of the switch to it */
	enum mode_kind applied; /* the table in force */
	bool stop;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

struct switcher *switcher_new(const char *device, const char *lower,
			      uint64_t sectors, struct event_log *events)
{
	struct switcher *switcher = calloc(1, sizeof(*switcher));
	pthread_condattr_t monotonic;

	if (!switcher)
		return NULL;
	switcher->device = strdup(device);
	switcher->lower = strdup(lower);
	switcher->sectors = sectors;
	switcher->events = events;
	switcher->since_ms = now_ms();
	pthread_mutex_init(&switcher->work, NULL);
	pthread_mutex_init(&switcher->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&switcher->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (!switcher->device || !switcher->lower) {
		switcher_free(switcher);
		return NULL;
	}
	return switcher;
}

static int load(const struct switcher *switcher, const struct mode *mode,
		struct errmsg *reterr_why)
{
	char parameters[TABLE_PARAMETERS_MAX];
	int r = table_parameters(switcher->lower, mode, parameters);

	if (r < 0) {
		errmsg_set(reterr_why, "the path of the disk is too long");
		return r;
	}
	r = device_load(switcher->device, switcher->sectors, parameters,
			reterr_why);
	/* The table is ours and right: it is the feature that is missing. */
	if (r == -EINVAL && table_feature(mode)) {
		errmsg_set(reterr_why,
			   "not supported by this kernel: %s needs Linux %s",
			   table_feature(mode), table_since(mode));
		r = -EOPNOTSUPP;
	}
	return r;
}

/* What mode means for good at a moment. */
static struct mode part_of(const struct mode *mode, enum mode_kind kind)
{
	struct mode part = *mode;

	if (kind == MODE_ALLOW_WRITES)
		part = (struct mode){.kind = MODE_ALLOW_WRITES};
	return part;
}

static void log_mode(const struct switcher *switcher, const struct mode *mode)
{
	char line[MODE_TEXT_MAX];

	mode_format(mode, line, sizeof(line));
	event_add(switcher->events, "mode", "\"mode\":\"%s\"", line);
}

static int set_locked(struct switcher *switcher, const struct mode *mode,
		      struct errmsg *reterr_why)
{
	struct mode now = part_of(mode, mode_at(mode, 0));
	int r = 0;

	/* A cycle begins with allow-writes; that the rest is possible has to be
	 * known now. */
	if (now.kind != mode->kind)
		r = load(switcher, mode, reterr_why);
	if (r == 0)
		r = load(switcher, &now, reterr_why);
	if (r == 0)
		r = device_resume(switcher->device, reterr_why);
	else
		(void)device_clear(switcher->device, NULL);
	if (r < 0)
		return r;
	pthread_mutex_lock(&switcher->mutex);
	switcher->mode = *mode;
	switcher->since_ms = now_ms();
	switcher->applied = now.kind;
	pthread_cond_signal(&switcher->wake);
	pthread_mutex_unlock(&switcher->mutex);
	log_mode(switcher, mode);
	return 0;
}

int switcher_set(struct switcher *switcher, const struct mode *mode,
		 struct errmsg *reterr_why)
{
	int r;

	pthread_mutex_lock(&switcher->work);
	r = set_locked(switcher, mode, reterr_why);
	pthread_mutex_unlock(&switcher->work);
	return r;
}

void switcher_get(struct switcher *switcher, struct mode *ret_mode,
		  int64_t *ret_elapsed_ms)
{
	pthread_mutex_lock(&switcher->mutex);
	*ret_mode = switcher->mode;
	*ret_elapsed_ms = now_ms() - switcher->since_ms;
	pthread_mutex_unlock(&switcher->mutex);
}

/* Takes what the time asks for into force. */
static void catch_up(struct switcher *switcher)
{
	struct errmsg why = {""};
	enum mode_kind kind;
	struct mode part;
	bool due;
	int r = 0;

	pthread_mutex_lock(&switcher->work);
	pthread_mutex_lock(&switcher->mutex);
	kind = mode_at(&switcher->mode, now_ms() - switcher->since_ms);
	part = part_of(&switcher->mode, kind);
	due = kind != switcher->applied;
	pthread_mutex_unlock(&switcher->mutex);
	if (due) {
		r = load(switcher, &part, &why);
		if (r == 0)
			r = device_resume(switcher->device, &why);
	}
	if (r < 0) {
		struct text sentence;

		text_init(&sentence);
		text_json_string(&sentence, why.text);
		if (text_result(&sentence) == 0)
			event_add(switcher->events, "switch-failed",
				  "\"why\":%s", sentence.data);
		text_done(&sentence);
	} else if (due) {
		pthread_mutex_lock(&switcher->mutex);
		switcher->applied = kind;
		pthread_mutex_unlock(&switcher->mutex);
		log_mode(switcher, &part);
	}
	pthread_mutex_unlock(&switcher->work);
}

/* When to look again; -1: when woken. */
static int64_t next_locked(const struct switcher *switcher)
{
	int64_t elapsed_ms = now_ms() - switcher->since_ms;
	int64_t next_ms;

	if (mode_at(&switcher->mode, elapsed_ms) != switcher->applied)
		return switcher->since_ms + elapsed_ms + RETRY_MS;
	next_ms = schedule_next(&switcher->mode, elapsed_ms);
	return next_ms < 0 ? -1 : switcher->since_ms + next_ms;
}

static void *run(void *user)
{
	struct switcher *switcher = user;

	pthread_mutex_lock(&switcher->mutex);
	while (!switcher->stop) {
		int64_t next_ms = next_locked(switcher);
		struct timespec until = {
			.tv_sec = next_ms / 1000,
			.tv_nsec = next_ms % 1000 * 1000000,
		};

		if (next_ms < 0) {
			pthread_cond_wait(&switcher->wake, &switcher->mutex);
			continue;
		}
		if (pthread_cond_timedwait(&switcher->wake, &switcher->mutex,
					   &until) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&switcher->mutex);
		catch_up(switcher);
		pthread_mutex_lock(&switcher->mutex);
	}
	pthread_mutex_unlock(&switcher->mutex);
	return NULL;
}

int switcher_start(struct switcher *switcher)
{
	int r = pthread_create(&switcher->thread, NULL, run, switcher);

	switcher->running = r == 0;
	return -r;
}

void switcher_free(struct switcher *switcher)
{
	if (!switcher)
		return;
	if (switcher->running) {
		pthread_mutex_lock(&switcher->mutex);
		switcher->stop = true;
		pthread_cond_signal(&switcher->wake);
		pthread_mutex_unlock(&switcher->mutex);
		pthread_join(switcher->thread, NULL);
	}
	pthread_cond_destroy(&switcher->wake);
	pthread_mutex_destroy(&switcher->mutex);
	pthread_mutex_destroy(&switcher->work);
	free(switcher->device);
	free(switcher->lower);
	free(switcher);
}

int switcher_hold(struct switcher *switcher, struct errmsg *reterr_why)
{
	int r;

	pthread_mutex_lock(&switcher->work);
	r = device_suspend(switcher->device, reterr_why);
	if (r < 0)
		pthread_mutex_unlock(&switcher->work);
	return r;
}

int switcher_release(struct switcher *switcher, struct errmsg *reterr_why)
{
	int r = device_resume(switcher->device, reterr_why);

	pthread_mutex_unlock(&switcher->work);
	return r;
}

int switcher_release_to(struct switcher *switcher, const struct mode *mode,
			struct errmsg *reterr_why)
{
	int r = set_locked(switcher, mode, reterr_why);

	/* Nothing may wait for ever. */
	if (r < 0)
		(void)device_resume(switcher->device, NULL);
	pthread_mutex_unlock(&switcher->work);
	return r;
}
