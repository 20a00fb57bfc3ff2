/* SPDX-License-Identifier: MIT */
/*
 * Rules with one pattern are a group, which is tried once. Each group is under
 * the hash of what its paths begin with, of what they end with, or of what their
 * last name begins with, whichever fewer other groups have in common; or, where
 * all of these are next to nothing, with those that are tried each time. A path
 * is hashed three times, and looked up at the lengths that occur. Where many
 * groups have to be tried even so, what a path has led to is remembered.
 */
#include "rules/rules_index.h"

#include <stdlib.h>
#include <string.h>

#include "rules/glob.h"
#include "rules/rule_inside.h"
#include "rules/rules.h"
#include "rules/rules_memo.h"

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)
#define HASH_FACTOR UINT64_C(0x100000001b3)
#define LENGTHS_MAX (GLOB_LENGTH_MAX + 2)
#define BITS RULES_INDEX_WORD_BITS
/* A group of more rules has their bits ready. */
#define GROUP_SMALL 16
/* So many that are tried for one path take longer than to remember it. */
#define TRIED_MANY 4

/* Where a group can be found; the last is not looked up, but tried. */
enum side_kind {
	HEADS,
	TAILS,
	NAMES,
	LOOSE,
	SIDES
};

struct group {
	const struct glob *glob;
	const unsigned int *places;
	size_t count;
	uint64_t *bits; /* NULL: the group is small */
	enum side_kind side;
	size_t lengths[LOOSE];
	uint64_t hashes[LOOSE];
};

/* The groups under one hash: those from `first` on in the side's list. */
struct slot {
	uint64_t hash;
	size_t first;
	size_t count; /* 0: the slot is free */
};

struct side {
	const struct group **list;
	size_t count;
	struct slot *slots;
	size_t slot_mask;
	size_t length_most;
	uint64_t lengths[LENGTHS_MAX / BITS + 1]; /* that occur */
};

struct rules_index {
	size_t words;
	struct rules_memo *memo; /* NULL: it is not worth it */
	unsigned int *any;	 /* places of rules that want no path */
	size_t any_count;
	unsigned int *places; /* of the others, group by group */
	struct group *groups;
	size_t group_count;
	struct side sides[SIDES];
};

/* A rule and its pattern, to be sorted. */
struct entry {
	const struct glob *glob;
	unsigned int place;
};

static uint64_t hash_byte(uint64_t hash, char c)
{
	return (hash ^ (unsigned char)c) * HASH_FACTOR;
}

static uint64_t hash_of(const char *bytes, size_t length, bool backwards)
{
	uint64_t hash = HASH_BEGIN;
	for (size_t i = 0; i < length; i++)
		hash = hash_byte(hash, bytes[backwards ? length - 1 - i : i]);
	return hash;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;
	int order = strcmp(glob_pattern(x->glob), glob_pattern(y->glob));
	return order != 0 ? order : x->place < y->place ? -1 : 1;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Those of one side only. */
static int compare_groups(const void *a, const void *b)
{
	const struct group *const *x = a;
	const struct group *const *y = b;
	return compare_numbers(&(*x)->hashes[(*x)->side],
			       &(*y)->hashes[(*y)->side]);
}

/* How many of the sorted numbers are below this one, or are at most it. */
static size_t count_up_to(const uint64_t *numbers, size_t count,
			  uint64_t number, bool including)
{
	size_t low = 0;
	size_t high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (numbers[middle] < number ||
		    (including && numbers[middle] == number))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void set(uint64_t *bits, unsigned int place)
{
	bits[place / BITS] |= UINT64_C(1) << place % BITS;
}

static int fill_bits(const struct rules_index *index, struct group *group)
{
	if (group->count <= GROUP_SMALL)
		return 0;
	group->bits = calloc(index->words, sizeof(*group->bits));
	for (size_t i = 0; group->bits != NULL && i < group->count; i++)
		set(group->bits, group->places[i]);
	return group->bits == NULL ? -1 : 0;
}

static void measure(struct group *group)
{
	const char *head = glob_head(group->glob, &group->lengths[HEADS]);
	const char *tail = glob_tail(group->glob, &group->lengths[TAILS]);
	const char *name = glob_name(group->glob, &group->lengths[NAMES]);
	group->hashes[HEADS] = hash_of(head, group->lengths[HEADS], false);
	group->hashes[TAILS] = hash_of(tail, group->lengths[TAILS], true);
	group->hashes[NAMES] = hash_of(name, group->lengths[NAMES], false);
}

static int make_groups(struct rules_index *index, struct entry *entries,
		       size_t count)
{
	qsort(entries, count, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < count; i++) {
		struct group *group = &index->groups[index->group_count];
		bool first = i == 0 ||
			     strcmp(glob_pattern(entries[i].glob),
				    glob_pattern(entries[i - 1].glob)) != 0;
		index->places[i] = entries[i].place;
		if (first) {
			group->glob = entries[i].glob;
			group->places = &index->places[i];
			measure(group);
			index->group_count++;
		}
		index->groups[index->group_count - 1].count++;
	}
	for (size_t i = 0; i < index->group_count; i++)
		if (fill_bits(index, &index->groups[i]) < 0)
			return -1;
	return 0;
}

/* Puts each group where fewer others are. A single slash tells nothing: all
 * paths have it. */
static int choose_sides(struct rules_index *index)
{
	size_t count = index->group_count;
	uint64_t *hashes = calloc(LOOSE * count + 1, sizeof(*hashes));
	if (hashes == NULL)
		return -1;
	for (int s = 0; s < LOOSE; s++) {
		for (size_t i = 0; i < count; i++)
			hashes[s * count + i] = index->groups[i].hashes[s];
		qsort(hashes + s * count, count, sizeof(*hashes),
		      compare_numbers);
	}
	for (size_t i = 0; i < count; i++) {
		struct group *group = &index->groups[i];
		size_t least = SIZE_MAX;
		group->side = LOOSE;
		for (int s = 0; s < LOOSE; s++) {
			const uint64_t *sorted = hashes + s * count;
			uint64_t hash = group->hashes[s];
			size_t same = count_up_to(sorted, count, hash, true) -
				      count_up_to(sorted, count, hash, false);
			if (group->lengths[s] <= (s != TAILS) || same >= least)
				continue;
			least = same;
			group->side = (enum side_kind)s;
		}
		index->sides[group->side].count++;
	}
	free(hashes);
	return 0;
}

static void add_to_slot(struct side *side, const struct group *group,
			size_t place)
{
	size_t length = group->lengths[group->side];
	uint64_t hash = group->hashes[group->side];
	size_t at = hash & side->slot_mask;
	while (side->slots[at].count > 0 && side->slots[at].hash != hash)
		at = (at + 1) & side->slot_mask;
	if (side->slots[at].count++ == 0) {
		side->slots[at].hash = hash;
		side->slots[at].first = place;
	}
	side->lengths[length / BITS] |= UINT64_C(1) << length % BITS;
	if (length > side->length_most)
		side->length_most = length;
}

static int make_side(struct rules_index *index, enum side_kind kind)
{
	struct side *side = &index->sides[kind];
	size_t slots = 2;
	size_t count = 0;
	while (slots < 2 * side->count)
		slots *= 2;
	side->slot_mask = slots - 1;
	side->slots = calloc(slots, sizeof(*side->slots));
	side->list = calloc(side->count + 1, sizeof(*side->list));
	if (side->slots == NULL || side->list == NULL)
		return -1;
	for (size_t i = 0; i < index->group_count; i++)
		if (index->groups[i].side == kind)
			side->list[count++] = &index->groups[i];
	if (kind == LOOSE)
		return 0;
	qsort(side->list, count, sizeof(*side->list), compare_groups);
	for (size_t i = 0; i < count; i++)
		add_to_slot(side, side->list[i], i);
	return 0;
}

static int fill(struct rules_index *index, struct rule *const *rules,
		size_t count, const uint64_t *members)
{
	struct entry *entries = calloc(count + 1, sizeof(*entries));
	size_t entry_count = 0;
	int r = entries == NULL ? -1 : 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct glob *glob = rules[i]->select.path;
		if (!(members[i / BITS] >> i % BITS & 1))
			continue;
		if (glob == NULL)
			index->any[index->any_count++] = (unsigned int)i;
		else
			entries[entry_count++] =
				(struct entry){glob, (unsigned int)i};
	}
	if (r == 0)
		r = make_groups(index, entries, entry_count);
	free(entries);
	if (r == 0)
		r = choose_sides(index);
	for (int s = 0; r == 0 && s < SIDES; s++)
		r = make_side(index, (enum side_kind)s);
	return r;
}

/* Whether a path may lead to many groups that have to be tried. */
static bool is_slow(const struct rules_index *index)
{
	bool slow = index->sides[LOOSE].count > TRIED_MANY;
	for (int s = 0; s < LOOSE; s++)
		for (size_t i = 0; i <= index->sides[s].slot_mask; i++)
			slow |= index->sides[s].slots[i].count > TRIED_MANY;
	return slow;
}

struct rules_index *rules_index_new(struct rule *const *rules, size_t count,
				    const uint64_t *members)
{
	struct rules_index *index = calloc(1, sizeof(*index));
	if (index == NULL)
		return NULL;
	index->words = count / BITS + 1;
	index->any = calloc(count + 1, sizeof(*index->any));
	index->places = calloc(count + 1, sizeof(*index->places));
	index->groups = calloc(count + 1, sizeof(*index->groups));
	if (index->any == NULL || index->places == NULL ||
	    index->groups == NULL || fill(index, rules, count, members) < 0) {
		rules_index_free(index);
		return NULL;
	}
	/* Without memory nothing is remembered. */
	if (is_slow(index))
		index->memo = rules_memo_new(index->words);
	return index;
}

void rules_index_free(struct rules_index *index)
{
	if (index == NULL)
		return;
	for (int s = 0; s < SIDES; s++) {
		free(index->sides[s].slots);
		free(index->sides[s].list);
	}
	for (size_t i = 0; i < index->group_count; i++)
		free(index->groups[i].bits);
	rules_memo_free(index->memo);
	free(index->groups);
	free(index->places);
	free(index->any);
	free(index);
}

bool rules_index_wants_path(const struct rules_index *index)
{
	return index->group_count > 0;
}

void rules_index_find_any(const struct rules_index *index, uint64_t *found)
{
	for (size_t i = 0; i < index->any_count; i++)
		set(found, index->any[i]);
}

static void try_groups(const struct rules_index *index,
		       const struct group *const *groups, size_t count,
		       const struct rules_path *path, uint64_t *found)
{
	for (size_t i = 0; i < count; i++) {
		const struct group *group = groups[i];
		if (!glob_matches(group->glob, path->bytes, path->length_bytes))
			continue;
		for (size_t w = 0; group->bits != NULL && w < index->words; w++)
			found[w] |= group->bits[w];
		for (size_t p = 0; group->bits == NULL && p < group->count; p++)
			set(found, group->places[p]);
	}
}

static const struct slot *find_slot(const struct side *side, uint64_t hash)
{
	size_t at = hash & side->slot_mask;
	for (; side->slots[at].count > 0; at = (at + 1) & side->slot_mask)
		if (side->slots[at].hash == hash)
			return &side->slots[at];
	return NULL;
}

/* bytes: what is hashed of the path, from its end if it is for tails. */
static void find_in(const struct rules_index *index, enum side_kind kind,
		    const struct rules_path *bytes,
		    const struct rules_path *path, uint64_t *found)
{
	const struct side *side = &index->sides[kind];
	size_t length = bytes->length_bytes;
	size_t most = side->length_most < length ? side->length_most : length;
	uint64_t hash = HASH_BEGIN;
	for (size_t i = 0; i < most; i++) {
		size_t at = kind == TAILS ? length - 1 - i : i;
		hash = hash_byte(hash, bytes->bytes[at]);
		if (!(side->lengths[(i + 1) / BITS] >> (i + 1) % BITS & 1))
			continue;
		const struct slot *slot = find_slot(side, hash);
		if (slot != NULL)
			try_groups(index, side->list + slot->first, slot->count,
				   path, found);
	}
}

static void find(const struct rules_index *index, const struct rules_path *path,
		 uint64_t *found)
{
	const struct side *loose = &index->sides[LOOSE];
	const char *slash = memrchr(path->bytes, '/', path->length_bytes);
	find_in(index, HEADS, path, path, found);
	find_in(index, TAILS, path, path, found);
	if (slash != NULL) {
		const struct rules_path name = {
			slash,
			path->length_bytes - (size_t)(slash - path->bytes),
		};
		find_in(index, NAMES, &name, path, found);
	}
	try_groups(index, loose->list, loose->count, path, found);
}

void rules_index_find(const struct rules_index *index,
		      const struct rules_path *path, uint64_t *found)
{
	uint64_t bits[RULES_MAX / BITS + 1];
	if (index->memo == NULL) {
		find(index, path, found);
		return;
	}
	if (rules_memo_find(index->memo, path, found))
		return;
	memset(bits, 0, index->words * sizeof(*bits));
	find(index, path, bits);
	for (size_t w = 0; w < index->words; w++)
		found[w] |= bits[w];
	rules_memo_add(index->memo, path, bits);
}
