/* SPDX-License-Identifier: MIT */
/*
 * subject [COUNT]: a program with points, that knows nothing of who arms them.
 * Lists all, then hits each COUNT times and says what came of it.
 */
#include <failpoint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int print(void *user, const struct failpoint_info *info)
{
	(void)user;
	printf("%s=%s%s\n", info->name, info->terms ? info->terms : "",
	       info->sites == 0 ? " (pending)" : "");
	return 0;
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 0;

	(void)failpoint_list(print, NULL); /* an empty list is seen, too */
	for (long i = 0; i < count; i++) {
		int64_t number = -1;
		const char *text = "-";
		bool hit = FAILPOINT("subject/void");

		(void)FAILPOINT_INT("subject/int", &number); /* -1 is no hit */
		(void)FAILPOINT_STRING("subject/string", &text); /* so is - */
		printf("%d %" PRId64 " %s\n", hit, number, text);
		(void)fflush(stdout); /* a point may end all */
	}
	return 0;
}
