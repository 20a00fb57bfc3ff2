/* SPDX-License-Identifier: MIT */
/*
 * A text with many rules: lines, `;`, and remarks. Splits only.
 */
#ifndef FLAKEY_RULES_RULES_TEXT_H
#define FLAKEY_RULES_RULES_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/rule_parse.h"

struct errmsg;

/* How far one has come; zero at first. */
struct rules_text_cursor {
	bool begun;
	size_t at;
	size_t line_end; /* of the line that `at` is in, without a remark */
};

struct rules_text_entry {
	size_t begin; /* of the rule; also of one that is refused */
	struct rule_source name;
	struct rule_source terms;
};

/* Takes the next rule. 1 and an entry, 0 at the end, or -EINVAL with offset and
 * reason. */
int rules_text_next(const char *text, size_t length_bytes,
		    struct rules_text_cursor *cursor,
		    struct rules_text_entry *ret_entry,
		    struct errmsg *reterr_why);

/* The same for names alone; there is nothing that can be wrong. */
int rules_text_next_name(const char *text, size_t length_bytes,
			 struct rules_text_cursor *cursor,
			 struct rule_source *ret_name);

#endif
