/* SPDX-License-Identifier: MIT */
#include "tests/unit/failpoints/sentence.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "tests/unit/fusefs/seed.h"

#define ONE_PERCENT 10000000
#define NS_PER_MS 1000000

static int64_t any_number(struct seed *seed)
{
	uint64_t bits = (uint64_t)seed_below(seed, UINT32_MAX) << 32 |
			seed_below(seed, UINT32_MAX);

	return (int64_t)(bits >> seed_below(seed, 64));
}

static int64_t any_number_between(struct seed *seed, int64_t least,
				  int64_t most)
{
	if (least == 0 && most == 0)
		return any_number(seed);
	if (seed_once_in(seed, 4))
		return seed_once_in(seed, 2) ? least : most;
	return least + (int64_t)((uint64_t)any_number(seed) %
				 ((uint64_t)most - (uint64_t)least + 1));
}

static void any_string(struct seed *seed, char string[SENTENCE_STRING_MAX])
{
	static const char letters[] = "ab)(->;=%* \"`\\\n\r\t\x01\xff\xc3\xa9";
	size_t length = seed_below(seed, SENTENCE_STRING_MAX - 1);

	for (size_t i = 0; i < length; i++)
		string[i] = letters[seed_below(seed, sizeof(letters) - 1)];
	string[length] = '\0';
}

static enum terms_kind any_kind(struct seed *seed, unsigned int kinds)
{
	unsigned int bit;

	do {
		bit = 1U << seed_below(seed, 7);
	} while (!(kinds & bit));
	return (enum terms_kind)bit;
}

static void make_arg(struct sentence_arg *arg, const struct terms_param *param,
		     struct seed *seed)
{
	static const int errnos[] = {EIO, EPERM, EAGAIN, ENOSPC, EHWPOISON};
	/* Where "true" and "EIO" are words, they mean nothing else. */
	uint32_t odd = (param->kinds & TERMS_WORD) != 0;
	uint32_t count = 0;

	arg->kind = any_kind(seed, param->kinds);
	switch (arg->kind) {
	case TERMS_INT:
		arg->number =
			any_number_between(seed, param->least, param->most);
		break;
	case TERMS_STRING:
		any_string(seed, arg->string);
		break;
	case TERMS_BOOL:
		arg->number = seed_below(seed, 2 - odd);
		break;
	case TERMS_ERRNO:
		arg->number = errnos[odd + seed_below(seed, 5 - odd)];
		break;
	case TERMS_DURATION:
		arg->number = any_number(seed) & INT64_MAX;
		break;
	case TERMS_PERCENT:
		arg->number = seed_below(seed, 100 * ONE_PERCENT + 1);
		break;
	default:
		while (param->words[count])
			count++;
		arg->number = seed_below(seed, count);
		strcpy(arg->string, param->words[arg->number]);
	}
}

static void make_term(struct sentence_term *term, struct seed *seed)
{
	const struct terms_action *action = term->action;

	term->modifier_count = seed_below(seed, SENTENCE_MODIFIERS_MAX + 1);
	for (size_t i = 0; i < term->modifier_count; i++) {
		struct terms_modifier *modifier = &term->modifiers[i];

		modifier->percent = seed_once_in(seed, 2);
		modifier->number = modifier->percent
					   ? seed_below(seed, 101) * ONE_PERCENT
					   : seed_below(seed, 6);
		if (seed_once_in(seed, 10))
			modifier->number =
				modifier->percent
					? seed_below(seed, 100 * ONE_PERCENT)
					: any_number(seed) & INT64_MAX;
	}
	for (size_t i = 0; i < action->param_count; i++)
		if (action->params[i].required || seed_once_in(seed, 2))
			make_arg(&term->args[i], &action->params[i], seed);
}

void sentence_make(struct sentence *sentence,
		   const struct terms_action *actions, size_t action_count,
		   struct seed *seed)
{
	*sentence = (struct sentence){
		.term_count = 1 + seed_below(seed, SENTENCE_TERMS_MAX),
	};
	for (size_t i = 0; i < sentence->term_count; i++) {
		sentence->terms[i].action =
			&actions[seed_below(seed, (uint32_t)action_count)];
		make_term(&sentence->terms[i], seed);
	}
}

static void blanks(struct seed *seed, struct text *text)
{
	while (seed_once_in(seed, 4))
		text_append(text, &" \t\r\n"[seed_below(seed, 4)], 1);
}

static void zeros(struct seed *seed, struct text *text)
{
	while (seed_once_in(seed, 4))
		text_append(text, "0", 1);
}

static void spell_percent(uint64_t parts, struct seed *seed, struct text *text)
{
	char digits[32];
	size_t length;

	zeros(seed, text);
	(void)snprintf(digits, sizeof(digits), "%" PRIu64 ".%07" PRIu64,
		       parts / ONE_PERCENT, parts % ONE_PERCENT);
	length = strlen(digits);
	while (seed_below(seed, 8) && digits[length - 1] == '0')
		length--;
	if (digits[length - 1] == '.' && seed_once_in(seed, 2))
		length--;
	/* "0." may lose its zero. */
	if (digits[0] == '0' && length > 2 && seed_once_in(seed, 2))
		text_append(text, digits + 1, length - 1);
	else
		text_append(text, digits, length);
	if (memchr(digits, '.', length))
		zeros(seed, text);
}

static void spell_modifier(const struct terms_modifier *modifier,
			   struct seed *seed, struct text *text)
{
	if (modifier->percent) {
		spell_percent(modifier->number, seed, text);
	} else {
		zeros(seed, text);
		text_printf(text, "%" PRIu64, modifier->number);
	}
	blanks(seed, text);
	text_append(text, modifier->percent ? "%" : "*", 1);
}

static void spell_int(int64_t number, struct seed *seed, struct text *text)
{
	uint64_t size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	if (number < 0)
		text_append(text, "-", 1);
	else if (seed_once_in(seed, 4))
		text_append(text, "+", 1);
	if (seed_once_in(seed, 3)) {
		text_printf(text, "0%c", "xX"[seed_below(seed, 2)]);
		zeros(seed, text);
		text_printf(text,
			    seed_once_in(seed, 2) ? "%" PRIx64 : "%" PRIX64,
			    size);
	} else {
		zeros(seed, text);
		text_printf(text, "%" PRIu64, size);
	}
}

static void spell_string(const char *string, struct seed *seed,
			 struct text *text)
{
	if (!strchr(string, '`') && seed_once_in(seed, 2)) {
		text_printf(text, "`%s`", string);
		return;
	}
	text_append(text, "\"", 1);
	for (; *string; string++) {
		const char *named = strchr("\n\r\t\"\\", *string);

		if (seed_once_in(seed, 6))
			text_printf(text, "\\x%02x", (unsigned char)*string);
		else if (*string == '"' || *string == '\\' ||
			 (named && seed_once_in(seed, 2)))
			text_printf(text, "\\%c",
				    "nrt\"\\"[strchr("\n\r\t\"\\", *string) -
					      "\n\r\t\"\\"]);
		else
			text_append(text, string, 1);
	}
	text_append(text, "\"", 1);
}

static void spell_duration(int64_t ns, bool as_string, struct seed *seed,
			   struct text *text)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{"h", INT64_C(3600000000000)},
		{"m", INT64_C(60000000000)},
		{"s", 1000000000},
		{"ms", NS_PER_MS},
		{"us", 1000},
		{"\xc2\xb5s", 1000},
		{"\xce\xbcs", 1000},
	};

	if (as_string)
		text_append(text, "\"", 1);
	if (seed_once_in(seed, 4))
		text_append(text, "+", 1);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		/* Part of what there is, so that the rest follows. */
		int64_t count = ns / units[i].ns;

		if (seed_once_in(seed, 3) || count == 0)
			continue;
		if (seed_once_in(seed, 3))
			count = (any_number(seed) & INT64_MAX) % (count + 1);
		if (count > ns / units[i].ns)
			continue;
		zeros(seed, text);
		text_printf(text, "%" PRId64 "%s%s", count,
			    seed_once_in(seed, 4) ? ".000" : "", units[i].name);
		ns -= count * units[i].ns;
	}
	text_printf(text, "%" PRId64 "ns", ns);
	if (as_string)
		text_append(text, "\"", 1);
}

static void spell_word(const char *word, struct seed *seed, struct text *text)
{
	for (; *word; word++)
		text_printf(text, "%c",
			    seed_once_in(seed, 2) ? *word : *word - 'a' + 'A');
}

static void spell_arg(const struct sentence_arg *arg,
		      const struct terms_param *param, struct seed *seed,
		      struct text *text)
{
	switch (arg->kind) {
	case TERMS_INT:
		spell_int(arg->number, seed, text);
		break;
	case TERMS_STRING:
		spell_string(arg->string, seed, text);
		break;
	case TERMS_BOOL:
		spell_word(arg->number ? "true" : "false", seed, text);
		break;
	case TERMS_ERRNO:
		text_printf(text, "%s",
			    arg->number == EAGAIN && seed_once_in(seed, 2)
				    ? "EWOULDBLOCK"
				    : strerrorname_np((int)arg->number));
		break;
	case TERMS_DURATION:
		spell_duration(arg->number,
			       !(param->kinds & TERMS_STRING) &&
				       seed_once_in(seed, 2),
			       seed, text);
		break;
	case TERMS_PERCENT:
		spell_percent((uint64_t)arg->number, seed, text);
		text_append(text, "%", 1);
		break;
	default:
		text_printf(text, "%s", arg->string);
	}
}

/* Those with a name may come in any order. */
static void spell_named(const struct sentence_term *term, unsigned int left,
			bool first, struct seed *seed, struct text *text)
{
	while (left) {
		size_t i = seed_below(seed, TERMS_ARGS_MAX);

		if (!(left >> i & 1))
			continue;
		left &= ~(1U << i);
		if (!first)
			text_append(text, ",", 1);
		first = false;
		blanks(seed, text);
		text_printf(text, "%s", term->action->params[i].name);
		blanks(seed, text);
		text_append(text, "=", 1);
		blanks(seed, text);
		spell_arg(&term->args[i], &term->action->params[i], seed, text);
		blanks(seed, text);
	}
}

static void spell_args(const struct sentence_term *term, struct seed *seed,
		       struct text *text)
{
	const struct terms_action *action = term->action;
	unsigned int left = 0;
	size_t i;

	for (i = 0; i < action->param_count; i++)
		left |= (term->args[i].kind != TERMS_NONE) << i;
	if (!left && seed_once_in(seed, 2))
		return;
	text_append(text, "(", 1);
	blanks(seed, text);
	for (i = 0; (left >> i & 1) && seed_below(seed, 3); i++) {
		if (i > 0)
			text_append(text, ",", 1);
		blanks(seed, text);
		spell_arg(&term->args[i], &action->params[i], seed, text);
		blanks(seed, text);
	}
	spell_named(term, left >> i << i, i == 0, seed, text);
	text_append(text, ")", 1);
}

void sentence_spell(const struct sentence *sentence, struct seed *seed,
		    struct text *text)
{
	for (size_t i = 0; i < sentence->term_count; i++) {
		const struct sentence_term *term = &sentence->terms[i];

		if (i > 0)
			text_append(text, "->", 2);
		blanks(seed, text);
		for (size_t j = 0; j < term->modifier_count; j++) {
			spell_modifier(&term->modifiers[j], seed, text);
			blanks(seed, text);
		}
		text_printf(text, "%s", term->action->name);
		spell_args(term, seed, text);
		blanks(seed, text);
	}
}
