/* SPDX-License-Identifier: MIT */
/*
 * `flakey failpoint VERB`: a command in the command, whose verbs are files of
 * their own, cmd_failpoint_VERB.c.
 */
#include "tools/cmd.h"
#include "tools/program.h"

/* Sorted by name. */
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

const struct cmd cmd_failpoint = {
	.name = "failpoint",
	.operands = "VERB [OPERAND...]",
	.summary = "see and set points of programs",
	.details = "Points in programs that can be made to fail: see "
		   "failpoint(7).\n",
	.operands_min = 1,
	.operands_max = -1,
	.inner = &failpoint,
};
