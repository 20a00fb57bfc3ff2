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
/* Who it is stands in /proc, which is read for each. */
#define MOST_PROCESS_NS 60000.0

static const struct {
	const char *what;
	const char *selectors; /* of a rule; # is its number */
	const char *path;      /* of the operation */
} rows[] = {
	{"no rule at the point", NULL, "/db/000500.wal"},
	{"literal paths, one selects", "path=/db/#.wal,", "/db/000500.wal"},
	{"literal paths, none selects", "path=/db/#.wal,", "/db/other/name"},
	{"names anywhere, one selects", "path=#.wal,", "/db/x/000500.wal"},
	{"ends, one selects", "path=*-#.wal,", "/db/x-000500.wal"},
	{"folders, one selects", "path=/db/#/**,", "/db/000500/a/b/c"},
	{"folders and ends, one selects", "path=/db/#/*.wal,",
	 "/db/000500/a.wal"},
	{"ends of a folder, one selects", "path=/db/**/#.*,",
	 "/db/a/000500.wal"},
	{"one pattern, other ranges", "path=/db/*.wal,", "/db/000500.wal"},
	{"middles, one selects", "path=*x#y*,", "/db/ax000500yb"},
	{"middles, none selects", "path=*x#y*,", "/db/other/name"},
	{"middles of paths, one selects", "path=**/x#y*/**,",
	 "/db/ax/x000500yb/z"},
	{"classes, one selects", "path=*[a-f]#?[!0-9]*,", "/db/a000500xyz"},
	{"classes, all select", "path=*[!0-9][0-9]*[#x]*,", "/db/a0x"},
	{"stars, all select", "path=**?*[#z]**,", "/db/zzzzzzzz"},
	{"no path, other ranges", "", "/db/000500.wal"},
	{"no path, other users", "uid=1#", "/db/000500.wal"},
	{"no path, other flags", "flags=O_TRUNC,uid=1#", "/db/000500.wal"},
	{"no path, other processes", "process=p#", "/db/000500.wal"},
	{"no path, other pids", "pid=1#", "/db/000500.wal"},
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

static bool fill(struct rules *rules, const char *selectors)
{
	struct text text;
	struct errmsg why = {""};
	text_init(&text);
	for (int i = 0; i < RULES; i++) {
		text_printf(&text, "fs/write{");
		for (const char *c = selectors; *c != '\0'; c++)
			if (*c == '#')
				text_printf(&text, "%06d", i);
			else
				text_append(&text, c, 1);
		/* Where another selector may follow, this does. */
		if (text.data[text.length_bytes - 1] != '{' &&
		    text.data[text.length_bytes - 1] != ',')
			text_printf(&text, "}=off\n");
		else
			text_printf(&text, "offset=%d..%d}=off\n", i * 4096,
				    (i + 1) * 4096);
	}
	int r = rules_set(rules, text.data, text.length_bytes, true, NULL,
			  &why);
	if (r < 0)
		fprintf(stderr, "%s\n", why.text);
	text_done(&text);
	return r == 0;
}

static double most_ns(const char *selectors)
{
	if (selectors == NULL)
		return MOST_IDLE_NS;
	return strncmp(selectors, "p", 1) == 0 &&
			       strncmp(selectors, "path", 4) != 0
		       ? MOST_PROCESS_NS
		       : MOST_NS;
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
		bool idle = rows[i].selectors == NULL;
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
		    !fill(rules, idle ? rows[1].selectors : rows[i].selectors))
			return 2;
		for (int round = 0; round < ROUNDS; round++) {
			double ns =
				round_ns(rules, &hit, idle ? HITS * 100 : HITS);
			best = ns < best ? ns : best;
		}
		printf("%-34s %8.1f ns\n", rows[i].what, best);
		if (check && best > most_ns(rows[i].selectors))
			status = 1;
		rules_free(rules);
	}
	event_free(events);
	return status;
}
