/* SPDX-License-Identifier: MIT */
/*
 * The known name that a mistyped word most likely meant. Begin with
 * nearest_init(), offer every name with nearest_offer(), then ask.
 */
#ifndef FLAKEY_COMMON_NEAREST_H
#define FLAKEY_COMMON_NEAREST_H

#include <stddef.h>

/* Longer words are not compared: nobody mistypes so much. */
#define NEAREST_WORD_MAX 40
/* Room for the longest hint with its NUL. */
#define NEAREST_HINT_MAX 80

struct nearest {
	const char *word; /* borrowed */
	const char *best; /* borrowed, NULL: nothing near */
	size_t distance;
};

void nearest_init(struct nearest *nearest, const char *word);
void nearest_offer(struct nearest *nearest, const char *name);

/* "; did you mean 'NAME'?", or "" when nothing is near. Returns buffer. */
const char *nearest_hint(const struct nearest *nearest,
			 char buffer[static NEAREST_HINT_MAX]);

#endif
