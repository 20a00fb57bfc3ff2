/* SPDX-License-Identifier: MIT */
/*
 * Each rule is in one of four places: with those that want no path; under the
 * hash of what its paths begin with; under that of what they end with; or, where
 * both are next to nothing, with those that are tried each time. A path is
 * hashed once from each side, and looked up at the lengths that occur.
 */
#include "fusefs/rules_index.h"

#include <stdlib.h>
#include <string.h>

#include "fusefs/glob.h"
#include "fusefs/rule_inside.h"

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)
#define HASH_FACTOR UINT64_C(0x100000001b3)
#define LENGTHS_MAX (GLOB_LENGTH_MAX + 2)
#define BITS RULES_INDEX_WORD_BITS

/* The rules under one hash: those from `first` on in the side's list. */
struct slot {
	uint64_t hash;
	unsigned int first;
	unsigned int count; /* 0: the slot is free */
};

/* Of beginnings, or of ends. */
struct side {
	struct slot *slots;
	size_t slot_mask;
	unsigned int *list;
	size_t length_most;
	uint64_t lengths[LENGTHS_MAX / BITS + 1]; /* that occur */
};

struct list {
	unsigned int *places;
	size_t count;
};

struct rules_index {
	struct rule *const *rules;
	struct list any;
	struct list loose;
	struct side heads;
	struct side tails;
};

/* A rule and where it could be. */
struct entry {
	unsigned int place;
	size_t head_length;
	size_t tail_length;
	uint64_t head;
	uint64_t tail;
};

static uint64_t hash_byte(uint64_t hash, char c)
{
	return (hash ^ (unsigned char)c) * HASH_FACTOR;
}

static uint64_t hash_head(const char *bytes, size_t length)
{
	uint64_t hash = HASH_BEGIN;
	for (size_t i = 0; i < length; i++)
		hash = hash_byte(hash, bytes[i]);
	return hash;
}

static uint64_t hash_tail(const char *bytes, size_t length)
{
	uint64_t hash = HASH_BEGIN;
	for (size_t i = length; i > 0; i--)
		hash = hash_byte(hash, bytes[i - 1]);
	return hash;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static int compare_heads(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;
	int order = compare_numbers(&x->head, &y->head);
	return order != 0 ? order : x->place < y->place ? -1 : 1;
}

static int compare_tails(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;
	int order = compare_numbers(&x->tail, &y->tail);
	return order != 0 ? order : x->place < y->place ? -1 : 1;
}

/* How many of the sorted numbers are this one. */
static size_t count_of(const uint64_t *numbers, size_t count, uint64_t number)
{
	size_t ends[2];
	for (uint64_t above = 0; above < 2; above++) {
		size_t low = 0;
		size_t high = count;
		while (low < high) {
			size_t middle = low + (high - low) / 2;
			if (numbers[middle] < number ||
			    (above == 1 && numbers[middle] == number))
				low = middle + 1;
			else
				high = middle;
		}
		ends[above] = low;
	}
	return ends[1] - ends[0];
}

static int make_side(struct side *side, const struct entry *entries,
		     size_t count, bool tails)
{
	size_t slots = 2;
	while (slots < 2 * count)
		slots *= 2;
	side->slot_mask = slots - 1;
	side->slots = calloc(slots, sizeof(*side->slots));
	side->list = calloc(count + 1, sizeof(*side->list));
	if (side->slots == NULL || side->list == NULL)
		return -1;
	struct slot *slot = NULL;
	for (size_t i = 0; i < count; i++) {
		uint64_t hash = tails ? entries[i].tail : entries[i].head;
		size_t length =
			tails ? entries[i].tail_length : entries[i].head_length;
		side->list[i] = entries[i].place;
		side->lengths[length / BITS] |= UINT64_C(1) << length % BITS;
		if (length > side->length_most)
			side->length_most = length;
		if (slot == NULL || slot->hash != hash) {
			size_t at = hash & side->slot_mask;
			while (side->slots[at].count > 0)
				at = (at + 1) & side->slot_mask;
			slot = &side->slots[at];
			slot->hash = hash;
			slot->first = (unsigned int)i;
		}
		slot->count++;
	}
	return 0;
}

/* Puts each where fewer others are: heads, tails, or loose. The entries are
 * reordered: first the heads, then the tails. */
static int divide(struct rules_index *index, struct entry *entries,
		  size_t count, size_t *ret_heads, size_t *ret_tails)
{
	uint64_t *heads = calloc(count + 1, sizeof(*heads));
	uint64_t *tails = calloc(count + 1, sizeof(*tails));
	struct entry *sorted = calloc(count + 1, sizeof(*sorted));
	size_t head_count = 0;
	size_t tail_count = 0;
	bool full = heads != NULL && tails != NULL && sorted != NULL;
	for (size_t i = 0; full && i < count; i++) {
		heads[i] = entries[i].head;
		tails[i] = entries[i].tail;
	}
	if (full) {
		qsort(heads, count, sizeof(*heads), compare_numbers);
		qsort(tails, count, sizeof(*tails), compare_numbers);
	}
	for (size_t i = 0; full && i < count; i++) {
		const struct entry *entry = &entries[i];
		/* Every path begins with a slash. */
		bool head = entry->head_length > 1;
		bool tail = entry->tail_length > 0;
		if (head && tail)
			head = count_of(heads, count, entry->head) <=
			       count_of(tails, count, entry->tail);
		if (head)
			sorted[head_count++] = *entry;
		else if (tail)
			sorted[count - ++tail_count] = *entry;
		else
			index->loose.places[index->loose.count++] =
				entry->place;
	}
	if (full) {
		memcpy(entries, sorted, head_count * sizeof(*entries));
		memcpy(entries + head_count, sorted + count - tail_count,
		       tail_count * sizeof(*entries));
	}
	*ret_heads = head_count;
	*ret_tails = tail_count;
	free(heads);
	free(tails);
	free(sorted);
	return full ? 0 : -1;
}

static int fill(struct rules_index *index, struct entry *entries, size_t count)
{
	size_t heads;
	size_t tails;
	if (divide(index, entries, count, &heads, &tails) < 0)
		return -1;
	qsort(entries, heads, sizeof(*entries), compare_heads);
	qsort(entries + heads, tails, sizeof(*entries), compare_tails);
	if (make_side(&index->heads, entries, heads, false) < 0)
		return -1;
	return make_side(&index->tails, entries + heads, tails, true);
}

static struct entry entry_of(const struct glob *glob, unsigned int place)
{
	struct entry entry = {.place = place};
	const char *head = glob_head(glob, &entry.head_length);
	const char *tail = glob_tail(glob, &entry.tail_length);
	entry.head = hash_head(head, entry.head_length);
	entry.tail = hash_tail(tail, entry.tail_length);
	return entry;
}

struct rules_index *rules_index_new(struct rule *const *rules, size_t count,
				    const uint64_t *members)
{
	struct rules_index *index = calloc(1, sizeof(*index));
	struct entry *entries = calloc(count + 1, sizeof(*entries));
	size_t entry_count = 0;
	bool made = index != NULL && entries != NULL;
	if (made) {
		index->rules = rules;
		index->any.places = calloc(count + 1, sizeof(unsigned int));
		index->loose.places = calloc(count + 1, sizeof(unsigned int));
		made = index->any.places != NULL && index->loose.places != NULL;
	}
	for (size_t i = 0; made && i < count; i++) {
		const struct glob *glob = rules[i]->select.path;
		if (!(members[i / BITS] >> i % BITS & 1))
			continue;
		if (glob == NULL)
			index->any.places[index->any.count++] = (unsigned int)i;
		else
			entries[entry_count++] =
				entry_of(glob, (unsigned int)i);
	}
	made = made && fill(index, entries, entry_count) == 0;
	free(entries);
	if (made)
		return index;
	rules_index_free(index);
	return NULL;
}

void rules_index_free(struct rules_index *index)
{
	if (index == NULL)
		return;
	free(index->any.places);
	free(index->loose.places);
	free(index->heads.slots);
	free(index->heads.list);
	free(index->tails.slots);
	free(index->tails.list);
	free(index);
}

static void set(uint64_t *found, unsigned int place)
{
	found[place / BITS] |= UINT64_C(1) << place % BITS;
}

bool rules_index_wants_path(const struct rules_index *index)
{
	return index->loose.count > 0 || index->heads.length_most > 0 ||
	       index->tails.length_most > 0;
}

void rules_index_find_any(const struct rules_index *index, uint64_t *found)
{
	for (size_t i = 0; i < index->any.count; i++)
		set(found, index->any.places[i]);
}

static void try_places(const struct rules_index *index,
		       const unsigned int *places, size_t count,
		       const char *path, size_t length, uint64_t *found)
{
	for (size_t i = 0; i < count; i++)
		if (glob_matches(index->rules[places[i]]->select.path, path,
				 length))
			set(found, places[i]);
}

static const struct slot *find_slot(const struct side *side, uint64_t hash)
{
	size_t at = hash & side->slot_mask;
	for (; side->slots[at].count > 0; at = (at + 1) & side->slot_mask)
		if (side->slots[at].hash == hash)
			return &side->slots[at];
	return NULL;
}

static void find_in(const struct rules_index *index, bool tails,
		    const char *path, size_t length, uint64_t *found)
{
	const struct side *side = tails ? &index->tails : &index->heads;
	size_t most = side->length_most < length ? side->length_most : length;
	uint64_t hash = HASH_BEGIN;
	for (size_t i = 1; i <= most; i++) {
		hash = hash_byte(hash, tails ? path[length - i] : path[i - 1]);
		if (!(side->lengths[i / BITS] >> i % BITS & 1))
			continue;
		const struct slot *slot = find_slot(side, hash);
		if (slot != NULL)
			try_places(index, side->list + slot->first, slot->count,
				   path, length, found);
	}
}

void rules_index_find(const struct rules_index *index, const char *path,
		      size_t length_bytes, uint64_t *found)
{
	find_in(index, false, path, length_bytes, found);
	find_in(index, true, path, length_bytes, found);
	try_places(index, index->loose.places, index->loose.count, path,
		   length_bytes, found);
}
