/* SPDX-License-Identifier: MIT */
/*
 * One pass from left to right, which goes back by no more than a name and the
 * blanks behind it. Arrays grow by doubling; decoded strings need one byte less
 * than they have in the source, so that room for all of them is known
 * beforehand. What points into an array that may still move is set at the end.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/nearest.h"
#include "failpoints/excerpt.h"
#include "failpoints/terms.h"
#include "failpoints/terms_program.h"
#include "failpoints/terms_scan.h"
#include "failpoints/terms_value.h"

#define ARRAY_FIRST 4
#define NS_PER_MS 1000000
#define HINT_MAX 256

#define ANY_VALUE                                                              \
	(TERMS_INT | TERMS_STRING | TERMS_BOOL | TERMS_ERRNO | TERMS_DURATION)

struct parser {
	struct terms_scan scan;
	const struct terms_language *language; /* may be NULL */
	struct terms *terms;
	/* How many the arrays of terms have room for. */
	size_t term_room;
	size_t modifier_room;
	size_t value_room;
};

static const struct terms_param param_value = {
	.name = "value",
	.kinds = ANY_VALUE,
};
static const struct terms_param param_time = {
	.name = "time",
	.kinds = TERMS_INT | TERMS_DURATION,
	.required = true,
	.most = INT64_MAX / NS_PER_MS,
};
static const struct terms_param param_status = {
	.name = "status",
	.kinds = TERMS_INT,
	.most = 255,
};

static const struct terms_action actions[] = {
	{"off", TERMS_OFF, &param_value, 1},
	{"return", TERMS_RETURN, &param_value, 1},
	{"sleep", TERMS_SLEEP, &param_time, 1},
	{"panic", TERMS_PANIC, &param_value, 1},
	{"break", TERMS_BREAK, &param_value, 1},
	{"print", TERMS_PRINT, &param_value, 1},
	{"pause", TERMS_PAUSE, NULL, 0},
	{"yield", TERMS_YIELD, NULL, 0},
	{"delay", TERMS_DELAY, &param_time, 1},
	{"exit", TERMS_EXIT, &param_status, 1},
	{"kill", TERMS_KILL, NULL, 0},
};

#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

const struct terms_action *terms_own_action(size_t index)
{
	return index < ACTION_COUNT ? &actions[index] : NULL;
}

/* The engine's actions, then the host's; NULL behind the last. */
static const struct terms_action *action_at(const struct parser *parser,
					    size_t index)
{
	if (index < ACTION_COUNT)
		return &actions[index];
	index -= ACTION_COUNT;
	if (!parser->language || index >= parser->language->action_count)
		return NULL;
	return &parser->language->actions[index];
}

/* "use off, return, ..."; what does not fit is left out. */
static const char *list_actions(const struct parser *parser,
				char buffer[static HINT_MAX])
{
	const struct terms_action *action;
	size_t length = 3;

	strcpy(buffer, "use");
	for (size_t i = 0; (action = action_at(parser, i)); i++) {
		size_t name_length = strlen(action->name);

		if (length + 2 + name_length >= HINT_MAX)
			break;
		strcpy(buffer + length, i > 0 ? ", " : " ");
		length += i > 0 ? 2 : 1;
		strcpy(buffer + length, action->name);
		length += name_length;
	}
	return buffer;
}

static bool is_name(const char *word, size_t length, const char *name)
{
	return strlen(name) == length && memcmp(word, name, length) == 0;
}

/* A NUL-terminated copy in small letters for a hint; "" when it is too long. */
static void copy_word(const char *word, size_t length,
		      char copy[static NEAREST_WORD_MAX + 1])
{
	if (length > NEAREST_WORD_MAX)
		length = 0;
	for (size_t i = 0; i < length; i++)
		copy[i] = word[i] >= 'A' && word[i] <= 'Z'
				  ? (char)(word[i] - 'A' + 'a')
				  : word[i];
	copy[length] = '\0';
}

static int refuse_action(const struct parser *parser, size_t from)
{
	const char *word = parser->scan.source + from;
	size_t length = parser->scan.at - from;
	const struct terms_action *action;
	char copy[NEAREST_WORD_MAX + 1];
	char hint[NEAREST_HINT_MAX];
	char list[HINT_MAX];
	char shown[EXCERPT_MAX];
	struct nearest nearest;

	copy_word(word, length, copy);
	nearest_init(&nearest, copy);
	for (size_t i = 0; (action = action_at(parser, i)); i++)
		nearest_offer(&nearest, action->name);
	nearest_hint(&nearest, hint);
	return terms_scan_refuse(&parser->scan, from, "unknown action '%s'%s%s",
				 excerpt_of(word, length, shown),
				 hint[0] ? hint : "; ",
				 hint[0] ? "" : list_actions(parser, list));
}

static int parse_action(struct parser *parser,
			const struct terms_action **ret_action)
{
	struct terms_scan *scan = &parser->scan;
	const struct terms_action *action;
	size_t from = scan->at;
	char list[HINT_MAX];

	if (!terms_scan_word(scan))
		return terms_scan_unexpected(scan, "an action is missing",
					     list_actions(parser, list));
	for (size_t i = 0; (action = action_at(parser, i)); i++) {
		if (is_name(scan->source + from, scan->at - from,
			    action->name)) {
			*ret_action = action;
			return 0;
		}
	}
	return refuse_action(parser, from);
}

/* array with room for what is wanted, never NULL but without memory; then array
 * is as it was. */
static void *grow(void *array, size_t *room, size_t wanted, size_t size)
{
	size_t more = *room ? *room : ARRAY_FIRST;
	void *grown;

	if (array && wanted <= *room)
		return array;
	while (more < wanted)
		more *= 2;
	grown = reallocarray(array, more, size);
	if (grown)
		*room = more;
	return grown;
}

static int add_modifier(struct parser *parser, struct terms_modifier modifier)
{
	struct terms *terms = parser->terms;
	struct terms_modifier *grown =
		grow(terms->modifiers, &parser->modifier_room,
		     terms->modifier_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	terms->modifiers = grown;
	terms->modifiers[terms->modifier_count++] = modifier;
	return 0;
}

/* Makes room for an action's arguments, and none of them given. */
static int add_values(struct parser *parser, size_t count)
{
	struct terms *terms = parser->terms;
	struct terms_value *grown =
		grow(terms->values, &parser->value_room,
		     terms->value_count + count, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	terms->values = grown;
	for (size_t i = 0; i < count; i++)
		terms->values[terms->value_count++] = (struct terms_value){0};
	return 0;
}

static int add_term(struct parser *parser, const struct terms_term *term)
{
	struct terms *terms = parser->terms;
	struct terms_term *grown = grow(terms->terms, &parser->term_room,
					terms->term_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	terms->terms = grown;
	terms->terms[terms->term_count++] = *term;
	return 0;
}

/* The count of "3*", whose digits are from there on. */
static int to_count(const struct terms_scan *scan, size_t from, size_t to,
		    uint64_t *ret_count)
{
	uint64_t count = 0;

	for (size_t i = from; i < to; i++) {
		if (scan->source[i] == '.')
			return terms_scan_refuse(scan, from,
						 "a count is a whole number; "
						 "write it like 3*");
		/* Stays below UINT64_MAX: it was at most INT64_MAX before. */
		count = count * 10 + (uint64_t)(scan->source[i] - '0');
		if (count > INT64_MAX)
			return terms_scan_refuse(scan, from,
						 "too large; a count is at "
						 "most 9223372036854775807");
	}
	*ret_count = count;
	return 0;
}

/* "50%" or "3*", which begins as a number does. */
static int parse_modifier(struct parser *parser)
{
	struct terms_scan *scan = &parser->scan;
	struct terms_modifier modifier = {0};
	char shown[EXCERPT_MAX];
	size_t from = scan->at;
	size_t to;
	bool above;
	int r;

	if (terms_scan_take(scan, '+') || terms_scan_take(scan, '-'))
		return terms_scan_refuse(scan, from,
					 "a modifier has no sign; write it "
					 "like 3* or 50%%");
	(void)terms_scan_digits(scan); /* ".5" is a number, too */
	if (terms_scan_take(scan, '.'))
		(void)terms_scan_digits(scan); /* and so is "5." */
	to = scan->at;
	if (to == from + 1 && scan->source[from] == '.')
		return terms_scan_refuse(scan, from,
					 "a number is missing; write it like "
					 "0.5%%");
	(void)terms_scan_blanks(scan); /* or none */
	if (terms_scan_take(scan, '%')) {
		modifier.percent = true;
		modifier.number = terms_value_percent(scan->source + from,
						      to - from, &above);
	} else if (terms_scan_take(scan, '*')) {
		r = to_count(scan, from, to, &modifier.number);
		if (r < 0)
			return r;
	} else {
		return terms_scan_refuse(
			scan, to,
			"'%%' or '*' is missing after '%s'; write it like "
			"50%%return or 3*return",
			excerpt_of(scan->source + from, to - from, shown));
	}
	return add_modifier(parser, modifier);
}

static int parse_modifiers(struct parser *parser, struct terms_term *term)
{
	struct terms_scan *scan = &parser->scan;
	int r;

	for (;;) {
		(void)terms_scan_blanks(scan); /* or none */
		if (!terms_scan_number(scan))
			return 0;
		if (term->modifier_count == TERMS_MODIFIERS_MAX)
			return terms_scan_refuse(
				scan, scan->at,
				"a term has at most %d modifiers",
				TERMS_MODIFIERS_MAX);
		r = parse_modifier(parser);
		if (r < 0)
			return r;
		term->modifier_count++;
	}
}

/* "use keep, seed or kill" */
static const char *list_params(const struct terms_action *action,
			       char buffer[static HINT_MAX])
{
	size_t length = 0;

	for (size_t i = 0; i < action->param_count && length < HINT_MAX; i++)
		length += (size_t)snprintf(
			buffer + length, HINT_MAX - length, "%s%s",
			i == 0			      ? "use "
			: i + 1 < action->param_count ? ", "
						      : " or ",
			action->params[i].name);
	return buffer;
}

static int find_param(const struct parser *parser, size_t from, size_t to,
		      const struct terms_action *action, size_t *ret_index)
{
	const char *word = parser->scan.source + from;
	char copy[NEAREST_WORD_MAX + 1];
	char hint[NEAREST_HINT_MAX];
	char shown[EXCERPT_MAX];
	char list[HINT_MAX];
	struct nearest nearest;

	copy_word(word, to - from, copy);
	nearest_init(&nearest, copy);
	for (size_t i = 0; i < action->param_count; i++) {
		if (is_name(word, to - from, action->params[i].name)) {
			*ret_index = i;
			return 0;
		}
		nearest_offer(&nearest, action->params[i].name);
	}
	nearest_hint(&nearest, hint);
	return terms_scan_refuse(
		&parser->scan, from, "%s has no '%s'%s%s", action->name,
		excerpt_of(word, to - from, shown), hint[0] ? hint : "; ",
		hint[0] ? "" : list_params(action, list));
}

/* One of an action's arguments. *next is the place that a value without a name
 * has, and behind all of them when a name was given. */
static int parse_arg(struct parser *parser, const struct terms_action *action,
		     struct terms_value *values, size_t *next)
{
	struct terms_scan *scan = &parser->scan;
	size_t from = scan->at;
	size_t index = *next;
	bool named = terms_scan_word(scan);
	size_t to = scan->at;
	int r;

	if (action->param_count == 0)
		return terms_scan_refuse(scan, from, "%s takes no value",
					 action->name);
	(void)terms_scan_blanks(scan); /* or none */
	named = named && terms_scan_take(scan, '=');
	if (named) {
		r = find_param(parser, from, to, action, &index);
		if (r < 0)
			return r;
		(void)terms_scan_blanks(scan); /* or none */
	} else {
		scan->at = from;
	}
	if (index > action->param_count)
		return terms_scan_refuse(scan, from,
					 "a value without a name cannot stand "
					 "behind one with; write NAME=VALUE");
	if (index == action->param_count)
		return terms_scan_refuse(scan, from, "%s takes at most %zu %s",
					 action->name, action->param_count,
					 action->param_count == 1 ? "value"
								  : "values");
	if (values[index].kind != TERMS_NONE)
		return terms_scan_refuse(scan, from, "%s's %s is given twice",
					 action->name,
					 action->params[index].name);
	*next = named ? action->param_count + 1 : index + 1;
	return terms_value_read(scan, action, &action->params[index],
				&values[index]);
}

/* "(VALUE, NAME=VALUE)", "()" or nothing. */
static int parse_args(struct parser *parser, const struct terms_action *action,
		      struct terms_value *values)
{
	struct terms_scan *scan = &parser->scan;
	char wanted[TERMS_VALUE_WANTED_MAX];
	size_t next = 0;
	size_t end = scan->at;
	int r;

	if (terms_scan_take(scan, '(')) {
		(void)terms_scan_blanks(scan); /* or none */
		while (terms_scan_peek(scan) != ')' || next > 0) {
			r = parse_arg(parser, action, values, &next);
			if (r < 0)
				return r;
			(void)terms_scan_blanks(scan); /* or none */
			if (!terms_scan_take(scan, ','))
				break;
			(void)terms_scan_blanks(scan); /* or none */
		}
		end = scan->at;
		if (!terms_scan_take(scan, ')'))
			return terms_scan_unexpected(
				scan, "')' is missing",
				next < action->param_count
					? "use ',' and another value, or ')'"
					: "a ')' ends what stands behind '('");
	}
	for (size_t i = 0; i < action->param_count; i++)
		if (action->params[i].required && values[i].kind == TERMS_NONE)
			return terms_scan_refuse(
				scan, end, "%s's %s is missing; use %s",
				action->name, action->params[i].name,
				terms_value_wanted(&action->params[i], wanted));
	return 0;
}

static int parse_term(struct parser *parser)
{
	struct terms_scan *scan = &parser->scan;
	struct terms *terms = parser->terms;
	struct terms_term term = {0};
	size_t value = terms->value_count;
	int r;

	(void)terms_scan_blanks(scan); /* or none */
	if (terms->term_count == TERMS_COUNT_MAX)
		return terms_scan_refuse(scan, scan->at,
					 "a chain has at most %d terms",
					 TERMS_COUNT_MAX);
	r = parse_modifiers(parser, &term);
	if (r < 0)
		return r;
	term.offset = scan->at;
	r = parse_action(parser, &term.action);
	if (r < 0)
		return r;
	assert(term.action->param_count <= TERMS_ARGS_MAX);
	r = add_values(parser, term.action->param_count);
	if (r < 0)
		return r;
	r = parse_args(parser, term.action, terms->values + value);
	if (r < 0)
		return r;
	return add_term(parser, &term);
}

static int parse_chain(struct parser *parser)
{
	struct terms_scan *scan = &parser->scan;
	int r;

	for (;;) {
		size_t end;

		r = parse_term(parser);
		if (r < 0)
			return r;
		end = scan->at;
		(void)terms_scan_blanks(scan); /* or none */
		if (terms_scan_peek(scan) == TERMS_SCAN_END)
			return 0;
		if (terms_scan_peek(scan) == '(' && scan->at > end)
			return terms_scan_refuse(scan, end,
						 "no blank may stand before "
						 "'('");
		if (!terms_scan_arrow(scan))
			return terms_scan_unexpected(
				scan, "",
				"use '->' and another term, or end here");
	}
}

/* Sets what points into arrays, which move no more. */
static int finish(struct terms *terms)
{
	struct terms_modifier *modifier = terms->modifiers;
	struct terms_value *value = terms->values;

	for (size_t i = 0; i < terms->term_count; i++) {
		struct terms_term *term = &terms->terms[i];

		term->modifiers = modifier;
		modifier += term->modifier_count;
		term->args = value;
		value += term->action->param_count;
	}
	terms->passed =
		calloc(terms->modifier_count + 1, sizeof(*terms->passed));
	return terms->passed ? 0 : -ENOMEM;
}

static int build(struct parser *parser)
{
	struct terms *terms = parser->terms;
	size_t length = parser->scan.length_bytes;
	int r;

	terms->source = malloc(length + 1);
	terms->strings = malloc(length + 1);
	terms->modifiers = grow(NULL, &parser->modifier_room, 1,
				sizeof(*terms->modifiers));
	if (!terms->source || !terms->strings || !terms->modifiers)
		return -ENOMEM;
	if (length > 0)
		memcpy(terms->source, parser->scan.source, length);
	terms->source[length] = '\0';
	parser->scan.strings = terms->strings;
	r = parse_chain(parser);
	return r < 0 ? r : finish(terms);
}

int terms_parse(const char *source, size_t length_bytes,
		const struct terms_language *language, uint64_t seed,
		struct terms **ret_terms, struct errmsg *reterr_why)
{
	struct parser parser = {
		.scan =
			{
				.source = source,
				.length_bytes = length_bytes,
				.why = reterr_why,
			},
		.language = language,
	};
	int r = -ENOMEM;

	if (length_bytes > TERMS_LENGTH_MAX)
		return terms_scan_refuse(&parser.scan, TERMS_LENGTH_MAX,
					 "too long; terms have at most %zu "
					 "bytes",
					 TERMS_LENGTH_MAX);
	parser.terms = calloc(1, sizeof(*parser.terms));
	if (parser.terms) {
		parser.terms->seed = seed;
		r = build(&parser);
	}
	if (r == -ENOMEM)
		errmsg_set(reterr_why, "out of memory");
	if (r < 0) {
		terms_free(parser.terms);
		return r;
	}
	*ret_terms = parser.terms;
	return 0;
}
