/* SPDX-License-Identifier: MIT */
/*
 * What can be seen of points. All is copied under the lock, and told without it,
 * so that who is told may do what it likes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/bell.h"
#include "failpoints/failpoint.h"
#include "failpoints/last_error.h"
#include "failpoints/point.h"
#include "failpoints/registry.h"
#include "failpoints/terms.h"

struct copy {
	struct failpoint_info info;
	/* The strings of info are in one piece; these are where they begin. */
	struct text strings;
	size_t terms_offset; /* 0: not armed, for the name comes first */
	size_t doc_offset;
	size_t location_offset;
};

static struct terms_counts counts_of(struct point *point)
{
	struct terms_counts none = {0, 0};
	struct program *program = atomic_load(&point->program);

	return program ? terms_counts(program->terms) : none;
}

static size_t add_string(struct text *text, const char *string)
{
	size_t offset = text->length_bytes;

	text_append(text, string, strlen(string) + 1);
	return offset;
}

/* As they were given, or in the normal form if that was more than one line:
 * listings have one for each point. */
static size_t add_terms(struct text *text, const struct terms *terms)
{
	const char *source = terms_source(terms);
	size_t offset = text->length_bytes;

	if (!strpbrk(source, "\n\r"))
		return add_string(text, source);
	terms_print(terms, text);
	text_append(text, "", 1);
	return offset;
}

static size_t add_locations(struct text *text,
			    const struct failpoint_site *sites)
{
	size_t offset = text->length_bytes;
	const char *blank = "";

	for (; sites; sites = sites->next) {
		if (sites->file[0] == '\0')
			continue;
		text_printf(text, "%s%s:%d", blank, sites->file, sites->line);
		blank = " ";
	}
	text_append(text, "", 1);
	return offset;
}

static const char *first_doc(const struct failpoint_site *sites)
{
	const char *doc = "";

	/* Of those that have one the first that was known, the last here. */
	for (; sites; sites = sites->next)
		if (sites->doc[0] != '\0')
			doc = sites->doc;
	return doc;
}

static int copy_locked(struct point *point, struct copy *copy)
{
	struct program *program = atomic_load(&point->program);
	struct terms_counts counts = counts_of(point);
	struct failpoint_info *info = &copy->info;

	info->size = sizeof(*info);
	info->type = point->sites ? (enum failpoint_type)point->sites->type
				  : FAILPOINT_TYPE_ANY;
	info->paused = gate_waiting(&point->gate);
	info->hits = counts.hits;
	info->fired = counts.fired;
	info->sites = 0;
	for (const struct failpoint_site *s = point->sites; s; s = s->next)
		info->sites++;
	text_init(&copy->strings);
	(void)add_string(&copy->strings, point->name);
	copy->terms_offset = 0;
	if (program)
		copy->terms_offset = add_terms(&copy->strings, program->terms);
	copy->doc_offset = add_string(&copy->strings, first_doc(point->sites));
	copy->location_offset = add_locations(&copy->strings, point->sites);
	return text_result(&copy->strings);
}

static int tell(struct copy *copy, failpoint_each_fn *each, void *user)
{
	const char *strings = copy->strings.data;

	copy->info.name = strings;
	copy->info.terms =
		copy->terms_offset ? strings + copy->terms_offset : NULL;
	copy->info.doc = strings + copy->doc_offset;
	copy->info.location = strings + copy->location_offset;
	return each(user, &copy->info);
}

int failpoint_status(const char *name, failpoint_each_fn *each, void *user)
{
	struct copy copy;
	struct point *point;
	int r = 0;

	registry_lock();
	point = point_find(name);
	if (point)
		r = copy_locked(point, &copy);
	registry_unlock();
	if (!point) {
		last_error_no_such_point(name);
		return -ENOENT;
	}
	if (r == 0)
		(void)tell(&copy, each, user); /* there are no more to stop */
	else
		errmsg_set(last_error(), "out of memory");
	text_done(&copy.strings);
	return r;
}

static int by_name(const void *left, const void *right)
{
	const struct copy *l = left;
	const struct copy *r = right;

	return strcmp(l->strings.data, r->strings.data);
}

/* Returns how many, or -ENOMEM; *ret_copies is owned by the caller. */
static int copy_all(struct copy **ret_copies)
{
	struct copy *copies;
	size_t count = 0;
	int r = 0;

	registry_lock();
	copies = calloc(point_count() + 1, sizeof(*copies));
	for (struct point *p = point_next(NULL); copies && r == 0 && p;
	     p = point_next(p))
		r = copy_locked(p, &copies[count++]);
	registry_unlock();
	if (copies && r == 0) {
		*ret_copies = copies;
		return (int)count;
	}
	for (size_t i = 0; i < count; i++)
		text_done(&copies[i].strings);
	free(copies);
	return -ENOMEM;
}

int failpoint_list(failpoint_each_fn *each, void *user)
{
	struct copy *copies = NULL;
	bool go_on = each != NULL;
	int count = copy_all(&copies);

	if (count < 0) {
		errmsg_set(last_error(), "out of memory");
		return count;
	}
	qsort(copies, (size_t)count, sizeof(*copies), by_name);
	for (int i = 0; i < count; i++) {
		if (go_on)
			go_on = tell(&copies[i], each, user) == 0;
		text_done(&copies[i].strings);
	}
	free(copies);
	return count;
}

/* 0 and the counters, or -ENOENT. */
static int look(const char *name, struct terms_counts *ret_counts,
		unsigned int *ret_paused)
{
	struct point *point;

	registry_lock();
	point = point_find(name);
	if (point) {
		*ret_counts = counts_of(point);
		*ret_paused = gate_waiting(&point->gate);
	}
	registry_unlock();
	if (point)
		return 0;
	last_error_no_such_point(name);
	return -ENOENT;
}

int64_t failpoint_hits(const char *name)
{
	struct terms_counts counts = {0, 0};
	unsigned int paused;
	int r = look(name, &counts, &paused);

	return r < 0 ? r : (int64_t)counts.hits;
}

int64_t failpoint_fired(const char *name)
{
	struct terms_counts counts = {0, 0};
	unsigned int paused;
	int r = look(name, &counts, &paused);

	return r < 0 ? r : (int64_t)counts.fired;
}

struct wait {
	const char *name;
	uint64_t fired; /* so many are enough */
	unsigned int paused;
	int result;
};

static bool is_enough(void *user)
{
	struct wait *wait = user;
	struct terms_counts counts = {0, 0};
	unsigned int paused = 0;

	wait->result = look(wait->name, &counts, &paused);
	return wait->result < 0 ||
	       (counts.fired >= wait->fired && paused >= wait->paused);
}

static int wait_for(struct wait *wait, int64_t timeout_ms)
{
	if (bell_listen(is_enough, wait, bell_deadline(timeout_ms)) < 0) {
		errmsg_set(last_error(), "time is over");
		return -ETIMEDOUT;
	}
	return wait->result;
}

int failpoint_wait_fired(const char *name, uint64_t count, int64_t timeout_ms)
{
	struct wait wait = {.name = name, .fired = count};

	return wait_for(&wait, timeout_ms);
}

int failpoint_wait_paused(const char *name, unsigned int count,
			  int64_t timeout_ms)
{
	struct wait wait = {.name = name, .paused = count};

	return wait_for(&wait, timeout_ms);
}

const char *failpoint_type_name(enum failpoint_type type)
{
	static const char *const names[] = {
		[FAILPOINT_TYPE_VOID] = "void",
		[FAILPOINT_TYPE_INT] = "int",
		[FAILPOINT_TYPE_STRING] = "string",
		[FAILPOINT_TYPE_BOOL] = "bool",
		[FAILPOINT_TYPE_ERRNO] = "errno",
		[FAILPOINT_TYPE_ANY] = "any",
		[FAILPOINT_TYPE_DURATION] = "duration",
		[FAILPOINT_TYPE_INT32] = "int32",
	};
	size_t index = (size_t)type;

	return index < sizeof(names) / sizeof(names[0]) ? names[index] : "?";
}
