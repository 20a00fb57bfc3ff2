/* SPDX-License-Identifier: MIT */
#include "failpoints/excerpt.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

/* The longest UTF-8 character. */
#define CHARACTER_MAX 4

const char *excerpt_of(const char *text, size_t length_bytes,
		       char buffer[static EXCERPT_MAX])
{
	unsigned char copy[EXCERPT_LENGTH_MAX + 1];
	bool cut = length_bytes > EXCERPT_LENGTH_MAX;
	size_t length = cut ? EXCERPT_LENGTH_MAX : length_bytes;
	char *out = buffer;
	size_t step;

	memcpy(copy, text, length);
	copy[length] = '\0';
	for (size_t i = 0; i < length; i += step) {
		step = text_utf8_length(copy + i);
		if (step == 0 && cut && length - i < CHARACTER_MAX)
			break; /* part of a character, most likely */
		if (step == 0 || copy[i] < ' ' || copy[i] == 0x7f) {
			step = 1;
			out += snprintf(out, sizeof("\\xHH"), "\\x%02x",
					copy[i]);
		} else {
			memcpy(out, copy + i, step);
			out += step;
		}
	}
	strcpy(out, cut ? "..." : "");
	return buffer;
}
