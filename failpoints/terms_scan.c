/* SPDX-License-Identifier: MIT */
#include "failpoints/terms_scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/errmsg.h"
#include "failpoints/excerpt.h"

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int byte_at(const struct terms_scan *scan, size_t at)
{
	return at < scan->length_bytes ? (unsigned char)scan->source[at]
				       : TERMS_SCAN_END;
}

int terms_scan_peek(const struct terms_scan *scan)
{
	return byte_at(scan, scan->at);
}

bool terms_scan_take(struct terms_scan *scan, char c)
{
	if (terms_scan_peek(scan) != (unsigned char)c)
		return false;
	scan->at++;
	return true;
}

bool terms_scan_arrow(struct terms_scan *scan)
{
	if (terms_scan_peek(scan) != '-' || byte_at(scan, scan->at + 1) != '>')
		return false;
	scan->at += 2;
	return true;
}

bool terms_scan_number(const struct terms_scan *scan)
{
	int c = terms_scan_peek(scan);

	if (c == '+' || c == '-')
		return byte_at(scan, scan->at + 1) != '>';
	return is_digit(c) || c == '.';
}

bool terms_scan_blanks(struct terms_scan *scan)
{
	size_t from = scan->at;

	for (;; scan->at++) {
		int c = terms_scan_peek(scan);

		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return scan->at > from;
	}
}

bool terms_scan_digits(struct terms_scan *scan)
{
	size_t from = scan->at;

	while (is_digit(terms_scan_peek(scan)))
		scan->at++;
	return scan->at > from;
}

bool terms_scan_word(struct terms_scan *scan)
{
	if (!is_letter(terms_scan_peek(scan)))
		return false;
	for (;; scan->at++) {
		int c = terms_scan_peek(scan);
		int next = byte_at(scan, scan->at + 1);

		/* The '-' of an arrow, as in "off->off", is no part of it. */
		if (!is_letter(c) && !is_digit(c) && c != '_' &&
		    !(c == '-' && (is_letter(next) || is_digit(next))))
			return true;
	}
}

static int refuse(const struct terms_scan *scan, size_t offset,
		  const char *sentence)
{
	errmsg_set(scan->why, "offset %zu: %s", offset, sentence);
	return -EINVAL;
}

int terms_scan_refuse(const struct terms_scan *scan, size_t offset,
		      const char *format, ...)
{
	char sentence[ERRMSG_MAX];
	va_list args;

	va_start(args, format);
	if (vsnprintf(sentence, sizeof(sentence), format, args) < 0)
		sentence[0] = '\0';
	va_end(args);
	return refuse(scan, offset, sentence);
}

int terms_scan_unexpected(const struct terms_scan *scan, const char *end,
			  const char *wanted)
{
	struct terms_scan behind = *scan;
	char sentence[ERRMSG_MAX];
	char shown[EXCERPT_MAX];

	if (terms_scan_peek(scan) == TERMS_SCAN_END) {
		(void)snprintf(sentence, sizeof(sentence), "%s; %s", end,
			       wanted);
		return refuse(scan, scan->at, sentence);
	}
	/* Show a whole word, arrow or character, whatever there is. */
	if (!terms_scan_word(&behind) && !terms_scan_arrow(&behind))
		while (++behind.at < scan->length_bytes &&
		       (scan->source[behind.at] & 0xc0) == 0x80)
			;
	excerpt_of(scan->source + scan->at, behind.at - scan->at, shown);
	(void)snprintf(sentence, sizeof(sentence), "unexpected '%s'; %s", shown,
		       wanted);
	return refuse(scan, scan->at, sentence);
}
