/* SPDX-License-Identifier: MIT */
#include "common/mode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/errmsg.h"
#include "common/nearest.h"

#define BLANKS " \t\n"
/* More digits than the longest duration in milliseconds has. */
#define DIGITS_MAX 12

#define NTH_EXAMPLE "NTH r|w VALUE [FLAGS]: write it like 32 w 0xff"
#define P_EXAMPLE "a chance of 0 to 1000000000: write it like 250000000"

static const struct {
	const char *name;
	const char *words; /* what has to follow the name, or NULL */
	int words_min;
	int words_max;
} modes[] = {
	[MODE_ALLOW_WRITES] = {"allow-writes", NULL, 0, 0},
	[MODE_DROP_WRITES] = {"drop-writes", NULL, 0, 0},
	[MODE_ERROR_WRITES] = {"error-writes", NULL, 0, 0},
	[MODE_ERROR_READS] = {"error-reads", NULL, 0, 0},
	[MODE_CORRUPT_BIO_BYTE] = {"corrupt-bio-byte", NTH_EXAMPLE, 3, 4},
	[MODE_RANDOM_READ_CORRUPT] = {"random-read-corrupt", P_EXAMPLE, 1, 1},
	[MODE_RANDOM_WRITE_CORRUPT] = {"random-write-corrupt", P_EXAMPLE, 1, 1},
};

#define MODE_COUNT (sizeof(modes) / sizeof(modes[0]))

const char *mode_name(enum mode_kind kind)
{
	return (size_t)kind < MODE_COUNT ? modes[kind].name : NULL;
}

bool mode_has_chance(enum mode_kind kind)
{
	return kind == MODE_RANDOM_READ_CORRUPT ||
	       kind == MODE_RANDOM_WRITE_CORRUPT;
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

/* A number of digits alone, or 0x and hexadecimal ones. By hand, because
 * strtoull() takes signs and blanks, too. */
static bool parse_whole(const char *text, uint64_t max, uint64_t *ret_value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? "0123456789abcdef" : "0123456789";
	uint64_t base = hex ? 16 : 10;
	uint64_t value = 0;

	text += hex ? 2 : 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		char lower = *text >= 'A' && *text <= 'F'
				     ? (char)(*text - 'A' + 'a')
				     : *text;
		const char *digit = strchr(digits, lower);

		if (!digit)
			return false;
		if (value > (max - (uint64_t)(digit - digits)) / base)
			return false;
		value = value * base + (uint64_t)(digit - digits);
	}
	*ret_value = value;
	return true;
}

static int parse_seed(const char *text, struct mode *mode,
		      struct errmsg *reterr_why)
{
	if (!mode_has_chance(mode->kind)) {
		errmsg_set(reterr_why,
			   "'%s' leaves nothing to chance: leave out seed=",
			   mode_name(mode->kind));
		return -EINVAL;
	}
	if (mode->seed != 0) {
		errmsg_set(reterr_why, "seed= is given twice");
		return -EINVAL;
	}
	if (parse_whole(text, UINT64_MAX, &mode->seed) && mode->seed != 0)
		return 0;
	errmsg_set(reterr_why,
		   "seed '%s' is no number from 1 to 18446744073709551615",
		   text);
	return -EINVAL;
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
	if (strncmp(token, "seed=", 5) == 0)
		return parse_seed(token + 5, mode, reterr_why);
	errmsg_set(reterr_why,
		   "'%s' is no part of a mode: use for=TIME or cycle=UP,DOWN",
		   token);
	return -ENOENT;
}

/* NTH r|w VALUE [FLAGS], by the number of the word. */
static int parse_byte_word(const char *token, int index, struct mode *mode,
			   struct errmsg *reterr_why)
{
	uint64_t number = 0;

	switch (index) {
	case 0:
		if (!parse_whole(token, MODE_NTH_MAX, &number) || number == 0) {
			errmsg_set(reterr_why,
				   "'%s' is no byte of a transfer: they are "
				   "counted from 1 to %d",
				   token, MODE_NTH_MAX);
			return -EINVAL;
		}
		mode->nth_byte = (uint32_t)number;
		return 0;
	case 1:
		mode->on_write = strcmp(token, "w") == 0;
		if (mode->on_write || strcmp(token, "r") == 0)
			return 0;
		errmsg_set(reterr_why,
			   "'%s' is no direction: use r for what is read, w "
			   "for what is written",
			   token);
		return -EINVAL;
	case 2:
		if (!parse_whole(token, UINT8_MAX, &number)) {
			errmsg_set(reterr_why,
				   "'%s' is no value of a byte: use 0 to 255",
				   token);
			return -EINVAL;
		}
		mode->value = (uint8_t)number;
		return 0;
	default:
		if (!parse_whole(token, UINT32_MAX, &number)) {
			errmsg_set(reterr_why,
				   "'%s' are no flags: use the sum of REQ_ "
				   "bits, or 0",
				   token);
			return -EINVAL;
		}
		mode->bio_flags = (uint32_t)number;
		return 0;
	}
}

static int parse_probability(const char *token, struct mode *mode,
			     struct errmsg *reterr_why)
{
	uint64_t number = 0;

	if (!parse_whole(token, MODE_PROBABILITY_ALWAYS, &number)) {
		errmsg_set(reterr_why, "'%s' is not " P_EXAMPLE, token);
		return -EINVAL;
	}
	mode->probability = (uint32_t)number;
	return 0;
}

/* A word behind the name that is no key. */
static int parse_word(const char *token, int index, struct mode *mode,
		      struct errmsg *reterr_why)
{
	if (index >= modes[mode->kind].words_max) {
		errmsg_set(reterr_why,
			   "'%s' is no part of a mode: use for=TIME or "
			   "cycle=UP,DOWN",
			   token);
		return -ENOENT;
	}
	return mode->kind == MODE_CORRUPT_BIO_BYTE
		       ? parse_byte_word(token, index, mode, reterr_why)
		       : parse_probability(token, mode, reterr_why);
}

static int parse_name(const char *token, struct mode *mode,
		      struct errmsg *reterr_why)
{
	char hint[NEAREST_HINT_MAX];
	struct nearest nearest;

	nearest_init(&nearest, token);
	for (size_t i = 0; i < MODE_COUNT; i++) {
		if (strcmp(token, modes[i].name) == 0) {
			mode->kind = (enum mode_kind)i;
			return 0;
		}
		nearest_offer(&nearest, modes[i].name);
	}
	nearest_hint(&nearest, hint);
	errmsg_set(reterr_why, "unknown mode '%s'%s", token,
		   hint[0] ? hint
			   : "; modes are allow-writes, drop-writes, "
			     "error-writes, error-reads, corrupt-bio-byte, "
			     "random-read-corrupt and random-write-corrupt");
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

/* What a mode must be as a whole. */
static int check_whole(const struct mode *mode, int words,
		       struct errmsg *reterr_why)
{
	if (words < modes[mode->kind].words_min) {
		errmsg_set(reterr_why, "%s needs %s", modes[mode->kind].name,
			   modes[mode->kind].words);
		return -EINVAL;
	}
	if (mode->kind == MODE_ALLOW_WRITES && (mode->for_ms || mode->up_ms)) {
		errmsg_set(reterr_why, "allow-writes lasts until the next "
				       "switch: leave out for= and cycle=");
		return -EINVAL;
	}
	return 0;
}

int mode_parse(const char *line, struct mode *ret_mode,
	       struct errmsg *reterr_why)
{
	char copy[MODE_TEXT_MAX];
	struct mode mode = {0};
	struct errmsg why = {""};
	size_t offset = strspn(line, BLANKS);
	bool named = false;
	int words = 0;

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
		if (!named)
			r = parse_name(copy, &mode, &why);
		else if (strchr(copy, '='))
			r = parse_key(copy, &mode, &why);
		else
			r = parse_word(copy, words++, &mode, &why);
		if (r < 0)
			return refuse(r, offset, &why, reterr_why);
		named = true;
		offset += length;
		offset += strspn(line + offset, BLANKS);
	}
	if (!named) {
		errmsg_set(reterr_why, "a mode is missing: allow-writes, "
				       "drop-writes, error-writes ...");
		return -EINVAL;
	}
	if (check_whole(&mode, words, reterr_why) < 0)
		return -EINVAL;
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

/* What follows the name: " 32 w 255", " 1000 seed=7". */
static void format_words(const struct mode *mode, char buffer[static 64])
{
	char extra[32] = "";

	buffer[0] = '\0';
	if (mode->kind == MODE_CORRUPT_BIO_BYTE) {
		if (mode->bio_flags)
			(void)snprintf(extra, sizeof(extra), " %" PRIu32,
				       mode->bio_flags);
		(void)snprintf(buffer, 64, " %" PRIu32 " %s %u%s",
			       mode->nth_byte, mode->on_write ? "w" : "r",
			       mode->value, extra);
	} else if (mode_has_chance(mode->kind)) {
		if (mode->seed)
			(void)snprintf(extra, sizeof(extra), " seed=%" PRIu64,
				       mode->seed);
		(void)snprintf(buffer, 64, " %" PRIu32 "%s", mode->probability,
			       extra);
	}
}

void mode_format(const struct mode *mode, char *buffer, size_t size_bytes)
{
	char duration[32];
	char down[32];
	char words[64];
	char lasts[64] = "";
	char cycle[96] = "";

	format_words(mode, words);
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
	(void)snprintf(buffer, size_bytes, "%s%s%s%s", modes[mode->kind].name,
		       words, lasts, cycle);
}

void mode_choose_seed(struct mode *mode)
{
	struct timespec now;
	uint32_t number = 0;

	if (!mode_has_chance(mode->kind) || mode->seed != 0)
		return;
	/* Short enough to be typed again. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		number = (uint32_t)now.tv_nsec;
	}
	mode->seed = number == 0 ? 1 : number;
}

enum mode_kind mode_of_commits(enum mode_kind kind)
{
	return kind == MODE_DROP_WRITES || kind == MODE_ERROR_WRITES
		       ? kind
		       : MODE_ALLOW_WRITES;
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
