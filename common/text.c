/* SPDX-License-Identifier: MIT */
#include "common/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN_BYTES 256

void text_init(struct text *text)
{
	*text = (struct text){0};
}

void text_done(struct text *text)
{
	free(text->data);
	text_init(text);
}

void text_clear(struct text *text)
{
	text->length_bytes = 0;
	text->failed = false;
}

/* Makes room for size_bytes more and a NUL. */
static bool reserve(struct text *text, size_t size_bytes)
{
	size_t limit = text->limit_bytes ? text->limit_bytes : TEXT_LIMIT_BYTES;
	size_t capacity;
	char *data;

	if (text->failed)
		return false;
	if (text->length_bytes > limit ||
	    size_bytes > limit - text->length_bytes) {
		text->failed = true;
		return false;
	}
	if (text->length_bytes + size_bytes < text->capacity_bytes)
		return true;
	capacity = text->capacity_bytes ? text->capacity_bytes
					: CAPACITY_MIN_BYTES;
	while (capacity <= text->length_bytes + size_bytes)
		capacity *= 2;
	data = realloc(text->data, capacity);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->capacity_bytes = capacity;
	return true;
}

void text_append(struct text *text, const void *data, size_t size_bytes)
{
	if (!reserve(text, size_bytes))
		return;
	if (size_bytes > 0)
		memcpy(text->data + text->length_bytes, data, size_bytes);
	text->length_bytes += size_bytes;
	text->data[text->length_bytes] = '\0';
}

void text_printf(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0) {
		text->failed = true;
		return;
	}
	if (!reserve(text, (size_t)length))
		return;
	va_start(args, format);
	(void)vsnprintf(text->data + text->length_bytes, (size_t)length + 1,
			format, args); /* measured above: cannot fail */
	va_end(args);
	text->length_bytes += (size_t)length;
}

/* Unicode 15, table 3-7. Each byte is looked at only if the one before fits. */
size_t text_utf8_length(const unsigned char *s)
{
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0; /* shorter forms exist */
	else if (s[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return length;
}

void text_json_string(struct text *text, const char *string)
{
	const unsigned char *s = (const unsigned char *)string;

	text_append(text, "\"", 1);
	while (*s) {
		size_t length = text_utf8_length(s);

		if (length == 0) {
			text_append(text, "\xef\xbf\xbd", 3);
			length = 1;
		} else if (*s == '"' || *s == '\\') {
			text_printf(text, "\\%c", *s);
		} else if (*s < ' ' || *s == 0x7f) {
			text_printf(text, "\\u%04x", *s);
		} else {
			text_append(text, s, length);
		}
		s += length;
	}
	text_append(text, "\"", 1);
}

int text_result(const struct text *text)
{
	return text->failed ? -ENOMEM : 0;
}
