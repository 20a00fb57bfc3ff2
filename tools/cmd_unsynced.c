/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "common/client.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "common/log.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/request.h"

static const struct cmd_option options[] = {
	{"check", 0, NULL, "exit with 1 when something is at risk"},
	CMD_OPTION_CONTROL,
	{0},
};

/* How many changes are at risk, by the plain answer. */
static uint64_t count_losses(char *answer)
{
	uint64_t count = 0;
	char *cursor = answer;
	char *name;
	char *value;

	while (fields_next(&cursor, &name, &value))
		if (strcmp(name, "count") == 0)
			count = fields_to_unsigned(value);
	return count;
}

/* Asked once more after printing: what a check wants to know is the state at
 * its end. */
static int check(const struct cmd_args *args)
{
	struct client *client;
	struct text answer;
	struct errmsg why;
	uint64_t count = 0;
	int r;

	text_init(&answer);
	r = client_open(args->operands[0], cmd_value(args, "control"), &client,
			&why);
	if (r == 0) {
		r = client_command(client, "unsynced format=plain", &answer,
				   &why);
		count = count_losses(answer.data);
		client_close(client);
	}
	if (r < 0)
		log_error("%s", why.text);
	text_done(&answer);
	return r == 0 && count == 0 ? CMD_DONE : CMD_FAILED;
}

static int run(const struct cmd_args *args)
{
	int status = request_send_word(args, "unsynced");

	if (status != CMD_DONE || !cmd_has(args, "check"))
		return status;
	return check(args);
}

const struct cmd cmd_unsynced = {
	.name = "unsynced",
	.operands = "MOUNT",
	.summary = "say what a crash now would lose",
	.details =
		"Names every file, range and directory entry that a crash now\n"
		"would lose, since when, and which sync would save it: it finds\n"
		"the missing fsync. With --check it is an assertion for tests.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
