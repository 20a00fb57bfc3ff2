/* SPDX-License-Identifier: MIT */
/* What depends on which blocks have space; the profile's are of 1 KiB. */
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/space.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/sandbox.h"

#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

/* Commits all names, and no data of other files. */
static void commit_names(struct sandbox *sandbox)
{
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
}

static void expect_after_crash(struct sandbox *sandbox, const char *path,
			       const char *runs)
{
	sandbox_crash(sandbox);
	sandbox_expect_live(sandbox, sandbox_find(sandbox, path), runs);
}

static void zeroed_block_waits_for_no_commit_after_a_sync(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 4096, 'o');

	sandbox_sync(sandbox);
	assert_int_equal(data_truncate(sandbox->volume, inode, 2500), 0);
	sandbox_sync(sandbox);
	assert_int_equal(sandbox_write(sandbox, inode, 0, 2500, 'n'), 0);
	commit_names(sandbox);
	expect_after_crash(sandbox, "a", "o*2500");
}

static void hole_beyond_the_end_takes_the_last_block_along(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 1300, 'o');

	sandbox_sync(sandbox);
	assert_int_equal(
		space_allocate(sandbox->volume, inode, PUNCH, 1024, 376), 0);
	/* Into a block that has no space any more, so the size waits. */
	assert_int_equal(sandbox_write(sandbox, inode, 1300, 10, 'n'), 0);
	commit_names(sandbox);
	expect_after_crash(sandbox, "a", "o*1024 0*276");
}

static void hole_behind_the_end_is_none(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 1300, 'o');

	sandbox_sync(sandbox);
	assert_int_equal(
		space_allocate(sandbox->volume, inode, PUNCH, 1300, 5000), 0);
	assert_int_equal(sandbox->volume->journal.count, 0);
	sandbox_expect_live(sandbox, inode, "o*1300");
}

static void blocks_are_known_however_their_bytes_came(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 100, 'o');

	/* From the middle of the first block on; an open file, or what is known
	 * of it would be forgotten. */
	inode->open_count++;
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	assert_int_equal(sandbox_write(sandbox, inode, 500, 3000, 'o'), 0);
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	assert_int_equal(
		space_allocate(sandbox->volume, inode, PUNCH, 1100, 100), 0);
	assert_int_equal(sandbox_write(sandbox, inode, 1300, 10, 'n'), 0);
	commit_names(sandbox);
	inode->open_count--;
	/* data=ordered: the zeroed block went out with the names. */
	expect_after_crash(sandbox, "a",
			   "o*100 0*400 o*600 0*100 o*100 n*10 o*2190");
}

/* The block of the new end had space before the last block of the store had. */
static void file_cut_back_grows_in_the_block_of_its_new_end(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_create(sandbox, "a", 0644);

	inode->open_count++;
	assert_int_equal(sandbox_write(sandbox, inode, 4096, 4096, 'o'), 0);
	sandbox_sync(sandbox);
	assert_int_equal(sandbox_write(sandbox, inode, 20480, 4096, 'o'), 0);
	sandbox_sync(sandbox);
	assert_int_equal(data_truncate(sandbox->volume, inode, 7680), 0);
	assert_int_equal(sandbox_write(sandbox, inode, 7680, 3, 'n'), 0);
	commit_names(sandbox);
	inode->open_count--;
	/* data=ordered: the end that was zeroed went out with the size. */
	expect_after_crash(sandbox, "a", "0*4096 o*3584 n*3");
}

/* What is known of a block that keeps its space is not lost by a look at
 * another that has none. */
static void known_block_stays_known(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_create(sandbox, "a", 0644);

	inode->open_count++;
	assert_int_equal(sandbox_write(sandbox, inode, 4096, 4000, 'o'), 0);
	sandbox_sync(sandbox);
	assert_int_equal(data_truncate(sandbox->volume, inode, 30000), 0);
	sandbox_sync(sandbox);
	assert_int_equal(data_truncate(sandbox->volume, inode, 29000), 0);
	assert_int_equal(
		space_allocate(sandbox->volume, inode, PUNCH, 8000, 4288), 0);
	assert_int_equal(sandbox_write(sandbox, inode, 8000, 10, 'n'), 0);
	commit_names(sandbox);
	inode->open_count--;
	expect_after_crash(sandbox, "a", "0*4096 o*3904 n*10 0*20990");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(zeroed_block_waits_for_no_commit_after_a_sync),
		SANDBOX_TEST(hole_beyond_the_end_takes_the_last_block_along),
		SANDBOX_TEST(hole_behind_the_end_is_none),
		SANDBOX_TEST(blocks_are_known_however_their_bytes_came),
		SANDBOX_TEST(file_cut_back_grows_in_the_block_of_its_new_end),
		SANDBOX_TEST(known_block_stays_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
