/* SPDX-License-Identifier: MIT */
/*
 * Files without a name in the store that programs still use, under a limit of
 * descriptors that is far below their number.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/scratch.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"
#include "tests/unit/fusefs/sandbox.h"

#define DESCRIPTORS 64 /* half of them are the cache, some of that orphans */
#define FILES 200
#define MIB_LIMIT (1 << 20)

static int count_descriptors(void)
{
	DIR *stream = opendir("/proc/self/fd");
	int count = -3; /* ".", ".." and its own */

	assert_non_null(stream);
	while (readdir(stream) != NULL)
		count++;
	closedir(stream);
	return count;
}

static const char *path_of(int number)
{
	static char path[32];

	snprintf(path, sizeof(path), "f%d", number);
	return path;
}

/* Unlinked and committed, all of them still known to the kernel. */
static void make_orphans(struct sandbox *sandbox, struct inode **inodes)
{
	for (int i = 0; i < FILES; i++)
		inodes[i] =
			sandbox_put(sandbox, path_of(i), 1000 + (size_t)i, 'o');
	sandbox_sync(sandbox);
	for (int i = 0; i < FILES; i++)
		sandbox_unlink(sandbox, path_of(i));
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
}

static void more_files_than_descriptors_are_unlinked_and_live_on(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inodes[FILES];
	char runs[64];

	int before = count_descriptors();
	make_orphans(sandbox, inodes);
	sandbox_expect_stored(sandbox, "");
	assert_in_range(count_descriptors() - before, 1, DESCRIPTORS / 2);
	for (int i = 0; i < FILES; i++) {
		snprintf(runs, sizeof(runs), "o*%d", 1000 + i);
		sandbox_expect_live(sandbox, inodes[i], runs);
		assert_int_equal(
			sandbox_write(sandbox, inodes[i], 500, 10, 'n'), 0);
		snprintf(runs, sizeof(runs), "o*500 n*10 o*%d", 490 + i);
		sandbox_expect_live(sandbox, inodes[i], runs);
		assert_int_equal(
			commit_sync(sandbox->volume, inodes[i], false, NULL),
			0);
	}
	sandbox_expect_stored(sandbox, "");
	for (int i = 0; i < FILES; i++)
		names_forget(sandbox->volume, inodes[i], 1);
	assert_int_equal(scratch_used(sandbox->volume->scratch), 0);
	assert_in_range(count_descriptors() - before, 0, 2);
}

static void replaced_files_are_kept_as_unlinked_ones_are(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inodes[FILES];
	char runs[64];

	for (int i = 0; i < FILES; i++) {
		inodes[i] = sandbox_put(sandbox, "a", 100 + (size_t)i, 'o');
		sandbox_sync(sandbox);
		sandbox_put(sandbox, "t", 1, 'n');
		assert_int_equal(sandbox_rename(sandbox, "t", "a", 0), 0);
		sandbox_sync(sandbox);
		sandbox_unlink(sandbox, "a");
	}
	for (int i = 0; i < FILES; i++) {
		snprintf(runs, sizeof(runs), "o*%d", 100 + i);
		sandbox_expect_live(sandbox, inodes[i], runs);
	}
}

static void holes_cut_ends_and_newer_data_are_adopted_as_they_are(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inodes[FILES];
	const int64_t far = INT64_C(1) << 40;

	make_orphans(sandbox, inodes); /* the descriptors are taken */
	struct inode *a = sandbox_put(sandbox, "a", 4096, 'a');
	assert_int_equal(sandbox_write(sandbox, a, 65536, 4096, 'b'), 0);
	struct inode *b = sandbox_put(sandbox, "b", 20000, 'b');
	struct inode *c = sandbox_put(sandbox, "c", 4096, 'c');
	assert_int_equal(sandbox_write(sandbox, c, far, 10, 'c'), 0);
	sandbox_sync(sandbox);
	assert_int_equal(sandbox_write(sandbox, a, 2000, 64000, 'n'), 0);
	assert_int_equal(data_truncate(sandbox->volume, b, 100), 0);
	assert_int_equal(data_truncate(sandbox->volume, b, 200), 0);
	uint64_t used = scratch_used(sandbox->volume->scratch);
	sandbox_unlink(sandbox, "a");
	sandbox_unlink(sandbox, "b");
	sandbox_unlink(sandbox, "c");
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
	assert_false(a->in_store || b->in_store || c->in_store);
	sandbox_expect_live(sandbox, a, "a*2000 n*64000 b*3632");
	sandbox_expect_live(sandbox, b, "b*100 0*100");
	assert_int_equal(data_seek(sandbox->volume, c, 8192, false), far);
	assert_int_equal(data_seek(sandbox->volume, c, 0, true), 4096);
	assert_in_range(scratch_used(sandbox->volume->scratch) - used, 1,
			30000);
}

static void xattrs_are_adopted(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inodes[FILES];
	char value[8];

	if (setxattr(sandbox->store, "user.test", "", 0, 0) < 0)
		skip();
	make_orphans(sandbox, inodes);
	struct inode *a = sandbox_put(sandbox, "a", 10, 'a');
	assert_int_equal(
		xattrs_set(sandbox->volume, a, "user.x", "stored", 6, 0), 0);
	assert_int_equal(
		xattrs_set(sandbox->volume, a, "user.y", "stored", 6, 0), 0);
	assert_int_equal(xattrs_set(sandbox->volume, a, "user.e", "", 0, 0), 0);
	sandbox_sync(sandbox);
	assert_int_equal(xattrs_remove(sandbox->volume, a, "user.y"), 0);
	sandbox_unlink(sandbox, "a");
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
	assert_false(a->in_store);
	assert_int_equal(
		xattrs_get(sandbox->volume, a, "user.x", value, sizeof(value)),
		6);
	assert_memory_equal(value, "stored", 6);
	assert_int_equal(
		xattrs_get(sandbox->volume, a, "user.e", value, sizeof(value)),
		0);
	assert_int_equal(
		xattrs_get(sandbox->volume, a, "user.y", value, sizeof(value)),
		-ENODATA);
}

static void file_with_another_name_in_the_store_stays_one(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inodes[FILES];

	struct inode *a = sandbox_put(sandbox, "a", 10, 'a');
	assert_int_equal(
		names_link(sandbox->volume, a, sandbox->volume->root, "b"), 0);
	sandbox_sync(sandbox);
	volume_close(sandbox->volume);
	sandbox_reopen(sandbox);
	make_orphans(sandbox, inodes);
	a = sandbox_find(sandbox, "a"); /* "b" is not in memory */
	sandbox_unlink(sandbox, "a");
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
	assert_true(a->in_store);
	assert_ptr_equal(sandbox_find(sandbox, "b"), a);
	assert_int_equal(sandbox_write(sandbox, a, 0, 10, 'n'), 0);
	assert_int_equal(sandbox_fsync(sandbox, "b"), 0);
	sandbox_expect_stored(sandbox, "b[10:n*10]");
}

static void full_scratch_leaves_the_descriptor(void **state)
{
	struct sandbox sandbox;
	struct inode *inodes[FILES];

	(void)state;
	sandbox_open(&sandbox, MIB_LIMIT);
	make_orphans(&sandbox, inodes);
	struct inode *big = sandbox_put(&sandbox, "big", MIB_LIMIT / 2, 'b');
	sandbox_sync(&sandbox);
	sandbox_put(&sandbox, "dirty", MIB_LIMIT / 2, 'd');
	sandbox_unlink(&sandbox, "big");
	assert_int_equal(sandbox_fsync(&sandbox, "."), 0);
	assert_true(big->in_store);
	char runs[32];
	snprintf(runs, sizeof(runs), "b*%d", MIB_LIMIT / 2);
	sandbox_expect_live(&sandbox, big, runs);
	sandbox_close(&sandbox);
}

static void crash_forgets_what_was_adopted(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inodes[FILES];

	make_orphans(sandbox, inodes);
	assert_true(scratch_used(sandbox->volume->scratch) > 0);
	sandbox_crash(sandbox);
	assert_int_equal(scratch_used(sandbox->volume->scratch), 0);
	for (int i = 0; i < FILES; i++)
		names_forget(sandbox->volume, inodes[i], 1);
	assert_int_equal(sandbox->volume->inode_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(
			more_files_than_descriptors_are_unlinked_and_live_on),
		SANDBOX_TEST(replaced_files_are_kept_as_unlinked_ones_are),
		SANDBOX_TEST(
			holes_cut_ends_and_newer_data_are_adopted_as_they_are),
		SANDBOX_TEST(xattrs_are_adopted),
		SANDBOX_TEST(file_with_another_name_in_the_store_stays_one),
		cmocka_unit_test(full_scratch_leaves_the_descriptor),
		SANDBOX_TEST(crash_forgets_what_was_adopted),
	};
	const struct rlimit few = {DESCRIPTORS, DESCRIPTORS};

	if (setrlimit(RLIMIT_NOFILE, &few) < 0)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
