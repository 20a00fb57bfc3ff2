/* SPDX-License-Identifier: MIT */
/*
 * What every refusal of a parser has to be: a sentence with an offset in what was
 * refused, in UTF-8, and something said after it.
 */
#ifndef FLAKEY_TESTS_FUZZ_REFUSAL_H
#define FLAKEY_TESTS_FUZZ_REFUSAL_H

#include <stddef.h>

struct errmsg;

/* Aborts if it is not. r is what the parser has returned. */
void refusal_check(int r, const struct errmsg *why, size_t least_offset,
		   size_t most_offset);

#endif
