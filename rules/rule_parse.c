/* SPDX-License-Identifier: MIT */
#include "rules/rule_parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/errnos.h"
#include "failpoints/terms.h"
#include "failpoints/terms_scan.h"
#include "rules/rule.h"
#include "rules/rule_inside.h"
#include "rules/rule_language.h"
#include "rules/rule_points.h"
#include "rules/rule_select.h"

#define OFFSET "offset "

/* What a rule is made from, while it is. */
struct parser {
	const struct rule_source *name;
	const struct rule_source *terms;
	const struct rule_setting *setting;
	struct rule *rule;
	struct errmsg *why;
};

static struct terms_scan scan_of(const struct rule_source *source,
				 struct errmsg *why)
{
	return (struct terms_scan){
		.source = source->string,
		.length_bytes = source->end,
		.at = source->begin,
		.why = why,
	};
}

/* The term engine counts from the beginning of the terms. */
static void move_offset(struct errmsg *why, size_t by)
{
	size_t offset;
	int length = 0;
	if (why == NULL ||
	    sscanf(why->text, OFFSET "%zu%n", &offset, &length) < 1)
		return;
	const struct errmsg told = *why;
	errmsg_set(why, OFFSET "%zu%s", offset + by, told.text + length);
}

static int refuse(struct errmsg *why, size_t offset, const char *words)
{
	errmsg_set(why, OFFSET "%zu: %s", offset, words);
	return -EINVAL;
}

/* What is right in itself may be wrong where it is to be done. */
static int check_term(const struct parser *parser,
		      const struct terms_term *term, struct rule_part *part,
		      struct errmsg *reterr_why)
{
	const struct rule_setting *setting = parser->setting;
	int id = term->action->id;
	int r = rule_language_check(term, part, reterr_why);
	if (r < 0 || setting->check == NULL ||
	    (id != RULE_CRASH && id != RULE_SNAPSHOT))
		return r;
	return setting->check(setting->user, &part->plan,
			      id == RULE_SNAPSHOT ? term->args[0].text : NULL,
			      reterr_why);
}

static int parse_terms(struct parser *parser)
{
	struct rule *rule = parser->rule;
	const struct rule_source *source = parser->terms;
	size_t count = 0;
	/* A list has one rule a line. */
	for (size_t i = source->begin; i < source->end; i++)
		if ((unsigned char)source->string[i] < ' ' &&
		    source->string[i] != '\t')
			return refuse(parser->why, i,
				      "a rule has one line, and no byte that "
				      "is no text");
	int r = terms_parse(source->string + source->begin,
			    source->end - source->begin, &rule_language,
			    terms_seed(parser->setting->seed, rule->name),
			    &rule->terms, parser->why);
	if (r < 0) {
		move_offset(parser->why, source->begin);
		return r;
	}
	while (terms_at(rule->terms, count) != NULL)
		count++;
	rule->parts = calloc(count, sizeof(*rule->parts));
	if (rule->parts == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct terms_term *term = terms_at(rule->terms, i);
		struct errmsg why = {""};
		r = check_term(parser, term, &rule->parts[i], &why);
		if (r == -EINVAL)
			refuse(parser->why, source->begin + term->offset,
			       why.text);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Takes away the points of a class that know too little for the selectors. */
static int check_selectors(const struct parser *parser)
{
	struct rule *rule = parser->rule;
	unsigned int wants = rule_select_wants(&rule->select);
	enum rule_point first = (enum rule_point)__builtin_ctzll(rule->points);
	const char *key = "to=";
	char words[ERRMSG_MAX];
	for (int p = 0; p < RULE_POINT_COUNT; p++)
		if (!rule_points_know((enum rule_point)p, wants))
			rule->points &= ~(UINT64_C(1) << p);
	if (rule->points != 0)
		return 0;
	if (!rule_points_know(first, wants & RULE_KNOWS_RANGE))
		key = "offset=";
	else if (!rule_points_know(first, wants & RULE_KNOWS_FLAGS))
		key = "flags=";
	(void)snprintf(words, sizeof(words),
		       "%s has no %s; leave the selector out",
		       rule_points_name(first), key);
	return refuse(parser->why, parser->name->begin, words);
}

/* Likewise those that cannot do what the term says. */
static int check_action(const struct parser *parser,
			const struct terms_term *term)
{
	struct rule *rule = parser->rule;
	enum rule_point first = (enum rule_point)__builtin_ctzll(rule->points);
	bool after = rule->select.after;
	char words[ERRMSG_MAX];
	for (int p = 0; p < RULE_POINT_COUNT; p++)
		if (!rule_points_can((enum rule_point)p, after,
				     term->action->id))
			rule->points &= ~(UINT64_C(1) << p);
	if (rule->points != 0)
		return 0;
	if (after && rule_points_can(first, false, term->action->id))
		(void)snprintf(words, sizeof(words),
			       "%s cannot be done after %s; leave out "
			       "when=after",
			       term->action->name, rule_points_name(first));
	else
		(void)snprintf(words, sizeof(words),
			       "%s cannot be done at %s; docs/fault-rules.md "
			       "has a table of what can",
			       term->action->name, rule_points_name(first));
	return refuse(parser->why, parser->terms->begin + term->offset, words);
}

/* Of a class each operation must be allowed to return it. */
static int check_error(const struct parser *parser,
		       const struct terms_term *term, int error)
{
	const struct rule *rule = parser->rule;
	if (error == 0 || rule->select.force)
		return 0;
	for (int p = 0; p < RULE_POINT_COUNT; p++) {
		enum rule_point point = (enum rule_point)p;
		char words[ERRMSG_MAX];
		if (!(rule->points >> p & 1) ||
		    rule_points_may_return(point, error))
			continue;
		(void)snprintf(words, sizeof(words),
			       "%s never returns %s; use another error, or "
			       "{force} if it shall all the same",
			       rule_points_name(point), errnos_name(error));
		return refuse(parser->why, parser->terms->begin + term->offset,
			      words);
	}
	return 0;
}

static int check_terms(const struct parser *parser)
{
	const struct terms *terms = parser->rule->terms;
	const struct terms_term *term;
	int r = 0;
	for (size_t i = 0; r == 0 && (term = terms_at(terms, i)) != NULL; i++)
		r = check_action(parser, term);
	for (size_t i = 0; r == 0 && (term = terms_at(terms, i)) != NULL; i++)
		r = check_error(parser, term, parser->rule->parts[i].error);
	return r;
}

static int build(struct parser *parser)
{
	struct terms_scan scan = scan_of(parser->name, parser->why);
	struct text name;
	text_init(&name);
	int r = rule_select_parse(&scan, &parser->rule->points,
				  &parser->rule->select, &name);
	if (r < 0) {
		text_done(&name);
		return r;
	}
	parser->rule->name = name.data;
	r = check_selectors(parser);
	if (r == 0)
		r = parse_terms(parser);
	return r < 0 ? r : check_terms(parser);
}

int rule_parse(const struct rule_source *name, const struct rule_source *terms,
	       const struct rule_setting *setting, struct rule **ret_rule,
	       struct errmsg *reterr_why)
{
	struct rule *rule = calloc(1, sizeof(*rule));
	struct parser parser = {name, terms, setting, rule, reterr_why};
	int r = -ENOMEM;
	if (rule != NULL) {
		atomic_init(&rule->refs, 1);
		r = build(&parser);
	}
	if (r == -ENOMEM)
		errmsg_set(reterr_why, "not enough memory for the rule");
	if (r < 0) {
		rule_unref(rule);
		return r;
	}
	*ret_rule = rule;
	return 0;
}

int rule_parse_name(const struct rule_source *name, struct text *text,
		    struct errmsg *reterr_why)
{
	struct terms_scan scan = scan_of(name, reterr_why);
	struct rule_select select = {0};
	uint64_t points;
	int r = rule_select_parse(&scan, &points, &select, text);
	if (r == -ENOMEM)
		errmsg_set(reterr_why, "not enough memory for the rule");
	rule_select_done(&select);
	return r;
}
