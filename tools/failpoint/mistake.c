/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/mistake.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int mistake_set(struct mistake *mistake, size_t line, const char *format, ...)
{
	char sentence[ERRMSG_MAX];
	va_list args;

	va_start(args, format);
	if (vsnprintf(sentence, sizeof(sentence), format, args) < 0)
		sentence[0] = '\0';
	va_end(args);
	errmsg_set(&mistake->why, "%s", sentence);
	mistake->line = line;
	return -EINVAL;
}
