/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/names.h"
#include "fusefs/scratch.h"
#include "fusefs/space.h"
#include "fusefs/tail.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/sandbox.h"

/* The kernel's FUSE refuses these two modes of fallocate(2), so the rows of the
 * crash table are proved here. */
static void inserted_range_goes_with_the_next_commit(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put_abcd(sandbox, "a");

	assert_int_equal(space_allocate(sandbox->volume, inode,
					FALLOC_FL_INSERT_RANGE, 4096, 4096),
			 0);
	sandbox_expect_live(sandbox, inode,
			    "a*4096 0*4096 b*4096 c*4096 d*4096");
	sandbox_expect_stored(sandbox, "a[16384:a*4096 b*4096 c*4096 d*4096]");
	sandbox_put(sandbox, "b", 1, 'x');
	assert_int_equal(sandbox_fsync(sandbox, "b"), 0);
	sandbox_expect_stored(
		sandbox,
		"a[20480:a*4096 0*4096 b*4096 c*4096 d*4096] b[1:x*1]");
	sandbox_expect_live(sandbox, inode,
			    "a*4096 0*4096 b*4096 c*4096 d*4096");
	sandbox_sync(sandbox);
	assert_int_equal(scratch_used(sandbox->volume->scratch), 0);
}

static void collapsed_range_goes_with_the_next_commit(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put_abcd(sandbox, "a");

	/* Dirty pages behind are moved, and go along, too. */
	assert_int_equal(sandbox_write(sandbox, inode, 12288, 4096, 'D'), 0);
	assert_int_equal(space_allocate(sandbox->volume, inode,
					FALLOC_FL_COLLAPSE_RANGE, 4096, 4096),
			 0);
	sandbox_expect_live(sandbox, inode, "a*4096 c*4096 D*4096");
	sandbox_put(sandbox, "b", 1, 'x');
	assert_int_equal(sandbox_fsync(sandbox, "b"), 0);
	sandbox_expect_stored(sandbox,
			      "a[12288:a*4096 c*4096 D*4096] b[1:x*1]");
	sandbox_expect_live(sandbox, inode, "a*4096 c*4096 D*4096");
}

static void range_that_is_not_of_whole_blocks_is_not_moved(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *inode = sandbox_put_abcd(sandbox, "a");

	assert_int_equal(space_allocate(volume, inode, FALLOC_FL_INSERT_RANGE,
					100, 4096),
			 -EINVAL);
	assert_int_equal(space_allocate(volume, inode, FALLOC_FL_COLLAPSE_RANGE,
					4096, 100),
			 -EINVAL);
	/* Nor does collapsing reach the end, or inserting begin behind it. */
	assert_int_equal(space_allocate(volume, inode, FALLOC_FL_COLLAPSE_RANGE,
					8192, 8192),
			 -EINVAL);
	assert_int_equal(space_allocate(volume, inode, FALLOC_FL_INSERT_RANGE,
					16384, 4096),
			 -EINVAL);
	assert_int_equal(
		space_allocate(volume, inode, FALLOC_FL_PUNCH_HOLE, 0, 4096),
		-EOPNOTSUPP);
	assert_int_equal(space_allocate(volume, inode, 0, -1, 4096), -EINVAL);
	assert_int_equal(space_allocate(volume, inode, 0, 0, 0), -EINVAL);
	assert_int_equal(space_allocate(volume, inode, 0, DATA_SIZE_MAX, 1),
			 -EFBIG);
	assert_int_equal(sandbox->volume->journal.count, 0);
}

/* The profile's blocks may be smaller than those of the store. */
static void small_blocks_are_moved_in_a_store_of_large_ones(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put_abcd(sandbox, "a");

	assert_int_equal(space_allocate(sandbox->volume, inode,
					FALLOC_FL_COLLAPSE_RANGE, 1024, 2048),
			 0);
	sandbox_expect_live(sandbox, inode, "a*2048 b*4096 c*4096 d*4096");
	assert_int_equal(commit_all(sandbox->volume), 0);
	sandbox_expect_stored(sandbox, "a[14336:a*2048 b*4096 c*4096 d*4096]");
	assert_int_equal(space_allocate(sandbox->volume, inode,
					FALLOC_FL_INSERT_RANGE, 1024, 1024),
			 0);
	assert_int_equal(commit_all(sandbox->volume), 0);
	sandbox_expect_stored(
		sandbox, "a[15360:a*1024 0*1024 a*1024 b*4096 c*4096 d*4096]");
	sandbox_expect_live(sandbox, inode,
			    "a*1024 0*1024 a*1024 b*4096 c*4096 d*4096");
}

static void moved_content_of_an_unnamed_file_is_stored_with_it(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *inode = sandbox_make_unnamed(sandbox);

	assert_int_equal(sandbox_write(sandbox, inode, 0, 4096, 'a'), 0);
	assert_int_equal(sandbox_write(sandbox, inode, 4096, 4096, 'b'), 0);
	assert_int_equal(space_allocate(volume, inode, FALLOC_FL_INSERT_RANGE,
					4096, 4096),
			 0);
	assert_int_equal(names_link(volume, inode, volume->root, "f"), 0);
	sandbox_expect_live(sandbox, inode, "a*4096 0*4096 b*4096");
	assert_int_equal(sandbox_fsync(sandbox, "f"), 0);
	sandbox_expect_stored(sandbox, "f[12288:a*4096 0*4096 b*4096]");
}

static void hole_over_all_of_an_unnamed_file_leaves_its_size(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *inode = sandbox_make_unnamed(sandbox);

	assert_int_equal(sandbox_write(sandbox, inode, 0, 80, 'a'), 0);
	assert_int_equal(
		space_allocate(volume, inode,
			       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			       527),
		0);
	assert_int_equal(names_link(volume, inode, volume->root, "f"), 0);
	sandbox_sync(sandbox);
	sandbox_expect_stored(sandbox, "f[80:0*80]");
}

/* tmpfs can neither zero a range nor move one. */
static void store_that_lacks_a_mode_of_fallocate_gets_it_done(void **state)
{
	static struct sandbox sandbox;

	(void)state;
	if (!sandbox_open_tmpfs(&sandbox))
		skip();
	struct volume *volume = sandbox.volume;
	struct inode *inode = sandbox_put_abcd(&sandbox, "a");
	assert_int_equal(space_allocate(volume, inode, FALLOC_FL_ZERO_RANGE,
					15000, 3000),
			 0);
	assert_int_equal(
		space_allocate(volume, inode,
			       FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 100,
			       900),
		0);
	sandbox_sync(&sandbox);
	sandbox_expect_stored(&sandbox, "a[18000:a*100 0*900 a*3096 b*4096 "
					"c*4096 d*2712 0*3000]");
	assert_int_equal(space_allocate(volume, inode, FALLOC_FL_COLLAPSE_RANGE,
					0, 4096),
			 0);
	sandbox_sync(&sandbox);
	sandbox_expect_stored(&sandbox, "a[13904:b*4096 c*4096 d*2712 0*3000]");
	assert_int_equal(space_allocate(volume, inode, FALLOC_FL_INSERT_RANGE,
					4096, 4096),
			 0);
	sandbox_sync(&sandbox);
	sandbox_expect_stored(&sandbox,
			      "a[18000:b*4096 0*4096 c*4096 d*2712 0*3000]");
	sandbox_expect_same(&sandbox, "at the end");
	sandbox_close(&sandbox);
}

static void range_of_a_dropped_file_is_lost_and_others_arrive(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *a = sandbox_create(sandbox, "a", S_IFREG | 0644);

	sandbox_sync(sandbox);
	sandbox_set_mode(sandbox, MODE_DROP_WRITES);
	assert_int_equal(sandbox_write(sandbox, a, 0, 16384, 'o'), 0);
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	/* The store's file is too short for this. */
	assert_int_equal(space_allocate(sandbox->volume, a,
					FALLOC_FL_COLLAPSE_RANGE, 4096, 4096),
			 0);
	sandbox_put(sandbox, "b", 10, 'x');
	assert_int_equal(sandbox_fsync(sandbox, "b"), 0);
	sandbox_expect_live(sandbox, a, "o*12288");
	sandbox_crash(sandbox);
	sandbox_expect_same(sandbox, "after the crash");
	sandbox_expect_live(sandbox, sandbox_find(sandbox, "b"), "x*10");
}

static void zeros_over_what_was_dropped_leave_the_size(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *a = sandbox_create(sandbox, "a", S_IFREG | 0644);

	sandbox_sync(sandbox);
	sandbox_set_mode(sandbox, MODE_DROP_WRITES);
	assert_int_equal(sandbox_write(sandbox, a, 0, 10, 'o'), 0);
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	assert_int_equal(
		space_allocate(sandbox->volume, a,
			       FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0,
			       100),
		0);
	sandbox_sync(sandbox);
	sandbox_expect_stored(sandbox, "a[0:]");
	/* With no byte of it unsynced, the kernel's memory of it goes, too. */
	names_forget(sandbox->volume, a, 1);
	sandbox_expect_live(sandbox, sandbox_find(sandbox, "a"), "0*10");
	sandbox_crash(sandbox);
	sandbox_expect_same(sandbox, "after the crash");
}

static void size_before_a_hole_does_not_cut_what_was_not(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *a = sandbox_put(sandbox, "a", 9000, 'a');

	sandbox_sync(sandbox);
	sandbox_set_mode(sandbox, MODE_DROP_WRITES);
	assert_int_equal(tail_truncate(sandbox->volume, a, 0), 0);
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	assert_int_equal(sandbox_write(sandbox, a, 8192, 100, 'b'), 0);
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	/* The journal knows of no size any more, and makes it 4096. */
	assert_int_equal(
		space_allocate(sandbox->volume, a,
			       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			       4096),
		0);
	sandbox_sync(sandbox);
	sandbox_expect_live(sandbox, a, "0*8192 b*100");
}

/* What xfs writes around a new end is written where the file has blocks. */
static void hole_that_a_new_size_cuts_stays_a_hole(void **state)
{
	static struct sandbox sandbox;
	char path[SANDBOX_PATH_BYTES + 8];

	(void)state;
	sandbox_open_profile(&sandbox, "xfs");
	struct inode *inode = sandbox_put(&sandbox, "a", 10, 'a');
	assert_int_equal(tail_truncate(sandbox.volume, inode, 12288), 0);
	sandbox_sync(&sandbox);
	assert_int_equal(tail_truncate(sandbox.volume, inode, 6000), 0);
	assert_int_equal(tail_truncate(sandbox.volume, inode, 5000), 0);
	snprintf(path, sizeof(path), "%s/a", sandbox.store);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 4096, SEEK_DATA), -1);
	assert_int_equal(errno, ENXIO);
	close(fd);
	sandbox_close(&sandbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(inserted_range_goes_with_the_next_commit),
		SANDBOX_TEST(collapsed_range_goes_with_the_next_commit),
		SANDBOX_TEST(range_that_is_not_of_whole_blocks_is_not_moved),
		SANDBOX_TEST(small_blocks_are_moved_in_a_store_of_large_ones),
		SANDBOX_TEST(
			moved_content_of_an_unnamed_file_is_stored_with_it),
		SANDBOX_TEST(hole_over_all_of_an_unnamed_file_leaves_its_size),
		cmocka_unit_test(
			store_that_lacks_a_mode_of_fallocate_gets_it_done),
		cmocka_unit_test(hole_that_a_new_size_cuts_stays_a_hole),
		SANDBOX_TEST(range_of_a_dropped_file_is_lost_and_others_arrive),
		SANDBOX_TEST(zeros_over_what_was_dropped_leave_the_size),
		SANDBOX_TEST(size_before_a_hole_does_not_cut_what_was_not),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
