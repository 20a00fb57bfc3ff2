/* SPDX-License-Identifier: MIT */
#include "common/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/nearest.h"

static const char *const keep_names[] = {
	[PLAN_KEEP_NONE] = "none",
	[PLAN_KEEP_ALL] = "all",
};

#define KEEP_COUNT (sizeof(keep_names) / sizeof(keep_names[0]))

static int parse_digest(const char *value, struct plan *plan,
			struct errmsg *reterr_why)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
		errmsg_set(reterr_why,
			   "'%s' is no answer for a digest: use digest=yes or "
			   "digest=no",
			   value);
		return -EINVAL;
	}
	plan->digest = strcmp(value, "yes") == 0;
	return 0;
}

int plan_parse_key(const char *key, const char *value, struct plan *plan,
		   struct errmsg *reterr_why)
{
	if (strcmp(key, "digest") == 0)
		return parse_digest(value, plan, reterr_why);
	if (strcmp(key, "keep") != 0) {
		char hint[NEAREST_HINT_MAX];
		struct nearest nearest;

		nearest_init(&nearest, key);
		nearest_offer(&nearest, "keep");
		nearest_offer(&nearest, "digest");
		errmsg_set(reterr_why,
			   "'%s' is no part of a crash plan, which is "
			   "keep=none or keep=all, and digest=yes%s",
			   key, nearest_hint(&nearest, hint));
		return -ENOENT;
	}
	for (size_t i = 0; i < KEEP_COUNT; i++) {
		if (strcmp(value, keep_names[i]) == 0) {
			plan->keep = (enum plan_keep)i;
			return 0;
		}
	}
	errmsg_set(reterr_why,
		   "a crash cannot keep '%s': use keep=none or keep=all",
		   value);
	return -EINVAL;
}

void plan_format(const struct plan *plan, char *buffer, size_t size_bytes)
{
	(void)snprintf(buffer, size_bytes, "keep=%s%s", keep_names[plan->keep],
		       plan->digest ? " digest=yes" : "");
}
