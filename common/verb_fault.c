/* SPDX-License-Identifier: MIT */
/*
 * The verbs of fault rules. Rules and their names may have blanks and "format="
 * in them, so words are not looked for behind where one begins.
 */
#include <errno.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/nearest.h"
#include "common/verb.h"

#define BLANKS " \t"
#define FORMAT_KEY "format="
#define FIRED_KEY "fired="
#define TIMEOUT_KEY "timeout="
#define WAIT_FIRED 1
#define WAIT_MS 10000
#define WAIT_MAX_MS INT64_C(3600000)

static const struct {
	const char *name;
	enum verb_kind kind;
	enum backend_fault_change change;
	bool takes_rules;
} faults[] = {
	{"add", VERB_FAULT, BACKEND_FAULT_ADD, true},
	{"clear", VERB_FAULT, BACKEND_FAULT_CLEAR, false},
	{"list", VERB_FAULT_LIST, BACKEND_FAULT_ADD, false},
	{"remove", VERB_FAULT, BACKEND_FAULT_REMOVE, true},
	{"set", VERB_FAULT, BACKEND_FAULT_SET, true},
};

#define FAULT_COUNT (sizeof(faults) / sizeof(faults[0]))

static char *skip_blanks(char *at)
{
	return at + strspn(at, BLANKS);
}

/* Ends the word that begins there, and returns what is behind it. */
static char *cut_word(char *word)
{
	char *end = word + strcspn(word, BLANKS);

	if (*end)
		*end++ = '\0';
	return skip_blanks(end);
}

static bool has_key(const char *word, const char *key)
{
	return strncmp(word, key, strlen(key)) == 0;
}

/* "format=json" in front of the rules. */
static int take_format(char **cursor, struct verb *verb,
		       struct errmsg *reterr_why)
{
	char *word = *cursor;

	if (!has_key(word, FORMAT_KEY))
		return 0;
	*cursor = cut_word(word);
	return verb_parse_format(word + strlen(FORMAT_KEY), &verb->format,
				 reterr_why);
}

static int unknown(const char *word, struct errmsg *reterr_why)
{
	char hint[NEAREST_HINT_MAX];
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (size_t i = 0; i < FAULT_COUNT; i++)
		nearest_offer(&nearest, faults[i].name);
	nearest_hint(&nearest, hint);
	errmsg_set(reterr_why, "%s%.40s%s%s",
		   *word ? "fault cannot '" : "fault what", word,
		   *word ? "'" : "",
		   hint[0] ? hint : ": use add, set, remove, clear or list");
	return *word ? -ENOENT : -EINVAL;
}

int verb_parse_fault(char *arguments, struct verb *verb,
		     struct errmsg *reterr_why)
{
	char *word = skip_blanks(arguments);
	char *rest = cut_word(word);
	int r = take_format(&rest, verb, reterr_why);

	if (r < 0)
		return r;
	for (size_t i = 0; i < FAULT_COUNT; i++) {
		if (strcmp(word, faults[i].name) != 0)
			continue;
		if (faults[i].takes_rules == (*rest != '\0')) {
			verb->kind = faults[i].kind;
			verb->change = faults[i].change;
			verb->rules = rest;
			return 0;
		}
		errmsg_set(reterr_why,
			   *rest ? "fault %s takes nothing; leave out the rest"
				 : "fault %s needs a rule",
			   word);
		return -EINVAL;
	}
	return unknown(word, reterr_why);
}

/* Behind a rule's name, in which blanks may stand in braces and quotes. */
static char *end_of_rule(char *at)
{
	bool braces = false;
	bool quotes = false;

	for (; *at; at++) {
		if (quotes && *at == '\\' && at[1])
			at++;
		else if (*at == '"')
			quotes = !quotes;
		else if (!quotes && *at == '{')
			braces = true;
		else if (!quotes && *at == '}')
			braces = false;
		else if (!quotes && !braces && strchr(BLANKS, *at))
			break;
	}
	return at;
}

/* Digits up to the end, or up to what ret_end is set to. */
static int parse_number(const char *digits, uint64_t most, uint64_t *ret_number,
			const char **ret_end)
{
	uint64_t number = 0;
	const char *at = digits;

	for (; *at >= '0' && *at <= '9'; at++) {
		number = number * 10 + (uint64_t)(*at - '0');
		if (number > most)
			return -EINVAL;
	}
	if (at == digits)
		return -EINVAL;
	*ret_number = number;
	*ret_end = at;
	return 0;
}

/* "500ms", "5s", "1m". */
static int parse_timeout(const char *value, int64_t *ret_ms,
			 struct errmsg *reterr_why)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	uint64_t number;
	const char *end;

	if (parse_number(value, WAIT_MAX_MS, &number, &end) == 0)
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strcmp(end, units[i].unit) == 0 &&
			    number <= WAIT_MAX_MS / units[i].ms) {
				*ret_ms = (int64_t)(number * units[i].ms);
				return 0;
			}
	errmsg_set(reterr_why,
		   "'%.40s' is no timeout: write a whole number of ms, s or m, "
		   "up to an hour",
		   value);
	return -EINVAL;
}

static int parse_wait_word(char *word, struct verb *verb,
			   struct errmsg *reterr_why)
{
	const char *end;

	if (has_key(word, FORMAT_KEY))
		return verb_parse_format(word + strlen(FORMAT_KEY),
					 &verb->format, reterr_why);
	if (has_key(word, TIMEOUT_KEY))
		return parse_timeout(word + strlen(TIMEOUT_KEY),
				     &verb->wait.timeout_ms, reterr_why);
	if (has_key(word, FIRED_KEY)) {
		if (parse_number(word + strlen(FIRED_KEY), INT64_MAX / 16,
				 &verb->wait.fired, &end) == 0 &&
		    !*end)
			return 0;
		errmsg_set(reterr_why, "'%.40s' is no number of times",
			   word + strlen(FIRED_KEY));
		return -EINVAL;
	}
	errmsg_set(reterr_why,
		   "wait takes fired=N and timeout=TIME: leave out '%.40s'",
		   word);
	return -EINVAL;
}

int verb_parse_wait(char *arguments, struct verb *verb,
		    struct errmsg *reterr_why)
{
	char *rule = skip_blanks(arguments);
	char *rest = end_of_rule(rule);
	int r = 0;

	verb->wait = (struct backend_wait){
		.rule = rule,
		.fired = WAIT_FIRED,
		.timeout_ms = WAIT_MS,
	};
	/* An empty name is none. */
	if (!*rule || has_key(rule, FIRED_KEY) || has_key(rule, TIMEOUT_KEY)) {
		errmsg_set(reterr_why, "wait needs the name of a fault rule");
		return -EINVAL;
	}
	if (*rest)
		*rest++ = '\0';
	rest = skip_blanks(rest);
	while (r == 0 && *rest) {
		char *word = rest;

		rest = cut_word(word);
		r = parse_wait_word(word, verb, reterr_why);
	}
	return r;
}
