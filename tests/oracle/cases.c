/* SPDX-License-Identifier: MIT */
#include "tests/oracle/cases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct show {
	const char *program;
	cases_act *act;
	void *arg;
};

/* What was left, to be freed, or NULL. */
static char *play_one(const struct show *show, const struct cases_one *one)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r = out ? show->act(show->arg, one, out) : -ENOMEM;

	if (out && fclose(out) != 0)
		r = -ENOMEM;
	if (r == 0)
		return text;
	fprintf(stderr, "%s: case '%s': %s\n", show->program, one->id,
		strerror(-r));
	free(text);
	return NULL;
}

static int play_line(const struct show *show, char *line)
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
	left = play_one(show, &one);
	if (!left)
		return -ECANCELED;
	/* What was left begins with a blank, as each name and failure does. */
	text = left + (*left == ' ');
	printf("%s\t%s\t%s\t%s\n", one.id, one.setup, one.ops, text);
	(void)fflush(stdout); /* so that the case of a hang can be told */
	free(left);
	return 0;
}

int cases_play(const char *program, const char *path, cases_act *act, void *arg)
{
	const struct show show = {program, act, arg};
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!file)
		return -errno;
	while (r == 0 && getline(&line, &size, file) > 0)
		r = play_line(&show, line);
	free(line);
	(void)fclose(file); /* only read from */
	return r;
}
