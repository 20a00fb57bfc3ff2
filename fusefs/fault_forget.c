/* SPDX-License-Identifier: MIT */
/*
 * An operation that was done and is said to have failed: the kernel goes on with
 * what it has cached, names that are gone and sizes that were. It is told to forget
 * that, by a thread of its own and after the answer: it takes locks for it that the
 * operation had, and that another one may have which sleeps. Until that one is
 * awake others queue up, but not without end.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/event.h"
#include "common/list.h"
#include "fusefs/fault_inside.h"

/* Some 2 MiB. */
#define NOTES_MAX 4096

struct note {
	struct list link;
	uint64_t node;
	struct fault_name name;
	struct fault_name to;
};

struct fault_forgetter {
	struct fusefs *fusefs;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* guards all but the first two */
	pthread_cond_t wake;
	struct list notes;
	size_t count;
	bool full; /* since they were all done last; that was told */
	bool stop;
};

struct fault_forgetter *fault_forget_new(struct fusefs *fusefs)
{
	struct fault_forgetter *forgetter = calloc(1, sizeof(*forgetter));
	if (forgetter == NULL)
		return NULL;
	forgetter->fusefs = fusefs;
	pthread_mutex_init(&forgetter->lock, NULL);
	pthread_cond_init(&forgetter->wake, NULL);
	list_init(&forgetter->notes);
	return forgetter;
}

/* What the kernel does not have is no error. */
static void forget_node(struct fusefs *fusefs, uint64_t node, off_t offset)
{
	if (node != 0)
		(void)fuse_lowlevel_notify_inval_inode(fusefs->session, node,
						       offset, 0);
}

static void forget_name(struct fusefs *fusefs, const struct fault_name *name)
{
	if (name->parent == 0)
		return;
	(void)fuse_lowlevel_notify_inval_entry(fusefs->session, name->parent,
					       name->name, strlen(name->name));
	forget_node(fusefs, name->parent, -1); /* its attributes alone */
}

static struct note *next_note(struct fault_forgetter *forgetter)
{
	struct note *note = NULL;
	pthread_mutex_lock(&forgetter->lock);
	while (list_empty(&forgetter->notes) && !forgetter->stop)
		pthread_cond_wait(&forgetter->wake, &forgetter->lock);
	if (!list_empty(&forgetter->notes)) {
		note = list_entry(forgetter->notes.next, struct note, link);
		list_remove(&note->link);
		forgetter->full &= --forgetter->count > 0;
	}
	pthread_mutex_unlock(&forgetter->lock);
	return note;
}

static void *run(void *user)
{
	struct fault_forgetter *forgetter = user;
	struct note *note;
	while ((note = next_note(forgetter)) != NULL) {
		forget_node(forgetter->fusefs, note->node, 0);
		forget_name(forgetter->fusefs, &note->name);
		forget_name(forgetter->fusefs, &note->to);
		free(note);
	}
	return NULL;
}

/* Takes it over, or not. */
static bool add_note(struct fault_forgetter *forgetter, struct note *note)
{
	bool fits = forgetter->count < NOTES_MAX;
	if (!fits)
		return false;
	list_append(&forgetter->notes, &note->link);
	forgetter->count++;
	if (!forgetter->running)
		forgetter->running = pthread_create(&forgetter->thread, NULL,
						    run, forgetter) == 0;
	pthread_cond_signal(&forgetter->wake);
	return true;
}

static void tell_full(const struct fault_forgetter *forgetter)
{
	event_add(forgetter->fusefs->events, "fault-failed",
		  "\"rule\":null,\"reason\":\"the kernel is to forget too much "
		  "at once, while something sleeps that it waits for: of some "
		  "operations that were done and failed it shows what it had "
		  "before\"");
}

/* Without memory or a thread the kernel goes on as if it were true. */
void fault_forget_add(struct fault_forgetter *forgetter,
		      const struct fault_request *request)
{
	struct note *note = malloc(sizeof(*note));
	if (note == NULL)
		return;
	note->node = request->node;
	note->name = request->name;
	note->to = request->to;
	pthread_mutex_lock(&forgetter->lock);
	bool added = add_note(forgetter, note);
	bool tell = !added && !forgetter->full;
	forgetter->full |= !added;
	pthread_mutex_unlock(&forgetter->lock);
	if (!added)
		free(note);
	if (tell)
		tell_full(forgetter);
}

void fault_forget_free(struct fault_forgetter *forgetter)
{
	if (forgetter == NULL)
		return;
	pthread_mutex_lock(&forgetter->lock);
	forgetter->stop = true;
	pthread_cond_signal(&forgetter->wake);
	bool running = forgetter->running;
	pthread_mutex_unlock(&forgetter->lock);
	if (running)
		pthread_join(forgetter->thread, NULL);
	while (!list_empty(&forgetter->notes)) {
		struct note *note =
			list_entry(forgetter->notes.next, struct note, link);
		list_remove(&note->link);
		free(note);
	}
	pthread_mutex_destroy(&forgetter->lock);
	pthread_cond_destroy(&forgetter->wake);
	free(forgetter);
}
