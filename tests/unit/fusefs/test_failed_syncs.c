/* SPDX-License-Identifier: MIT */
/*
 * A disk that does not take some blocks of a file. What has to come of it was
 * recorded on real file systems (tests/failed/bad-blocks.tsv).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fusefs/commit.h"
#include "fusefs/errseq.h"
#include "fusefs/inode.h"
#include "fusefs/refuse.h"
#include "fusefs/scratch.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/sandbox.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct bad {
	int64_t from;
	int64_t to;
	int error;
};

static int refuse(void *user, struct inode *inode, int64_t from, int64_t to,
		  int64_t *ret_to)
{
	const struct bad *bad = user;

	(void)inode;
	if (from >= bad->from && from < bad->to) {
		*ret_to = bad->to < to ? bad->to : to;
		return bad->error;
	}
	*ret_to = from < bad->from && bad->from < to ? bad->from : to;
	return 0;
}

int refuse_real(struct volume *volume, struct inode *inode,
		const struct record_pieces *pieces,
		int error) __asm__("__real_refuse_pieces");
int refuse_watched(struct volume *volume, struct inode *inode,
		   const struct record_pieces *pieces,
		   int error) __asm__("__wrap_refuse_pieces");

/* Who writes just before the fate of what failed is settled, or NULL. */
static struct sandbox *writer;

int refuse_watched(struct volume *volume, struct inode *inode,
		   const struct record_pieces *pieces, int error)
{
	struct sandbox *sandbox = writer;

	writer = NULL;
	if (sandbox != NULL)
		assert_int_equal(sandbox_write(sandbox, inode, 4096, 4096, 'n'),
				 0);
	return refuse_real(volume, inode, pieces, error);
}

struct outcome {
	const char *profile;
	int64_t from;
	int64_t to;
	int first; /* what the first and the second fsync say */
	int second;
	const char *live;
	const char *stored;
};

static const struct outcome block_1_of_all[] = {
	{"ext4", 4096, 8192, -EIO, 0, "x*4096 y*4096 z*4096",
	 "f[12288:x*4096 b*4096 z*4096]"},
	{"ext4,block=4096", 4096, 8192, -EIO, 0, "x*4096 y*4096 z*4096",
	 "f[12288:x*4096 b*4096 z*4096]"},
	{"ext4,data=journal", 4096, 8192, 0, -EIO, "x*4096 y*4096 z*4096",
	 "f[12288:x*4096 y*4096 z*4096]"},
	{"xfs", 4096, 8192, -EIO, 0, "x*4096 y*4096 z*4096",
	 "f[12288:x*4096 b*4096 z*4096]"},
	{"btrfs", 4096, 8192, -EIO, 0, "a*4096 b*4096 c*4096",
	 "f[12288:a*4096 b*4096 c*4096]"},
	/* A sector of 512 bytes: the others of its block are written. */
	{"ext4", 4608, 5120, -EIO, 0, "x*4096 y*4096 z*4096",
	 "f[12288:x*4096 y*512 b*512 y*3072 z*4096]"},
	{"ext4", 4700, 4701, -EIO, 0, "x*4096 y*4096 z*4096",
	 "f[12288:x*4096 y*512 b*512 y*3072 z*4096]"},
	{"xfs", 4608, 5120, -EIO, 0, "x*4096 y*4096 z*4096",
	 "f[12288:x*4096 y*512 b*512 y*3072 z*4096]"},
	{"ext4,data=journal", 4608, 5120, 0, -EIO, "x*4096 y*4096 z*4096",
	 "f[12288:x*4096 y*4096 z*4096]"},
	{"btrfs", 4608, 5120, -EIO, 0, "a*4096 b*4096 c*4096",
	 "f[12288:a*4096 b*4096 c*4096]"},
};

static struct inode *put_abc(struct sandbox *sandbox)
{
	struct inode *inode = sandbox_put(sandbox, "f", 4096, 'a');

	assert_int_equal(sandbox_write(sandbox, inode, 4096, 4096, 'b'), 0);
	assert_int_equal(sandbox_write(sandbox, inode, 8192, 4096, 'c'), 0);
	sandbox_sync(sandbox);
	return inode;
}

static void check_outcome(const struct outcome *outcome)
{
	const struct bad bad = {outcome->from, outcome->to, -EIO};
	struct sandbox sandbox;
	struct inode *inode;

	print_message("%s, bad from %d\n", outcome->profile,
		      (int)outcome->from);
	sandbox_open_profile(&sandbox, outcome->profile);
	inode = put_abc(&sandbox);
	sandbox.volume->bad_blocks = refuse;
	sandbox.volume->bad_blocks_user = (void *)&bad;
	for (int i = 0; i < 3; i++)
		assert_int_equal(sandbox_write(&sandbox, inode, i * 4096, 4096,
					       (char)('x' + i)),
				 0);
	assert_int_equal(sandbox_fsync(&sandbox, "f"), outcome->first);
	assert_int_equal(sandbox_fsync(&sandbox, "f"), outcome->second);
	assert_int_equal(sandbox_fsync(&sandbox, "f"), 0);
	sandbox_expect_live(&sandbox, inode, outcome->live);
	sandbox_expect_stored(&sandbox, outcome->stored);
	assert_false(sandbox.volume->read_only);
	/* The disk is well again, and nothing is tried again. */
	sandbox.volume->bad_blocks = NULL;
	sandbox_sync(&sandbox);
	sandbox_expect_stored(&sandbox, outcome->stored);
	sandbox_crash(&sandbox);
	sandbox_expect_same(&sandbox, "after the crash");
	sandbox_close(&sandbox);
}

static void bad_block_has_the_fate_of_the_profile(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(block_1_of_all); i++)
		check_outcome(&block_1_of_all[i]);
}

/* What was in the journal is written to its place by the next fsync, which may
 * find the disk well again. */
static void journalled_data_is_told_of_when_it_is_placed(void **state)
{
	const struct bad bad = {4096, 8192, -EIO};
	struct sandbox sandbox;
	struct inode *inode;

	(void)state;
	sandbox_open_profile(&sandbox, "ext4,data=journal");
	inode = put_abc(&sandbox);
	sandbox.volume->bad_blocks = refuse;
	sandbox.volume->bad_blocks_user = (void *)&bad;
	assert_int_equal(sandbox_write(&sandbox, inode, 4096, 4096, 'x'), 0);
	assert_int_equal(sandbox_fsync(&sandbox, "f"), 0);
	sandbox.volume->bad_blocks = NULL;
	assert_int_equal(sandbox_fsync(&sandbox, "f"), 0);
	assert_int_equal(sandbox_write(&sandbox, inode, 4096, 4096, 'y'), 0);
	assert_int_equal(sandbox_fsync(&sandbox, "f"), 0);
	sandbox_set_mode(&sandbox, MODE_ERROR_WRITES);
	assert_int_equal(sandbox_fsync(&sandbox, "f"), -EIO);
	assert_false(sandbox.volume->read_only);
	assert_int_equal(sandbox_fsync(&sandbox, "f"), 0);
	sandbox_expect_stored(&sandbox, "f[12288:a*4096 y*4096 c*4096]");
	sandbox_close(&sandbox);
}

/* The rest of what is written behind a bad block goes on as it did. */
static void append_behind_a_bad_block_is_stored(void **state)
{
	static const char *const profiles[] = {"ext4", "xfs", "btrfs"};
	const struct bad bad = {12288, 16384, -EIO};

	(void)state;
	for (size_t i = 0; i < LENGTH(profiles); i++) {
		struct sandbox sandbox;
		sandbox_open_profile(&sandbox, profiles[i]);
		struct inode *inode = put_abc(&sandbox);
		sandbox.volume->bad_blocks = refuse;
		sandbox.volume->bad_blocks_user = (void *)&bad;
		assert_int_equal(
			sandbox_write(&sandbox, inode, 12288, 4096, 'x'), 0);
		assert_int_equal(sandbox_fsync(&sandbox, "f"), -EIO);
		assert_int_equal(
			sandbox_write(&sandbox, inode, 16384, 4096, 'y'), 0);
		assert_int_equal(sandbox_fsync(&sandbox, "f"), 0);
		sandbox_expect_stored(&sandbox,
				      "f[20480:a*4096 b*4096 c*4096 0*4096 "
				      "y*4096]");
		sandbox_close(&sandbox);
	}
}

static void sync_that_is_to_fail_has_the_fate_and_tells_all(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = put_abc(sandbox);
	uint32_t first = errseq_sample(inode->write_error);
	uint32_t second = first;

	assert_int_equal(sandbox_write(sandbox, inode, 4096, 4096, 'x'), 0);
	assert_int_equal(commit_fail(sandbox->volume, inode, NULL, -ENOSPC),
			 -ENOSPC);
	assert_int_equal(errseq_check(&inode->write_error, &first), -ENOSPC);
	assert_int_equal(errseq_check(&inode->write_error, &second), -ENOSPC);
	assert_int_equal(errseq_check(&inode->write_error, &second), 0);
	sandbox_expect_live(sandbox, inode, "a*4096 x*4096 c*4096");
	assert_int_equal(sandbox_fsync(sandbox, "f"), 0);
	sandbox_expect_stored(sandbox, "f[12288:a*4096 b*4096 c*4096]");
	/* Without data there is nothing to tell others of. */
	assert_int_equal(commit_fail(sandbox->volume, inode, NULL, -EDQUOT),
			 -EDQUOT);
	assert_int_equal(errseq_check(&inode->write_error, &first), 0);
	assert_false(sandbox->volume->read_only);
}

/* It is no part of what failed, though it is in the same place. */
static void write_during_a_failing_sync_is_not_lost(void **state)
{
	static const char *const profiles[] = {"ext4", "xfs", "btrfs", "posix"};
	const struct bad bad = {4096, 8192, -EIO};

	(void)state;
	for (size_t i = 0; i < 2 * LENGTH(profiles); i++) {
		struct sandbox sandbox;
		print_message("%s, %s\n", profiles[i / 2],
			      i % 2 ? "a bad block" : "error-writes");
		sandbox_open_profile(&sandbox, profiles[i / 2]);
		struct inode *inode = put_abc(&sandbox);
		sandbox.volume->bad_blocks = i % 2 ? refuse : NULL;
		sandbox.volume->bad_blocks_user = (void *)&bad;
		sandbox_set_mode(&sandbox,
				 i % 2 ? MODE_ALLOW_WRITES : MODE_ERROR_WRITES);
		assert_int_equal(
			sandbox_write(&sandbox, inode, 4096, 4096, 'x'), 0);
		writer = &sandbox;
		assert_int_equal(sandbox_fsync(&sandbox, "f"), -EIO);
		assert_null(writer);
		sandbox.volume->bad_blocks = NULL;
		sandbox_set_mode(&sandbox, MODE_ALLOW_WRITES);
		assert_int_equal(sandbox_fsync(&sandbox, "f"), 0);
		sandbox_expect_stored(&sandbox,
				      "f[12288:a*4096 n*4096 c*4096]");
		sandbox_close(&sandbox);
	}
}

/* Wherever in a unit of the scratch file it is cut. */
static void cut_data_is_held_until_it_is_stored(void **state)
{
	const struct bad bad = {4096, 8192, -EIO};
	struct sandbox *sandbox = *state;
	struct inode *inode = put_abc(sandbox);

	assert_int_equal(sandbox_write(sandbox, inode, 100, 12188, 'x'), 0);
	sandbox->volume->bad_blocks = refuse;
	sandbox->volume->bad_blocks_user = (void *)&bad;
	assert_int_equal(sandbox_fsync(sandbox, "f"), -EIO);
	sandbox->volume->bad_blocks = NULL;
	/* 4096 bytes from the midst of a unit on. */
	assert_int_equal(scratch_used(sandbox->volume->scratch),
			 4096 + SCRATCH_UNIT);
	sandbox_put(sandbox, "g", 12288, 'g');
	sandbox_expect_live(sandbox, inode, "a*100 x*12188");
	sandbox_crash(sandbox);
	assert_int_equal(scratch_used(sandbox->volume->scratch), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_block_has_the_fate_of_the_profile),
		cmocka_unit_test(journalled_data_is_told_of_when_it_is_placed),
		cmocka_unit_test(append_behind_a_bad_block_is_stored),
		cmocka_unit_test(write_during_a_failing_sync_is_not_lost),
		SANDBOX_TEST(cut_data_is_held_until_it_is_stored),
		SANDBOX_TEST(sync_that_is_to_fail_has_the_fate_and_tells_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
