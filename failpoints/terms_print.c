/* SPDX-License-Identifier: MIT */
/*
 * The normal form: no blanks, percents and durations as short as they get, a
 * name only for an argument behind one that was not given.
 */
#include <inttypes.h>

#include "common/text.h"
#include "failpoints/duration.h"
#include "failpoints/errnos.h"
#include "failpoints/terms.h"
#include "failpoints/terms_program.h"
#include "failpoints/terms_value.h"

static void print_percent(uint64_t parts, struct text *text)
{
	uint64_t rest = parts % TERMS_VALUE_ONE_PERCENT;

	text_printf(text, "%" PRIu64, parts / TERMS_VALUE_ONE_PERCENT);
	if (rest > 0)
		text_append(text, ".", 1);
	for (; rest > 0; rest %= TERMS_VALUE_ONE_PERCENT) {
		rest *= 10;
		text_printf(text, "%" PRIu64, rest / TERMS_VALUE_ONE_PERCENT);
	}
	text_append(text, "%", 1);
}

static char escape_letter(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return '\0';
	}
}

/* What is no UTF-8 is escaped, so that the normal form always is. */
static void print_string(const char *string, struct text *text)
{
	const unsigned char *s = (const unsigned char *)string;

	text_append(text, "\"", 1);
	while (*s) {
		size_t length = text_utf8_length(s);

		if (escape_letter(*s))
			text_printf(text, "\\%c", escape_letter(*s));
		else if (length == 0 || *s < ' ' || *s == 0x7f)
			text_printf(text, "\\x%02x", *s);
		else
			text_append(text, s, length);
		s += length ? length : 1;
	}
	text_append(text, "\"", 1);
}

void terms_print_value(const struct terms_value *value, struct text *text)
{
	switch (value->kind) {
	case TERMS_NONE:
		break;
	case TERMS_INT:
		text_printf(text, "%" PRId64, value->number);
		break;
	case TERMS_STRING:
		print_string(value->text, text);
		break;
	case TERMS_BOOL:
		text_printf(text, "%s", value->number ? "true" : "false");
		break;
	case TERMS_ERRNO:
		text_printf(text, "%s", errnos_name((int)value->number));
		break;
	case TERMS_DURATION:
		duration_print(value->number, text);
		break;
	case TERMS_PERCENT:
		print_percent((uint64_t)value->number, text);
		break;
	case TERMS_WORD:
		text_printf(text, "%s", value->text);
		break;
	}
}

void terms_print_modifiers(const struct terms_term *term, struct text *text)
{
	for (size_t i = 0; i < term->modifier_count; i++) {
		const struct terms_modifier *modifier = &term->modifiers[i];

		if (modifier->percent)
			print_percent(modifier->number, text);
		else
			text_printf(text, "%" PRIu64 "*", modifier->number);
	}
}

void terms_print_args(const struct terms_term *term, struct text *text)
{
	const struct terms_action *action = term->action;
	const char *before = "(";
	bool gap = false;

	for (size_t i = 0; i < action->param_count; i++) {
		if (term->args[i].kind == TERMS_NONE) {
			gap = true;
			continue;
		}
		text_printf(text, "%s", before);
		if (gap)
			text_printf(text, "%s=", action->params[i].name);
		terms_print_value(&term->args[i], text);
		before = ", ";
	}
	if (before[0] == ',')
		text_append(text, ")", 1);
}

void terms_print(const struct terms *terms, struct text *text)
{
	for (size_t i = 0; i < terms->term_count; i++) {
		const struct terms_term *term = &terms->terms[i];

		if (i > 0)
			text_append(text, "->", 2);
		terms_print_modifiers(term, text);
		text_printf(text, "%s", term->action->name);
		terms_print_args(term, text);
	}
}
