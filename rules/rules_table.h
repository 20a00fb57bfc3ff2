/* SPDX-License-Identifier: MIT */
/*
 * A set of rules of one moment, with what finds them. It does not change; whoever
 * has a reference may use it.
 */
#ifndef FLAKEY_RULES_RULES_TABLE_H
#define FLAKEY_RULES_RULES_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/rules_index.h"

struct rule;
struct rule_hit;
struct rules_table;

/* Takes over the references in list, which has count of them, also if it fails.
 * NULL: out of memory. */
struct rules_table *rules_table_new(struct rule **list, size_t count);
void rules_table_ref(struct rules_table *table);
/* Takes NULL. */
void rules_table_unref(struct rules_table *table);

size_t rules_table_count(const struct rules_table *table);
struct rule *rules_table_at(const struct rules_table *table, size_t place);
/* The place of the rule of a name in normal form, or the count. */
size_t rules_table_find(const struct rules_table *table, const char *name);
/* Whether a name in normal form is the rule's. */
bool rules_table_same(const struct rule *rule, const char *name);
/* A bit for each point at which some rule is. */
uint64_t rules_table_points(const struct rules_table *table);

/* Words for the bits of all places. */
size_t rules_table_words(const struct rules_table *table);
/* Sets the bits of the rules that select the hit; found is zero. */
void rules_table_select(const struct rules_table *table,
			const struct rule_hit *hit, uint64_t *found);

#endif
