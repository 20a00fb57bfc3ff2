/* SPDX-License-Identifier: MIT */
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/plan_options.h"

static const struct cmd_option options[] = {
	CMD_OPTION_CONTROL,
	PLAN_OPTIONS,
	{"kill", 0, NULL, "SIGKILL first to whoever has the mount open"},
	{0},
};

static int run(const struct cmd_args *args)
{
	struct text line;
	int status;

	text_init(&line);
	text_printf(&line, "crash");
	if (cmd_has(args, "kill"))
		text_printf(&line, " kill=yes");
	status = plan_options_send(args, &line);
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
		"the new image.\n"
		"\n"
		"With --keep=P% about that share of it survives, chosen by\n"
		"chance and always so that the mount's profile allows it. The\n"
		"same seed on the same journal gives the same image.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
