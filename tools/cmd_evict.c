/* SPDX-License-Identifier: MIT */
#include "tools/cmd.h"
#include "tools/request.h"

static const struct cmd_option options[] = {CMD_OPTION_CONTROL, {0}};

static int run(const struct cmd_args *args)
{
	return request_send_word(args, "evict");
}

const struct cmd cmd_evict = {
	.name = "evict",
	.operands = "MOUNT",
	.summary = "drop clean cached pages",
	.details =
		"Drops clean cached pages, so that programs see what the disk\n"
		"has.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
