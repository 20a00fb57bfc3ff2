/* SPDX-License-Identifier: MIT */
#include "tools/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_is_live(int fd)
{
	const char *type = getenv("TERM");

	return type && *type && strcmp(type, "dumb") != 0 && isatty(fd);
}

bool terminal_has_colours(int fd)
{
	const char *refused = getenv("NO_COLOR");

	return (!refused || !*refused) && terminal_is_live(fd);
}
