/* SPDX-License-Identifier: MIT */
/* The fault rules of the public interface. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/client.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "common/flakey.h"
#include "common/flakey_inside.h"
#include "common/text.h"

/* VERB, and on the lines behind it the rules. */
static int change(struct flakey *flakey, const char *verb, const char *rules)
{
	struct text line;
	int r;

	text_init(&line);
	text_printf(&line, "%s\n%s", verb, rules);
	r = text_result(&line);
	if (r == 0)
		r = flakey_command(flakey, line.data, NULL);
	text_done(&line);
	return r;
}

int flakey_fault_add(struct flakey *flakey, const char *rules)
{
	return change(flakey, "fault add", rules);
}

int flakey_fault_set(struct flakey *flakey, const char *rules)
{
	return change(flakey, "fault set", rules);
}

int flakey_fault_remove(struct flakey *flakey, const char *names)
{
	return change(flakey, "fault remove", names);
}

int flakey_fault_clear(struct flakey *flakey)
{
	return flakey_command(flakey, "fault clear", NULL);
}

static void set_fault(struct flakey_fault *fault, const char *name, char *value)
{
	if (strcmp(name, "rule") == 0)
		fault->name = value;
	else if (strcmp(name, "terms") == 0)
		fault->terms = value;
	else if (strcmp(name, "hits") == 0)
		fault->hits = fields_to_unsigned(value);
	else if (strcmp(name, "fired") == 0)
		fault->fired = fields_to_unsigned(value);
}

/* Calls each for the items of a plain answer; returns how many there are. */
static int each_fault(char *answer, flakey_fault_fn *each, void *user)
{
	static const struct flakey_fault empty = {
		.size = sizeof(empty),
		.name = "",
		.terms = "",
	};
	struct flakey_fault fault = empty;
	int count = 0;
	bool more = true;

	while (more) {
		char *name = NULL;
		char *value = NULL;

		more = answer && fields_next(&answer, &name, &value);
		if (more && strcmp(name, "faults") != 0) {
			set_fault(&fault, name, value);
			continue;
		}
		if (count > 0 && each && each(user, &fault) != 0)
			each = NULL;
		fault = empty;
		count += more;
	}
	return count;
}

int flakey_fault_list(struct flakey *flakey, flakey_fault_fn *each, void *user)
{
	struct text answer;
	int r;

	text_init(&answer);
	r = flakey_command(flakey, "fault list format=plain", &answer);
	if (r == 0)
		r = each_fault(answer.data, each, user);
	text_done(&answer);
	return r;
}

/* Without the mutex: others go on with the handle meanwhile. */
static int wait_for(struct flakey *flakey, const char *line,
		    struct text *answer)
{
	struct errmsg why = {""};
	int r = client_command(flakey->client, line, answer, &why);

	if (r < 0) {
		pthread_mutex_lock(&flakey->mutex);
		flakey->error = why;
		pthread_mutex_unlock(&flakey->mutex);
	}
	return r;
}

static void take_fired(char *answer, uint64_t *ret_fired)
{
	char *name;
	char *value;

	while (answer && fields_next(&answer, &name, &value))
		if (strcmp(name, "fired") == 0)
			*ret_fired = fields_to_unsigned(value);
}

int flakey_fault_wait(struct flakey *flakey, const char *name, uint64_t fired,
		      int64_t timeout_ms, uint64_t *ret_fired)
{
	uint64_t times = 0;
	struct text answer;
	struct text line;
	int r;

	text_init(&line);
	text_init(&answer);
	text_printf(&line,
		    "wait %s fired=%" PRIu64 " timeout=%" PRId64
		    "ms format=plain",
		    name, fired, timeout_ms);
	r = text_result(&line);
	if (r == 0)
		r = wait_for(flakey, line.data, &answer);
	if (r == 0)
		take_fired(answer.data, &times);
	if (r == 0 && ret_fired)
		*ret_fired = times;
	text_done(&line);
	text_done(&answer);
	return r;
}
