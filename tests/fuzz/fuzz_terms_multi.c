/* SPDX-License-Identifier: MIT */
/*
 * Any bytes are entries, one behind the other, with nothing but blanks and ';'
 * between them.
 */
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "failpoints/terms_multi.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/target.h"

static void check_between(const char *string, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (!string[i] || !strchr("; \t\n\r", string[i]))
			abort();
}

static void check_parts(const char *string,
			const struct terms_multi_entry *entry)
{
	const char *end = entry->text + entry->length_bytes;

	if (entry->name != entry->text || entry->name_length_bytes == 0 ||
	    entry->terms_length_bytes == 0 ||
	    entry->terms + entry->terms_length_bytes != end ||
	    entry->terms != string + entry->terms_offset ||
	    entry->terms <= entry->name + entry->name_length_bytes ||
	    !memchr(entry->name + entry->name_length_bytes, '=',
		    (size_t)(entry->terms - entry->name) -
			    entry->name_length_bytes))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *string = (const char *)data;
	struct terms_multi_entry entry;
	size_t cursor = 0;
	size_t before = 0;
	size_t end = 0;

	for (;;) {
		struct errmsg why = {""};
		int r = terms_multi_next(string, size, &cursor, &entry, &why);

		if (cursor > size || (r != 0 && cursor <= before))
			abort();
		if (r == 0)
			break;
		before = cursor;
		if (entry.length_bytes == 0 ||
		    entry.text != string + entry.offset)
			abort();
		check_between(string, end, entry.offset);
		end = entry.offset + entry.length_bytes;
		if (r < 0)
			refusal_check(r, &why, entry.offset, cursor);
		else
			check_parts(string, &entry);
	}
	if (cursor != size)
		abort();
	check_between(string, end, size);
	return 0;
}
