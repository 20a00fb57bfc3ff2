/* SPDX-License-Identifier: MIT */
/*
 * One rule from its text. All that can be wrong with it is found here: what it
 * is set to do can be done where it is set to do it.
 */
#ifndef FLAKEY_RULES_RULE_PARSE_H
#define FLAKEY_RULES_RULE_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "rules/rule.h"

struct errmsg;
struct rule;
struct text;

/* A part of a longer string, so that offsets are of the whole. */
struct rule_source {
	const char *string;
	size_t begin;
	size_t end;
};

/* Where it is to be set. */
struct rule_setting {
	uint64_t seed;
	rule_check_fn *check; /* may be NULL */
	void *user;
};

/*
 * The caller holds the only reference. 0; -EINVAL and "offset
 * N: what was wrong; what to do" (N counts bytes of source->string from 0); or
 * -ENOMEM.
 */
int rule_parse(const struct rule_source *name, const struct rule_source *terms,
	       const struct rule_setting *setting, struct rule **ret_rule,
	       struct errmsg *reterr_why);

/* Appends the normal form of a name alone, for looking a rule up; the errors are
 * those of rule_parse(). */
int rule_parse_name(const struct rule_source *name, struct text *text,
		    struct errmsg *reterr_why);

#endif
