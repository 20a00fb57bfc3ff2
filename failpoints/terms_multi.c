/* SPDX-License-Identifier: MIT */
#include "failpoints/terms_multi.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/errmsg.h"

#define NOWHERE ((size_t)-1)

/* What a pass over one entry has found. */
struct pass {
	size_t end;	/* of the entry: its ';', or the end of the string */
	size_t equals;	/* the first '=' that counts, or NOWHERE */
	size_t opening; /* of the quote or brace that is open, or NOWHERE */
	size_t depth;	/* of braces */
	char quote;	/* that is open, or 0 */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes one byte that is in no quotes. Returns false at the entry's end. */
static bool take_byte(struct pass *pass, char c, size_t at)
{
	bool in_name = pass->equals == NOWHERE;

	if (c == '"' || c == '`') {
		pass->quote = c;
		if (pass->depth == 0)
			pass->opening = at;
	} else if (in_name && c == '{') {
		if (pass->depth++ == 0)
			pass->opening = at;
	} else if (in_name && c == '}' && pass->depth > 0) {
		if (--pass->depth == 0)
			pass->opening = NOWHERE;
	} else if (pass->depth > 0) {
		return true;
	} else if (c == ';') {
		return false;
	} else if (in_name && c == '=') {
		pass->equals = at;
	}
	return true;
}

static struct pass find_end(const char *string, size_t length, size_t from)
{
	struct pass pass = {.equals = NOWHERE, .opening = NOWHERE};
	size_t at;

	for (at = from; at < length; at++) {
		char c = string[at];

		if (pass.quote == '"' && c == '\\') {
			at += at + 1 < length; /* \" closes nothing */
		} else if (pass.quote) {
			if (c != pass.quote)
				continue;
			pass.quote = '\0';
			if (pass.depth == 0)
				pass.opening = NOWHERE;
		} else if (!take_byte(&pass, c, at)) {
			break;
		}
	}
	pass.end = at;
	return pass;
}

/* Moves both ends of a part inwards, over blanks. */
static void trim(const char *string, size_t *from, size_t *to)
{
	while (*from < *to && is_blank(string[*from]))
		++*from;
	while (*to > *from && is_blank(string[*to - 1]))
		--*to;
}

static int refuse(struct errmsg *why, size_t offset, const char *what)
{
	errmsg_set(why, "offset %zu: %s", offset, what);
	return -EINVAL;
}

static int split(const char *string, const struct pass *pass,
		 struct terms_multi_entry *entry, struct errmsg *why)
{
	size_t name = entry->offset;
	size_t name_end = pass->equals;
	size_t terms = pass->equals + 1;
	size_t terms_end = pass->end;

	if (pass->equals == NOWHERE && pass->opening != NOWHERE)
		return refuse(why, pass->opening,
			      string[pass->opening] == '{'
				      ? "'{' is not closed; '}' is missing"
				      : "a quote is not closed");
	if (pass->equals == NOWHERE)
		return refuse(why, entry->offset + entry->length_bytes,
			      "'=' is missing; write it like NAME=TERMS");
	trim(string, &name, &name_end);
	trim(string, &terms, &terms_end);
	if (name == name_end)
		return refuse(why, name,
			      "a name is missing before '='; write it like "
			      "NAME=TERMS");
	if (terms == terms_end)
		return refuse(why, terms,
			      "terms are missing after '='; write it like "
			      "NAME=return(1), or NAME=off");
	entry->name = string + name;
	entry->name_length_bytes = name_end - name;
	entry->terms = string + terms;
	entry->terms_length_bytes = terms_end - terms;
	entry->terms_offset = terms;
	return 1;
}

int terms_multi_next(const char *string, size_t length_bytes, size_t *cursor,
		     struct terms_multi_entry *ret_entry,
		     struct errmsg *reterr_why)
{
	while (*cursor < length_bytes) {
		struct pass pass = find_end(string, length_bytes, *cursor);
		size_t from = *cursor;
		size_t to = pass.end;

		*cursor = pass.end + (pass.end < length_bytes);
		trim(string, &from, &to);
		if (from == to)
			continue;
		*ret_entry = (struct terms_multi_entry){
			.text = string + from,
			.length_bytes = to - from,
			.offset = from,
		};
		return split(string, &pass, ret_entry, reterr_why);
	}
	return 0;
}
