/* SPDX-License-Identifier: MIT */
#include "tools/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/client.h"
#include "common/errmsg.h"
#include "common/log.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/progress.h"

int request_append(struct text *line, const char *key, const char *value,
		   struct errmsg *reterr_why)
{
	if (!value)
		return 0;
	if (strpbrk(value, " \t\n")) {
		errmsg_set(reterr_why, "--%s '%s' has a blank in it", key,
			   value);
		return -EINVAL;
	}
	text_printf(line, " %s=%s", key, value);
	return 0;
}

/* name: of the verb. */
static int send_line(const struct client *client, const char *line,
		     const char *name)
{
	struct progress *progress = progress_start(name);
	struct text answer;
	struct errmsg why;
	int status = CMD_DONE;
	int r;

	text_init(&answer);
	r = client_command(client, line, &answer, &why);
	progress_stop(progress);
	if (r < 0) {
		log_error("%s", why.text);
		status = CMD_FAILED;
	} else if (answer.length_bytes > 0 &&
		   (fwrite(answer.data, 1, answer.length_bytes, stdout) !=
			    answer.length_bytes ||
		    fflush(stdout) != 0)) {
		log_error_errno(errno, "cannot print the answer");
		status = CMD_FAILED;
	}
	text_done(&answer);
	return status;
}

int request_send(const struct cmd_args *args, struct text *line)
{
	if (args->json)
		text_printf(line, " format=json");
	return request_send_as_it_is(args, line);
}

int request_send_as_it_is(const struct cmd_args *args, struct text *line)
{
	struct client *client;
	struct errmsg why;
	int status;

	if (text_result(line) < 0) {
		log_error("out of memory");
		return CMD_FAILED;
	}
	if (client_open(args->operands[0], cmd_value(args, "control"), &client,
			&why) < 0) {
		log_error("%s", why.text);
		return CMD_FAILED;
	}
	status = send_line(client, line->data, args->cmd->name);
	client_close(client);
	return status;
}

int request_send_word(const struct cmd_args *args, const char *word)
{
	struct text line;
	int status;

	text_init(&line);
	text_printf(&line, "%s", word);
	status = request_send(args, &line);
	text_done(&line);
	return status;
}
