/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fusefs/disk_corrupt.h"
#include "tests/unit/fusefs/seed.h"

#define SIZE_MAX_BYTES 300

/* What is reported, played again on a copy of what was there. */
struct replay {
	uint8_t before[SIZE_MAX_BYTES];
	uint8_t after[SIZE_MAX_BYTES];
	uint8_t touched[SIZE_MAX_BYTES];
	size_t size;
	size_t last_end;
	uint64_t bits;
	size_t runs;
};

static void note(void *user, const struct disk_damage *damage)
{
	struct replay *replay = user;

	/* In order, and no byte twice. */
	assert_true(damage->offset >= replay->last_end);
	assert_true(damage->length_bytes > 0);
	replay->last_end = damage->offset + damage->length_bytes;
	assert_true(replay->last_end <= replay->size);
	memset(replay->touched + damage->offset, 1, damage->length_bytes);
	replay->bits += (unsigned int)__builtin_popcount(damage->flipped);
	if (damage->flipped) {
		assert_int_equal(damage->length_bytes, 1);
		assert_int_equal(replay->before[damage->offset] ^
					 damage->flipped,
				 replay->after[damage->offset]);
	}
	replay->runs++;
}

static void fill(struct seed *seed, uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)seed_below(seed, 3); /* many zeros */
}

static void check_replay(const struct disk_corruption *how,
			 const struct replay *replay, size_t changed)
{
	uint64_t wanted = how->count ? how->count : 1;
	bool placed = how->at >= 0;
	size_t room = replay->size - (placed ? (size_t)how->at : 0);
	size_t differ = 0;
	size_t touched = 0;

	for (size_t i = 0; i < replay->size; i++) {
		bool same = replay->before[i] == replay->after[i];

		assert_true(same || replay->touched[i]);
		differ += !same;
		touched += replay->touched[i];
		if (how->kind == DISK_CORRUPT_ZERO && replay->touched[i])
			assert_int_equal(replay->after[i], 0);
		if (how->kind != DISK_CORRUPT_ZERO && replay->touched[i])
			assert_false(same);
	}
	assert_int_equal(changed, differ);
	if (placed && (size_t)how->at >= replay->size) {
		assert_int_equal(touched, 0);
		return;
	}
	if (how->kind == DISK_CORRUPT_BITFLIP) {
		if (wanted > room * 8)
			wanted = room * 8;
		assert_int_equal(replay->bits, wanted);
		for (size_t i = 0; placed && i < replay->size; i++)
			if (replay->touched[i])
				assert_in_range(i, how->at,
						(uint64_t)how->at +
							(wanted - 1) / 8);
		return;
	}
	if (how->count == 0 || wanted > room)
		wanted = room;
	assert_int_equal(touched, wanted);
	if (placed)
		assert_int_equal(replay->last_end, (size_t)how->at + wanted);
	assert_int_equal(replay->runs, 1);
}

/* The report says exactly what changed, and the seed alone decides it. */
static void damage_is_exactly_what_is_reported(void **state)
{
	struct seed seed;

	(void)state;
	seed_start(&seed);
	for (unsigned long i = seed_steps(20000); i > 0; i--) {
		struct replay replay = {.size = 1 + seed_below(&seed, 299)};
		const struct disk_corruption how = {
			.kind = (enum disk_corrupt_kind)seed_below(&seed, 3),
			.count = seed_below(&seed, 3) ? seed_below(&seed, 20)
						      : seed_below(&seed, 3000),
			.seed = seed_below(&seed, 1000),
			.at = (int64_t)seed_below(&seed, 400) - 100,
		};
		uint8_t again[SIZE_MAX_BYTES];
		uint8_t data[SIZE_MAX_BYTES];
		size_t changed;

		fill(&seed, replay.before, replay.size);
		memcpy(again, replay.before, replay.size);
		memcpy(data, replay.before, replay.size);
		changed = disk_corrupt(&how, data, replay.size, NULL, NULL);
		memcpy(replay.after, data, replay.size);
		assert_int_equal(changed, disk_corrupt(&how, again, replay.size,
						       note, &replay));
		assert_memory_equal(data, again, replay.size);
		check_replay(&how, &replay, changed);
	}
}

/* Nothing is out of reach: each bit of a few bytes, and both ends. */
static void every_place_is_hit(void **state)
{
	unsigned int single[40] = {0};
	unsigned int pairs[40] = {0};
	unsigned int begins[5] = {0};

	(void)state;
	for (uint64_t seed = 0; seed < 4000; seed++) {
		struct disk_corruption how = {DISK_CORRUPT_BITFLIP, 1, seed,
					      -1};
		uint8_t data[5] = {0};
		uint8_t more[5] = {0};
		uint8_t run[5] = {1, 1, 1, 1, 1};

		(void)disk_corrupt(&how, data, sizeof(data), NULL, NULL);
		how.count = 2;
		(void)disk_corrupt(&how, more, sizeof(more), NULL, NULL);
		for (size_t bit = 0; bit < 40; bit++) {
			single[bit] += data[bit / 8] >> (bit % 8) & 1;
			pairs[bit] += more[bit / 8] >> (bit % 8) & 1;
		}
		how.kind = DISK_CORRUPT_ZERO;
		how.count = 1;
		(void)disk_corrupt(&how, run, sizeof(run), NULL, NULL);
		begins[(uint8_t *)memchr(run, 0, sizeof(run)) - run]++;
	}
	for (size_t bit = 0; bit < 40; bit++) {
		/* 100 and 200 are expected: ten deviations are a defect. */
		assert_in_range(single[bit], 1, 200);
		assert_in_range(pairs[bit], 60, 340);
	}
	for (size_t i = 0; i < 5; i++)
		assert_in_range(begins[i], 550, 1050);
}

static void nothing_can_be_harmed_of_nothing(void **state)
{
	const struct disk_corruption how = {DISK_CORRUPT_GARBAGE, 0, 1, -1};

	(void)state;
	assert_int_equal(disk_corrupt(&how, NULL, 0, NULL, NULL), 0);
}

static void kinds_have_names(void **state)
{
	enum disk_corrupt_kind kind = DISK_CORRUPT_ZERO;

	(void)state;
	for (unsigned int i = 0; disk_corrupt_name((enum disk_corrupt_kind)i);
	     i++) {
		assert_int_equal(
			disk_corrupt_find(
				disk_corrupt_name((enum disk_corrupt_kind)i),
				&kind),
			0);
		assert_int_equal(kind, i);
	}
	assert_int_equal(kind, DISK_CORRUPT_GARBAGE);
	assert_int_equal(disk_corrupt_find("melt", &kind), -ENOENT);
	assert_int_equal(disk_corrupt_find("", &kind), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damage_is_exactly_what_is_reported),
		cmocka_unit_test(every_place_is_hit),
		cmocka_unit_test(nothing_can_be_harmed_of_nothing),
		cmocka_unit_test(kinds_have_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
