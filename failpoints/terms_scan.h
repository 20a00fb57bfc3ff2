/* SPDX-License-Identifier: MIT */
/*
 * Where the parser is in its source, and how it says what is wrong there. The
 * source may hold any bytes; its end is told apart from a NUL in it.
 */
#ifndef FLAKEY_FAILPOINTS_TERMS_SCAN_H
#define FLAKEY_FAILPOINTS_TERMS_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct errmsg;

#define TERMS_SCAN_END (-1)

struct terms_scan {
	const char *source;
	size_t length_bytes;
	size_t at;
	char *strings;	    /* where the next decoded string goes */
	struct errmsg *why; /* may be NULL */
};

/* The byte at the place, 0 to 255, or TERMS_SCAN_END. */
int terms_scan_peek(const struct terms_scan *scan);

/* Whether the byte at the place is c; if so, goes behind it. */
bool terms_scan_take(struct terms_scan *scan, char c);

/* Goes behind "->", if it is there. */
bool terms_scan_arrow(struct terms_scan *scan);

/* Whether a number begins here, which may have a sign and a '.' in front. */
bool terms_scan_number(const struct terms_scan *scan);

/* Goes over blanks, or over digits; says whether there were any. */
bool terms_scan_blanks(struct terms_scan *scan);
bool terms_scan_digits(struct terms_scan *scan);

/* Goes over a name: letters, digits, '_' and inner '-', a letter first. Says
 * whether there was one. */
bool terms_scan_word(struct terms_scan *scan);

/* "offset N: SENTENCE" for scan->why. Returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int
terms_scan_refuse(const struct terms_scan *scan, size_t offset,
		  const char *format, ...);

/* As above, where something else than `wanted` stands at the place: "unexpected
 * 'x'; WANTED", or at the end "END; WANTED". */
int terms_scan_unexpected(const struct terms_scan *scan, const char *end,
			  const char *wanted);

#endif
