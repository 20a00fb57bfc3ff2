/* SPDX-License-Identifier: MIT */
#include "tools/plan_options.h"

#include <stddef.h>

#include "common/text.h"
#include "tools/cmd.h"
#include "tools/request.h"

int plan_options_append(const struct cmd_args *args, struct text *line,
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
