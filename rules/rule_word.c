/* SPDX-License-Identifier: MIT */
#include "rules/rule_word.h"

#include <string.h>

#include "common/nearest.h"
#include "failpoints/excerpt.h"
#include "failpoints/terms_scan.h"

bool rule_word_is(const char *text, size_t length_bytes, const char *word)
{
	return strlen(word) == length_bytes &&
	       memcmp(text, word, length_bytes) == 0;
}

/* A copy for nearest_init(), or "" when it is too long. */
static void copy_word(const char *text, size_t length,
		      char copy[static NEAREST_WORD_MAX + 1])
{
	if (length > NEAREST_WORD_MAX)
		length = 0;
	memcpy(copy, text, length);
	copy[length] = '\0';
}

int rule_word_refuse(const struct terms_scan *scan, size_t from,
		     size_t length_bytes, const struct rule_word_kind *kind)
{
	const char *text = scan->source + from;
	char copy[NEAREST_WORD_MAX + 1];
	char hint[NEAREST_HINT_MAX];
	char shown[EXCERPT_MAX];
	struct nearest nearest;
	copy_word(text, length_bytes, copy);
	nearest_init(&nearest, copy);
	kind->offer(&nearest);
	nearest_hint(&nearest, hint);
	return terms_scan_refuse(scan, from, "unknown %s '%s'%s%s", kind->noun,
				 excerpt_of(text, length_bytes, shown),
				 hint[0] ? hint : "; ",
				 hint[0] ? "" : kind->remedy);
}
