/* SPDX-License-Identifier: MIT */
#include <limits.h>

#include "tools/failpoint/batch.h"
#include "tools/failpoint/mistake.h"
#include "tools/failpoint/points.h"
#include "tools/failpoint/translation.h"
#include "tools/failpoint/verbs.h"

struct enabling {
	struct translation_options options;
	size_t points;
};

static const struct cmd_option options[] = {
	{"prefix", 'p', "PREFIX", "call the points PREFIX/NAME"},
	{"no-include", 0, NULL, "add no #include <failpoint.h>"},
	{0},
};

static size_t count_points(const struct points *points)
{
	size_t count = 0;

	for (size_t i = 0; i < points->count; i++)
		count += points->points[i].comment.kind == COMMENT_POINT;
	return count;
}

static int enable(void *user, const char *path, const char *text,
		  size_t length_bytes, struct text *ret_text,
		  struct mistake *reterr_mistake)
{
	struct enabling *enabling = user;
	struct points points;
	int r;

	(void)path; /* no matter where it is */
	points_init(&points);
	r = points_find(&points, text, length_bytes, reterr_mistake);
	if (r == 0 && points.count > 0) {
		r = translation_enable(text, length_bytes, &points,
				       &enabling->options, ret_text,
				       reterr_mistake);
		if (r == 0) {
			enabling->points += count_points(&points);
			r = 1;
		}
	}
	points_done(&points);
	return r;
}

static int run(const struct cmd_args *args)
{
	struct enabling enabling = {
		.options =
			{
				.prefix = cmd_value(args, "prefix"),
				.include = !cmd_has(args, "no-include"),
			},
	};
	struct batch_result result;
	int status;

	if (enabling.options.prefix &&
	    !translation_is_prefix(enabling.options.prefix))
		return cmd_usage(args->cmd,
				 "a prefix has letters, digits and _ - . /, "
				 "and at most %d of them",
				 TRANSLATION_PREFIX_MAX);
	status = batch_run(args, enable, &enabling, &result);
	if (status != CMD_DONE)
		return status;
	return batch_answer(args, &result, enabling.points, "enabled");
}

const struct cmd cmd_enable = {
	.name = "enable",
	.operands = "[PATH...]",
	.summary = "turn comments into points, in place",
	.details =
		"Rewrites the comments '// gofail: ...' of C and C++ sources "
		"into code that asks\nlibfailpoint. PATH is a file, or a "
		"directory with all sources below it; without\none it is '.'. "
		"Lines keep their numbers, and 'failpoint disable' restores "
		"every\nbyte. After a mistake nothing is written.\n",
	.options = options,
	.operands_min = 0,
	.operands_max = INT_MAX,
	.run = run,
};
