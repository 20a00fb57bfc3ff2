/* SPDX-License-Identifier: MIT */
#include "tools/plan_options.h"

#include <stddef.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/request.h"

static int append(const struct cmd_args *args, struct text *line,
		  struct errmsg *reterr_why)
{
	static const char *const keys[] = {"keep", "order", "torn", "fill",
					   "seed"};
	int r = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && r == 0; i++)
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
	return request_send(args, line);
}
