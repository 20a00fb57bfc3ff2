/* SPDX-License-Identifier: MIT */
/*
 * The actions that fault rules add to the term engine's, and what their
 * arguments may be.
 */
#ifndef FLAKEY_RULES_RULE_LANGUAGE_H
#define FLAKEY_RULES_RULE_LANGUAGE_H

struct errmsg;
struct rule_part;
struct terms_language;
struct terms_term;

extern const struct terms_language rule_language;

/* Fills in what the term needs. 0, or -EINVAL with a sentence. */
int rule_language_check(const struct terms_term *term,
			struct rule_part *ret_part, struct errmsg *reterr_why);

#endif
