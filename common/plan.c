/* SPDX-License-Identifier: MIT */
#include "common/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/nearest.h"

#define SEPARATORS " \t,"
/* Digits behind the point of a percentage. */
#define DECIMALS_MAX 4
#define WORD_MAX 128

/* A key whose values are words. */
struct choice {
	const char *key;
	const char *names[4]; /* by number; the first is the default */
	const char *refusal;  /* what is said of another one */
	const char *remedy;
};

enum choice_key {
	CHOICE_ORDER,
	CHOICE_TORN,
	CHOICE_FILL,
	CHOICE_KILL,
	CHOICE_DIGEST,
	CHOICE_COUNT,
};

static const struct choice choices[CHOICE_COUNT] = {
	[CHOICE_ORDER] = {"order",
			  {"prefix", "any", NULL},
			  "survivors have no order",
			  "order=prefix or order=any"},
	[CHOICE_TORN] = {"torn",
			 {"none", "sector", "page", NULL},
			 "writes are not torn by",
			 "torn=none, torn=sector or torn=page"},
	[CHOICE_FILL] = {"fill",
			 {"old", "zero", "garbage", NULL},
			 "what is lost is not filled with",
			 "fill=old, fill=zero or fill=garbage"},
	[CHOICE_KILL] = {"kill",
			 {"no", "yes", NULL},
			 "no answer whether to kill is",
			 "kill=yes or kill=no"},
	[CHOICE_DIGEST] = {"digest",
			   {"no", "yes", NULL},
			   "no answer for a digest is",
			   "digest=yes or digest=no"},
};

static int parse_choice(const struct choice *choice, const char *value,
			int *ret_number, struct errmsg *reterr_why)
{
	for (int i = 0; choice->names[i]; i++) {
		if (strcmp(value, choice->names[i]) == 0) {
			*ret_number = i;
			return 0;
		}
	}
	errmsg_set(reterr_why, "%s '%.40s': use %s", choice->refusal, value,
		   choice->remedy);
	return -EINVAL;
}

int plan_parse_percent(const char *value, uint32_t *ret_ppm)
{
	uint64_t ppm = 0;
	uint32_t unit = PLAN_PPM_MAX / 100;
	const char *at = value;
	int digits = 0;

	for (; *at >= '0' && *at <= '9' && digits < 4; at++, digits++)
		ppm = ppm * 10 + (uint64_t)(*at - '0') * unit;
	if (digits == 0)
		return -EINVAL;
	if (*at == '.') {
		digits = 0;
		for (at++; *at >= '0' && *at <= '9' && digits < DECIMALS_MAX;
		     at++, digits++) {
			unit /= 10;
			ppm += (uint64_t)(*at - '0') * unit;
		}
		if (digits == 0)
			return -EINVAL;
	}
	if (strcmp(at, "%") != 0 || ppm > PLAN_PPM_MAX)
		return -EINVAL;
	*ret_ppm = (uint32_t)ppm;
	return 0;
}

static int parse_keep(const char *value, struct plan *plan,
		      struct errmsg *reterr_why)
{
	size_t length = strlen(value);

	if (strcmp(value, "none") == 0) {
		plan->keep = PLAN_KEEP_NONE;
	} else if (strcmp(value, "all") == 0) {
		plan->keep = PLAN_KEEP_ALL;
	} else if (plan_parse_percent(value, &plan->keep_ppm) == 0) {
		plan->keep = PLAN_KEEP_SHARE;
	} else if (length > 0 && value[length - 1] == '%') {
		errmsg_set(reterr_why,
			   "a crash cannot keep '%.40s': a share is from 0%% "
			   "to 100%%, with up to %d decimals",
			   value, DECIMALS_MAX);
		return -EINVAL;
	} else {
		errmsg_set(reterr_why,
			   "a crash cannot keep '%.40s': use keep=none, "
			   "keep=all or a share like keep=50%%",
			   value);
		return -EINVAL;
	}
	return 0;
}

static int parse_seed(const char *value, struct plan *plan,
		      struct errmsg *reterr_why)
{
	char *end;

	errno = 0;
	uint64_t seed = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno) {
		errmsg_set(reterr_why,
			   "'%.40s' is no seed: use a number from 0 to "
			   "18446744073709551615",
			   value);
		return -EINVAL;
	}
	plan->seed = seed;
	plan->has_seed = true;
	return 0;
}

static int unknown(const char *key, struct errmsg *reterr_why)
{
	char hint[NEAREST_HINT_MAX];
	struct nearest nearest;

	nearest_init(&nearest, key);
	nearest_offer(&nearest, "keep");
	nearest_offer(&nearest, "seed");
	for (int i = 0; i < CHOICE_COUNT; i++)
		nearest_offer(&nearest, choices[i].key);
	errmsg_set(reterr_why,
		   "'%.40s' is no part of a crash plan, which has keep=, "
		   "order=, torn=, fill=, seed=, kill= and digest=%s",
		   key, nearest_hint(&nearest, hint));
	return -ENOENT;
}

static void choose(struct plan *plan, enum choice_key key, int number)
{
	switch (key) {
	case CHOICE_ORDER:
		plan->order = (enum plan_order)number;
		break;
	case CHOICE_TORN:
		plan->torn = (enum plan_torn)number;
		break;
	case CHOICE_FILL:
		plan->fill = (enum plan_fill)number;
		break;
	case CHOICE_KILL:
		plan->kill = number != 0;
		break;
	default:
		plan->digest = number != 0;
		break;
	}
}

int plan_parse_key(const char *key, const char *value, struct plan *plan,
		   struct errmsg *reterr_why)
{
	if (strcmp(key, "keep") == 0)
		return parse_keep(value, plan, reterr_why);
	if (strcmp(key, "seed") == 0)
		return parse_seed(value, plan, reterr_why);
	for (int i = 0; i < CHOICE_COUNT; i++) {
		int number;

		if (strcmp(key, choices[i].key) != 0)
			continue;
		int r = parse_choice(&choices[i], value, &number, reterr_why);
		if (r == 0)
			choose(plan, (enum choice_key)i, number);
		return r;
	}
	return unknown(key, reterr_why);
}

/* Bits of the keys that a line has had. */
static unsigned int bit_of(const char *key)
{
	if (strcmp(key, "keep") == 0)
		return 1u << CHOICE_COUNT;
	if (strcmp(key, "seed") == 0)
		return 2u << CHOICE_COUNT;
	for (int i = 0; i < CHOICE_COUNT; i++)
		if (strcmp(key, choices[i].key) == 0)
			return 1u << i;
	return 0;
}

static int parse_word(char *word, unsigned int *had, struct plan *plan,
		      struct errmsg *reterr_why)
{
	char *value = strchr(word, '=');

	if (!value || value == word) {
		errmsg_set(reterr_why,
			   "'%.40s' is no KEY=VALUE: a crash takes keep=none, "
			   "keep=all or keep=P%%, and more",
			   word);
		return -EINVAL;
	}
	*value++ = '\0';
	if (bit_of(word) & *had) {
		errmsg_set(reterr_why, "%s= is given twice", word);
		return -EINVAL;
	}
	*had |= bit_of(word);
	return plan_parse_key(word, value, plan, reterr_why);
}

int plan_parse(const char *text, size_t at, struct plan *ret_plan,
	       struct errmsg *reterr_why)
{
	struct plan plan = {0};
	unsigned int had = 0;
	const char *word = text + strspn(text, SEPARATORS);

	while (*word) {
		struct errmsg why = {""};
		char copy[WORD_MAX];
		size_t length = strcspn(word, SEPARATORS);
		int r = -EINVAL;

		if (length < sizeof(copy)) {
			memcpy(copy, word, length);
			copy[length] = '\0';
			r = parse_word(copy, &had, &plan, &why);
		} else {
			errmsg_set(&why, "no word of a plan is so long");
		}
		if (r < 0) {
			errmsg_set(reterr_why, "at byte %zu: %s",
				   at + (size_t)(word - text), why.text);
			return r;
		}
		word += length;
		word += strspn(word, SEPARATORS);
	}
	*ret_plan = plan;
	return 0;
}

static void format_keep(const struct plan *plan, char *buffer, size_t size)
{
	uint32_t percent = plan->keep_ppm / (PLAN_PPM_MAX / 100);
	uint32_t rest = plan->keep_ppm % (PLAN_PPM_MAX / 100);

	if (plan->keep != PLAN_KEEP_SHARE) {
		(void)snprintf(buffer, size, "keep=%s",
			       plan->keep == PLAN_KEEP_ALL ? "all" : "none");
		return;
	}
	if (rest == 0) {
		(void)snprintf(buffer, size, "keep=%" PRIu32 "%%", percent);
		return;
	}
	int digits = DECIMALS_MAX;
	for (; rest % 10 == 0; rest /= 10)
		digits--;
	(void)snprintf(buffer, size, "keep=%" PRIu32 ".%0*" PRIu32 "%%",
		       percent, digits, rest);
}

void plan_format(const struct plan *plan, char *buffer, size_t size_bytes)
{
	const int numbers[CHOICE_COUNT] = {
		[CHOICE_ORDER] = (int)plan->order,
		[CHOICE_TORN] = (int)plan->torn,
		[CHOICE_FILL] = (int)plan->fill,
		[CHOICE_KILL] = plan->kill,
		[CHOICE_DIGEST] = plan->digest,
	};

	format_keep(plan, buffer, size_bytes);
	for (int i = 0; i < CHOICE_COUNT; i++) {
		size_t used = strlen(buffer);

		if (numbers[i] != 0)
			(void)snprintf(buffer + used, size_bytes - used,
				       " %s=%s", choices[i].key,
				       choices[i].names[numbers[i]]);
	}
	size_t used = strlen(buffer);
	if (plan->has_seed)
		(void)snprintf(buffer + used, size_bytes - used,
			       " seed=%" PRIu64, plan->seed);
}
