/* SPDX-License-Identifier: MIT */
/*
 * Any bytes are set as rules: all come into force, and what is listed of them
 * can be set again and is then listed alike; or they are refused at a place in
 * them, and what was there before stays.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/event.h"
#include "common/text.h"
#include "rules/rule.h"
#include "rules/rules.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/target.h"

#define BEFORE "fs/statfs=off"

static void write_line(void *user, const struct rules_info *info)
{
	text_printf(user, "%s=%s\n", info->name, info->terms);
}

static void list(struct rules *rules, struct text *text)
{
	text_init(text);
	if (rules_visit(rules, NULL, write_line, text, NULL) < 0)
		abort();
	text_append(text, "", 0);
}

static void set(struct rules *rules, const char *text, size_t length)
{
	struct errmsg why;

	if (rules_set(rules, text, length, true, NULL, &why) < 0)
		abort();
}

static int name_of(void *data, size_t index, struct text *text)
{
	(void)data;
	text_printf(text, "/a/b");
	return index == 0 ? 0 : -ENOENT;
}

/* Whatever they are, they can be asked. */
static void ask(struct rules *rules)
{
	struct rule_verdicts verdicts;
	struct rule_hit hit = {
		.flags = -1,
		.length_bytes = 10,
		.path = name_of,
		.to = name_of,
	};

	for (int p = 0; p < RULE_POINT_COUNT; p++) {
		hit.point = (enum rule_point)p;
		if (rules_decide(rules, &hit, &verdicts) > 0)
			rules_done(&verdicts);
	}
}

/* Of several rules, the one is named first, from 1 on. */
static void check_refusal(int r, const struct errmsg *why, size_t size)
{
	struct errmsg rest = *why;
	size_t number;
	int begin = 0;

	if (sscanf(why->text, "rule %zu, %n", &number, &begin) == 1 &&
	    begin > 0) {
		if (number == 0 || number > size)
			abort();
		memmove(rest.text, why->text + begin,
			strlen(why->text + begin) + 1);
	}
	refusal_check(r, &rest, 0, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event_log *events = event_new();
	struct rules *rules = rules_new(events, 1);
	struct errmsg why = {""};
	struct text once;
	struct text twice;
	int r;

	if (!rules)
		abort();
	set(rules, BEFORE, strlen(BEFORE));
	r = rules_set(rules, (const char *)data, size, true, NULL, &why);
	list(rules, &once);
	if (r < 0) {
		check_refusal(r, &why, size);
		if (strcmp(once.data, BEFORE "\n") != 0)
			abort();
	} else if (once.length_bytes > 0) {
		ask(rules);
		set(rules, once.data, once.length_bytes);
		list(rules, &twice);
		if (strcmp(once.data, twice.data) != 0)
			abort();
		text_done(&twice);
	}
	text_done(&once);
	rules_free(rules);
	event_free(events);
	return 0;
}
