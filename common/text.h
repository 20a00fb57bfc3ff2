/* SPDX-License-Identifier: MIT */
/*
 * A growing text. Out of memory is remembered and reported once, at the end,
 * so that writers need no check after every piece. Also writes JSON: strings
 * escaped, bytes that are no UTF-8 as U+FFFD.
 */
#ifndef FLAKEY_COMMON_TEXT_H
#define FLAKEY_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data; /* NUL-terminated when length_bytes > 0; owned */
	size_t length_bytes;
	size_t capacity_bytes;
	bool failed; /* out of memory, or over limit_bytes: data is unusable */
	size_t limit_bytes; /* 0: TEXT_LIMIT_BYTES */
};

#define TEXT_LIMIT_BYTES ((size_t)64 << 20)

void text_init(struct text *text);
void text_done(struct text *text);
void text_clear(struct text *text); /* keeps the memory */
void text_append(struct text *text, const void *data, size_t size_bytes);
__attribute__((format(printf, 2, 3))) void text_printf(struct text *text,
						       const char *format, ...);
/* A JSON string with its quotes. */
void text_json_string(struct text *text, const char *string);
/* Bytes of the well-formed UTF-8 character at s, or 0. Reads nothing behind a
 * NUL. */
size_t text_utf8_length(const unsigned char *s);
/* 0 or -ENOMEM. */
int text_result(const struct text *text);

#endif
