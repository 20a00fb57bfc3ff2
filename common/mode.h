/* SPDX-License-Identifier: MIT */
/*
 * A mode says what the simulated disk does with a commit. A mode is a value:
 * parsing makes one, and what is in force at a moment is a pure function of it
 * and the time since the switch, so no timer thread is needed.
 */
#ifndef FLAKEY_COMMON_MODE_H
#define FLAKEY_COMMON_MODE_H

#include <stddef.h>
#include <stdint.h>

struct errmsg;

enum mode_kind {
	MODE_ALLOW_WRITES, /* commits arrive */
	MODE_DROP_WRITES,  /* commits succeed, and nothing arrives */
	MODE_ERROR_WRITES, /* commits fail with EIO, and nothing arrives */
};

/* The finest step of for=, up and down, as promised by the manual. */
#define MODE_RESOLUTION_MS 100
/* A year: longer is a typing error. */
#define MODE_DURATION_MAX_MS INT64_C(31536000000)
/* Room for the longest formatted mode with its NUL. */
#define MODE_TEXT_MAX 128

struct mode {
	enum mode_kind kind;
	/* Back to allow-writes after so long; 0: until the next switch. */
	int64_t for_ms;
	/* Alternate: up_ms of allow-writes, then down_ms of kind, measured
	 * from the switch. Both 0: no cycle. */
	int64_t up_ms;
	int64_t down_ms;
};

/* "drop-writes", or NULL for a number that is no mode. */
const char *mode_name(enum mode_kind kind);

/* Parses a mode line: NAME [for=TIME] [cycle=UP,DOWN]. TIME is a number with
 * an optional fraction and a unit (ms, s, m, h), a bare number is seconds; it
 * must be a multiple of MODE_RESOLUTION_MS. for and cycle may be combined.
 * Returns 0, -EINVAL, or -ENOENT for an unknown name or key; the sentence has
 * the offset. */
int mode_parse(const char *line, struct mode *ret_mode,
	       struct errmsg *reterr_why);

/* Parses one TIME as above, to milliseconds: 0 or -EINVAL. Never yields 0. */
int mode_parse_duration(const char *text, int64_t *ret_ms,
			struct errmsg *reterr_why);

/* Writes the line that mode_parse() reads back as the same mode. */
void mode_format(const struct mode *mode, char *buffer, size_t size_bytes);

/* What the disk does elapsed_ms after the switch to mode. */
enum mode_kind mode_at(const struct mode *mode, int64_t elapsed_ms);

#endif
