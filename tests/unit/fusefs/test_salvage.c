/* SPDX-License-Identifier: MIT */
/* Crashes with a plan, after which the volume goes on: what was kept is over. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/plan.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/sandbox.h"

#define SEEDS 64

static void crash_keeping_all_that_it_may(struct sandbox *sandbox)
{
	const struct plan plan = {
		.keep = PLAN_KEEP_SHARE,
		.keep_ppm = PLAN_PPM_MAX,
		.seed = 1,
		.has_seed = true,
	};
	sandbox_crash_planned(sandbox, &plan);
}

/* ext4 writes the zeroed rest of a block out with the truncation. After a crash
 * that kept the truncation, nothing of that is owed any more, though the kernel still knows the file. */
static void a_kept_truncation_pushes_nothing_later(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 8192, 'A');
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	assert_int_equal(data_truncate(sandbox->volume, inode, 5000), 0);
	crash_keeping_all_that_it_may(sandbox);
	sandbox_expect_stored(sandbox, "a[5000:A*5000]");

	inode = sandbox_find(sandbox, "a");
	assert_int_equal(sandbox_write(sandbox, inode, 0, 5000, 'B'), 0);
	names_forget(sandbox->volume, inode, 1);
	inode = sandbox_put(sandbox, "b", 0, 'b');
	assert_int_equal(sandbox_fsync(sandbox, "b"), 0);
	names_forget(sandbox->volume, inode, 1);
	sandbox_crash(sandbox);
	sandbox_expect_stored(sandbox, "a[5000:A*5000] b[0:]");
}

/* Its other name was not looked up since the last crash. */
static void data_survives_with_a_name_that_nobody_knows(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 4096, 'A');
	assert_int_equal(
		names_link(sandbox->volume, inode, sandbox->volume->root, "b"),
		0);
	sandbox_sync(sandbox);
	assert_int_equal(sandbox_write(sandbox, inode, 0, 4096, 'x'), 0);
	sandbox_crash(sandbox);

	inode = sandbox_find(sandbox, "a");
	assert_int_equal(sandbox_write(sandbox, inode, 0, 4096, 'B'), 0);
	sandbox_unlink(sandbox, "a");
	crash_keeping_all_that_it_may(sandbox);
	sandbox_expect_stored(sandbox, "b[4096:B*4096]");
}

static bool is_stored(const struct sandbox *sandbox, const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", sandbox->store, name);
	return access(path, F_OK) == 0;
}

static ssize_t read_stored(const struct sandbox *sandbox, const char *name,
			   char *buffer, size_t size)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", sandbox->store, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t n = read(fd, buffer, size);
	close(fd);
	return n;
}

static void crash_with(struct sandbox *sandbox, uint32_t seed,
		       enum plan_torn torn)
{
	const struct plan plan = {
		.keep = PLAN_KEEP_SHARE,
		.keep_ppm = PLAN_PPM_MAX / 2,
		.order = PLAN_ORDER_ANY,
		.torn = torn,
		.seed = seed,
		.has_seed = true,
	};
	sandbox_crash_planned(sandbox, &plan);
}

static void crash_by_chance(struct sandbox *sandbox, uint32_t seed)
{
	crash_with(sandbox, seed, PLAN_TORN_SECTOR);
}

static void write_at(struct sandbox *sandbox, const char *name, int64_t offset,
		     size_t count, char byte)
{
	struct inode *inode = sandbox_find(sandbox, name);
	assert_int_equal(sandbox_write(sandbox, inode, offset, count, byte), 0);
	names_forget(sandbox->volume, inode, 1);
}

static void truncate_to(struct sandbox *sandbox, const char *name, int64_t size)
{
	struct inode *inode = sandbox_find(sandbox, name);
	assert_int_equal(data_truncate(sandbox->volume, inode, size), 0);
	names_forget(sandbox->volume, inode, 1);
}

/* A new file of one kind of bytes, durable. */
static void put_durable(struct sandbox *sandbox, const char *name, size_t size)
{
	names_forget(sandbox->volume, sandbox_put(sandbox, name, size, 'A'), 1);
	sandbox_sync(sandbox);
}

static void remove_durably(struct sandbox *sandbox, const char *name)
{
	sandbox_unlink(sandbox, name);
	sandbox_sync(sandbox);
}

/* A file that ends in a hole has no last block: what is written there is new, and
 * survives only with all that was overwritten. */
static void data_at_an_end_in_a_hole_is_new(void **state)
{
	struct sandbox *sandbox = *state;
	unsigned int with = 0;
	unsigned int without = 0;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		char bytes[8192];
		put_durable(sandbox, "a", 4096);
		truncate_to(sandbox, "a", 5000);
		sandbox_sync(sandbox);
		write_at(sandbox, "a", 0, 4096, 'B');
		write_at(sandbox, "a", 5000, 120, 'C');
		crash_by_chance(sandbox, seed);
		ssize_t n = read_stored(sandbox, "a", bytes, sizeof(bytes));
		bool is_new = n == 5120 && bytes[5000] == 'C';
		bool is_old = memchr(bytes, 'A', 4096) != NULL;
		assert_true(is_new || n == 5000);
		assert_false(is_new && is_old);
		with += is_new;
		without += !is_new && memchr(bytes, 'B', 4096) != NULL;
		remove_durably(sandbox, "a");
	}
	assert_true(with > 0 && without > 0);
}

/* Two parts of a block that the file did not have are on the disk together. */
static void a_new_block_survives_as_a_whole(void **state)
{
	struct sandbox *sandbox = *state;
	unsigned int with = 0;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		char bytes[8192] = "";
		put_durable(sandbox, "a", 0);
		write_at(sandbox, "a", 600, 100, 'B');
		write_at(sandbox, "a", 100, 100, 'C');
		crash_by_chance(sandbox, seed);
		ssize_t n = read_stored(sandbox, "a", bytes, sizeof(bytes));
		bool kept = n == 700;
		assert_true(kept || n == 0);
		assert_true(!kept || (bytes[600] == 'B' && bytes[100] == 'C'));
		with += kept;
		remove_durably(sandbox, "a");
	}
	assert_true(with > 0 && with < SEEDS);
}

/* Of the page that a truncation cuts, the blocks behind the cut are gone, though the
 * store still has that page: what is written there is new, and needs all changes
 * before it. */
static void blocks_that_were_cut_off_a_page_are_new(void **state)
{
	struct sandbox *sandbox = *state;
	unsigned int with = 0;
	unsigned int without = 0;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		char bytes[8192] = "";
		put_durable(sandbox, "a", 4096);
		truncate_to(sandbox, "a", 1024);
		truncate_to(sandbox, "a", 3072);
		names_forget(sandbox->volume, sandbox_put(sandbox, "b", 0, 'b'),
			     1);
		write_at(sandbox, "a", 1024, 2048, 'B');
		crash_by_chance(sandbox, seed);
		ssize_t n = read_stored(sandbox, "a", bytes, sizeof(bytes));
		bool kept = n == 3072 && memchr(bytes, 'B', 3072) != NULL;
		bool has_b = is_stored(sandbox, "b");
		assert_true(!kept || has_b);
		with += kept;
		without += n == 3072 && !has_b;
		if (has_b)
			sandbox_unlink(sandbox, "b");
		remove_durably(sandbox, "a");
	}
	assert_true(with > 0 && without > 0);
}

/* What is next to each other survives together, though one part is overwritten and
 * the other new, and of the other overwritten bytes some are lost. */
static void neighbours_of_two_kinds_share_a_fate(void **state)
{
	struct sandbox *sandbox = *state;
	unsigned int with = 0;
	unsigned int alone = 0;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		char bytes[16384] = "";
		put_durable(sandbox, "a", 8192);
		write_at(sandbox, "a", 0, 1024, 'B');
		write_at(sandbox, "a", 6000, 4240, 'C');
		write_at(sandbox, "a", 12288, 1024, 'D');
		crash_with(sandbox, seed, PLAN_TORN_NONE);
		(void)read_stored(sandbox, "a", bytes, sizeof(bytes));
		assert_true((bytes[6000] == 'C') == (bytes[9000] == 'C'));
		with += bytes[9000] == 'C';
		alone += bytes[0] == 'B' && bytes[9000] != 'C';
		remove_durably(sandbox, "a");
	}
	assert_true(with > 0 && alone > 0);
}

static void link_durably(struct sandbox *sandbox, const char *name,
			 const char *other)
{
	put_durable(sandbox, name, 4096);
	struct inode *inode = sandbox_find(sandbox, name);
	assert_int_equal(names_link(sandbox->volume, inode,
				    sandbox->volume->root, other),
			 0);
	names_forget(sandbox->volume, inode, 2);
	sandbox_sync(sandbox);
}

static char first_stored(const struct sandbox *sandbox, const char *name)
{
	char byte = '\0';
	assert_int_equal(read_stored(sandbox, name, &byte, 1), 1);
	return byte;
}

/* The store's numbers are other ones when the same is done again. Of two files of
 * which nobody knows a name, nothing but the number is different. */
static void chance_does_not_come_from_numbers_of_inodes(void **state)
{
	struct sandbox *sandbox = *state;
	unsigned int kept = 0;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		link_durably(sandbox, "a", "b");
		link_durably(sandbox, "c", "d");
		sandbox_crash(sandbox);
		struct inode *one = sandbox_find(sandbox, "a");
		struct inode *other = sandbox_find(sandbox, "c");
		remove_durably(sandbox, "a");
		remove_durably(sandbox, "c");
		assert_int_equal(sandbox_write(sandbox, one, 0, 4096, 'B'), 0);
		assert_int_equal(sandbox_write(sandbox, other, 0, 4096, 'B'),
				 0);
		crash_with(sandbox, seed, PLAN_TORN_NONE);
		char byte = first_stored(sandbox, "b");
		assert_int_equal(byte, first_stored(sandbox, "d"));
		kept += byte == 'B';
		remove_durably(sandbox, "b");
		remove_durably(sandbox, "d");
	}
	assert_true(kept > 0 && kept < SEEDS);
}

enum replaced {
	REPLACED_OLD,
	REPLACED_NEW,
	REPLACED_ZEROS,
	REPLACED_HOW
};

static enum replaced replace_and_crash(struct sandbox *sandbox,
				       const struct plan *plan)
{
	char bytes[8192] = "";
	put_durable(sandbox, "a", 4096);
	names_forget(sandbox->volume, sandbox_put(sandbox, "t", 4096, 'B'), 1);
	assert_int_equal(sandbox_rename(sandbox, "t", "a", 0), 0);
	sandbox_crash_planned(sandbox, plan);
	assert_int_equal(read_stored(sandbox, "a", bytes, sizeof(bytes)), 4096);
	for (int i = 1; i < 4096; i++)
		assert_int_equal(bytes[i], bytes[0]);
	assert_true(bytes[0] == 'A' || bytes[0] == 'B' || bytes[0] == '\0');
	remove_durably(sandbox, "a");
	return bytes[0] == 'A'	 ? REPLACED_OLD
	       : bytes[0] == 'B' ? REPLACED_NEW
				 : REPLACED_ZEROS;
}

/* The commit of a rename over a file does not wait for the bytes that the rename has
 * pushed: old, new or zeros, but zeros only if the plan fills, and not if it keeps
 * everything. */
static void what_replaces_a_file_may_be_zeros(void **state)
{
	unsigned int seen[2][REPLACED_HOW] = {{0}};
	struct plan plan = {
		.keep = PLAN_KEEP_SHARE,
		.keep_ppm = PLAN_PPM_MAX / 2,
		.has_seed = true,
	};
	for (plan.seed = 1; plan.seed <= 4 * SEEDS; plan.seed++) {
		plan.fill = plan.seed % 2 ? PLAN_FILL_ZERO : PLAN_FILL_OLD;
		seen[plan.seed % 2][replace_and_crash(*state, &plan)]++;
	}
	assert_true(seen[0][REPLACED_OLD] > 0 && seen[0][REPLACED_NEW] > 0);
	assert_int_equal(seen[0][REPLACED_ZEROS], 0);
	assert_true(seen[1][REPLACED_OLD] > 0 && seen[1][REPLACED_NEW] > 0);
	assert_true(seen[1][REPLACED_ZEROS] > 0);
	plan.keep_ppm = PLAN_PPM_MAX;
	plan.fill = PLAN_FILL_ZERO;
	for (plan.seed = 1; plan.seed <= SEEDS / 4; plan.seed++)
		assert_int_equal(replace_and_crash(*state, &plan),
				 REPLACED_NEW);
}

/* What its log has committed of a file, btrfs knows no more when the names that it
 * had before come to be kept: nothing can get them. */
static void a_file_that_has_gone_gets_no_name_that_it_had(void **state)
{
	struct sandbox sandbox;
	(void)state;
	sandbox_open_profile(&sandbox, "btrfs");
	struct inode *first = sandbox_put(&sandbox, "t", 4096, 'A');
	assert_int_equal(sandbox_rename(&sandbox, "t", "a", 0), 0);
	assert_int_equal(sandbox_fsync(&sandbox, "a"), 0);
	names_forget(sandbox.volume, sandbox_put(&sandbox, "u", 4096, 'B'), 1);
	assert_int_equal(sandbox_rename(&sandbox, "u", "a", 0), 0);
	assert_int_equal(sandbox_fsync(&sandbox, "a"), 0);
	crash_keeping_all_that_it_may(&sandbox);
	sandbox_expect_stored(&sandbox, "a[4096:B*4096]");
	names_forget(sandbox.volume, first, 1);
	sandbox_close(&sandbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(a_kept_truncation_pushes_nothing_later),
		SANDBOX_TEST(data_survives_with_a_name_that_nobody_knows),
		SANDBOX_TEST(data_at_an_end_in_a_hole_is_new),
		SANDBOX_TEST(a_new_block_survives_as_a_whole),
		SANDBOX_TEST(blocks_that_were_cut_off_a_page_are_new),
		SANDBOX_TEST(neighbours_of_two_kinds_share_a_fate),
		SANDBOX_TEST(chance_does_not_come_from_numbers_of_inodes),
		SANDBOX_TEST(what_replaces_a_file_may_be_zeros),
		cmocka_unit_test(a_file_that_has_gone_gets_no_name_that_it_had),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
