/* SPDX-License-Identifier: MIT */
#include "tests/oracle/cases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int play_line(char *line, char *(*act)(void *, const struct cases_one *),
		     void *arg)
{
	struct cases_one one;
	char *left;
	char *text;

	line[strcspn(line, "\n")] = '\0';
	if (*line == '#' || *line == '\0')
		return 0;
	one.id = strsep(&line, "\t");
	one.setup = strsep(&line, "\t");
	one.ops = strsep(&line, "\t");
	if (!one.setup || !one.ops)
		return -EINVAL;
	left = act(arg, &one);
	if (!left)
		return -ECANCELED;
	/* What was left begins with a blank, as each name and failure does. */
	text = left + (*left == ' ');
	printf("%s\t%s\t%s\t%s\n", one.id, one.setup, one.ops, text);
	(void)fflush(stdout); /* so that the case of a hang can be told */
	free(left);
	return 0;
}

int cases_play(const char *path,
	       char *(*act)(void *arg, const struct cases_one *), void *arg)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!file)
		return -errno;
	while (r == 0 && getline(&line, &size, file) > 0)
		r = play_line(line, act, arg);
	free(line);
	(void)fclose(file); /* only read from */
	return r;
}
