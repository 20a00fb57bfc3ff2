/* SPDX-License-Identifier: MIT */
#include "common/errmsg.h"

#include <stdarg.h>
#include <stdio.h>

void errmsg_set(struct errmsg *msg, const char *format, ...)
{
	va_list args;

	if (!msg)
		return;
	va_start(args, format);
	/* A format that cannot be printed still has to leave a string. */
	if (vsnprintf(msg->text, sizeof(msg->text), format, args) < 0)
		msg->text[0] = '\0';
	va_end(args);
	for (char *c = msg->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}
