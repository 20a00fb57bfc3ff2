/* SPDX-License-Identifier: MIT */
/*
 * Which rules of one point a path leads to, without looking at all of them: they
 * are found by bytes that all of their paths have. An index does not change.
 */
#ifndef FLAKEY_RULES_RULES_INDEX_H
#define FLAKEY_RULES_RULES_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rule;
struct rules_index;

/* A bit for each rule of a set, by its place in it. */
#define RULES_INDEX_WORD_BITS 64

/* Of those rules of a set whose place has its bit set in members. The rules are
 * borrowed. NULL: out of memory. */
struct rules_index *rules_index_new(struct rule *const *rules, size_t count,
				    const uint64_t *members);
/* Takes NULL. */
void rules_index_free(struct rules_index *index);

/* Whether some rule asks for a path. */
bool rules_index_wants_path(const struct rules_index *index);

/* Sets the bits of the rules that do not. */
void rules_index_find_any(const struct rules_index *index, uint64_t *found);

/* A path from the mount's root; needs no NUL. */
struct rules_path {
	const char *bytes;
	size_t length_bytes;
};

/* Sets the bits of the rules whose pattern the path matches. */
void rules_index_find(const struct rules_index *index,
		      const struct rules_path *path, uint64_t *found);

#endif
