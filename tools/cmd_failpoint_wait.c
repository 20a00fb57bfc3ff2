/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/log.h"
#include "common/text.h"
#include "failpoints/duration.h"
#include "tools/cmd.h"
#include "tools/failpoint_client.h"

#define TIMEOUT "10s"
#define NS_PER_MS 1000000
/* For the way there and back. */
#define ANSWER_MS 10000

static const struct cmd_option options[] = {
	FAILPOINT_CLIENT_OPTIONS,
	{"fired", 'n', "N", "until it has fired so often; 1"},
	{"timeout", 't', "TIME", "but no longer than this; " TIMEOUT},
	{0},
};

static int print(const struct cmd_args *args, const struct text *answer)
{
	const char *number = answer->data ? answer->data : "";
	size_t digits = strspn(number, "0123456789");
	struct text json;
	int status;

	if (digits == 0) {
		log_error("the answer is no number: is this a server of "
			  "failpoints?");
		return CMD_FAILED;
	}
	if (!args->json)
		return failpoint_client_print(answer);
	text_init(&json);
	text_printf(&json, "{\"fired\":%.*s}\n", (int)digits, number);
	status = failpoint_client_print(&json);
	text_done(&json);
	return status;
}

static int wait_for(const struct cmd_args *args, const char *suffix,
		    int64_t timeout_ns)
{
	const struct failpoint_question question = {
		.method = "GET",
		.name = args->operands[0],
		.suffix = suffix,
		.timeout_ms = timeout_ns / NS_PER_MS + ANSWER_MS,
	};
	struct text answer;
	struct errmsg why;
	int status = CMD_FAILED;

	text_init(&answer);
	if (failpoint_client_do(args, &question, &answer, &why) < 0)
		log_error("%s", why.text);
	else
		status = print(args, &answer);
	text_done(&answer);
	return status;
}

static int run(const struct cmd_args *args)
{
	const char *fired = cmd_value(args, "fired");
	const char *timeout = cmd_value(args, "timeout");
	int status = failpoint_client_check(args, args->operands);
	int64_t timeout_ns;
	struct errmsg why;
	char suffix[120];

	if (status != CMD_DONE)
		return status;
	fired = fired ? fired : "1";
	timeout = timeout ? timeout : TIMEOUT;
	if (!*fired || strlen(fired) > 19 ||
	    strspn(fired, "0123456789") != strlen(fired))
		return cmd_usage(args->cmd, "--fired '%.40s' is no number",
				 fired);
	if (strlen(timeout) > 40 || strpbrk(timeout, " &") ||
	    duration_parse(timeout, strlen(timeout), 0, &timeout_ns, &why) < 0)
		return cmd_usage(args->cmd, "--timeout '%.40s' is no time: %s",
				 timeout, "use " DURATION_UNITS);
	(void)snprintf(suffix, sizeof(suffix), "/wait?fired=%s&timeout=%s",
		       fired, timeout); /* fits, by the lengths */
	return wait_for(args, suffix, timeout_ns);
}

const struct cmd cmd_failpoint_wait = {
	.name = "wait",
	.operands = "NAME",
	.summary = "wait until a point of a program has fired",
	.details = "Prints how often it has fired since it was armed. Status 1 "
		   "when the\ntime is over.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
