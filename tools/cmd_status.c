/* SPDX-License-Identifier: MIT */
#include "tools/cmd.h"
#include "tools/request.h"

static const struct cmd_option options[] = {CMD_OPTION_CONTROL, {0}};

static int run(const struct cmd_args *args)
{
	return request_send_word(args, "status");
}

const struct cmd cmd_status = {
	.name = "status",
	.operands = "MOUNT",
	.summary = "say how things are",
	.details =
		"Prints the mode, the incarnation, what is not durable yet, and\n"
		"counters.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
