/* SPDX-License-Identifier: MIT */
#include "common/mode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/nearest.h"

#define BLANKS " \t\n"
/* More digits than the longest duration in milliseconds has. */
#define DIGITS_MAX 12

static const char *const mode_names[] = {
	[MODE_ALLOW_WRITES] = "allow-writes",
	[MODE_DROP_WRITES] = "drop-writes",
	[MODE_ERROR_WRITES] = "error-writes",
};

#define MODE_COUNT (sizeof(mode_names) / sizeof(mode_names[0]))

const char *mode_name(enum mode_kind kind)
{
	return (size_t)kind < MODE_COUNT ? mode_names[kind] : NULL;
}

/* "12.5" to milliseconds and the unit behind it; what is finer than 1 ms sets
 * ret_fine. By hand, because strtod() follows the locale. */
static bool parse_number(const char **cursor, int64_t *ret_thousandths,
			 bool *ret_fine)
{
	const char *c = *cursor;
	int64_t value = 0;
	int digits = 0;

	*ret_fine = false;
	for (; *c >= '0' && *c <= '9'; c++) {
		if (++digits > DIGITS_MAX)
			return false;
		value = value * 10 + (*c - '0');
	}
	if (digits == 0)
		return false;
	value *= 1000;
	if (*c == '.') {
		int64_t weight = 100;

		c++;
		if (*c < '0' || *c > '9')
			return false;
		for (; *c >= '0' && *c <= '9'; c++, weight /= 10) {
			if (++digits > 2 * DIGITS_MAX)
				return false;
			if (weight == 0 && *c != '0')
				*ret_fine = true;
			value += (*c - '0') * weight;
		}
	}
	*cursor = c;
	*ret_thousandths = value;
	return true;
}

static int64_t unit_ms(const char *unit)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{"", 1000},   {"ms", 1},      {"s", 1000},
		{"m", 60000}, {"h", 3600000},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ms;
	return 0;
}

int mode_parse_duration(const char *text, int64_t *ret_ms,
			struct errmsg *reterr_why)
{
	const char *unit = text;
	int64_t thousandths;
	int64_t ms;
	bool fine;

	if (!parse_number(&unit, &thousandths, &fine) || unit_ms(unit) == 0) {
		errmsg_set(reterr_why,
			   "time '%s' is not a number with ms, s, m or h: "
			   "write it like 3.2s or 500ms",
			   text);
		return -EINVAL;
	}
	/* At most 10^15 times 3.6 * 10^6 would overflow: compare by division.*/
	if (thousandths / 1000 > MODE_DURATION_MAX_MS / unit_ms(unit)) {
		errmsg_set(reterr_why, "time '%s' is longer than a year", text);
		return -EINVAL;
	}
	ms = thousandths * unit_ms(unit) / 1000;
	if (fine || thousandths * unit_ms(unit) % 1000 != 0 || ms == 0 ||
	    ms % MODE_RESOLUTION_MS != 0 || ms > MODE_DURATION_MAX_MS) {
		errmsg_set(reterr_why,
			   "time '%s' is not a positive multiple of %d ms",
			   text, MODE_RESOLUTION_MS);
		return -EINVAL;
	}
	*ret_ms = ms;
	return 0;
}

static int parse_cycle(char *value, struct mode *mode,
		       struct errmsg *reterr_why)
{
	char *down = strchr(value, ',');
	int r;

	if (!down) {
		errmsg_set(reterr_why,
			   "'%s' is no UP,DOWN: write it like cycle=2s,500ms",
			   value);
		return -EINVAL;
	}
	*down++ = '\0';
	r = mode_parse_duration(value, &mode->up_ms, reterr_why);
	if (r < 0)
		return r;
	return mode_parse_duration(down, &mode->down_ms, reterr_why);
}

static int parse_key(char *token, struct mode *mode, struct errmsg *reterr_why)
{
	if (strncmp(token, "for=", 4) == 0) {
		if (mode->for_ms == 0)
			return mode_parse_duration(token + 4, &mode->for_ms,
						   reterr_why);
		errmsg_set(reterr_why, "for= is given twice");
		return -EINVAL;
	}
	if (strncmp(token, "cycle=", 6) == 0) {
		if (mode->up_ms == 0)
			return parse_cycle(token + 6, mode, reterr_why);
		errmsg_set(reterr_why, "cycle= is given twice");
		return -EINVAL;
	}
	errmsg_set(reterr_why,
		   "'%s' is no part of a mode: use for=TIME or cycle=UP,DOWN",
		   token);
	return -ENOENT;
}

static int parse_name(const char *token, struct mode *mode,
		      struct errmsg *reterr_why)
{
	char hint[NEAREST_HINT_MAX];
	struct nearest nearest;

	nearest_init(&nearest, token);
	for (size_t i = 0; i < MODE_COUNT; i++) {
		if (strcmp(token, mode_names[i]) == 0) {
			mode->kind = (enum mode_kind)i;
			return 0;
		}
		nearest_offer(&nearest, mode_names[i]);
	}
	nearest_hint(&nearest, hint);
	errmsg_set(reterr_why, "unknown mode '%s'%s", token,
		   hint[0] ? hint
			   : "; modes are allow-writes, drop-writes and "
			     "error-writes");
	return -ENOENT;
}

/* Says where in the line the trouble is, before what it is. */
static int refuse(int r, size_t offset, const struct errmsg *why,
		  struct errmsg *reterr_why)
{
	errmsg_set(reterr_why, "%s (at byte %zu of the line)", why->text,
		   offset);
	return r;
}

int mode_parse(const char *line, struct mode *ret_mode,
	       struct errmsg *reterr_why)
{
	char copy[MODE_TEXT_MAX];
	struct mode mode = {0};
	struct errmsg why = {""};
	size_t offset = strspn(line, BLANKS);
	bool named = false;

	while (line[offset]) {
		size_t length = strcspn(line + offset, BLANKS);
		int r;

		if (length >= sizeof(copy)) {
			errmsg_set(&why, "a word has more than %zu bytes",
				   sizeof(copy) - 1);
			return refuse(-EINVAL, offset, &why, reterr_why);
		}
		memcpy(copy, line + offset, length);
		copy[length] = '\0';
		r = named ? parse_key(copy, &mode, &why)
			  : parse_name(copy, &mode, &why);
		if (r < 0)
			return refuse(r, offset, &why, reterr_why);
		named = true;
		offset += length;
		offset += strspn(line + offset, BLANKS);
	}
	if (!named) {
		errmsg_set(reterr_why, "a mode is missing: allow-writes, "
				       "drop-writes or error-writes");
		return -EINVAL;
	}
	if (mode.kind == MODE_ALLOW_WRITES && (mode.for_ms || mode.up_ms)) {
		errmsg_set(reterr_why, "allow-writes lasts until the next "
				       "switch: leave out for= and cycle=");
		return -EINVAL;
	}
	*ret_mode = mode;
	return 0;
}

/* "3.2s" */
static void format_ms(int64_t ms, char buffer[static 32])
{
	int tenths = (int)(ms % 1000 / 100);

	if (tenths)
		(void)snprintf(buffer, 32, "%" PRId64 ".%ds", ms / 1000,
			       tenths);
	else
		(void)snprintf(buffer, 32, "%" PRId64 "s", ms / 1000);
}

void mode_format(const struct mode *mode, char *buffer, size_t size_bytes)
{
	char duration[32];
	char down[32];
	char lasts[64] = "";
	char cycle[96] = "";

	if (mode->for_ms) {
		format_ms(mode->for_ms, duration);
		(void)snprintf(lasts, sizeof(lasts), " for=%s", duration);
	}
	if (mode->up_ms) {
		format_ms(mode->up_ms, duration);
		format_ms(mode->down_ms, down);
		(void)snprintf(cycle, sizeof(cycle), " cycle=%s,%s", duration,
			       down);
	}
	(void)snprintf(buffer, size_bytes, "%s%s%s", mode_names[mode->kind],
		       lasts, cycle);
}

enum mode_kind mode_at(const struct mode *mode, int64_t elapsed_ms)
{
	int64_t period_ms = mode->up_ms + mode->down_ms;

	if (elapsed_ms < 0)
		elapsed_ms = 0;
	if (mode->for_ms && elapsed_ms >= mode->for_ms)
		return MODE_ALLOW_WRITES;
	if (period_ms && elapsed_ms % period_ms < mode->up_ms)
		return MODE_ALLOW_WRITES;
	return mode->kind;
}
