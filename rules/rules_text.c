/* SPDX-License-Identifier: MIT */
#include "rules/rules_text.h"

#include <stdbool.h>
#include <string.h>

#include "failpoints/terms_multi.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Walks over a text, and knows whether it is in quotes. */
struct walk {
	char quote; /* that is open, or 0 */
	bool escaped;
};

static void step(struct walk *walk, char c)
{
	if (walk->escaped)
		walk->escaped = false;
	else if (c == '\\' && walk->quote == '"')
		walk->escaped = true;
	else if (walk->quote != '\0')
		walk->quote = c == walk->quote ? '\0' : walk->quote;
	else if (c == '"' || c == '`')
		walk->quote = c;
}

/* Where a remark begins, or the line ends. */
static size_t find_line_end(const char *text, size_t length, size_t from)
{
	struct walk walk = {0};
	for (size_t i = from; i < length; i++) {
		if (text[i] == '\n')
			return i;
		if (text[i] == '#' && walk.quote == '\0' &&
		    (i == from || is_blank(text[i - 1])))
			return i;
		step(&walk, text[i]);
	}
	return length;
}

/* At the end of a line goes to the next. False at the end of the text. */
static bool find_line(const char *text, size_t length,
		      struct rules_text_cursor *cursor)
{
	if (!cursor->begun) {
		cursor->begun = true;
		cursor->line_end = find_line_end(text, length, 0);
		return length > 0;
	}
	if (cursor->at < cursor->line_end)
		return true;
	const char *feed = NULL;
	if (cursor->at < length)
		feed = memchr(text + cursor->at, '\n', length - cursor->at);
	if (feed == NULL)
		return false;
	cursor->at = (size_t)(feed - text) + 1;
	cursor->line_end = find_line_end(text, length, cursor->at);
	return true;
}

int rules_text_next(const char *text, size_t length_bytes,
		    struct rules_text_cursor *cursor,
		    struct rules_text_entry *ret_entry,
		    struct errmsg *reterr_why)
{
	while (find_line(text, length_bytes, cursor)) {
		struct terms_multi_entry entry;
		int r = terms_multi_next(text, cursor->line_end, &cursor->at,
					 &entry, reterr_why);
		if (r != 0)
			ret_entry->begin = entry.offset;
		if (r < 0)
			return r;
		if (r == 0) {
			cursor->at = cursor->line_end;
			continue;
		}
		size_t name = (size_t)(entry.name - text);
		ret_entry->name = (struct rule_source){
			text, name, name + entry.name_length_bytes};
		ret_entry->terms = (struct rule_source){
			text, entry.terms_offset,
			entry.terms_offset + entry.terms_length_bytes};
		return 1;
	}
	return 0;
}

int rules_text_next_name(const char *text, size_t length_bytes,
			 struct rules_text_cursor *cursor,
			 struct rule_source *ret_name)
{
	while (find_line(text, length_bytes, cursor)) {
		struct walk walk = {0};
		size_t begin = cursor->at;
		size_t end = begin;
		for (; end < cursor->line_end; end++) {
			if (text[end] == ';' && walk.quote == '\0')
				break;
			step(&walk, text[end]);
		}
		cursor->at = end + (end < cursor->line_end);
		while (begin < end && is_blank(text[begin]))
			begin++;
		while (end > begin && is_blank(text[end - 1]))
			end--;
		if (begin == end)
			continue;
		*ret_name = (struct rule_source){text, begin, end};
		return 1;
	}
	return 0;
}
