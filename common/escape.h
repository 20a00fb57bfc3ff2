/* SPDX-License-Identifier: MIT */
/*
 * Bytes that would break a line, written as \ooo: the form that the kernel uses
 * in /proc/self/mountinfo. Control characters, the backslash and 0x7f are
 * escaped; everything else, UTF-8 or not, stays.
 */
#ifndef FLAKEY_COMMON_ESCAPE_H
#define FLAKEY_COMMON_ESCAPE_H

struct text;

void escape_append(struct text *text, const char *string);

/* The same for one word of a line: blanks are escaped, too. */
void escape_word(struct text *text, const char *string);

/* Undoes it in place; a backslash that begins no \ooo stays. */
void escape_decode(char *string);

#endif
