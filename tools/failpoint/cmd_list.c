/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>

#include "common/text.h"
#include "tools/failpoint/batch.h"
#include "tools/failpoint/mistake.h"
#include "tools/failpoint/points.h"
#include "tools/failpoint/translation.h"
#include "tools/failpoint/verbs.h"

struct listing {
	const char *prefix;
	bool json;
	bool any;
	struct text out;
};

static const struct cmd_option options[] = {
	{"prefix", 'p', "PREFIX",
	 "as for 'enable'; of no meaning for enabled points"},
	{0},
};

static void list_point(struct listing *listing, const char *path,
		       const struct point *point, const char *prefix,
		       bool enabled)
{
	struct text *out = &listing->out;
	struct text name;
	const char *type = comment_type_name(point->comment.type);

	text_init(&name);
	text_printf(&name, "%s%s%s", prefix, *prefix ? "/" : "",
		    point->comment.name);
	if (text_result(&name) < 0) {
		out->failed = true;
	} else if (listing->json) {
		text_printf(out, "%s\n  {\"file\": ", listing->any ? "," : "");
		text_json_string(out, path);
		text_printf(out, ", \"line\": %zu, \"name\": ", point->line);
		text_json_string(out, name.data);
		text_printf(out, ", \"type\": \"%s\", \"enabled\": %s}", type,
			    enabled ? "true" : "false");
	} else {
		text_printf(out, "%s:%zu: %s %s%s\n", path, point->line,
			    name.data, type, enabled ? " (enabled)" : "");
	}
	listing->any = true;
	text_done(&name);
}

/* Of an enabled file, what it is when it is disabled has the same points in the
 * same lines. */
static int list(void *user, const char *path, const char *text,
		size_t length_bytes, struct text *ret_text,
		struct mistake *reterr_mistake)
{
	struct listing *listing = user;
	struct translation_found found;
	struct points points;
	const char *prefix = listing->prefix ? listing->prefix : "";
	int r;

	(void)length_bytes;
	r = translation_disable(text, length_bytes, ret_text, &found,
				reterr_mistake);
	if (r < 0)
		return r;
	if (found.enabled)
		prefix = found.prefix;
	points_init(&points);
	r = points_find(&points, ret_text->data, ret_text->length_bytes,
			reterr_mistake);
	for (size_t i = 0; r == 0 && i < points.count; i++)
		if (points.points[i].comment.kind == COMMENT_POINT)
			list_point(listing, path, &points.points[i], prefix,
				   found.enabled);
	points_done(&points);
	return r;
}

static int run(const struct cmd_args *args)
{
	struct listing listing = {
		.prefix = cmd_value(args, "prefix"),
		.json = args->json,
	};
	struct batch_result result;
	int status;

	if (listing.prefix && !translation_is_prefix(listing.prefix))
		return cmd_usage(args->cmd,
				 "a prefix has letters, digits and _ - . /, "
				 "and at most %d of them",
				 TRANSLATION_PREFIX_MAX);
	text_init(&listing.out);
	status = batch_run(args, list, &listing, &result);
	if (text_result(&listing.out) < 0)
		status = cmd_usage(args->cmd, "out of memory");
	else if (args->json)
		printf("[%s%s]\n",
		       listing.out.length_bytes ? listing.out.data : "",
		       listing.any ? "\n" : "");
	else if (listing.any)
		printf("%s", listing.out.data);
	text_done(&listing.out);
	return status;
}

const struct cmd cmd_list = {
	.name = "list",
	.operands = "[PATH...]",
	.summary = "show all points, enabled or not",
	.details = "Prints FILE:LINE: NAME TYPE for each point in C and C++ "
		   "sources. PATH is a file,\nor a directory with all sources "
		   "below it; without one it is '.'.\n",
	.options = options,
	.operands_min = 0,
	.operands_max = INT_MAX,
	.run = run,
};
