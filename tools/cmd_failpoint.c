/* SPDX-License-Identifier: MIT */
/*
 * `flakey failpoint VERB`: a command in the command, whose verbs are files of
 * their own, cmd_failpoint_VERB.c.
 */
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "tools/cmd.h"
#include "tools/program.h"

/* Sorted by name; the details below have them, too. */
static const struct cmd *const verbs[] = {
#ifdef FAILPOINT_CLIENT
	&cmd_failpoint_clear, &cmd_failpoint_list,
#endif
	&cmd_failpoint_parse,
#ifdef FAILPOINT_CLIENT
	&cmd_failpoint_set,   &cmd_failpoint_status, &cmd_failpoint_wait,
#endif
};

static const struct program failpoint = {
	.name = "flakey failpoint",
	.summary = "Points in programs that can be made to fail.",
	.verbs = verbs,
	.verb_count = sizeof(verbs) / sizeof(verbs[0]),
	.statuses = "Exit status: 0 done, 1 refused or failed, 2 wrong "
		    "usage.\n",
};

static int run(const struct cmd_args *args)
{
	cleanup_free char **words =
		calloc((size_t)args->operand_count + 3, sizeof(*words));
	static char name[] = "failpoint";
	static char json[] = "--json";
	int count = 0;

	if (!words) {
		log_error("out of memory");
		return CMD_FAILED;
	}
	words[count++] = name;
	words[count++] = args->operands[0];
	/* It may be asked for before the verb, too. */
	if (args->json)
		words[count++] = json;
	for (int i = 1; i < args->operand_count; i++)
		words[count++] = args->operands[i];
	return program_main(&failpoint, count, words);
}

const struct cmd cmd_failpoint = {
	.name = "failpoint",
	.operands = "VERB ...",
	.summary = "see and set points of programs",
	.details = "Points in programs that can be made to fail: see "
		   "failpoint(7).\n\n"
		   "Verbs ('flakey failpoint VERB --help' says more):\n"
#ifdef FAILPOINT_CLIENT
		   "  clear [NAME...]   disable points of a program\n"
		   "  list              list the points of a program\n"
#endif
		   "  parse TERMS       say what terms mean\n"
#ifdef FAILPOINT_CLIENT
		   "  set NAME TERMS    arm points of a program\n"
		   "  status NAME       say how a point of a program is\n"
		   "  wait NAME         wait until a point has fired\n"
#endif
	,
	.operands_min = 1,
	.operands_max = -1,
	.run = run,
};
