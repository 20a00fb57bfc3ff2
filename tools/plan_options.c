/* SPDX-License-Identifier: MIT */
#include "tools/plan_options.h"

#include <stddef.h>

#include "common/errmsg.h"
#include "common/log.h"
#include "common/plan.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/request.h"

static const char *const keys[] = {"keep", "order", "torn", "fill", "seed"};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* The server would refuse the same, but with a place in its line. */
static int check(const struct cmd_args *args, struct errmsg *reterr_why)
{
	struct plan plan = {0};
	int r = 0;

	for (size_t i = 0; i < KEY_COUNT && r == 0; i++) {
		const char *value = cmd_value(args, keys[i]);

		if (value)
			r = plan_parse_key(keys[i], value, &plan, reterr_why);
	}
	return r;
}

static int append(const struct cmd_args *args, struct text *line,
		  struct errmsg *reterr_why)
{
	int r = 0;

	for (size_t i = 0; i < KEY_COUNT && r == 0; i++)
		r = request_append(line, keys[i], cmd_value(args, keys[i]),
				   reterr_why);
	if (cmd_has(args, "digest"))
		text_printf(line, " digest=yes");
	return r;
}

int plan_options_send(const struct cmd_args *args, struct text *line)
{
	struct errmsg why;

	if (append(args, line, &why) < 0)
		return cmd_usage(args->cmd, "%s", why.text);
	if (check(args, &why) < 0) {
		log_error("%s", why.text);
		return CMD_FAILED;
	}
	return request_send(args, line);
}
