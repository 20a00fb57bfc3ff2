/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <unistd.h>

#include "common/escape.h"
#include "common/log.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/plan_options.h"

static const struct cmd_option options[] = {
	CMD_OPTION_CONTROL,
	PLAN_OPTIONS,
	{0},
};

static int run(const struct cmd_args *args)
{
	const char *directory = args->operands[1];
	char here[PATH_MAX];
	struct text line;
	int status;

	if (!*directory)
		return cmd_usage(args->cmd, "the directory has no name");
	text_init(&line);
	text_printf(&line, "snapshot ");
	/* The server has another working directory. */
	if (*directory != '/') {
		if (!getcwd(here, sizeof(here))) {
			log_error("the working directory is gone");
			return CMD_FAILED;
		}
		escape_word(&line, here);
		text_printf(&line, "/");
	}
	escape_word(&line, directory);
	status = plan_options_send(args, &line);
	text_done(&line);
	return status;
}

const struct cmd cmd_snapshot = {
	.name = "snapshot",
	.operands = "MOUNT DIR",
	.summary = "write what a crash would leave now",
	.details =
		"Writes the image that a crash at this moment would leave into\n"
		"DIR, which is new or empty, while programs go on. Says what is\n"
		"not in it. Takes the plans of 'crash'.\n",
	.options = options,
	.operands_min = 2,
	.operands_max = 2,
	.run = run,
};
