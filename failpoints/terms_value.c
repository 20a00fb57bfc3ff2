/* SPDX-License-Identifier: MIT */
#include "failpoints/terms_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/nearest.h"
#include "failpoints/duration.h"
#include "failpoints/errnos.h"
#include "failpoints/excerpt.h"
#include "failpoints/terms.h"
#include "failpoints/terms_scan.h"

/* Decimals of a percent down to a billionth. */
#define DECIMALS 7
/* What a sentence lists at most; of a host's words the first ones. */
#define WANTED_COUNT_MAX 16

/* What is read, from where on. */
struct reading {
	struct terms_scan *scan;
	const struct terms_action *action;
	const struct terms_param *param;
	size_t from;
};

const char *terms_value_wanted(const struct terms_param *param,
			       char buffer[static TERMS_VALUE_WANTED_MAX])
{
	const char *items[WANTED_COUNT_MAX];
	size_t count = 0;
	size_t length = 0;
	char number[64] = "a whole number";

	if (param->least != 0 || param->most != 0)
		(void)snprintf(number, sizeof(number),
			       "a number of %" PRId64 " to %" PRId64,
			       param->least, param->most);
	if (param->kinds & TERMS_INT)
		items[count++] = number;
	if (param->kinds & TERMS_STRING)
		items[count++] = "a \"string\"";
	if (param->kinds & TERMS_BOOL)
		items[count++] = "true, false";
	if (param->kinds & TERMS_ERRNO)
		items[count++] = "an errno such as EIO";
	if (param->kinds & TERMS_DURATION)
		items[count++] = "a duration such as 10ms";
	if (param->kinds & TERMS_PERCENT)
		items[count++] = "a percent such as 50%";
	if (param->kinds & TERMS_WORD)
		for (size_t i = 0; param->words[i] && count < WANTED_COUNT_MAX;
		     i++)
			items[count++] = param->words[i];
	buffer[0] = '\0';
	for (size_t i = 0; i < count && length < TERMS_VALUE_WANTED_MAX; i++)
		length += (size_t)snprintf(buffer + length,
					   TERMS_VALUE_WANTED_MAX - length,
					   "%s%s",
					   i == 0	   ? ""
					   : i + 1 < count ? ", "
							   : " or ",
					   items[i]);
	return buffer;
}

/* Refuses all that was read. hint: "; did you mean ...", or "". */
static int refuse(const struct reading *reading, const char *hint)
{
	char wanted[TERMS_VALUE_WANTED_MAX];
	char shown[EXCERPT_MAX];

	excerpt_of(reading->scan->source + reading->from,
		   reading->scan->at - reading->from, shown);
	if (hint[0])
		return terms_scan_refuse(reading->scan, reading->from,
					 "unexpected '%s' for %s's %s%s", shown,
					 reading->action->name,
					 reading->param->name, hint);
	return terms_scan_refuse(reading->scan, reading->from,
				 "unexpected '%s' for %s's %s; use %s", shown,
				 reading->action->name, reading->param->name,
				 terms_value_wanted(reading->param, wanted));
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that an escape means, behind its '\'; -EINVAL. */
static int take_escape(struct terms_scan *scan)
{
	static const char letters[] = "\"\\nrt";
	static const char meanings[] = "\"\\\n\r\t";
	size_t backslash = scan->at - 1;
	int c = terms_scan_peek(scan);
	const char *letter = c > 0 ? strchr(letters, c) : NULL;

	if (letter) {
		scan->at++;
		return meanings[letter - letters];
	}
	if (terms_scan_take(scan, 'x')) {
		int high = hex_digit(terms_scan_peek(scan));
		int low = -1;

		if (high >= 0) {
			scan->at++;
			low = hex_digit(terms_scan_peek(scan));
		}
		if (low < 0)
			return terms_scan_refuse(scan, scan->at,
						 "a hexadecimal digit is "
						 "missing after '\\x'; write "
						 "it like \\x0a");
		scan->at++;
		if (high == 0 && low == 0)
			return terms_scan_refuse(scan, backslash,
						 "a string cannot hold a NUL "
						 "byte");
		return high * 16 + low;
	}
	return terms_scan_refuse(scan, backslash,
				 "unknown escape; use \\\" \\\\ \\n \\r \\t or "
				 "\\x and two hexadecimal digits");
}

/* Decodes a string up to its closing quote to scan->strings, and moves that. */
static int take_string(struct terms_scan *scan, struct terms_value *value)
{
	size_t from = scan->at++;
	char quote = scan->source[from];
	char *out = scan->strings;

	for (;;) {
		int c = terms_scan_peek(scan);

		if (c == TERMS_SCAN_END)
			return terms_scan_refuse(scan, from,
						 "the string that begins here "
						 "is not closed; %c is missing",
						 quote);
		if (c == '\0')
			return terms_scan_refuse(scan, scan->at,
						 "a string cannot hold a NUL "
						 "byte");
		scan->at++;
		if (c == quote)
			break;
		if (c == '\\' && quote == '"')
			c = take_escape(scan);
		if (c < 0)
			return c;
		*out++ = (char)c;
	}
	*out = '\0';
	value->text = scan->strings;
	value->length_bytes = (size_t)(out - scan->strings);
	scan->strings = out + 1;
	return 0;
}

static int read_string(const struct reading *reading, struct terms_value *value)
{
	struct terms_scan *scan = reading->scan;
	int r = take_string(scan, value);

	if (r < 0)
		return r;
	if (reading->param->kinds & TERMS_STRING) {
		value->kind = TERMS_STRING;
		return 0;
	}
	/* With escapes, offsets inside of it would be wrong. */
	if (!(reading->param->kinds & TERMS_DURATION) ||
	    value->length_bytes != scan->at - reading->from - 2)
		return refuse(reading, "");
	value->kind = TERMS_DURATION;
	return duration_parse(value->text, value->length_bytes,
			      reading->from + 1, &value->number, scan->why);
}

uint64_t terms_value_percent(const char *digits, size_t length_bytes,
			     bool *ret_above)
{
	uint64_t whole = 0;
	uint64_t weight = TERMS_VALUE_ONE_PERCENT / 10;
	uint64_t parts = 0;
	bool round_up = false;
	bool more = false; /* than parts say */
	int decimals = 0;
	size_t i;

	for (i = 0; i < length_bytes && digits[i] != '.'; i++)
		if (whole <= 100)
			whole = whole * 10 + (uint64_t)(digits[i] - '0');
	for (i++; i < length_bytes; i++) {
		uint64_t digit = (uint64_t)(digits[i] - '0');

		parts += digit * weight;
		weight /= 10;
		if (decimals++ < DECIMALS)
			continue;
		round_up = round_up || (decimals == DECIMALS + 1 && digit >= 5);
		more = more || digit > 0;
	}
	*ret_above = whole > 100 || (whole == 100 && (parts > 0 || more));
	if (whole >= 100)
		return TERMS_VALUE_BILLION;
	parts += whole * TERMS_VALUE_ONE_PERCENT;
	if (parts == 0)
		return more;
	parts += round_up;
	return parts < TERMS_VALUE_BILLION ? parts : TERMS_VALUE_BILLION - 1;
}

/* A token and the '%' behind it. */
static int read_percent(const struct reading *reading,
			struct terms_value *value)
{
	struct terms_scan *scan = reading->scan;
	struct terms_scan token = *scan;
	bool any;
	bool above;

	token.at = reading->from;
	any = terms_scan_digits(&token);
	if (terms_scan_take(&token, '.'))
		any = terms_scan_digits(&token) || any;
	scan->at++; /* the '%' */
	if (!(reading->param->kinds & TERMS_PERCENT) || !any ||
	    token.at + 1 != scan->at)
		return refuse(reading, "");
	value->kind = TERMS_PERCENT;
	value->number = (int64_t)terms_value_percent(
		scan->source + reading->from, token.at - reading->from, &above);
	if (above)
		return terms_scan_refuse(
			scan, reading->from, "more than 100%% for %s's %s",
			reading->action->name, reading->param->name);
	return 0;
}

/* Whether a hexadecimal number was meant: 'x' is no unit. */
static bool is_hex(const char *token, size_t length)
{
	size_t sign = token[0] == '-' || token[0] == '+';

	return length >= sign + 2 && token[sign] == '0' &&
	       (token[sign + 1] | 0x20) == 'x';
}

/* Reads a token as [+-]digits or [+-]0xhex. Returns 0, -EINVAL if it is none,
 * or -ERANGE. */
static int to_int(const char *token, size_t length, int64_t *ret_number)
{
	bool negative = token[0] == '-';
	size_t i = negative || token[0] == '+';
	__int128 number = 0;
	bool too_large = false;
	int base = 10;

	if (length - i > 2 && is_hex(token, length)) {
		base = 16;
		i += 2;
	}
	if (i == length)
		return -EINVAL;
	for (; i < length; i++) {
		int digit = hex_digit((unsigned char)token[i]);

		if (digit < 0 || digit >= base)
			return -EINVAL;
		if (!too_large)
			number = number * base + (negative ? -digit : digit);
		too_large = number > INT64_MAX || number < INT64_MIN;
	}
	if (too_large)
		return -ERANGE;
	*ret_number = (int64_t)number;
	return 0;
}

static int check_range(const struct reading *reading, int64_t number)
{
	const struct terms_param *param = reading->param;

	if ((param->least == 0 && param->most == 0) ||
	    (number >= param->least && number <= param->most))
		return 0;
	return refuse(reading, "");
}

/* What is meant as a part of a number, so that all of it is refused as one. */
static bool is_of_number(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c >= 0x80;
}

static int read_number(const struct reading *reading, struct terms_value *value)
{
	struct terms_scan *scan = reading->scan;
	const char *token = scan->source + reading->from;
	unsigned int kinds = reading->param->kinds;
	int r;

	do {
		scan->at++;
	} while (is_of_number(terms_scan_peek(scan)));
	if (terms_scan_peek(scan) == '%')
		return read_percent(reading, value);
	r = to_int(token, scan->at - reading->from, &value->number);
	if (r == 0 && (kinds & TERMS_INT)) {
		value->kind = TERMS_INT;
		return check_range(reading, value->number);
	}
	if (r == -ERANGE && (kinds & TERMS_INT))
		return terms_scan_refuse(scan, reading->from,
					 "too %s; an int is %" PRId64
					 " to %" PRId64,
					 token[0] == '-' ? "small" : "large",
					 INT64_MIN, INT64_MAX);
	if (!(kinds & TERMS_DURATION) ||
	    is_hex(token, scan->at - reading->from))
		return refuse(reading, "");
	value->kind = TERMS_DURATION;
	return duration_parse(token, scan->at - reading->from, reading->from,
			      &value->number, scan->why);
}

static bool is_word(const char *word, size_t length, const char *name)
{
	return strlen(name) == length && memcmp(word, name, length) == 0;
}

/* What a word that nobody knows is like: a word of the parameter, or an errno
 * in small letters. */
static int refuse_word(const struct reading *reading, const char *word,
		       size_t length)
{
	const struct terms_param *param = reading->param;
	char copy[NEAREST_WORD_MAX + 1] = "";
	char capitals[NEAREST_WORD_MAX + 1] = "";
	char hint[NEAREST_HINT_MAX];
	struct nearest nearest;
	struct nearest nearest_errno;

	if (length > NEAREST_WORD_MAX)
		return refuse(reading, "");
	for (size_t i = 0; i < length; i++) {
		copy[i] = word[i];
		capitals[i] = word[i] >= 'a' && word[i] <= 'z'
				      ? (char)(word[i] - 'a' + 'A')
				      : word[i];
	}
	nearest_init(&nearest, copy);
	nearest_init(&nearest_errno, capitals);
	if (param->kinds & TERMS_BOOL) {
		nearest_offer(&nearest, "true");
		nearest_offer(&nearest, "false");
	}
	if (param->kinds & TERMS_WORD)
		for (size_t i = 0; param->words[i]; i++)
			nearest_offer(&nearest, param->words[i]);
	if (param->kinds & TERMS_ERRNO)
		errnos_offer(&nearest_errno);
	nearest_hint(nearest.best ? &nearest : &nearest_errno, hint);
	return refuse(reading, hint);
}

static int read_word(const struct reading *reading, struct terms_value *value)
{
	const struct terms_param *param = reading->param;
	const char *word = reading->scan->source + reading->from;
	size_t length = reading->scan->at - reading->from;
	int number;

	if (param->kinds & TERMS_WORD) {
		for (size_t i = 0; param->words[i]; i++) {
			if (!is_word(word, length, param->words[i]))
				continue;
			*value = (struct terms_value){
				.kind = TERMS_WORD,
				.number = (int64_t)i,
				.text = param->words[i],
				.length_bytes = length,
			};
			return 0;
		}
	}
	if (param->kinds & TERMS_BOOL) {
		bool yes = length == 4 && strncasecmp(word, "true", 4) == 0;
		bool no = length == 5 && strncasecmp(word, "false", 5) == 0;

		if (yes || no) {
			value->kind = TERMS_BOOL;
			value->number = yes;
			return 0;
		}
	}
	number = param->kinds & TERMS_ERRNO ? errnos_find(word, length) : 0;
	if (number == 0)
		return refuse_word(reading, word, length);
	value->kind = TERMS_ERRNO;
	value->number = number;
	return 0;
}

int terms_value_read(struct terms_scan *scan, const struct terms_action *action,
		     const struct terms_param *param,
		     struct terms_value *ret_value)
{
	struct reading reading = {scan, action, param, scan->at};
	struct terms_value value = {0};
	char wanted[TERMS_VALUE_WANTED_MAX];
	char use[TERMS_VALUE_WANTED_MAX + 8];
	int c = terms_scan_peek(scan);
	int r;

	if (c == '"' || c == '`') {
		r = read_string(&reading, &value);
	} else if (terms_scan_number(scan)) {
		r = read_number(&reading, &value);
	} else if (terms_scan_word(scan)) {
		r = read_word(&reading, &value);
	} else {
		(void)snprintf(use, sizeof(use), "use %s",
			       terms_value_wanted(param, wanted));
		r = terms_scan_unexpected(scan, "a value is missing", use);
	}
	if (r == 0)
		*ret_value = value;
	return r;
}
