/* SPDX-License-Identifier: MIT */
#include "failpoints/last_error.h"

#include "common/errmsg.h"
#include "failpoints/failpoint.h"
#include "failpoints/say.h"

#define QUOTED_BYTES 128

static _Thread_local struct errmsg newest;

struct errmsg *last_error(void)
{
	return &newest;
}

void last_error_no_such_point(const char *name)
{
	char quoted[QUOTED_BYTES];

	errmsg_set(&newest, "failpoint does not exist: %s",
		   say_quoted(name, quoted, sizeof(quoted)));
}

const char *failpoint_error(void)
{
	return newest.text;
}
