/* SPDX-License-Identifier: MIT */
/*
 * rules [--check]: what fault rules cost an operation, in ns of processor time,
 * the best of several rounds: one at whose point there is no rule, and some at
 * whose point there are a thousand, of which one or none selects it. --check:
 * ends with 1 if a row took more than it may.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/errmsg.h"
#include "common/event.h"
#include "common/text.h"
#include "rules/rules.h"

#define RULES 1000
#define HITS 5000
#define ROUNDS 7
/* Of an operation with a thousand rules, and of one without. */
#define MOST_NS 2000.0
#define MOST_IDLE_NS 5.0

static const struct {
	const char *what;
	const char *pattern; /* of a rule; # is its number */
	const char *path;    /* of the operation */
} rows[] = {
	{"no rule at the point", NULL, "/db/000500.wal"},
	{"literal paths, one selects", "/db/#.wal", "/db/000500.wal"},
	{"literal paths, none selects", "/db/#.wal", "/db/other/name"},
	{"names anywhere, one selects", "#.wal", "/db/x/000500.wal"},
	{"ends, one selects", "*-#.wal", "/db/x-000500.wal"},
	{"folders, one selects", "/db/#/**", "/db/000500/a/b/c"},
	{"folders and ends, one selects", "/db/#/*.wal", "/db/000500/a.wal"},
	{"ends of a folder, one selects", "/db/**/#.*", "/db/a/000500.wal"},
	{"one pattern, other ranges", "/db/*.wal", "/db/000500.wal"},
};

static double cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int name_of(void *data, size_t index, struct text *text)
{
	const char *path = data;
	if (index > 0)
		return -ENOENT;
	text_append(text, path, strlen(path));
	return 0;
}

static bool fill(struct rules *rules, const char *pattern)
{
	struct text text;
	struct errmsg why = {""};
	text_init(&text);
	for (int i = 0; i < RULES; i++) {
		const char *number = strchr(pattern, '#');
		int head = number == NULL ? (int)strlen(pattern)
					  : (int)(number - pattern);
		text_printf(&text, "fs/write{path=%.*s", head, pattern);
		if (number != NULL)
			text_printf(&text, "%06d%s", i, number + 1);
		text_printf(&text, ",offset=%d..%d}=off\n", i * 4096,
			    (i + 1) * 4096);
	}
	int r = rules_set(rules, text.data, text.length_bytes, true, NULL,
			  &why);
	if (r < 0)
		fprintf(stderr, "%s\n", why.text);
	text_done(&text);
	return r == 0;
}

static double round_ns(struct rules *rules, const struct rule_hit *hit,
		       int hits)
{
	struct rule_verdicts verdicts;
	double begun = cpu_ns();
	for (int i = 0; i < hits; i++)
		if (rules_armed(rules, hit->point) &&
		    rules_decide(rules, hit, &verdicts) > 0)
			rules_done(&verdicts);
	return (cpu_ns() - begun) / hits;
}

int main(int argc, char **argv)
{
	bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
	int status = 0;
	struct event_log *events = event_new();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rules *rules = rules_new(events, 1);
		bool idle = rows[i].pattern == NULL;
		double best = 1e18;
		const struct rule_hit hit = {
			.point = idle ? RULE_FS_READ : RULE_FS_WRITE,
			.pid = 1,
			.flags = -1,
			.offset_bytes = (int64_t)500 * 4096,
			.length_bytes = 4096,
			.path = name_of,
			.data = (char *)rows[i].path,
		};
		if (rules == NULL ||
		    !fill(rules, idle ? rows[1].pattern : rows[i].pattern))
			return 2;
		for (int round = 0; round < ROUNDS; round++) {
			double ns =
				round_ns(rules, &hit, idle ? HITS * 100 : HITS);
			best = ns < best ? ns : best;
		}
		printf("%-34s %8.1f ns\n", rows[i].what, best);
		if (check && best > (idle ? MOST_IDLE_NS : MOST_NS))
			status = 1;
		rules_free(rules);
	}
	event_free(events);
	return status;
}
