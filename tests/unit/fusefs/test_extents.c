/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fusefs/extents.h"
#include "fusefs/scratch.h"
#include "tests/unit/fusefs/nomem.h"
#include "tests/unit/fusefs/seed.h"

/* The model looks at this many bytes one by one; what is behind, up to the end
 * of all files, is one cell more. */
#define SPACE 600
#define END INT64_MAX
#define STEPS 200000
#define HOLDERS_MAX 40
#define NOWHERE (UINT64_MAX - 1)

struct cell {
	uint64_t source; /* of this byte; NOWHERE: uncovered */
	uint64_t seq;
	enum extent_state state;
};

struct twin {
	struct seed seed;
	struct scratch *scratch;
	struct extents *extents;
	struct cell cells[SPACE + 1];
};

static struct scratch *open_scratch(void)
{
	const char *tmp = getenv("TMPDIR");
	struct scratch *scratch = NULL;

	if (tmp == NULL || *tmp == '\0')
		tmp = "/var/tmp";
	assert_int_equal(scratch_open(tmp, 0, &scratch, NULL), 0);
	return scratch;
}

static void twin_start(struct twin *twin)
{
	twin->scratch = open_scratch();
	twin->extents = extents_new(twin->scratch);
	assert_non_null(twin->extents);
	for (int i = 0; i <= SPACE; i++)
		twin->cells[i] = (struct cell){.source = NOWHERE};
}

static void twin_stop(struct twin *twin)
{
	extents_free(twin->extents);
	assert_int_equal(scratch_used(twin->scratch), 0);
	scratch_close(twin->scratch);
}

static struct cell cell_of(const struct extent *extent, int64_t offset)
{
	struct cell cell = {
		.source = extent->source,
		.seq = extent->seq,
		.state = extent->state,
	};

	if (cell.source != EXTENT_ZERO)
		cell.source += (uint64_t)(offset - extent->offset_bytes);
	return cell;
}

static void check_cell(const struct twin *twin, int64_t offset,
		       const struct extent *extent)
{
	const struct cell *want = &twin->cells[offset];
	struct cell got = {.source = NOWHERE};

	if (extent != NULL && extent->offset_bytes <= offset)
		got = cell_of(extent, offset);
	if (got.source != want->source ||
	    (got.source != NOWHERE &&
	     (got.seq != want->seq || got.state != want->state)))
		fail_msg("byte %d: source %llx seq %llu state %d, not %llx "
			 "%llu %d",
			 (int)offset, (unsigned long long)got.source,
			 (unsigned long long)got.seq, got.state,
			 (unsigned long long)want->source,
			 (unsigned long long)want->seq, want->state);
}

/* Order, no overlap, nothing empty, and the sums. */
static void check_shape(const struct extents *extents)
{
	uint64_t count = 0;
	int64_t dirty = 0;
	int64_t clean = 0;
	int64_t end = 0;

	for (const struct extent *extent = extents->head[0]; extent != NULL;
	     extent = extents_next(extent)) {
		assert_true(extent->offset_bytes >= end);
		assert_true(extent->length_bytes > 0);
		assert_in_range(extent->levels, 1, EXTENTS_LEVELS);
		end = extents_end(extent);
		count++;
		if (extent->state == EXTENT_DIRTY)
			dirty += extent->length_bytes;
		if (extent->state == EXTENT_CLEAN &&
		    extent->source != EXTENT_ZERO)
			clean += extent->length_bytes;
	}
	assert_int_equal(extents->count, count);
	assert_int_equal(extents->dirty_bytes, dirty);
	assert_int_equal(extents->clean_bytes, clean);
}

/* Each level is the one below with some left out. */
static void check_levels(const struct extents *extents)
{
	for (int level = 1; level < EXTENTS_LEVELS; level++) {
		const struct extent *low = extents->head[level - 1];
		const struct extent *high = extents->head[level];
		while (low != NULL) {
			if (low->levels > level) {
				assert_ptr_equal(low, high);
				high = high->next[level];
			}
			low = low->next[level - 1];
		}
		assert_null(high);
	}
}

static void check(const struct twin *twin)
{
	const struct extent *extent = twin->extents->head[0];

	check_shape(twin->extents);
	for (int64_t offset = 0; offset <= SPACE; offset++) {
		while (extent != NULL && extents_end(extent) <= offset)
			extent = extents_next(extent);
		check_cell(twin, offset, extent);
	}
}

static void check_at(struct twin *twin)
{
	int64_t offset = seed_below(&twin->seed, SPACE + 1);
	const struct extent *want = twin->extents->head[0];

	while (want != NULL && extents_end(want) <= offset)
		want = extents_next(want);
	assert_ptr_equal(extents_at(twin->extents, offset), want);
}

static void paint(struct twin *twin, int64_t offset, int64_t length,
		  const struct extent_what *what)
{
	for (int64_t i = offset; i <= SPACE && i - offset < length; i++) {
		struct cell *cell = &twin->cells[i];
		if (what == NULL) {
			cell->source = NOWHERE;
			continue;
		}
		*cell = (struct cell){what->source, what->seq, what->state};
		if (cell->source != EXTENT_ZERO)
			cell->source += (uint64_t)(i - offset);
	}
}

static struct extent_what random_what(struct twin *twin)
{
	struct extent_what what = {.source = EXTENT_ZERO};

	what.state = seed_below(&twin->seed, 3);
	if (what.state != EXTENT_DIRTY)
		what.seq = seed_below(&twin->seed, 3);
	return what;
}

static void random_range(struct twin *twin, int64_t *ret_offset,
			 int64_t *ret_length)
{
	uint32_t most = seed_once_in(&twin->seed, 8) ? SPACE : 70;

	*ret_offset = seed_below(&twin->seed, SPACE);
	*ret_length = 1 + seed_below(&twin->seed, most);
	if (*ret_offset + *ret_length > SPACE)
		*ret_length = SPACE - *ret_offset;
	if (seed_once_in(&twin->seed, 50))
		*ret_length = END - *ret_offset;
}

static struct extent *random_extent(struct twin *twin)
{
	if (twin->extents->count == 0)
		return NULL;
	struct extent *extent =
		extents_at(twin->extents, seed_below(&twin->seed, SPACE));
	return extent != NULL ? extent : twin->extents->head[0];
}

static void expect_merged(const struct extents *extents, int64_t offset)
{
	const struct extent *left =
		offset > 0 ? extents_at(extents, offset - 1) : NULL;
	const struct extent *right = extents_at(extents, offset);

	if (left == NULL || right == NULL || left == right ||
	    extents_end(left) != right->offset_bytes ||
	    left->state != right->state || left->seq != right->seq)
		return;
	struct cell next = {.source = left->source};
	if (next.source != EXTENT_ZERO)
		next = cell_of(left, right->offset_bytes);
	assert_true(next.source != right->source);
}

static void put(struct twin *twin, int64_t offset, int64_t length,
		const struct extent_what *what)
{
	assert_int_equal(extents_put(twin->extents, offset, length, what), 0);
	paint(twin, offset, length, what);
	expect_merged(twin->extents, offset);
	if (length != END - offset)
		expect_merged(twin->extents, offset + length);
}

static void step_put_zeros(struct twin *twin)
{
	struct extent_what what = random_what(twin);
	int64_t offset;
	int64_t length;

	random_range(twin, &offset, &length);
	put(twin, offset, length, &what);
}

static void step_put_data(struct twin *twin)
{
	struct extent_what what = random_what(twin);
	int64_t offset;
	int64_t length;
	size_t had;

	random_range(twin, &offset, &length);
	if (length > SPACE)
		length = SPACE - offset;
	assert_int_equal(scratch_alloc(twin->scratch, (size_t)length,
				       &what.source, &had),
			 0);
	put(twin, offset, (int64_t)had, &what);
}

static int holders(const struct twin *twin, uint64_t unit)
{
	int count = 0;

	for (const struct extent *extent = twin->extents->head[0];
	     extent != NULL; extent = extents_next(extent))
		if (extent->source != EXTENT_ZERO &&
		    extent->source / SCRATCH_UNIT <= unit &&
		    (extent->source + (uint64_t)extent->length_bytes - 1) /
				    SCRATCH_UNIT >=
			    unit)
			count++;
	return count;
}

/* The same data in another place, as records and commits share it. */
static void step_put_shared(struct twin *twin)
{
	const struct extent *extent = random_extent(twin);
	struct extent_what what = random_what(twin);

	if (extent == NULL || extent->source == EXTENT_ZERO)
		return;
	uint32_t skip = seed_below(&twin->seed, (uint32_t)extent->length_bytes);
	what.source = extent->source + skip;
	int64_t length = extent->length_bytes - skip;
	int64_t offset = seed_below(&twin->seed, SPACE);
	if (seed_once_in(&twin->seed, 3) && extents_end(extent) < SPACE)
		offset = extents_end(extent);
	if (length > SPACE - offset)
		length = SPACE - offset;
	for (int64_t i = 0; i < length; i += SCRATCH_UNIT)
		if (holders(twin, (what.source + (uint64_t)i) / SCRATCH_UNIT) >
		    HOLDERS_MAX)
			return;
	scratch_hold(twin->scratch, what.source, (uint64_t)length);
	put(twin, offset, length, &what);
}

/* A few neighbours from another map, as a write in several pieces makes them. */
static void step_take(struct twin *twin)
{
	struct extents *from = extents_new(twin->scratch);
	int64_t offset = seed_below(&twin->seed, SPACE - 1);

	assert_non_null(from);
	int64_t begin = offset;
	for (uint32_t i = seed_below(&twin->seed, 4);
	     i > 0 && offset < SPACE - 1; i--) {
		struct extent_what what = random_what(twin);
		size_t had = 1 + seed_below(&twin->seed, 40);
		if (had > (size_t)(SPACE - offset))
			had = (size_t)(SPACE - offset);
		if (!seed_once_in(&twin->seed, 4))
			assert_int_equal(scratch_alloc(twin->scratch, had,
						       &what.source, &had),
					 0);
		assert_int_equal(extents_put(from, offset, (int64_t)had, &what),
				 0);
		paint(twin, offset, (int64_t)had, &what);
		offset += (int64_t)had;
	}
	assert_int_equal(extents_take(twin->extents, from), 0);
	assert_int_equal(from->count, 0);
	check_shape(from);
	extents_free(from);
	if (offset == begin)
		return;
	expect_merged(twin->extents, begin);
	expect_merged(twin->extents, offset);
}

static void step_cut(struct twin *twin)
{
	int64_t offset;
	int64_t length;

	random_range(twin, &offset, &length);
	assert_int_equal(extents_cut(twin->extents, offset, length), 0);
	paint(twin, offset, length, NULL);
}

static void step_split(struct twin *twin)
{
	int64_t offset = seed_below(&twin->seed, SPACE);

	assert_int_equal(extents_split(twin->extents, offset), 0);
	const struct extent *extent = extents_at(twin->extents, offset);
	assert_true(extent == NULL || extent->offset_bytes >= offset);
}

static void step_grow(struct twin *twin)
{
	struct extent *extent = random_extent(twin);

	if (extent == NULL || extent->source == EXTENT_ZERO)
		return;
	int64_t end = extents_end(extent);
	int64_t limit = extents_next(extent) != NULL
				? extents_next(extent)->offset_bytes
				: SPACE;
	if (limit > SPACE || limit <= end)
		return;
	uint64_t source = extent->source + (uint64_t)extent->length_bytes;
	size_t had = scratch_extend(
		twin->scratch, source,
		1 + seed_below(&twin->seed, (uint32_t)(limit - end)));
	if (had == 0)
		return;
	extents_grow(twin->extents, extent, (int64_t)had);
	struct extent_what what = {source, extent->seq, extent->state};
	paint(twin, end, (int64_t)had, &what);
}

static void step_mark(struct twin *twin)
{
	struct extent *extent = random_extent(twin);
	struct extent_what what = random_what(twin);

	if (extent == NULL)
		return;
	extents_mark(twin->extents, extent, what.state, what.seq);
	what.source = extent->source;
	paint(twin, extent->offset_bytes, extent->length_bytes, &what);
}

static void step(struct twin *twin)
{
	typedef void step_fn(struct twin *);
	static step_fn *const steps[] = {
		step_put_data, step_put_data,	step_put_data, step_put_zeros,
		step_cut,      step_put_shared, step_split,    step_split,
		step_grow,     step_grow,	step_mark,     step_take,
	};

	steps[seed_below(&twin->seed, sizeof(steps) / sizeof(steps[0]))](twin);
}

static void map_is_that_of_a_naive_twin(void **state)
{
	static struct twin twin;

	(void)state;
	seed_start(&twin.seed);
	twin_start(&twin);
	for (unsigned long i = seed_steps(STEPS); i > 0; i--) {
		step(&twin);
		check(&twin);
		check_at(&twin);
		if (i % 64 == 0)
			check_levels(twin.extents);
	}
	twin_stop(&twin);
}

static int run(int operation, struct extents *extents, struct extents *from)
{
	const struct extent_what zero = {.source = EXTENT_ZERO,
					 .state = EXTENT_PUSHED};

	switch (operation) {
	case 0:
		return extents_split(extents, 50);
	case 1:
		return extents_cut(extents, 20, 200);
	case 2:
		return extents_put(extents, 10, 400, &zero);
	default:
		return extents_take(extents, from);
	}
}

/* The first, second, ... allocation fails: the map stays as it was. */
static void map_is_unchanged_when_memory_runs_out(void **state)
{
	static struct twin twin;
	unsigned int failures = 0;

	(void)state;
	twin_start(&twin);
	struct extent_what what = {.state = EXTENT_DIRTY};
	size_t had;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(
			scratch_alloc(twin.scratch, 100, &what.source, &had),
			0);
		put(&twin, i * 120, 100, &what);
	}
	struct extent_what zero = {.source = EXTENT_ZERO,
				   .state = EXTENT_PUSHED};
	struct extents *from = extents_new(twin.scratch);
	assert_non_null(from);
	assert_int_equal(extents_put(from, 5, 100, &zero), 0);
	assert_int_equal(scratch_alloc(twin.scratch, 100, &what.source, &had),
			 0);
	assert_int_equal(extents_put(from, 105, 100, &what), 0);
	for (int operation = 0; operation < 4; operation++) {
		for (unsigned int nth = 1;; nth++) {
			nomem_arm(nth);
			int r = run(operation, twin.extents, from);
			if (!nomem_disarm()) {
				assert_int_equal(r, 0);
				break;
			}
			assert_int_equal(r, -ENOMEM);
			check(&twin);
			failures++;
		}
		if (operation == 1)
			paint(&twin, 20, 200, NULL);
		if (operation == 2)
			paint(&twin, 10, 400, &zero);
		if (operation == 3)
			paint(&twin, 5, 100, &zero);
		if (operation == 3)
			paint(&twin, 105, 100, &what);
		check(&twin);
	}
	assert_int_equal(failures, 1 + 2 + 3 + 2);
	extents_free(from);
	nomem_arm(1);
	assert_null(extents_new(twin.scratch));
	assert_true(nomem_disarm());
	twin_stop(&twin);
}

static void no_map_covers_nothing(void **state)
{
	(void)state;
	assert_null(extents_at(NULL, 0));
	extents_free(NULL);
}

static void extent_is_found_up_to_its_last_byte(void **state)
{
	static struct twin twin;
	struct extent_what zero = {.source = EXTENT_ZERO,
				   .state = EXTENT_CLEAN};

	(void)state;
	twin_start(&twin);
	put(&twin, 10, 10, &zero);
	put(&twin, 40, END - 40, &zero);
	assert_int_equal(extents_at(twin.extents, 0)->offset_bytes, 10);
	assert_int_equal(extents_at(twin.extents, 19)->offset_bytes, 10);
	assert_int_equal(extents_at(twin.extents, 20)->offset_bytes, 40);
	assert_int_equal(extents_at(twin.extents, END - 1)->offset_bytes, 40);
	assert_null(extents_at(twin.extents, END));
	assert_int_equal(extents_end(extents_at(twin.extents, 40)), END);
	twin_stop(&twin);
}

/* A stream of writes must not leave one extent for each of them. */
static void neighbours_that_continue_become_one(void **state)
{
	static struct twin twin;
	struct extent_what what = {.state = EXTENT_DIRTY};
	size_t had;

	(void)state;
	twin_start(&twin);
	assert_int_equal(scratch_alloc(twin.scratch, 300, &what.source, &had),
			 0);
	scratch_split(twin.scratch, what.source + 100);
	scratch_split(twin.scratch, what.source + 200);
	struct extent_what last = what;
	last.source += 200;
	put(&twin, 200, 100, &last);
	put(&twin, 0, 100, &what);
	assert_int_equal(twin.extents->count, 2);
	struct extent_what middle = what;
	middle.source += 100;
	put(&twin, 100, 100, &middle);
	assert_int_equal(twin.extents->count, 1);
	/* Not over a change of state, nor of the record. */
	assert_int_equal(extents_split(twin.extents, 150), 0);
	extents_mark(twin.extents, extents_at(twin.extents, 150), EXTENT_PUSHED,
		     7);
	assert_int_equal(twin.extents->dirty_bytes, 150);
	assert_int_equal(twin.extents->count, 2);
	twin_stop(&twin);
}

static void cutting_the_middle_keeps_both_ends(void **state)
{
	static struct twin twin;
	struct extent_what what = {.state = EXTENT_DIRTY};
	size_t had;

	(void)state;
	twin_start(&twin);
	assert_int_equal(scratch_alloc(twin.scratch, 300, &what.source, &had),
			 0);
	put(&twin, 0, 300, &what);
	assert_int_equal(extents_cut(twin.extents, 100, 100), 0);
	paint(&twin, 100, 100, NULL);
	check(&twin);
	assert_int_equal(twin.extents->count, 2);
	/* Unit 2 is gone; 1 and 3 are still touched by the ends. */
	assert_int_equal(scratch_used(twin.scratch), 4 * SCRATCH_UNIT);
	twin_stop(&twin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_map_covers_nothing),
		cmocka_unit_test(extent_is_found_up_to_its_last_byte),
		cmocka_unit_test(neighbours_that_continue_become_one),
		cmocka_unit_test(cutting_the_middle_keeps_both_ends),
		cmocka_unit_test(map_is_unchanged_when_memory_runs_out),
		cmocka_unit_test(map_is_that_of_a_naive_twin),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
