/* SPDX-License-Identifier: MIT */
/*
 * The distance is that of Damerau and Levenshtein for adjacent letters
 * ("optimal string alignment"): insert, delete, replace, swap, one each.
 */
#include "common/nearest.h"

#include <stdio.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_length, const char *b,
		       size_t b_length)
{
	size_t rows[3][NEAREST_WORD_MAX + 1];
	size_t *before = rows[0];
	size_t *last = rows[1];
	size_t *row = rows[2];

	for (size_t j = 0; j <= b_length; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *spare;

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t cost = a[i - 1] != b[j - 1];

			row[j] = least(least(last[j], row[j - 1]) + 1,
				       last[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b_length];
}

void nearest_init(struct nearest *nearest, const char *word)
{
	*nearest = (struct nearest){.word = word};
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	size_t word_length = strnlen(nearest->word, NEAREST_WORD_MAX + 1);
	size_t name_length = strnlen(name, NEAREST_WORD_MAX + 1);
	size_t d;

	if (word_length > NEAREST_WORD_MAX || name_length > NEAREST_WORD_MAX)
		return;
	d = distance(nearest->word, word_length, name, name_length);
	/* A third of the letters may be wrong, and always one. */
	if (d > 1 && d * 3 > name_length)
		return;
	if (d >= name_length || (nearest->best && d >= nearest->distance))
		return;
	nearest->best = name;
	nearest->distance = d;
}

const char *nearest_hint(const struct nearest *nearest,
			 char buffer[static NEAREST_HINT_MAX])
{
	buffer[0] = '\0';
	if (nearest->best)
		(void)snprintf(buffer, NEAREST_HINT_MAX, "; did you mean '%s'?",
			       nearest->best);
	return buffer;
}
