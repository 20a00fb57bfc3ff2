/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "fusefs/scratch.h"
#include "tests/unit/fusefs/seed.h"

#define CHUNKS_MAX 48
#define UNITS_MAX ((size_t)CHUNKS_MAX * SCRATCH_CHUNK / SCRATCH_UNIT)
#define RANGES_MAX 400
#define TOUCHED_MAX 60
#define STEPS 200000

static const char *directory(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp != NULL && *tmp != '\0' ? tmp : "/var/tmp";
}

static struct scratch *open_scratch(uint64_t limit_bytes)
{
	struct scratch *scratch = NULL;
	struct errmsg why = {""};
	int r = scratch_open(directory(), limit_bytes, &scratch, &why);

	if (r != 0)
		fail_msg("scratch_open: %d, %s", r, why.text);
	return scratch;
}

static void space_is_given_out_at_units_and_taken_back(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t first;
	uint64_t second;
	size_t had;

	(void)state;
	assert_int_equal(scratch_used(scratch), 0);
	assert_int_equal(scratch_limit(scratch), 0);
	assert_int_equal(scratch_alloc(scratch, 1, &first, &had), 0);
	assert_int_equal(had, 1);
	assert_int_equal(scratch_used(scratch), SCRATCH_UNIT);
	assert_int_equal(
		scratch_alloc(scratch, SCRATCH_UNIT + 1, &second, &had), 0);
	assert_int_equal(had, SCRATCH_UNIT + 1);
	assert_int_equal(second % SCRATCH_UNIT, 0);
	assert_int_equal(scratch_used(scratch), 3 * SCRATCH_UNIT);
	scratch_drop(scratch, first, 1);
	scratch_drop(scratch, second, SCRATCH_UNIT + 1);
	assert_int_equal(scratch_used(scratch), 0);
	scratch_close(scratch);
}

static void one_piece_is_a_chunk_at_most(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t offset;
	size_t had;

	(void)state;
	assert_int_equal(scratch_alloc(scratch, (size_t)SCRATCH_CHUNK + 1,
				       &offset, &had),
			 0);
	assert_int_equal(had, SCRATCH_CHUNK);
	assert_int_equal(offset % SCRATCH_CHUNK, 0);
	/* The next one has to come from another chunk. */
	uint64_t other;
	assert_int_equal(scratch_alloc(scratch, 1, &other, &had), 0);
	assert_true(other / SCRATCH_CHUNK != offset / SCRATCH_CHUNK);
	scratch_drop(scratch, offset, SCRATCH_CHUNK);
	scratch_drop(scratch, other, 1);
	assert_int_equal(scratch_used(scratch), 0);
	scratch_close(scratch);
}

static void data_comes_back_as_written(void **state)
{
	struct scratch *scratch = open_scratch(0);
	char data[3000];
	char back[3000];
	uint64_t offset;
	size_t had;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	assert_int_equal(scratch_alloc(scratch, sizeof(data), &offset, &had),
			 0);
	assert_int_equal(had, sizeof(data));
	assert_int_equal(scratch_write(scratch, offset, data, sizeof(data)), 0);
	assert_int_equal(scratch_read(scratch, offset + 5, back, 2000), 0);
	assert_memory_equal(back, data + 5, 2000);
	scratch_drop(scratch, offset, had);
	scratch_close(scratch);
}

static void what_was_never_written_is_an_error_to_read(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t offset;
	size_t had;
	char byte;

	(void)state;
	assert_int_equal(scratch_alloc(scratch, 100, &offset, &had), 0);
	assert_int_equal(scratch_read(scratch, offset, &byte, 1), -EIO);
	scratch_drop(scratch, offset, had);
	scratch_close(scratch);
}

static void range_grows_within_its_unit_and_over_free_neighbours(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t first;
	uint64_t second;
	size_t had;

	(void)state;
	assert_int_equal(scratch_alloc(scratch, 10, &first, &had), 0);
	assert_int_equal(scratch_extend(scratch, first + 10, 20), 20);
	assert_int_equal(scratch_used(scratch), SCRATCH_UNIT);
	assert_int_equal(scratch_extend(scratch, first + 30, 100), 100);
	assert_int_equal(scratch_used(scratch), 3 * (uint64_t)SCRATCH_UNIT);
	assert_int_equal(scratch_alloc(scratch, 1, &second, &had), 0);
	/* Up to the neighbour, and not one byte further. */
	size_t room = (size_t)(second - (first + 130));
	assert_int_equal(scratch_extend(scratch, first + 130, room + 1), room);
	assert_int_equal(scratch_extend(scratch, second, 1), 0);
	scratch_drop(scratch, first, 130 + room);
	scratch_drop(scratch, second, 1);
	assert_int_equal(scratch_used(scratch), 0);
	scratch_close(scratch);
}

static void range_does_not_grow_out_of_its_chunk(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t offset;
	size_t had;

	(void)state;
	assert_int_equal(
		scratch_alloc(scratch, SCRATCH_CHUNK - 100, &offset, &had), 0);
	assert_int_equal(scratch_extend(scratch, offset + had, 1000), 100);
	assert_int_equal(scratch_extend(scratch, offset + SCRATCH_CHUNK, 1), 0);
	scratch_drop(scratch, offset, SCRATCH_CHUNK);
	assert_int_equal(scratch_used(scratch), 0);
	scratch_close(scratch);
}

/* A commit may be copying the bytes behind the end of what it holds. */
static void range_does_not_grow_while_another_touches_its_unit(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t offset;
	size_t had;

	(void)state;
	assert_int_equal(scratch_alloc(scratch, 10, &offset, &had), 0);
	scratch_hold(scratch, offset, 10);
	assert_int_equal(scratch_extend(scratch, offset + 10, 10), 0);
	scratch_drop(scratch, offset, 10);
	assert_int_equal(scratch_extend(scratch, offset + 10, 10), 10);
	scratch_drop(scratch, offset, 20);
	assert_int_equal(scratch_used(scratch), 0);
	scratch_close(scratch);
}

static void unit_is_free_when_its_last_holder_is_gone(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t offset;
	size_t had;

	(void)state;
	assert_int_equal(scratch_alloc(scratch, 100, &offset, &had), 0);
	scratch_split(scratch, offset + 70);
	scratch_drop(scratch, offset, 70);
	assert_int_equal(scratch_used(scratch), SCRATCH_UNIT);
	scratch_drop(scratch, offset + 70, 30);
	assert_int_equal(scratch_used(scratch), 0);
	/* A cut between units needs no count; a join undoes the other. */
	assert_int_equal(scratch_alloc(scratch, 200, &offset, &had), 0);
	scratch_split(scratch, offset + 64);
	scratch_split(scratch, offset + 100);
	scratch_join(scratch, offset + 100);
	scratch_join(scratch, offset + 64);
	scratch_drop(scratch, offset, 200);
	assert_int_equal(scratch_used(scratch), 0);
	scratch_close(scratch);
}

static void limit_is_kept_and_space_returns(void **state)
{
	enum {
		COUNT = 64
	};
	struct scratch *scratch = open_scratch(4 << 20);
	uint64_t offset[COUNT];
	size_t had[COUNT];
	int count = 0;
	int r = 0;

	(void)state;
	assert_int_equal(scratch_limit(scratch), 4 << 20);
	while (count < COUNT &&
	       (r = scratch_alloc(scratch, 100000, &offset[count],
				  &had[count])) == 0)
		count++;
	assert_int_equal(r, -ENOSPC);
	assert_true(scratch_used(scratch) <= 4 << 20);
	assert_true(scratch_used(scratch) > (4 << 20) - SCRATCH_CHUNK / 10);
	/* Any hole will do, wherever it is. */
	scratch_drop(scratch, offset[count / 2], had[count / 2]);
	assert_int_equal(
		scratch_alloc(scratch, 50, &offset[count / 2], &had[count / 2]),
		0);
	assert_int_equal(had[count / 2], 50);
	while (count-- > 0)
		scratch_drop(scratch, offset[count], had[count]);
	assert_int_equal(scratch_used(scratch), 0);
	scratch_close(scratch);
}

/* Data that comes and goes must not make the file grow for ever. */
static void holes_are_used_before_the_file_grows(void **state)
{
	enum {
		COUNT = 320
	};
	struct scratch *scratch = open_scratch(0);
	uint64_t offset[COUNT];
	uint64_t highest = 0;
	size_t had;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(scratch_alloc(scratch, SCRATCH_CHUNK / 16,
					       &offset[i], &had),
				 0);
		highest = offset[i] > highest ? offset[i] : highest;
	}
	for (int round = 0; round < 40; round++) {
		for (int i = round % 2; i < COUNT; i += 2)
			scratch_drop(scratch, offset[i], SCRATCH_CHUNK / 16);
		for (int i = round % 2; i < COUNT; i += 2) {
			assert_int_equal(scratch_alloc(scratch,
						       SCRATCH_CHUNK / 16,
						       &offset[i], &had),
					 0);
			assert_true(offset[i] <= highest + 2 * SCRATCH_CHUNK);
		}
	}
	for (int i = 0; i < COUNT; i++)
		scratch_drop(scratch, offset[i], SCRATCH_CHUNK / 16);
	assert_int_equal(scratch_used(scratch), 0);
	scratch_close(scratch);
}

/* Blocks on the disk of the one scratch file that is open. */
static int64_t disk_blocks(void)
{
	char path[64];
	char target[4096];
	struct stat st;

	for (int fd = 3; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (strstr(target, "flakey-scratch") != NULL &&
		    fstat(fd, &st) == 0)
			return st.st_blocks;
	}
	fail_msg("no scratch file is open");
	return -1;
}

static void fill_chunks(struct scratch *scratch, uint64_t *ret_offsets,
			size_t count)
{
	static const char data[SCRATCH_CHUNK] = {1};
	size_t had;

	for (size_t i = 0; i < count; i++) {
		assert_int_equal(scratch_alloc(scratch, SCRATCH_CHUNK,
					       &ret_offsets[i], &had),
				 0);
		assert_int_equal(had, SCRATCH_CHUNK);
		assert_int_equal(scratch_write(scratch, ret_offsets[i], data,
					       SCRATCH_CHUNK),
				 0);
	}
}

static void what_a_crash_drops_is_trimmed_later(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t offsets[40];
	uint64_t again[3];

	(void)state;
	fill_chunks(scratch, offsets, 40);
	int64_t full = disk_blocks();
	scratch_defer(scratch);
	for (int i = 0; i < 39; i++)
		scratch_drop(scratch, offsets[i], SCRATCH_CHUNK);
	assert_int_equal(disk_blocks(), full);
	assert_int_equal(scratch_used(scratch), SCRATCH_CHUNK);
	/* Used again before it is trimmed: not given away. */
	fill_chunks(scratch, again, 3);
	assert_int_equal(disk_blocks(), full);
	scratch_trim(scratch);
	assert_true(disk_blocks() < full / 8);
	char data[2] = {0};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(scratch_read(scratch, again[i], data, 2), 0);
		assert_int_equal(data[0], 1);
		scratch_drop(scratch, again[i], SCRATCH_CHUNK);
	}
	/* From then on at once. */
	assert_true(disk_blocks() <= 3 * SCRATCH_CHUNK / 512);
	scratch_drop(scratch, offsets[39], SCRATCH_CHUNK);
	assert_int_equal(scratch_used(scratch), 0);
	scratch_close(scratch);
}

static void directory_that_is_not_there_is_named(void **state)
{
	struct scratch *scratch = NULL;
	struct errmsg why = {""};

	(void)state;
	assert_int_equal(scratch_open("/nonexistent/x", 0, &scratch, &why),
			 -ENOENT);
	assert_null(scratch);
	assert_non_null(strstr(why.text, "/nonexistent/x"));
	assert_non_null(strstr(why.text, "--scratch"));
	static char huge[5000];
	memset(huge, 'x', sizeof(huge) - 1);
	assert_int_equal(scratch_open(huge, 0, &scratch, NULL), -ENAMETOOLONG);
	scratch_close(NULL);
}

/* The naive twin: who holds what, a count for each unit, and every byte. */
struct range {
	uint64_t offset;
	uint64_t bytes;
};

struct twin {
	struct seed seed;
	struct scratch *scratch;
	struct range ranges[RANGES_MAX];
	size_t count;
	uint16_t *touched;
	uint8_t *data;
	uint64_t used_units;
	/* What lands; a landing under way, and the chunk of the last. */
	uint8_t lands[SCRATCH_CHUNK];
	char *memory;
	size_t room;
	size_t landing;
	unsigned long landings;
};

static void touch(struct twin *twin, struct range range, int delta)
{
	uint64_t last = (range.offset + range.bytes - 1) / SCRATCH_UNIT;

	for (uint64_t unit = range.offset / SCRATCH_UNIT; unit <= last;
	     unit++) {
		assert_true(unit < UNITS_MAX);
		if (delta > 0 && twin->touched[unit]++ == 0)
			twin->used_units++;
		if (delta < 0 && --twin->touched[unit] == 0)
			twin->used_units--;
	}
}

static void add_range(struct twin *twin, uint64_t offset, uint64_t bytes)
{
	struct range range = {offset, bytes};

	twin->ranges[twin->count++] = range;
	touch(twin, range, 1);
}

static void remove_range(struct twin *twin, size_t index)
{
	touch(twin, twin->ranges[index], -1);
	twin->ranges[index] = twin->ranges[--twin->count];
}

static void fill(struct twin *twin, uint64_t offset, uint64_t bytes)
{
	uint8_t byte = (uint8_t)seed_below(&twin->seed, 256);

	for (uint64_t i = 0; i < bytes; i++)
		twin->data[offset + i] = (uint8_t)(byte + i);
	assert_int_equal(scratch_write(twin->scratch, offset,
				       twin->data + offset, bytes),
			 0);
}

static void check_data(struct twin *twin, const struct range *range)
{
	static uint8_t back[SCRATCH_CHUNK];

	assert_int_equal(
		scratch_read(twin->scratch, range->offset, back, range->bytes),
		0);
	assert_memory_equal(back, twin->data + range->offset, range->bytes);
}

static void step_alloc(struct twin *twin)
{
	uint32_t bits = 1 + seed_below(&twin->seed, 17);
	size_t want = 1 + seed_below(&twin->seed, UINT32_C(1) << bits);
	uint64_t offset;
	size_t had;

	if (twin->count == RANGES_MAX)
		return;
	assert_int_equal(scratch_alloc(twin->scratch, want, &offset, &had), 0);
	assert_true(had >= 1 && had <= want);
	assert_int_equal(offset % SCRATCH_UNIT, 0);
	assert_int_equal(offset / SCRATCH_CHUNK,
			 (offset + had - 1) / SCRATCH_CHUNK);
	for (uint64_t at = offset; at < offset + had; at += SCRATCH_UNIT)
		assert_int_equal(twin->touched[at / SCRATCH_UNIT], 0);
	add_range(twin, offset, had);
	fill(twin, offset, had);
}

/* How far the space behind an end is free, by the counts. */
static uint64_t free_behind(const struct twin *twin, uint64_t end)
{
	uint64_t room = (SCRATCH_UNIT - end % SCRATCH_UNIT) % SCRATCH_UNIT;

	if (room > 0 && twin->touched[end / SCRATCH_UNIT] != 1)
		return 0;
	while ((end + room) % SCRATCH_CHUNK != 0 &&
	       twin->touched[(end + room) / SCRATCH_UNIT] == 0)
		room += SCRATCH_UNIT;
	return room;
}

static void step_extend(struct twin *twin, size_t index)
{
	struct range *range = &twin->ranges[index];
	uint64_t end = range->offset + range->bytes;
	uint64_t want = 1 + seed_below(&twin->seed, 500);
	uint64_t room = free_behind(twin, end);

	size_t had = scratch_extend(twin->scratch, end, want);
	/* What is behind a landing is for the next. */
	if ((end - 1) / SCRATCH_CHUNK != twin->landing)
		assert_int_equal(had, room < want ? room : want);
	assert_true(had <= room && had <= want);
	if (had == 0)
		return;
	touch(twin, *range, -1);
	range->bytes += had;
	touch(twin, *range, 1);
	fill(twin, end, had);
}

/* What nobody has waited for comes while other things go on. */
static void step_land(struct twin *twin)
{
	uint64_t pages = twin->room / SCRATCH_LANDING;
	char *memory = twin->memory;

	if (twin->room == 0) {
		twin->room = scratch_land(twin->scratch, &twin->memory);
		assert_int_equal(twin->room % SCRATCH_LANDING, 0);
		if (twin->room > 0)
			memcpy(twin->memory, twin->lands, twin->room);
		return;
	}
	if (twin->count == RANGES_MAX)
		return;
	uint64_t bytes =
		SCRATCH_LANDING *
		seed_below(&twin->seed, pages < 24 ? (uint32_t)pages + 1 : 25);
	uint64_t offset = scratch_landed(twin->scratch, bytes);
	twin->room = 0;
	twin->landing = offset / SCRATCH_CHUNK;
	if (bytes == 0)
		return;
	for (uint64_t at = offset; at < offset + bytes; at += SCRATCH_UNIT)
		assert_int_equal(twin->touched[at / SCRATCH_UNIT], 0);
	assert_memory_equal(memory, twin->lands, bytes);
	memcpy(twin->data + offset, memory, bytes);
	add_range(twin, offset, bytes);
	twin->landings++;
}

static void step_hold(struct twin *twin, size_t index)
{
	struct range range = twin->ranges[index];
	uint64_t skip = seed_below(&twin->seed, (uint32_t)range.bytes);

	range.offset += skip;
	range.bytes =
		1 + seed_below(&twin->seed, (uint32_t)(range.bytes - skip));
	for (uint64_t at = range.offset; at < range.offset + range.bytes; at++)
		if (twin->touched[at / SCRATCH_UNIT] > TOUCHED_MAX)
			return;
	if (twin->count == RANGES_MAX)
		return;
	scratch_hold(twin->scratch, range.offset, range.bytes);
	add_range(twin, range.offset, range.bytes);
}

static void step_drop(struct twin *twin, size_t index)
{
	struct range range = twin->ranges[index];

	check_data(twin, &range);
	scratch_drop(twin->scratch, range.offset, range.bytes);
	remove_range(twin, index);
}

static void step_split(struct twin *twin, size_t index)
{
	struct range range = twin->ranges[index];

	if (range.bytes < 2 || twin->count == RANGES_MAX)
		return;
	uint64_t keep =
		1 + seed_below(&twin->seed, (uint32_t)(range.bytes - 1));
	if (twin->touched[(range.offset + keep) / SCRATCH_UNIT] > TOUCHED_MAX)
		return;
	scratch_split(twin->scratch, range.offset + keep);
	remove_range(twin, index);
	add_range(twin, range.offset, keep);
	add_range(twin, range.offset + keep, range.bytes - keep);
}

static void step_join(struct twin *twin, size_t left)
{
	uint64_t end = twin->ranges[left].offset + twin->ranges[left].bytes;
	size_t right = 0;

	while (right < twin->count && twin->ranges[right].offset != end)
		right++;
	if (right == twin->count ||
	    end / SCRATCH_CHUNK != (end - 1) / SCRATCH_CHUNK)
		return;
	scratch_join(twin->scratch, end);
	struct range joined = twin->ranges[left];
	joined.bytes += twin->ranges[right].bytes;
	remove_range(twin, left > right ? left : right);
	remove_range(twin, left > right ? right : left);
	add_range(twin, joined.offset, joined.bytes);
}

static void step(struct twin *twin)
{
	size_t index = twin->count == 0
			       ? 0
			       : seed_below(&twin->seed, (uint32_t)twin->count);
	uint32_t what = seed_below(&twin->seed, 14);

	if (what < 3 || twin->count == 0)
		step_alloc(twin);
	else if (what < 5)
		step_extend(twin, index);
	else if (what < 6)
		step_hold(twin, index);
	else if (what < 9)
		step_drop(twin, index);
	else if (what < 10)
		step_split(twin, index);
	else if (what < 11)
		step_join(twin, index);
	else if (what < 13)
		step_land(twin);
	else
		fill(twin, twin->ranges[index].offset,
		     twin->ranges[index].bytes);
	assert_int_equal(scratch_used(twin->scratch),
			 twin->used_units * SCRATCH_UNIT);
}

static void compare_with_twin(size_t memory_chunks)
{
	static struct twin twin;

	twin = (struct twin){.scratch = open_scratch(0), .landing = SIZE_MAX};
	for (size_t i = 0; i < sizeof(twin.lands); i++)
		twin.lands[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16 ^ 0xee);
	if (memory_chunks > 0)
		scratch_use_memory(twin.scratch, memory_chunks);
	twin.touched = calloc(UNITS_MAX, sizeof(*twin.touched));
	twin.data = calloc(UNITS_MAX, SCRATCH_UNIT);
	assert_non_null(twin.touched);
	assert_non_null(twin.data);
	seed_start(&twin.seed);
	for (unsigned long i = seed_steps(STEPS); i > 0; i--)
		step(&twin);
	while (twin.count > 0)
		step_drop(&twin, 0);
	if (twin.room > 0)
		scratch_landed(twin.scratch, 0);
	assert_int_equal(twin.landings > 0, memory_chunks > 0);
	assert_int_equal(scratch_used(twin.scratch), 0);
	scratch_close(twin.scratch);
	free(twin.touched);
	free(twin.data);
}

static void counts_and_bytes_are_those_of_a_naive_twin(void **state)
{
	(void)state;
	compare_with_twin(0);
}

static void bytes_are_right_in_memory_too(void **state)
{
	(void)state;
	compare_with_twin(UNITS_MAX / (SCRATCH_CHUNK / SCRATCH_UNIT));
}

static void bytes_are_right_where_memory_is_short(void **state)
{
	(void)state;
	compare_with_twin(4);
}

static void what_is_in_memory_is_not_in_the_file(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t offsets[2];
	size_t bytes;

	(void)state;
	scratch_use_memory(scratch, 4);
	fill_chunks(scratch, offsets, 2);
	assert_int_equal(disk_blocks(), 0);
	assert_non_null(scratch_peek(scratch, offsets[0] + 100, &bytes));
	assert_int_equal(bytes, SCRATCH_CHUNK - 100);
	scratch_unpeek(scratch, offsets[0]);
	for (int i = 0; i < 2; i++)
		scratch_drop(scratch, offsets[i], SCRATCH_CHUNK);
	/* What was dropped is there for the next. */
	fill_chunks(scratch, offsets, 2);
	assert_int_equal(disk_blocks(), 0);
	for (int i = 0; i < 2; i++)
		scratch_drop(scratch, offsets[i], SCRATCH_CHUNK);
	scratch_close(scratch);
}

static void expect_ones(struct scratch *scratch, uint64_t *offsets,
			size_t count)
{
	char data[2];

	for (size_t i = 0; i < count; i++) {
		data[0] = 0;
		assert_int_equal(scratch_read(scratch, offsets[i], data, 2), 0);
		assert_int_equal(data[0], 1);
		scratch_drop(scratch, offsets[i], SCRATCH_CHUNK);
	}
}

static void what_is_too_much_moves_to_the_file(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t offsets[40];

	(void)state;
	scratch_use_memory(scratch, 8);
	fill_chunks(scratch, offsets, 40);
	assert_true(disk_blocks() >= 30 * SCRATCH_CHUNK / 512);
	expect_ones(scratch, offsets, 40);
	assert_int_equal(scratch_used(scratch), 0);
	scratch_close(scratch);
}

/* A file size limit of the process stands for a full disk. */
static void full_disk_keeps_it_in_memory(void **state)
{
	struct scratch *scratch = open_scratch(0);
	uint64_t offsets[8];
	struct rlimit limit;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	struct rlimit none = {0, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	scratch_use_memory(scratch, 8);
	fill_chunks(scratch, offsets, 8);
	uint64_t more;
	size_t had;
	char data = 0;
	assert_int_equal(scratch_alloc(scratch, 1, &more, &had), 0);
	int full = scratch_write(scratch, more, "x", 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(full, -ENOSPC);
	assert_int_equal(scratch_write(scratch, more, "x", 1), 0);
	assert_int_equal(scratch_read(scratch, more, &data, 1), 0);
	assert_int_equal(data, 'x');
	scratch_drop(scratch, more, had);
	expect_ones(scratch, offsets, 8);
	scratch_close(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(space_is_given_out_at_units_and_taken_back),
		cmocka_unit_test(one_piece_is_a_chunk_at_most),
		cmocka_unit_test(data_comes_back_as_written),
		cmocka_unit_test(what_was_never_written_is_an_error_to_read),
		cmocka_unit_test(
			range_grows_within_its_unit_and_over_free_neighbours),
		cmocka_unit_test(range_does_not_grow_out_of_its_chunk),
		cmocka_unit_test(
			range_does_not_grow_while_another_touches_its_unit),
		cmocka_unit_test(unit_is_free_when_its_last_holder_is_gone),
		cmocka_unit_test(limit_is_kept_and_space_returns),
		cmocka_unit_test(holes_are_used_before_the_file_grows),
		cmocka_unit_test(what_a_crash_drops_is_trimmed_later),
		cmocka_unit_test(directory_that_is_not_there_is_named),
		cmocka_unit_test(counts_and_bytes_are_those_of_a_naive_twin),
		cmocka_unit_test(bytes_are_right_in_memory_too),
		cmocka_unit_test(bytes_are_right_where_memory_is_short),
		cmocka_unit_test(what_is_in_memory_is_not_in_the_file),
		cmocka_unit_test(what_is_too_much_moves_to_the_file),
		cmocka_unit_test(full_disk_keeps_it_in_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
