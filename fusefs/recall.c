/* SPDX-License-Identifier: MIT */
/* A hash table with linear probing; what is taken out is filled up from behind,
 * so that there are no gaps to remember. */
#include "fusefs/recall.h"

#include <stdlib.h>

#define CAPACITY_MIN 64

void recall_done(struct recall *recall)
{
	free(recall->slots);
	*recall = (struct recall){0};
}

static size_t home_of(const struct recall *recall, uint64_t store_number)
{
	return (store_number * UINT64_C(0x9e3779b97f4a7c15)) >> 20 &
	       (recall->capacity - 1);
}

/* Where it is, or where it would go. */
static size_t place_of(const struct recall *recall, uint64_t store_number)
{
	size_t at = home_of(recall, store_number);
	while (recall->slots[at].store_number != 0 &&
	       recall->slots[at].store_number != store_number)
		at = (at + 1) & (recall->capacity - 1);
	return at;
}

static bool grow(struct recall *recall)
{
	struct recall larger = {.capacity = recall->capacity * 2,
				.count = recall->count};
	if (larger.capacity == 0)
		larger.capacity = CAPACITY_MIN;
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (larger.slots == NULL)
		return false;
	for (size_t i = 0; i < recall->capacity; i++) {
		const struct recall_entry *entry = &recall->slots[i];
		if (entry->store_number != 0)
			larger.slots[place_of(&larger, entry->store_number)] =
				*entry;
	}
	free(recall->slots);
	*recall = larger;
	return true;
}

void recall_put(struct recall *recall, const struct recall_entry *entry)
{
	if (entry->store_number == 0)
		return;
	if ((recall->count + 1) * 4 > recall->capacity * 3 && !grow(recall))
		return;
	struct recall_entry *place =
		&recall->slots[place_of(recall, entry->store_number)];
	recall->count += place->store_number == 0;
	*place = *entry;
}

bool recall_take(struct recall *recall, uint64_t store_number,
		 struct recall_entry *ret_entry)
{
	if (recall->count == 0 || store_number == 0)
		return false;
	size_t mask = recall->capacity - 1;
	size_t gap = place_of(recall, store_number);
	if (recall->slots[gap].store_number == 0)
		return false;
	*ret_entry = recall->slots[gap];
	recall->count--;
	/* Whatever would not be found beyond the gap moves into it. */
	for (size_t at = (gap + 1) & mask; recall->slots[at].store_number != 0;
	     at = (at + 1) & mask) {
		size_t home = home_of(recall, recall->slots[at].store_number);
		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		recall->slots[gap] = recall->slots[at];
		gap = at;
	}
	recall->slots[gap] = (struct recall_entry){0};
	return true;
}

uint64_t recall_number(const struct recall *recall, uint64_t store_number)
{
	if (recall->count == 0 || store_number == 0)
		return store_number;
	const struct recall_entry *entry =
		&recall->slots[place_of(recall, store_number)];
	return entry->store_number == 0 ? store_number : entry->number;
}
