/* SPDX-License-Identifier: MIT */
#include "tools/cmd.h"
#include "tools/failpoint_client.h"

static const struct cmd_option options[] = {FAILPOINT_CLIENT_OPTIONS, {0}};

static int ask(const struct cmd_args *args, struct text *answer,
	       struct errmsg *reterr_why)
{
	const struct failpoint_question question = {
		.method = "GET",
		.name = args->operands[0],
		.suffix = args->json ? "/status?format=json" : "/status",
	};

	return failpoint_client_do(args, &question, answer, reterr_why);
}

static int run(const struct cmd_args *args)
{
	return failpoint_client_show(args, ask);
}

const struct cmd cmd_failpoint_status = {
	.name = "status",
	.operands = "NAME",
	.summary = "say how a point of a program is",
	.details = "Prints the terms, how often the point was hit and has "
		   "fired, how many\nthreads it has paused, where it is, and "
		   "what it is for.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
