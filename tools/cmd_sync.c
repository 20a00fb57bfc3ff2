/* SPDX-License-Identifier: MIT */
#include "tools/cmd.h"
#include "tools/request.h"

static const struct cmd_option options[] = {CMD_OPTION_CONTROL, {0}};

static int run(const struct cmd_args *args)
{
	return request_send_word(args, "sync");
}

const struct cmd cmd_sync = {
	.name = "sync",
	.operands = "MOUNT",
	.summary = "commit everything",
	.details =
		"Commits all that is not durable yet, as sync(2) does on a\n"
		"disk. sync(2) and syncfs(2) themselves never reach a FUSE file\n"
		"system.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
