/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fields.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/failpoint_client.h"

static const struct cmd_option options[] = {
	FAILPOINT_CLIENT_OPTIONS,
	{"long", 'l', NULL, "all that is known of each; not of gofail's"},
	{0},
};

/* NAME=TERMS lines become JSON. Takes them apart. */
static void append_json(char *lines, struct text *json)
{
	struct fields record;
	char *line;

	fields_begin(&record, json, FIELDS_JSON);
	fields_list_begin(&record, "failpoints");
	while ((line = strsep(&lines, "\n"))) {
		char *terms = line;
		const char *name = strsep(&terms, "=");

		if (!*name)
			continue;
		fields_item_begin(&record);
		fields_string(&record, "name", name);
		fields_string(&record, "terms", terms ? terms : "");
		fields_item_end(&record);
	}
	fields_list_end(&record);
	fields_end(&record);
}

/* The answer as it is to be printed; in JSON if it is so. */
static int ask(const struct cmd_args *args, struct text *answer,
	       struct errmsg *reterr_why)
{
	const bool all = cmd_has(args, "long");
	struct failpoint_question question = {.method = "GET", .name = ""};
	struct text lines;
	int r;

	if (all) {
		question.name =
			args->json ? "failpoints?format=json" : "failpoints";
		return failpoint_client_do(args, &question, answer, reterr_why);
	}
	text_init(&lines);
	r = failpoint_client_do(args, &question, &lines, reterr_why);
	if (r == 0 && args->json)
		append_json(lines.data, answer);
	else if (r == 0 && strcmp(lines.data, "\n") != 0)
		text_append(answer, lines.data, lines.length_bytes);
	text_done(&lines);
	return r;
}

static int run(const struct cmd_args *args)
{
	return failpoint_client_show(args, ask);
}

const struct cmd cmd_failpoint_list = {
	.name = "list",
	.operands = "",
	.summary = "list the points of a program",
	.details = "Prints NAME=TERMS, one a line; without TERMS a point is "
		   "disabled.\n",
	.options = options,
	.operands_min = 0,
	.operands_max = 0,
	.run = run,
};
