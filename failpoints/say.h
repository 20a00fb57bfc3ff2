/* SPDX-License-Identifier: MIT */
/*
 * A line on stderr, in one write(2), so that lines of several threads do not mix
 * and a signal handler can say something, too. Longer ones are cut.
 */
#ifndef FLAKEY_FAILPOINTS_SAY_H
#define FLAKEY_FAILPOINTS_SAY_H

#include <stddef.h>

#define SAY_BYTES_MAX 4096

/* Puts "failpoint" in front and a line feed at the end. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* text in quotes, with escapes for what would spoil a line; cut with "...".
 * Returns buffer. */
const char *say_quoted(const char *text, char *buffer, size_t size_bytes);

#endif
