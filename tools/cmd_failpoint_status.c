/* SPDX-License-Identifier: MIT */
#include "common/errmsg.h"
#include "common/log.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/failpoint_client.h"

static const struct cmd_option options[] = {FAILPOINT_CLIENT_OPTIONS, {0}};

static int run(const struct cmd_args *args)
{
	const struct failpoint_question question = {
		.method = "GET",
		.name = args->operands[0],
		.suffix = args->json ? "/status?format=json" : "/status",
	};
	struct text answer;
	struct errmsg why;
	int status = failpoint_client_check(args, args->operands);

	if (status != CMD_DONE)
		return status;
	text_init(&answer);
	if (failpoint_client_do(args, &question, &answer, &why) < 0) {
		log_error("%s", why.text);
		status = CMD_FAILED;
	} else {
		status = failpoint_client_print(&answer);
	}
	text_done(&answer);
	return status;
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
