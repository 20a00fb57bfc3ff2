/* SPDX-License-Identifier: MIT */
/*
 * `flakey fault VERB`: the fault rules of a mount. Each verb is one line of the
 * control language, with the operands behind MOUNT as lines of their own.
 */
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/log.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/program.h"
#include "tools/request.h"

static const struct cmd_option options[] = {CMD_OPTION_CONTROL, {0}};

static const struct cmd_option wait_options[] = {
	CMD_OPTION_CONTROL,
	{"fired", 'n', "N", "until it has fired so often; 1"},
	{"timeout", 't', "TIME", "but no longer than this; 10s"},
	{0},
};

static int change(const struct cmd_args *args)
{
	struct text line;
	int status;

	text_init(&line);
	text_printf(&line, "fault %s%s", args->cmd->name,
		    args->json ? " format=json" : "");
	for (int i = 1; i < args->operand_count; i++)
		text_printf(&line, "\n%s", args->operands[i]);
	status = request_send_as_it_is(args, &line);
	text_done(&line);
	return status;
}

static int wait_for(const struct cmd_args *args)
{
	struct errmsg why;
	struct text line;
	int status;

	text_init(&line);
	text_printf(&line, "wait %s", args->operands[1]);
	if (request_append(&line, "fired", cmd_value(args, "fired"), &why) <
		    0 ||
	    request_append(&line, "timeout", cmd_value(args, "timeout"), &why) <
		    0)
		status = cmd_usage(args->cmd, "%s", why.text);
	else
		status = request_send(args, &line);
	text_done(&line);
	return status;
}

static const struct cmd add = {
	.name = "add",
	.operands = "MOUNT RULE...",
	.summary = "add rules, or replace those of the same name",
	.details = "Adds rules, or replaces those of the same name: all or, "
		   "when one is\nwrong, none.\n",
	.options = options,
	.operands_min = 2,
	.operands_max = -1,
	.run = change,
};

static const struct cmd clear = {
	.name = "clear",
	.operands = "MOUNT",
	.summary = "remove all rules",
	.details = "Removes all rules. Whoever sleeps by one goes on.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = change,
};

static const struct cmd list = {
	.name = "list",
	.operands = "MOUNT",
	.summary = "show the rules with their counters",
	.details = "Shows the rules, one a line, with the operations that each "
		   "selects, and\nto how many it did something.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = change,
};

static const struct cmd remove_rules = {
	.name = "remove",
	.operands = "MOUNT NAME...",
	.summary = "remove rules by their names",
	.details = "Removes rules by their names, which are what stands in "
		   "front of the '=':\nall or, when one is not there, none.\n",
	.options = options,
	.operands_min = 2,
	.operands_max = -1,
	.run = change,
};

static const struct cmd set = {
	.name = "set",
	.operands = "MOUNT RULE...",
	.summary = "replace all rules by these",
	.details = "Replaces all rules at once.\n",
	.options = options,
	.operands_min = 2,
	.operands_max = -1,
	.run = change,
};

static const struct cmd wait_verb = {
	.name = "wait",
	.operands = "MOUNT NAME",
	.summary = "wait until a rule has fired",
	.details = "Says how often the rule has fired, once that is often "
		   "enough. Status 1\nwhen the time is over.\n",
	.options = wait_options,
	.operands_min = 2,
	.operands_max = 2,
	.run = wait_for,
};

/* Sorted by name. */
static const struct cmd *const verbs[] = {&add,		 &clear, &list,
					  &remove_rules, &set,	 &wait_verb};

static const struct program fault = {
	.name = "flakey fault",
	.summary = "Rules that make operations of a mount fail.",
	.verbs = verbs,
	.verb_count = sizeof(verbs) / sizeof(verbs[0]),
	.statuses = "Exit status: 0 done, 1 refused or failed, 2 wrong "
		    "usage.\n",
};

const struct cmd cmd_fault = {
	.name = "fault",
	.operands = "VERB [OPERAND...]",
	.summary = "see and set rules that make operations fail",
	.details =
		"Rules that make operations of a mount fail, such as\n\n"
		"  flakey fault add MOUNT 'fs/fsync{path=*.wal}=return(EIO)'\n",
	.operands_min = 1,
	.operands_max = -1,
	.inner = &fault,
};
