/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/text.h"

void refusal_check(int r, const struct errmsg *why, size_t least_offset,
		   size_t most_offset)
{
	const unsigned char *s = (const unsigned char *)why->text;
	size_t offset = 0;
	int begin = 0;

	if (r != -EINVAL)
		abort();
	if (sscanf(why->text, "offset %zu: %n", &offset, &begin) != 1 ||
	    begin == 0 || strlen(why->text + begin) < 10 ||
	    offset < least_offset || offset > most_offset) {
		fprintf(stderr, "no refusal: '%s'\n", why->text);
		abort();
	}
	while (*s) {
		size_t length = text_utf8_length(s);

		if (length == 0 || *s < ' ' || *s == 0x7f) {
			fprintf(stderr, "no text: '%s'\n", why->text);
			abort();
		}
		s += length;
	}
}
