/* SPDX-License-Identifier: MIT */
/*
 * A piece of what the user has written, for a sentence: cut when it is long, on
 * one line, and always UTF-8. Other bytes are shown as \xHH.
 */
#ifndef FLAKEY_FAILPOINTS_EXCERPT_H
#define FLAKEY_FAILPOINTS_EXCERPT_H

#include <stddef.h>

/* More bytes are cut, and "..." shows it. */
#define EXCERPT_LENGTH_MAX 32
/* Room for the longest one with its NUL. */
#define EXCERPT_MAX (4 * EXCERPT_LENGTH_MAX + 4)

/* text need not end with a NUL. Returns buffer. */
const char *excerpt_of(const char *text, size_t length_bytes,
		       char buffer[static EXCERPT_MAX]);

#endif
