/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "common/errmsg.h"
#include "common/log.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/failpoint_client.h"

static const struct cmd_option options[] = {FAILPOINT_CLIENT_OPTIONS, {0}};

static int clear(const struct cmd_args *args, const char *name,
		 struct errmsg *reterr_why)
{
	const struct failpoint_question question = {.method = "DELETE",
						    .name = name};

	return failpoint_client_do(args, &question, NULL, reterr_why);
}

/* gofail cannot disable all at once: those that are armed, one by one. */
static int clear_listed(const struct cmd_args *args, struct errmsg *reterr_why)
{
	const struct failpoint_question question = {.method = "GET",
						    .name = ""};
	struct text lines;
	char *rest;
	char *line;
	int r;

	text_init(&lines);
	r = failpoint_client_do(args, &question, &lines, reterr_why);
	rest = lines.data;
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		char *terms = line;
		const char *name = strsep(&terms, "=");

		if (terms && *terms)
			r = clear(args, name, reterr_why);
	}
	text_done(&lines);
	return r;
}

static int clear_all(const struct cmd_args *args, struct errmsg *reterr_why)
{
	const struct failpoint_question question = {.method = "DELETE",
						    .name = "failpoints"};
	struct failpoint_answer answer;
	int r = failpoint_client_ask(args, &question, &answer, reterr_why);

	if (r < 0)
		return r;
	r = answer.status == 204 ? 0 : clear_listed(args, reterr_why);
	text_done(&answer.body);
	return r;
}

static int run(const struct cmd_args *args)
{
	struct errmsg why;
	int status = failpoint_client_check(args, args->operands);
	int r = 0;

	if (status != CMD_DONE)
		return status;
	if (args->operand_count == 0)
		r = clear_all(args, &why);
	for (int i = 0; r == 0 && i < args->operand_count; i++)
		r = clear(args, args->operands[i], &why);
	if (r == 0)
		return failpoint_client_print_done(args);
	log_error("%s", why.text);
	return CMD_FAILED;
}

const struct cmd cmd_failpoint_clear = {
	.name = "clear",
	.operands = "[NAME...]",
	.summary = "disable points of a program",
	.details = "Disables the points, or without NAME all that are armed.\n",
	.options = options,
	.operands_min = 0,
	.operands_max = -1,
	.run = run,
};
