/* SPDX-License-Identifier: MIT */
#include "rules/rule_language.h"

#include <errno.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "common/plan.h"
#include "common/text.h"
#include "failpoints/errnos.h"
#include "failpoints/terms.h"
#include "rules/rule.h"
#include "rules/rule_inside.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CORRUPT_COUNT_MAX (1 << 20)

static const char *const keep_words[] = {"none", "all", NULL};
static const char *const order_words[] = {"prefix", "any", NULL};
static const char *const torn_words[] = {"none", "sector", "page", NULL};
static const char *const fill_words[] = {"old", "zero", "garbage", NULL};
static const char *const yes_words[] = {"yes", "no", NULL};
static const char *const corrupt_words[] = {
	[RULE_CORRUPT_BITFLIP] = "bitflip",
	[RULE_CORRUPT_ZERO] = "zero",
	[RULE_CORRUPT_GARBAGE] = "garbage",
	[RULE_CORRUPT_GARBAGE + 1] = NULL,
};

static const struct terms_param short_params[] = {
	{.name = "size",
	 .kinds = TERMS_INT | TERMS_PERCENT,
	 .required = true,
	 .most = INT64_MAX},
};

static const struct terms_param corrupt_params[] = {
	{.name = "kind",
	 .kinds = TERMS_WORD,
	 .required = true,
	 .words = corrupt_words},
	{.name = "count",
	 .kinds = TERMS_INT,
	 .least = 1,
	 .most = CORRUPT_COUNT_MAX},
	{.name = "at", .kinds = TERMS_INT, .most = INT64_MAX},
};

/* Those of a plan have its keys for names, and are handed to its parser. */
static const struct terms_param crash_params[] = {
	{.name = "keep",
	 .kinds = TERMS_PERCENT | TERMS_WORD,
	 .words = keep_words},
	{.name = "order", .kinds = TERMS_WORD, .words = order_words},
	{.name = "torn", .kinds = TERMS_WORD, .words = torn_words},
	{.name = "fill", .kinds = TERMS_WORD, .words = fill_words},
	{.name = "seed", .kinds = TERMS_INT, .most = INT64_MAX},
	{.name = "kill", .kinds = TERMS_WORD, .words = yes_words},
	{.name = "digest", .kinds = TERMS_WORD, .words = yes_words},
};

static const struct terms_param snapshot_params[] = {
	{.name = "dir", .kinds = TERMS_STRING, .required = true},
	{.name = "keep",
	 .kinds = TERMS_PERCENT | TERMS_WORD,
	 .words = keep_words},
	{.name = "order", .kinds = TERMS_WORD, .words = order_words},
	{.name = "torn", .kinds = TERMS_WORD, .words = torn_words},
	{.name = "fill", .kinds = TERMS_WORD, .words = fill_words},
	{.name = "seed", .kinds = TERMS_INT, .most = INT64_MAX},
};

static const struct terms_param nospace_params[] = {
	{.name = "bytes",
	 .kinds = TERMS_INT,
	 .required = true,
	 .most = INT64_MAX},
};

static const struct terms_param fail_after_params[] = {
	{.name = "errno", .kinds = TERMS_ERRNO | TERMS_INT, .required = true},
};

#define SLOW_TIME_MAX_MS (INT64_MAX / 1000000)

static const struct terms_param slow_params[] = {
	{.name = "time",
	 .kinds = TERMS_INT | TERMS_DURATION,
	 .most = SLOW_TIME_MAX_MS},
	{.name = "per-byte",
	 .kinds = TERMS_INT | TERMS_DURATION,
	 .most = SLOW_TIME_MAX_MS},
	{.name = "random",
	 .kinds = TERMS_INT | TERMS_DURATION,
	 .most = SLOW_TIME_MAX_MS},
};

static const struct terms_action actions[] = {
	{"short", RULE_SHORT, short_params, COUNT(short_params)},
	{"drop", RULE_DROP, NULL, 0},
	{"corrupt", RULE_CORRUPT, corrupt_params, COUNT(corrupt_params)},
	{"crash", RULE_CRASH, crash_params, COUNT(crash_params)},
	{"snapshot", RULE_SNAPSHOT, snapshot_params, COUNT(snapshot_params)},
	{"nospace", RULE_NOSPACE, nospace_params, COUNT(nospace_params)},
	{"fail-after", RULE_FAIL_AFTER, fail_after_params,
	 COUNT(fail_after_params)},
	{"slow", RULE_SLOW, slow_params, COUNT(slow_params)},
};

const struct terms_language rule_language = {actions, COUNT(actions)};

/* An error by name or number. ENOSYS would be remembered by the kernel, which
 * never asks again for an operation that is not implemented. */
static int check_error(const struct terms_term *term, struct rule_part *part,
		       struct errmsg *reterr_why)
{
	const struct terms_value *value = &term->args[0];
	bool number = value->kind == TERMS_ERRNO || value->kind == TERMS_INT;
	if (!number || value->number <= 0 || value->number > INT32_MAX ||
	    errnos_name((int)value->number) == NULL) {
		errmsg_set(reterr_why,
			   "%s needs an error here; write it like %s(EIO)",
			   term->action->name, term->action->name);
		return -EINVAL;
	}
	if (value->number == ENOSYS) {
		errmsg_set(reterr_why,
			   "no operation may return ENOSYS: the kernel would "
			   "never ask for it again; use another error");
		return -EINVAL;
	}
	part->error = (int)value->number;
	return 0;
}

/* The arguments from `first` on are keys of a crash plan. */
static int check_plan(const struct terms_term *term, size_t first,
		      struct rule_part *part, struct errmsg *reterr_why)
{
	const struct terms_action *action = term->action;
	for (size_t i = first; i < action->param_count; i++) {
		struct text value;
		if (term->args[i].kind == TERMS_NONE)
			continue;
		text_init(&value);
		terms_print_value(&term->args[i], &value);
		int r = text_result(&value);
		if (r == 0)
			r = plan_parse_key(action->params[i].name, value.data,
					   &part->plan, reterr_why);
		text_done(&value);
		if (r < 0)
			return r == -ENOMEM ? r : -EINVAL;
	}
	return 0;
}

static int check_snapshot(const struct terms_term *term, struct rule_part *part,
			  struct errmsg *reterr_why)
{
	if (term->args[0].text[0] != '/') {
		errmsg_set(reterr_why,
			   "a snapshot's directory is an absolute path, such "
			   "as snapshot(\"/tmp/image\")");
		return -EINVAL;
	}
	return check_plan(term, 1, part, reterr_why);
}

static int check_slow(const struct terms_term *term, struct errmsg *reterr_why)
{
	for (size_t i = 0; i < term->action->param_count; i++)
		if (term->args[i].kind != TERMS_NONE)
			return 0;
	errmsg_set(reterr_why, "slow needs a time, per-byte or random; write "
			       "it like slow(10ms, per-byte=1us)");
	return -EINVAL;
}

int rule_language_check(const struct terms_term *term,
			struct rule_part *ret_part, struct errmsg *reterr_why)
{
	switch (term->action->id) {
	case TERMS_RETURN:
	case RULE_FAIL_AFTER:
		return check_error(term, ret_part, reterr_why);
	case RULE_CRASH:
		return check_plan(term, 0, ret_part, reterr_why);
	case RULE_SNAPSHOT:
		return check_snapshot(term, ret_part, reterr_why);
	case RULE_SLOW:
		return check_slow(term, reterr_why);
	default:
		return 0;
	}
}
