/* SPDX-License-Identifier: MIT */
#include "rules/rule_value.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/nearest.h"
#include "common/text.h"
#include "failpoints/excerpt.h"
#include "failpoints/terms_scan.h"
#include "rules/glob.h"
#include "rules/rule_inside.h"
#include "rules/rule_word.h"

static const struct {
	const char *name;
	int flags;
	bool access;
} flag_names[] = {
	{"O_RDONLY", O_RDONLY, true},	 {"O_WRONLY", O_WRONLY, true},
	{"O_RDWR", O_RDWR, true},	 {"O_SYNC", O_SYNC, false},
	{"O_DSYNC", O_DSYNC, false},	 {"O_DIRECT", O_DIRECT, false},
	{"O_APPEND", O_APPEND, false},	 {"O_TRUNC", O_TRUNC, false},
	{"O_EXCL", O_EXCL, false},	 {"O_NONBLOCK", O_NONBLOCK, false},
	{"O_NOATIME", O_NOATIME, false},
};

#define FLAG_COUNT (sizeof(flag_names) / sizeof(flag_names[0]))

static int parse_glob(struct terms_scan *scan, const struct rule_value *value,
		      struct glob **ret_glob)
{
	struct errmsg why;
	size_t offset = 0;
	int r = glob_parse(value->text, value->length_bytes, ret_glob, &offset,
			   &why);
	if (r == -EINVAL)
		return terms_scan_refuse(scan, value->offset + offset,
					 "bad pattern: %s", why.text);
	return r;
}

int rule_value_path(struct terms_scan *scan, const struct rule_value *value,
		    struct rule_select *select)
{
	return parse_glob(scan, value, &select->path);
}

int rule_value_to(struct terms_scan *scan, const struct rule_value *value,
		  struct rule_select *select)
{
	return parse_glob(scan, value, &select->to);
}

/* Digits from *at on, up to the end of the value or what stands behind. */
static int parse_number(struct terms_scan *scan, const struct rule_value *value,
			size_t *at, int64_t most, int64_t *ret_number)
{
	size_t begin = *at;
	int64_t number = 0;
	for (; *at < value->length_bytes && value->text[*at] >= '0' &&
	       value->text[*at] <= '9';
	     ++*at) {
		int digit = value->text[*at] - '0';
		if (number > (most - digit) / 10)
			return terms_scan_refuse(scan, value->offset + begin,
						 "too large; at most %lld",
						 (long long)most);
		number = number * 10 + digit;
	}
	if (*at == begin)
		return terms_scan_refuse(scan, value->offset + begin,
					 "a number is missing");
	*ret_number = number;
	return 0;
}

static int parse_whole_number(struct terms_scan *scan,
			      const struct rule_value *value, int64_t most,
			      int64_t *ret_number)
{
	size_t at = 0;
	char shown[EXCERPT_MAX];
	int r = parse_number(scan, value, &at, most, ret_number);
	if (r == 0 && at < value->length_bytes)
		return terms_scan_refuse(
			scan, value->offset + at, "'%s' is no number",
			excerpt_of(value->text, value->length_bytes, shown));
	return r;
}

static int parse_range(struct terms_scan *scan, const struct rule_value *value,
		       struct rule_range *ret_range)
{
	size_t at = 0;
	*ret_range = (struct rule_range){0, INT64_MAX};
	int r = 0;
	if (at < value->length_bytes && value->text[at] != '.')
		r = parse_number(scan, value, &at, INT64_MAX,
				 &ret_range->begin);
	if (r < 0)
		return r;
	if (value->length_bytes - at < 2 ||
	    memcmp(value->text + at, "..", 2) != 0)
		return terms_scan_refuse(scan, value->offset + at,
					 "'..' is missing; write a range like "
					 "0..4096, or 4096.. for the rest");
	at += 2;
	if (at < value->length_bytes)
		r = parse_number(scan, value, &at, INT64_MAX, &ret_range->end);
	if (r == 0 && at < value->length_bytes)
		return terms_scan_refuse(scan, value->offset + at,
					 "a range ends here; write it like "
					 "0..4096");
	if (r == 0 && ret_range->begin >= ret_range->end)
		return terms_scan_refuse(
			scan, value->offset,
			"the range is empty; it ends before its last number, "
			"so 0..4096 is the first 4096 bytes");
	return r;
}

int rule_value_offset(struct terms_scan *scan, const struct rule_value *value,
		      struct rule_select *select)
{
	struct rule_range range;
	int r = parse_range(scan, value, &range);
	if (r < 0)
		return r;
	if (select->range_count == RULE_RANGES_MAX)
		return terms_scan_refuse(scan, value->offset,
					 "a rule has at most %d ranges",
					 RULE_RANGES_MAX);
	size_t place = 0;
	for (; place < select->range_count; place++) {
		const struct rule_range *other = &select->ranges[place];
		if (range.begin < other->end && other->begin < range.end)
			return terms_scan_refuse(
				scan, value->offset,
				"the range overlaps with %lld..%lld; make one "
				"of them",
				(long long)other->begin, (long long)other->end);
		if (range.end <= other->begin)
			break;
	}
	struct rule_range *grown = reallocarray(
		select->ranges, select->range_count + 1, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	memmove(grown + place + 1, grown + place,
		(select->range_count - place) * sizeof(*grown));
	grown[place] = range;
	select->ranges = grown;
	select->range_count++;
	return 0;
}

int rule_value_pid(struct terms_scan *scan, const struct rule_value *value,
		   struct rule_select *select)
{
	int64_t number;
	int r = parse_whole_number(scan, value, INT_MAX, &number);
	if (r == 0 && number == 0)
		return terms_scan_refuse(scan, value->offset,
					 "no process has the number 0");
	if (r == 0)
		select->pid = (pid_t)number;
	return r;
}

int rule_value_process(struct terms_scan *scan, const struct rule_value *value,
		       struct rule_select *select)
{
	size_t length = 0;
	for (size_t i = 0; i < value->length_bytes; i++) {
		if (value->text[i] == '\\' && i + 1 < value->length_bytes)
			i++;
		if (length < RULE_PROCESS_NAME_MAX)
			select->process[length++] = value->text[i];
	}
	if (length == 0)
		return terms_scan_refuse(scan, value->offset,
					 "a process's name is missing");
	select->has_process = true;
	return 0;
}

int rule_value_uid(struct terms_scan *scan, const struct rule_value *value,
		   struct rule_select *select)
{
	int64_t number;
	int r = parse_whole_number(scan, value, UINT32_MAX - 1, &number);
	if (r < 0)
		return r;
	select->uid = (uid_t)number;
	select->has_uid = true;
	return 0;
}

static void offer_flags(struct nearest *nearest)
{
	for (size_t i = 0; i < FLAG_COUNT; i++)
		nearest_offer(nearest, flag_names[i].name);
}

static int parse_flag(struct terms_scan *scan, const char *word, size_t length,
		      struct rule_select *select)
{
	static const struct rule_word_kind kind = {
		"flag", offer_flags, "use O_SYNC, O_DSYNC, O_DIRECT, ..."};
	size_t offset = (size_t)(word - scan->source);
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (!rule_word_is(word, length, flag_names[i].name))
			continue;
		if (flag_names[i].access && select->access_mode >= 0)
			return terms_scan_refuse(scan, offset,
						 "a file is opened in one of "
						 "O_RDONLY, O_WRONLY, O_RDWR");
		if (flag_names[i].access)
			select->access_mode = flag_names[i].flags;
		else
			select->flags |= flag_names[i].flags;
		return 0;
	}
	return rule_word_refuse(scan, offset, length, &kind);
}

int rule_value_flags(struct terms_scan *scan, const struct rule_value *value,
		     struct rule_select *select)
{
	const char *word = value->text;
	const char *end = value->text + value->length_bytes;
	int r = 0;
	select->has_flags = true;
	select->access_mode = -1;
	while (r == 0) {
		const char *bar = memchr(word, '|', (size_t)(end - word));
		if (bar == NULL)
			return parse_flag(scan, word, (size_t)(end - word),
					  select);
		r = parse_flag(scan, word, (size_t)(bar - word), select);
		word = bar + 1;
	}
	return r;
}

int rule_value_when(struct terms_scan *scan, const struct rule_value *value,
		    struct rule_select *select)
{
	char shown[EXCERPT_MAX];
	select->after = rule_word_is(value->text, value->length_bytes, "after");
	if (select->after ||
	    rule_word_is(value->text, value->length_bytes, "before"))
		return 0;
	return terms_scan_refuse(
		scan, value->offset,
		"'%s' is no time; use when=before or when=after",
		excerpt_of(value->text, value->length_bytes, shown));
}

static int refuse_byte(const struct terms_scan *scan)
{
	return terms_scan_refuse(
		scan, scan->at,
		"a byte that is no text; a pattern says '?' for it");
}

static bool is_text(int c)
{
	return c >= ' ' && c != 0x7f;
}

/* Goes over a value. In quotes and outside of them a backslash belongs to the
 * byte behind it, and both stay: patterns need to know. */
int rule_value_take(struct terms_scan *scan, struct rule_value *ret_value)
{
	bool quoted = terms_scan_take(scan, '"');
	size_t begin = scan->at;
	for (;; scan->at++) {
		int c = terms_scan_peek(scan);
		if (c == TERMS_SCAN_END && quoted)
			return terms_scan_refuse(scan, begin - 1,
						 "the quote is not closed");
		if (c == TERMS_SCAN_END || (quoted && c == '"'))
			break;
		if (!is_text(c))
			return refuse_byte(scan);
		if (!quoted && strchr(RULE_VALUE_ENDS, c) != NULL)
			break;
		if (c == '\\' && scan->at + 1 < scan->length_bytes &&
		    (quoted ||
		     strchr("{}\"`", scan->source[scan->at + 1]) == NULL)) {
			scan->at++;
			if (!is_text(terms_scan_peek(scan)))
				return refuse_byte(scan);
		}
	}
	*ret_value = (struct rule_value){
		.text = scan->source + begin,
		.length_bytes = scan->at - begin,
		.offset = begin,
	};
	if (quoted)
		scan->at++;
	return 0;
}

void rule_value_print_flags(const struct rule_select *select, struct text *text)
{
	const char *before = "flags=";
	int left = select->flags;
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		int flags = flag_names[i].flags;
		bool set = flag_names[i].access ? select->access_mode == flags
						: (left & flags) == flags;
		if (!set)
			continue;
		if (!flag_names[i].access)
			left &= ~flags; /* O_SYNC is O_DSYNC, too */
		text_printf(text, "%s%s", before, flag_names[i].name);
		before = "|";
	}
}
