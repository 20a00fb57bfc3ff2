/* SPDX-License-Identifier: MIT */
#include <limits.h>

#include "tools/failpoint/batch.h"
#include "tools/failpoint/mistake.h"
#include "tools/failpoint/translation.h"
#include "tools/failpoint/verbs.h"

static int disable(void *user, const char *path, const char *text,
		   size_t length_bytes, struct text *ret_text,
		   struct mistake *reterr_mistake)
{
	size_t *points = user;
	struct translation_found found;
	int r;

	(void)path; /* no matter where it is */
	r = translation_disable(text, length_bytes, ret_text, &found,
				reterr_mistake);
	if (r < 0)
		return r;
	*points += found.count;
	return found.enabled ? 1 : 0;
}

static int run(const struct cmd_args *args)
{
	struct batch_result result;
	size_t points = 0;
	int status = batch_run(args, disable, &points, &result);

	if (status != CMD_DONE)
		return status;
	return batch_answer(args, &result, points, "disabled");
}

const struct cmd cmd_disable = {
	.name = "disable",
	.operands = "[PATH...]",
	.summary = "turn points back into comments, in place",
	.details =
		"Restores what 'failpoint enable' has rewritten, byte for "
		"byte. PATH is a file,\nor a directory with all sources below "
		"it; without one it is '.'. Files without\nenabled points are "
		"left alone. After a mistake nothing is written.\n",
	.operands_min = 0,
	.operands_max = INT_MAX,
	.run = run,
};
