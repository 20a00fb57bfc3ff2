/* SPDX-License-Identifier: MIT */
#include "fusefs/store_touched.h"

#include <stdlib.h>

#define CAPACITY_MIN 64
/* More than that are no fewer than all. */
#define COUNT_MAX (1 << 20)
#define SPREAD 0x9e3779b97f4a7c15

static uint64_t *slot_of(const struct store_numbers *numbers, uint64_t number)
{
	size_t mask = numbers->capacity - 1;
	size_t at = (size_t)((number * SPREAD) >> 32) & mask;
	while (numbers->slots[at] != 0 && numbers->slots[at] != number)
		at = (at + 1) & mask;
	return &numbers->slots[at];
}

static bool grow(struct store_numbers *numbers)
{
	struct store_numbers larger = {
		.capacity = numbers->capacity ? numbers->capacity * 2
					      : CAPACITY_MIN,
		.count = numbers->count,
	};
	if (numbers->count < COUNT_MAX)
		larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (larger.slots == NULL)
		return false;
	for (size_t i = 0; i < numbers->capacity; i++)
		if (numbers->slots[i] != 0)
			*slot_of(&larger, numbers->slots[i]) =
				numbers->slots[i];
	free(numbers->slots);
	*numbers = larger;
	return true;
}

static void add(struct store_numbers *numbers, uint64_t number)
{
	if (numbers->count >= numbers->capacity / 2 && !grow(numbers)) {
		numbers->all = true;
		return;
	}
	uint64_t *slot = slot_of(numbers, number);
	numbers->count += *slot == 0;
	*slot = number;
}

bool store_numbers_have(const struct store_numbers *numbers, uint64_t number)
{
	return numbers->all ||
	       (numbers->count > 0 && *slot_of(numbers, number) == number);
}

void store_numbers_free(struct store_numbers *numbers)
{
	free(numbers->slots);
	*numbers = (struct store_numbers){0};
}

void store_touched_init(struct store_touched *touched)
{
	*touched = (struct store_touched){.watched = false};
	pthread_mutex_init(&touched->lock, NULL);
}

void store_touched_done(struct store_touched *touched)
{
	store_numbers_free(&touched->set);
	pthread_mutex_destroy(&touched->lock);
}

void store_touched_watch(struct store_touched *touched)
{
	store_touched_unwatch(touched);
	touched->watched = true;
}

void store_touched_unwatch(struct store_touched *touched)
{
	pthread_mutex_lock(&touched->lock);
	touched->watched = false;
	store_numbers_free(&touched->set);
	pthread_mutex_unlock(&touched->lock);
}

void store_touched_add(struct store_touched *touched, uint64_t number)
{
	if (!touched->watched || number == 0)
		return;
	pthread_mutex_lock(&touched->lock);
	if (touched->watched && !touched->set.all)
		add(&touched->set, number);
	pthread_mutex_unlock(&touched->lock);
}

size_t store_touched_count(struct store_touched *touched)
{
	pthread_mutex_lock(&touched->lock);
	size_t count = touched->set.all ? SIZE_MAX : touched->set.count;
	pthread_mutex_unlock(&touched->lock);
	return count;
}

void store_touched_take(struct store_touched *touched,
			struct store_numbers *ret_numbers)
{
	pthread_mutex_lock(&touched->lock);
	*ret_numbers = touched->set;
	touched->set = (struct store_numbers){0};
	pthread_mutex_unlock(&touched->lock);
}
