/* SPDX-License-Identifier: MIT */
/*
 * Which rules a few paths lead to, remembered: operations come to the same files
 * again and again, and some patterns can only be tried one by one. As long as the
 * set of rules is the same, so is the answer.
 *
 * Threads: any. Bounded: the newest paths take the place of others.
 */
#ifndef FLAKEY_RULES_RULES_MEMO_H
#define FLAKEY_RULES_RULES_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rules_memo;
struct rules_path;

/* words: of the bits of an answer. NULL: out of memory. */
struct rules_memo *rules_memo_new(size_t words);
/* Takes NULL. */
void rules_memo_free(struct rules_memo *memo);

/* Adds what is remembered of the path to found. False: nothing is. */
bool rules_memo_find(struct rules_memo *memo, const struct rules_path *path,
		     uint64_t *found);
void rules_memo_add(struct rules_memo *memo, const struct rules_path *path,
		    const uint64_t *bits);

#endif
