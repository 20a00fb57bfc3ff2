/* SPDX-License-Identifier: MIT */
#include "common/errmsg.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/request.h"

static const struct cmd_option options[] = {
	CMD_OPTION_CONTROL,
	{"keep", 0, "none|all",
	 "what survives of the rest: none (the default) or all"},
	{"digest", 0, NULL, "add a number that equal trees have in common"},
	{0},
};

static int run(const struct cmd_args *args)
{
	struct errmsg why;
	struct text line;
	int status;

	text_init(&line);
	text_printf(&line, "crash");
	if (cmd_has(args, "digest"))
		text_printf(&line, " digest=yes");
	if (request_append(&line, "keep", cmd_value(args, "keep"), &why) < 0)
		status = cmd_usage(args->cmd, "%s", why.text);
	else
		status = request_send(args, &line);
	text_done(&line);
	return status;
}

const struct cmd cmd_crash = {
	.name = "crash",
	.operands = "MOUNT",
	.summary = "power fails and comes back",
	.details =
		"Throws away what no sync has paid for, as a power failure\n"
		"does, and says what was lost. The mount stays; files that were\n"
		"open answer EIO until opened anew. Returns when everybody sees\n"
		"the new image.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
