/* SPDX-License-Identifier: MIT */
/*
 * `flakey failpoint VERB`: a command in the command, whose verbs are files of
 * their own, cmd_failpoint_VERB.c.
 */
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
	return program_inner(&failpoint, "failpoint", args);
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
