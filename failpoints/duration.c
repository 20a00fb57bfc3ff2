/* SPDX-License-Identifier: MIT */
#include "failpoints/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/excerpt.h"

struct scan {
	const char *text;
	size_t length;
	size_t at;
	size_t offset; /* of text in what the user has written */
	struct errmsg *why;
};

struct number {
	uint64_t whole;
	bool too_large;	     /* for whole */
	size_t fraction_at;  /* its digits in the text */
	size_t fraction_end; /* behind them */
};

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{"ns", 1},
	{"us", 1000},
	{"\xc2\xb5s", 1000}, /* U+00B5, the micro sign */
	{"\xce\xbcs", 1000}, /* U+03BC, the letter mu */
	{"ms", 1000000},
	{"s", 1000000000},
	{"m", INT64_C(60000000000)},
	{"h", INT64_C(3600000000000)},
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static bool is_digit(const struct scan *scan)
{
	return scan->at < scan->length && scan->text[scan->at] >= '0' &&
	       scan->text[scan->at] <= '9';
}

static bool is_letter(const struct scan *scan)
{
	unsigned char c;

	if (scan->at >= scan->length)
		return false;
	c = (unsigned char)scan->text[scan->at];
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static int refuse(const struct scan *scan, size_t at, const char *what)
{
	errmsg_set(scan->why, "offset %zu: %s", scan->offset + at, what);
	return -EINVAL;
}

static int take_number(struct scan *scan, struct number *ret_number)
{
	struct number number = {0};
	size_t from = scan->at;
	bool any = is_digit(scan);

	for (; is_digit(scan); scan->at++) {
		uint64_t digit = (uint64_t)(scan->text[scan->at] - '0');

		if (number.whole > (UINT64_MAX - digit) / 10)
			number.too_large = true;
		else
			number.whole = number.whole * 10 + digit;
	}
	if (scan->at < scan->length && scan->text[scan->at] == '.') {
		scan->at++;
		any = any || is_digit(scan);
		number.fraction_at = scan->at;
		while (is_digit(scan))
			scan->at++;
		number.fraction_end = scan->at;
	}
	if (!any)
		return refuse(scan, from,
			      "a number is missing; write it like 10ms or "
			      "1h30m");
	*ret_number = number;
	return 0;
}

static int take_unit(struct scan *scan, size_t number_from, int64_t *ret_ns)
{
	char shown[EXCERPT_MAX];
	size_t from = scan->at;

	if (!is_letter(scan)) {
		errmsg_set(scan->why,
			   "offset %zu: a unit is missing after '%s'; use "
			   "%s",
			   scan->offset + from,
			   excerpt_of(scan->text + number_from,
				      from - number_from, shown),
			   DURATION_UNITS);
		return -EINVAL;
	}
	while (is_letter(scan))
		scan->at++;
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strlen(units[i].name) == scan->at - from &&
		    memcmp(units[i].name, scan->text + from, scan->at - from) ==
			    0) {
			*ret_ns = units[i].ns;
			return 0;
		}
	}
	errmsg_set(scan->why, "offset %zu: unknown unit '%s'; use %s",
		   scan->offset + from,
		   excerpt_of(scan->text + from, scan->at - from, shown),
		   DURATION_UNITS);
	return -EINVAL;
}

/* Adds a number of a unit. False: more than fits. */
static bool add(const struct scan *scan, const struct number *number,
		int64_t unit_ns, int64_t *total_ns)
{
	int64_t fraction_ns = 0;
	int64_t ns;

	/* From the last digit on, cutting off after each: what is cut off can
	 * change no digit before it, so this is exact however many there are. */
	for (size_t i = number->fraction_end; i > number->fraction_at; i--)
		fraction_ns =
			(fraction_ns + unit_ns * (scan->text[i - 1] - '0')) /
			10;
	return !number->too_large &&
	       !__builtin_mul_overflow(number->whole, unit_ns, &ns) &&
	       !__builtin_add_overflow(ns, fraction_ns, &ns) &&
	       !__builtin_add_overflow(*total_ns, ns, total_ns);
}

/* Whether there is a digit other than 0: what is cut off counts, too. */
static bool is_zero(const struct scan *scan)
{
	for (size_t i = 0; i < scan->length; i++)
		if (scan->text[i] >= '1' && scan->text[i] <= '9')
			return false;
	return true;
}

static int take_all(struct scan *scan, int64_t *ret_ns)
{
	int64_t total_ns = 0;

	do {
		size_t from = scan->at;
		struct number number;
		int64_t unit_ns;
		int r;

		r = take_number(scan, &number);
		if (r < 0)
			return r;
		r = take_unit(scan, from, &unit_ns);
		if (r < 0)
			return r;
		if (!add(scan, &number, unit_ns, &total_ns))
			return refuse(scan, from,
				      "too long; a duration has at most "
				      "9223372036854775807ns, 292 years");
	} while (scan->at < scan->length);
	*ret_ns = total_ns;
	return 0;
}

int duration_parse(const char *text, size_t length_bytes, size_t offset,
		   int64_t *ret_ns, struct errmsg *reterr_why)
{
	struct scan scan = {
		.text = text,
		.length = length_bytes,
		.offset = offset,
		.why = reterr_why,
	};
	bool negative = length_bytes > 0 && text[0] == '-';
	int64_t ns = 0;
	int r;

	if (negative || (length_bytes > 0 && text[0] == '+'))
		scan.at = 1;
	if (length_bytes != scan.at + 1 || text[scan.at] != '0') {
		r = take_all(&scan, &ns);
		if (r < 0)
			return r;
	}
	if (negative && !is_zero(&scan))
		return refuse(&scan, 0,
			      "a duration cannot be negative; leave out the "
			      "'-'");
	*ret_ns = ns;
	return 0;
}

/* A number of units and their billionths, ..., without zeros at the end. */
static void print_fraction(int64_t ns, int64_t unit_ns, const char *unit,
			   struct text *text)
{
	int64_t rest = ns % unit_ns;

	text_printf(text, "%" PRId64, ns / unit_ns);
	if (rest > 0)
		text_append(text, ".", 1);
	for (; rest > 0; rest %= unit_ns) {
		rest *= 10;
		text_printf(text, "%d", (int)(rest / unit_ns));
	}
	text_printf(text, "%s", unit);
}

void duration_print(int64_t ns, struct text *text)
{
	const int64_t second = 1000000000;
	const int64_t minute = 60 * second;
	const int64_t hour = 60 * minute;

	if (ns > 0 && ns < second) {
		print_fraction(ns,
			       ns < 1000      ? 1
			       : ns < 1000000 ? 1000
					      : 1000000,
			       ns < 1000      ? "ns"
			       : ns < 1000000 ? "us"
					      : "ms",
			       text);
		return;
	}
	if (ns >= hour)
		text_printf(text, "%" PRId64 "h", ns / hour);
	if (ns % hour >= minute)
		text_printf(text, "%" PRId64 "m", ns % hour / minute);
	if (ns == 0 || ns % minute > 0)
		print_fraction(ns % minute, second, "s", text);
}
