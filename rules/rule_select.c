/* SPDX-License-Identifier: MIT */
#include "rules/rule_select.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/nearest.h"
#include "common/text.h"
#include "failpoints/terms_scan.h"
#include "rules/glob.h"
#include "rules/rule.h"
#include "rules/rule_inside.h"
#include "rules/rule_points.h"
#include "rules/rule_value.h"
#include "rules/rule_word.h"

enum key {
	PATH,
	TO,
	OFFSET,
	PID,
	PROCESS,
	UID,
	FLAGS,
	WHEN,
	FORCE
};

static const struct {
	const char *name;
	rule_value_parser *parse; /* NULL: it takes no value */
	bool repeats;
} keys[] = {
	[PATH] = {"path", rule_value_path, false},
	[TO] = {"to", rule_value_to, false},
	[OFFSET] = {"offset", rule_value_offset, true},
	[PID] = {"pid", rule_value_pid, false},
	[PROCESS] = {"process", rule_value_process, false},
	[UID] = {"uid", rule_value_uid, false},
	[FLAGS] = {"flags", rule_value_flags, false},
	[WHEN] = {"when", rule_value_when, false},
	[FORCE] = {"force", NULL, false},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static void offer_keys(struct nearest *nearest)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		nearest_offer(nearest, keys[i].name);
}

static const struct rule_word_kind selectors = {
	"selector", offer_keys,
	"use path, to, offset, pid, process, uid, flags, when or force"};

static const struct rule_word_kind operations = {
	"operation", rule_points_offer,
	"use one such as fs/write, fs/fsync, fs/any-meta or store/read"};

/* KEY=VALUE or force. */
static int parse_selector(struct terms_scan *scan, struct rule_select *select,
			  unsigned int *given)
{
	size_t from = scan->at;
	if (!terms_scan_word(scan))
		return terms_scan_unexpected(
			scan, "a selector is missing",
			"write it like path=*.wal, or leave '{}' out");
	size_t to = scan->at;
	size_t key = 0;
	while (key < KEY_COUNT &&
	       !rule_word_is(scan->source + from, to - from, keys[key].name))
		key++;
	if (key == KEY_COUNT)
		return rule_word_refuse(scan, from, to - from, &selectors);
	if (*given >> key & 1 && !keys[key].repeats)
		return terms_scan_refuse(scan, from, "%s is given twice",
					 keys[key].name);
	*given |= 1U << key;
	if (key == FORCE) {
		select->force = true;
		return 0;
	}
	(void)terms_scan_blanks(scan); /* or none */
	if (!terms_scan_take(scan, '='))
		return terms_scan_unexpected(scan, "'=' is missing",
					     "a selector is KEY=VALUE");
	(void)terms_scan_blanks(scan); /* or none */
	struct rule_value value;
	int r = rule_value_take(scan, &value);
	return r < 0 ? r : keys[key].parse(scan, &value, select);
}

static int parse_selectors(struct terms_scan *scan, struct rule_select *select)
{
	unsigned int given = 0;
	for (;;) {
		(void)terms_scan_blanks(scan); /* or none */
		int r = parse_selector(scan, select, &given);
		if (r < 0)
			return r;
		(void)terms_scan_blanks(scan); /* or none */
		if (terms_scan_take(scan, '}'))
			break;
		if (!terms_scan_take(scan, ','))
			return terms_scan_unexpected(
				scan, "'}' is missing",
				"use ',' and another selector, or '}'; a value "
				"with such bytes stands in \"quotes\"");
	}
	(void)terms_scan_blanks(scan); /* or none */
	if (terms_scan_peek(scan) != TERMS_SCAN_END)
		return terms_scan_unexpected(scan, "",
					     "'=' and terms follow behind '}'");
	return 0;
}

static int parse_point(struct terms_scan *scan, uint64_t *ret_points,
		       struct text *name)
{
	size_t from = scan->at;
	int c = terms_scan_peek(scan);
	while (c != TERMS_SCAN_END && strchr(" \t\r\n{}=,\"", c) == NULL) {
		scan->at++;
		c = terms_scan_peek(scan);
	}
	if (scan->at == from)
		return terms_scan_unexpected(
			scan, "an operation is missing",
			"write it like fs/write=return(EIO)");
	*ret_points = rule_points_find(scan->source + from, scan->at - from);
	if (*ret_points == 0)
		return rule_word_refuse(scan, from, scan->at - from,
					&operations);
	text_append(name, scan->source + from, scan->at - from);
	return 0;
}

/* bytes: as they were written, with their backslashes. */
static void print_value(struct text *name, const char *key, const char *bytes)
{
	const char *quote = strpbrk(bytes, RULE_VALUE_ENDS) != NULL ? "\"" : "";
	text_printf(name, "%s=%s%s%s,", key, quote, bytes, quote);
}

static void print_process(struct text *name, const char *process)
{
	char bytes[2 * RULE_PROCESS_NAME_MAX + 1];
	size_t length = 0;
	for (; *process != '\0'; process++) {
		if (*process == '"' || *process == '\\')
			bytes[length++] = '\\';
		bytes[length++] = *process;
	}
	bytes[length] = '\0';
	print_value(name, "process", bytes);
}

static void print_ranges(struct text *name, const struct rule_select *select)
{
	for (size_t i = 0; i < select->range_count; i++) {
		const struct rule_range *range = &select->ranges[i];
		text_printf(name, "offset=%lld..", (long long)range->begin);
		if (range->end < INT64_MAX)
			text_printf(name, "%lld", (long long)range->end);
		text_append(name, ",", 1);
	}
}

static void print(struct text *name, const struct rule_select *select)
{
	size_t begin = name->length_bytes;
	text_append(name, "{", 1);
	if (select->path != NULL)
		print_value(name, "path", glob_pattern(select->path));
	if (select->to != NULL)
		print_value(name, "to", glob_pattern(select->to));
	print_ranges(name, select);
	if (select->pid != 0)
		text_printf(name, "pid=%d,", (int)select->pid);
	if (select->has_process)
		print_process(name, select->process);
	if (select->has_uid)
		text_printf(name, "uid=%u,", (unsigned int)select->uid);
	if (select->has_flags) {
		rule_value_print_flags(select, name);
		text_append(name, ",", 1);
	}
	if (select->after)
		text_printf(name, "when=after,");
	if (select->force)
		text_printf(name, "force,");
	if (name->failed)
		return;
	/* The last comma becomes the brace; without selectors there is none. */
	if (name->length_bytes == begin + 1)
		name->length_bytes = begin;
	else
		name->data[name->length_bytes - 1] = '}';
	name->data[name->length_bytes] = '\0';
}

int rule_select_parse(struct terms_scan *scan, uint64_t *ret_points,
		      struct rule_select *select, struct text *name)
{
	size_t begin = scan->at;
	if (scan->length_bytes - begin > RULE_SELECT_LENGTH_MAX)
		return terms_scan_refuse(
			scan, begin + RULE_SELECT_LENGTH_MAX,
			"too long; what stands in front of '=' has at most %d "
			"bytes",
			RULE_SELECT_LENGTH_MAX);
	(void)terms_scan_blanks(scan); /* or none */
	int r = parse_point(scan, ret_points, name);
	if (r < 0)
		return r;
	(void)terms_scan_blanks(scan); /* or none */
	if (terms_scan_take(scan, '{'))
		r = parse_selectors(scan, select);
	else if (terms_scan_peek(scan) != TERMS_SCAN_END)
		r = terms_scan_unexpected(scan, "",
					  "use '{' and selectors, or '=' and "
					  "terms");
	if (r < 0)
		return r;
	print(name, select);
	return text_result(name);
}

void rule_select_done(struct rule_select *select)
{
	glob_free(select->path);
	glob_free(select->to);
	free(select->ranges);
}

unsigned int rule_select_wants(const struct rule_select *select)
{
	return (select->to != NULL ? RULE_KNOWS_TO : 0) |
	       (select->range_count > 0 ? RULE_KNOWS_RANGE : 0) |
	       (select->has_flags ? RULE_KNOWS_FLAGS : 0);
}

/* A transfer of nothing is where it is. */
static bool passes_ranges(const struct rule_select *select,
			  const struct rule_hit *hit)
{
	int64_t begin = hit->offset_bytes;
	int64_t end = INT64_MAX;
	if (begin < 0)
		return false;
	if (hit->length_bytes >= 0 && hit->length_bytes < INT64_MAX - begin)
		end = begin + (hit->length_bytes > 0 ? hit->length_bytes : 1);
	for (size_t i = 0; i < select->range_count; i++)
		if (begin < select->ranges[i].end &&
		    select->ranges[i].begin < end)
			return true;
	return false;
}

static bool passes_flags(const struct rule_select *select, int flags)
{
	if (flags == -1 || (flags & select->flags) != select->flags)
		return false;
	return select->access_mode == -1 ||
	       (flags & O_ACCMODE) == select->access_mode;
}

static bool passes_process(const struct rule_select *select,
			   const struct rule_hit *hit,
			   struct rule_process_line *line)
{
	/* The cheap answer first: nothing has to be looked up for it. */
	if (hit->pid == 0)
		return false;
	if (!select->has_process && select->pid == hit->pid)
		return true;
	rule_process_look(line, hit->pid);
	if (select->pid != 0 && !rule_process_has_pid(line, select->pid))
		return false;
	return !select->has_process ||
	       rule_process_has_name(line, select->process);
}

bool rule_select_passes(const struct rule_select *select,
			const struct rule_hit *hit,
			struct rule_process_line *line)
{
	if (select->range_count > 0 && !passes_ranges(select, hit))
		return false;
	if (select->has_flags && !passes_flags(select, hit->flags))
		return false;
	if (select->has_uid && select->uid != hit->uid)
		return false;
	return (select->pid == 0 && !select->has_process) ||
	       passes_process(select, hit, line);
}
