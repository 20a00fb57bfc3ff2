/* SPDX-License-Identifier: MIT */
/*
 * A word of a rule that is one of a few: of a kind.
 */
#ifndef FLAKEY_RULES_RULE_WORD_H
#define FLAKEY_RULES_RULE_WORD_H

#include <stdbool.h>
#include <stddef.h>

struct nearest;
struct terms_scan;

struct rule_word_kind {
	const char *noun;
	void (*offer)(struct nearest *nearest); /* all that there are */
	const char *remedy; /* where none of them is near: "use ..." */
};

/* Whether those bytes are the word. */
bool rule_word_is(const char *text, size_t length_bytes, const char *word);

/* Says of the bytes from there that they are none of the kind. Returns -EINVAL. */
int rule_word_refuse(const struct terms_scan *scan, size_t from,
		     size_t length_bytes, const struct rule_word_kind *kind);

#endif
