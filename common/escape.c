/* SPDX-License-Identifier: MIT */
#include "common/escape.h"

#include <stdbool.h>
#include <string.h>

#include "common/text.h"

static bool is_plain(unsigned char c, bool blanks)
{
	return (c > ' ' || (blanks && c == ' ')) && c != '\\' && c != 0x7f;
}

static void append(struct text *text, const char *string, bool blanks)
{
	while (*string) {
		size_t length = 0;

		while (string[length] &&
		       is_plain((unsigned char)string[length], blanks))
			length++;
		text_append(text, string, length);
		string += length;
		if (*string)
			text_printf(text, "\\%03o", (unsigned char)*string++);
	}
}

void escape_append(struct text *text, const char *string)
{
	append(text, string, true);
}

void escape_word(struct text *text, const char *string)
{
	append(text, string, false);
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

void escape_decode(char *string)
{
	char *out = string;

	for (const char *in = string; *in; in++) {
		/* \000 would end the string: nobody writes it, keep it. */
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' &&
		    is_octal(in[2]) && is_octal(in[3]) &&
		    strncmp(in, "\\000", 4) != 0) {
			*out++ = (char)((in[1] - '0') << 6 |
					(in[2] - '0') << 3 | (in[3] - '0'));
			in += 3;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
}
