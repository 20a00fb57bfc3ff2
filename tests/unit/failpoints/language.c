/* SPDX-License-Identifier: MIT */
#include "tests/unit/failpoints/language.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const hows[] = {"bitflip", "zero", "garbage", NULL};
static const char *const keeps[] = {"none", "all", NULL};
/* Words that mean something else elsewhere. */
static const char *const odd[] = {"EIO", "true", "a-b", "c_9", NULL};

static const struct terms_param short_params[] = {
	{.name = "amount",
	 .kinds = TERMS_INT | TERMS_PERCENT,
	 .required = true,
	 .most = INT64_MAX},
};
static const struct terms_param corrupt_params[] = {
	{.name = "how", .kinds = TERMS_WORD, .required = true, .words = hows},
	{.name = "count", .kinds = TERMS_INT, .least = 1, .most = 4096},
	{.name = "at", .kinds = TERMS_INT},
};
static const struct terms_param crash_params[] = {
	{.name = "keep", .kinds = TERMS_PERCENT | TERMS_WORD, .words = keeps},
	{.name = "seed", .kinds = TERMS_INT},
	{.name = "kill", .kinds = TERMS_BOOL},
};
static const struct terms_param snapshot_params[] = {
	{.name = "directory", .kinds = TERMS_STRING, .required = true},
};
static const struct terms_param fail_params[] = {
	{.name = "errno", .kinds = TERMS_ERRNO, .required = true},
};
static const struct terms_param for_params[] = {
	{.name = "time", .kinds = TERMS_DURATION, .required = true},
};
static const struct terms_param all_params[] = {
	{.name = "a", .kinds = TERMS_INT, .least = -5, .most = -1},
	{.name = "b", .kinds = TERMS_STRING | TERMS_DURATION},
	{.name = "c", .kinds = TERMS_BOOL | TERMS_ERRNO},
	{.name = "d", .kinds = TERMS_PERCENT | TERMS_INT | TERMS_DURATION},
	{.name = "e",
	 .kinds = TERMS_WORD | TERMS_ERRNO | TERMS_BOOL,
	 .words = odd},
	{.name = "f", .kinds = TERMS_DURATION},
	{.name = "g-h", .kinds = TERMS_STRING},
	{.name = "i_2", .kinds = TERMS_INT | TERMS_BOOL},
};

static const struct terms_action actions[] = {
	{"drop", LANGUAGE_DROP, NULL, 0},
	{"short", LANGUAGE_SHORT, short_params, COUNT(short_params)},
	{"corrupt", LANGUAGE_CORRUPT, corrupt_params, COUNT(corrupt_params)},
	{"crash", LANGUAGE_CRASH, crash_params, COUNT(crash_params)},
	{"snapshot", LANGUAGE_SNAPSHOT, snapshot_params,
	 COUNT(snapshot_params)},
	{"fail-after", LANGUAGE_FAIL_AFTER, fail_params, COUNT(fail_params)},
	{"for", LANGUAGE_FOR, for_params, COUNT(for_params)},
	{"all8", LANGUAGE_ALL, all_params, COUNT(all_params)},
};

const struct terms_language language = {actions, COUNT(actions)};
