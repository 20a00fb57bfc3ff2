/* SPDX-License-Identifier: MIT */
#include "common/errmsg.h"
#include "common/log.h"
#include "tools/cmd.h"
#include "tools/failpoint_client.h"

static const struct cmd_option options[] = {FAILPOINT_CLIENT_OPTIONS, {0}};

static int run(const struct cmd_args *args)
{
	char *const *operands = args->operands;
	const bool many = args->operand_count == 1;
	char *const names[] = {many ? NULL : operands[0], NULL};
	const struct failpoint_question question = {
		.method = "PUT",
		.name = many ? "failpoints" : operands[0],
		.body = many ? operands[0] : operands[1],
	};
	struct errmsg why;
	int status = failpoint_client_check(args, names);

	if (status != CMD_DONE)
		return status;
	if (failpoint_client_do(args, &question, NULL, &why) == 0)
		return failpoint_client_print_done(args);
	log_error("%s", why.text);
	return CMD_FAILED;
}

const struct cmd cmd_failpoint_set = {
	.name = "set",
	.operands = "NAME TERMS | NAME=TERMS;...",
	.summary = "arm points of a program",
	.details = "Arms one point, or several: all of them or none. The old "
		   "terms stay\nwhen the new ones are refused.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 2,
	.run = run,
};
