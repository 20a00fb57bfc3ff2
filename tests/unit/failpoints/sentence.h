/* SPDX-License-Identifier: MIT */
/*
 * Random terms as a tree, made without the parser, with one of the many ways to
 * write them: what a parser should find is known before it looks.
 */
#ifndef FLAKEY_TESTS_UNIT_FAILPOINTS_SENTENCE_H
#define FLAKEY_TESTS_UNIT_FAILPOINTS_SENTENCE_H

#include "failpoints/terms.h"

#define SENTENCE_TERMS_MAX 6
#define SENTENCE_MODIFIERS_MAX 4
#define SENTENCE_STRING_MAX 12

struct seed;
struct text;

struct sentence_arg {
	enum terms_kind kind;
	int64_t number;
	char string[SENTENCE_STRING_MAX]; /* of a TERMS_STRING or word */
};

struct sentence_term {
	const struct terms_action *action;
	size_t modifier_count;
	struct terms_modifier modifiers[SENTENCE_MODIFIERS_MAX];
	struct sentence_arg args[TERMS_ARGS_MAX];
};

struct sentence {
	size_t term_count;
	struct sentence_term terms[SENTENCE_TERMS_MAX];
};

/* actions: some to choose from. */
void sentence_make(struct sentence *sentence,
		   const struct terms_action *actions, size_t action_count,
		   struct seed *seed);

/* Appends one of its spellings. */
void sentence_spell(const struct sentence *sentence, struct seed *seed,
		    struct text *text);

#endif
