/* SPDX-License-Identifier: MIT */
#include "rules/rules_table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "rules/glob.h"
#include "rules/rule.h"
#include "rules/rule_inside.h"
#include "rules/rule_process.h"
#include "rules/rule_select.h"

#define BITS RULES_INDEX_WORD_BITS
#define SPARSE 6

/* Some way to end a name that allows any error: it is the same rule. */
static const char *const ends[] = {",force}", "{force}", "}"};

/* The bytes of a file that a rule is for are all within these; those of an
 * operation without a range are before all. */
struct hull {
	int64_t begin;
	int64_t end;
};

/* Which users it is for, and what flags are to be set at least. */
struct crowd {
	uid_t first;
	uid_t last;
	int flags;
};

struct rules_table {
	atomic_uint refs;
	/* Of the rules, to be sifted fast: what passes may not be meant all the
	 * same. */
	struct hull *hulls;
	struct crowd *crowds;
	bool has_ranges;
	bool has_crowds;
	struct rule **list;
	size_t count;
	uint64_t points;
	/* Before and after; NULL where no rule is. */
	struct rules_index *indexes[2][RULE_POINT_COUNT];
};

static struct hull hull_of(const struct rule_select *select)
{
	if (select->range_count == 0)
		return (struct hull){INT64_MIN, INT64_MAX};
	return (struct hull){select->ranges[0].begin,
			     select->ranges[select->range_count - 1].end};
}

static struct crowd crowd_of(const struct rule_select *select)
{
	return (struct crowd){
		.first = select->has_uid ? select->uid : 0,
		.last = select->has_uid ? select->uid : (uid_t)-1,
		.flags = select->has_flags ? select->flags : 0,
	};
}

static void add_selectors(struct rules_table *table, size_t place)
{
	const struct rule_select *select = &table->list[place]->select;
	table->hulls[place] = hull_of(select);
	table->crowds[place] = crowd_of(select);
	table->has_ranges |= select->range_count > 0;
	table->has_crowds |= select->has_uid || select->has_flags;
}

static int make_index(struct rules_table *table, enum rule_point point,
		      bool after, uint64_t *members)
{
	bool any = false;
	memset(members, 0, rules_table_words(table) * sizeof(*members));
	for (size_t i = 0; i < table->count; i++) {
		const struct rule *rule = table->list[i];
		if (rule->select.after != after || !(rule->points >> point & 1))
			continue;
		members[i / BITS] |= UINT64_C(1) << i % BITS;
		any = true;
	}
	if (!any)
		return 0;
	table->points |= UINT64_C(1) << point;
	table->indexes[after][point] =
		rules_index_new(table->list, table->count, members);
	return table->indexes[after][point] == NULL ? -1 : 0;
}

struct rules_table *rules_table_new(struct rule **list, size_t count)
{
	struct rules_table *table = calloc(1, sizeof(*table));
	if (table == NULL) {
		for (size_t i = 0; i < count; i++)
			rule_unref(list[i]);
		free(list);
		return NULL;
	}
	atomic_init(&table->refs, 1);
	table->list = list;
	table->count = count;
	uint64_t *members = calloc(rules_table_words(table), sizeof(*members));
	table->hulls = calloc(count + 1, sizeof(*table->hulls));
	table->crowds = calloc(count + 1, sizeof(*table->crowds));
	int r = members == NULL || table->hulls == NULL || table->crowds == NULL
			? -1
			: 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		add_selectors(table, i);
	for (int point = 0; r == 0 && point < RULE_POINT_COUNT; point++) {
		r = make_index(table, (enum rule_point)point, false, members);
		if (r == 0)
			r = make_index(table, (enum rule_point)point, true,
				       members);
	}
	free(members);
	if (r == 0)
		return table;
	rules_table_unref(table);
	return NULL;
}

void rules_table_ref(struct rules_table *table)
{
	atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
}

void rules_table_unref(struct rules_table *table)
{
	if (table == NULL || atomic_fetch_sub(&table->refs, 1) > 1)
		return;
	for (int point = 0; point < RULE_POINT_COUNT; point++) {
		rules_index_free(table->indexes[false][point]);
		rules_index_free(table->indexes[true][point]);
	}
	for (size_t i = 0; i < table->count; i++)
		rule_unref(table->list[i]);
	free(table->list);
	free(table->hulls);
	free(table->crowds);
	free(table);
}

size_t rules_table_count(const struct rules_table *table)
{
	return table->count;
}

struct rule *rules_table_at(const struct rules_table *table, size_t place)
{
	return table->list[place];
}

static size_t length_without_end(const char *name)
{
	size_t length = strlen(name);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t end = strlen(ends[i]);
		if (length >= end && strcmp(name + length - end, ends[i]) == 0)
			return length - end;
	}
	return length;
}

bool rules_table_same(const struct rule *rule, const char *name)
{
	size_t length = length_without_end(name);
	return strncmp(rule->name, name, length) == 0 &&
	       length_without_end(rule->name) == length;
}

size_t rules_table_find(const struct rules_table *table, const char *name)
{
	size_t place = 0;
	while (place < table->count &&
	       !rules_table_same(table->list[place], name))
		place++;
	return place;
}

uint64_t rules_table_points(const struct rules_table *table)
{
	return table->points;
}

size_t rules_table_words(const struct rules_table *table)
{
	return table->count / BITS + 1;
}

/* A file may have many names, of which one is enough. */
static void select_by_path(const struct rules_index *index,
			   const struct rule_hit *hit, uint64_t *found)
{
	struct text name;
	text_init(&name);
	for (size_t i = 0; hit->path(hit->data, i, &name) == 0; i++) {
		if (text_result(&name) < 0)
			break; /* as if it had no such name */
		const struct rules_path path = {name.data, name.length_bytes};
		rules_index_find(index, &path, found);
		text_clear(&name);
	}
	text_done(&name);
}

static bool matches_to(const struct glob *glob, const struct rule_hit *hit)
{
	struct text name;
	bool matches = false;
	if (hit->to == NULL)
		return false;
	text_init(&name);
	if (hit->to(hit->data, 0, &name) == 0 && text_result(&name) == 0)
		matches = glob_matches(glob, name.data, name.length_bytes);
	text_done(&name);
	return matches;
}

/* Where each rule is looked at for what it costs to look at all fast. */
static bool is_sparse(uint64_t found)
{
	return __builtin_popcountll(found) <= SPARSE;
}

/* Takes away most of those that are for other bytes, when there are many. */
static void sift_ranges(const struct rules_table *table,
			const struct rule_hit *hit, uint64_t *found)
{
	int64_t begin = hit->offset_bytes;
	int64_t end = begin < 0 ? 0 : INT64_MAX;
	if (begin >= 0 && hit->length_bytes >= 0 &&
	    hit->length_bytes < INT64_MAX - begin)
		end = begin + (hit->length_bytes > 0 ? hit->length_bytes : 1);
	for (size_t w = 0; w < rules_table_words(table); w++) {
		size_t first = w * BITS;
		size_t count = table->count - first;
		uint64_t inside = 0;
		if (is_sparse(found[w]))
			continue;
		for (size_t i = 0; i < count && i < BITS; i++) {
			const struct hull *hull = &table->hulls[first + i];
			inside |= (uint64_t)((hull->begin < end) &
					     (hull->end > begin))
				  << i;
		}
		found[w] &= inside;
	}
}

/* And those that are for other users, or files that are opened otherwise. */
static void sift_crowds(const struct rules_table *table,
			const struct rule_hit *hit, uint64_t *found)
{
	for (size_t w = 0; w < rules_table_words(table); w++) {
		size_t first = w * BITS;
		size_t count = table->count - first;
		uint64_t inside = 0;
		if (is_sparse(found[w]))
			continue;
		for (size_t i = 0; i < count && i < BITS; i++) {
			const struct crowd *crowd = &table->crowds[first + i];
			inside |=
				(uint64_t)((crowd->first <= hit->uid) &
					   (crowd->last >= hit->uid) &
					   ((crowd->flags & ~hit->flags) == 0))
				<< i;
		}
		found[w] &= inside;
	}
}

/* What the path has let through, by the other selectors. */
static void sift(const struct rules_table *table, const struct rule_hit *hit,
		 uint64_t *found)
{
	struct rule_process_line line;
	line.known = false;
	line.count = 0;
	for (size_t w = 0; w < rules_table_words(table); w++) {
		for (uint64_t left = found[w]; left != 0; left &= left - 1) {
			size_t place = w * BITS + (size_t)__builtin_ctzll(left);
			const struct rule_select *select =
				&table->list[place]->select;
			if (!rule_select_passes(select, hit, &line) ||
			    (select->to != NULL &&
			     !matches_to(select->to, hit)))
				found[w] &= ~(left & -left);
		}
	}
}

void rules_table_select(const struct rules_table *table,
			const struct rule_hit *hit, uint64_t *found)
{
	const struct rules_index *index =
		table->indexes[hit->after][hit->point];
	if (index == NULL)
		return;
	rules_index_find_any(index, found);
	if (hit->path != NULL && rules_index_wants_path(index))
		select_by_path(index, hit, found);
	if (table->has_ranges)
		sift_ranges(table, hit, found);
	if (table->has_crowds)
		sift_crowds(table, hit, found);
	sift(table, hit, found);
}
