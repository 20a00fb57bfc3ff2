/* SPDX-License-Identifier: MIT */
/*
 * Somebody else lays hands on the store while it is mounted. A sync that meets
 * this is an error, and loses nothing: when things are as they were, the next one
 * stores all.
 */
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

#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/sandbox.h"

#define PATH_BYTES (SANDBOX_PATH_BYTES + 32)

/* Where a file of the store is, for somebody else. */
static const char *outside(const struct sandbox *sandbox, const char *name,
			   char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%s/%s", sandbox->store, name);
	return path;
}

static void expect_kept(struct sandbox *sandbox, const char *reason)
{
	assert_true(sandbox->volume->journal.count > 0);
	assert_false(sandbox->volume->read_only);
	assert_int_equal(sandbox->volume->lost_commits, 0);
	assert_true(sandbox_logged(sandbox, "\"event\":\"store-error\""));
	assert_true(sandbox_logged(sandbox, reason));
}

static void directory_that_was_removed_can_be_given_back(void **state)
{
	struct sandbox *sandbox = *state;
	char path[PATH_BYTES];

	sandbox_create(sandbox, "d", S_IFDIR | 0755);
	sandbox_put(sandbox, "d/old", 10, 'o');
	sandbox_sync(sandbox);
	assert_int_equal(unlink(outside(sandbox, "d/old", path)), 0);
	assert_int_equal(rmdir(outside(sandbox, "d", path)), 0);
	struct inode *inode = sandbox_put(sandbox, "d/new", 10, 'n');
	assert_int_equal(sandbox_fsync(sandbox, "d/new"), -EIO);
	assert_int_equal(sandbox_fsync(sandbox, "d"), -EIO);
	expect_kept(sandbox, strerror(ENOENT));
	sandbox_expect_live(sandbox, inode, "n*10");
	assert_int_equal(mkdir(outside(sandbox, "d", path), 0755), 0);
	assert_int_equal(sandbox_fsync(sandbox, "d/new"), 0);
	sandbox_expect_stored(sandbox, "d/ d/new[10:n*10]");
}

static void directory_that_was_moved_away_and_back_is_found(void **state)
{
	struct sandbox *sandbox = *state;
	char path[PATH_BYTES];
	char away[PATH_BYTES];

	sandbox_create(sandbox, "d", S_IFDIR | 0755);
	sandbox_create(sandbox, "d/e", S_IFDIR | 0755);
	sandbox_sync(sandbox);
	/* All is read from the store again, by way of the place. */
	volume_close(sandbox->volume);
	sandbox_reopen(sandbox);
	assert_non_null(sandbox_find(sandbox, "d"));
	outside(sandbox, "d", path);
	outside(sandbox, "away", away);
	assert_int_equal(rename(path, away), 0);
	struct inode *inode = sandbox_put(sandbox, "d/new", 10, 'n');
	int r = sandbox_fsync(sandbox, "d/new");
	assert_true(r == 0 || r == -EIO);
	sandbox_expect_live(sandbox, inode, "n*10");
	assert_int_equal(rename(away, path), 0);
	sandbox_sync(sandbox);
	sandbox_expect_stored(sandbox, "d/ d/e/ d/new[10:n*10]");
}

static void name_that_somebody_else_took_is_waited_for(void **state)
{
	struct sandbox *sandbox = *state;
	char path[PATH_BYTES];

	struct inode *inode = sandbox_put(sandbox, "a", 10, 'a');
	sandbox_put(sandbox, "b", 10, 'b');
	assert_int_equal(mkdir(outside(sandbox, "a", path), 0755), 0);
	assert_int_equal(sandbox_fsync(sandbox, "b"), -EIO);
	assert_int_equal(sandbox_fsync(sandbox, "a"), -EIO);
	expect_kept(sandbox, strerror(EEXIST));
	sandbox_expect_live(sandbox, inode, "a*10");
	assert_int_equal(rmdir(path), 0);
	sandbox_sync(sandbox);
	sandbox_expect_stored(sandbox, "a[10:a*10] b[10:b*10]");
}

/* Its descriptor still works, but what is written there survives nowhere. */
static void data_of_a_file_that_was_removed_is_not_called_stored(void **state)
{
	struct sandbox *sandbox = *state;
	char path[PATH_BYTES];

	struct inode *inode = sandbox_put(sandbox, "a", 8192, 'o');
	sandbox_sync(sandbox);
	assert_int_equal(sandbox_write(sandbox, inode, 0, 4096, 'n'), 0);
	assert_int_equal(unlink(outside(sandbox, "a", path)), 0);
	assert_int_equal(sandbox_fsync(sandbox, "a"), -EIO);
	assert_int_equal(sandbox_fdatasync(sandbox, "a"), -EIO);
	assert_true(sandbox_logged(sandbox, "\"event\":\"store-error\""));
	sandbox_crash(sandbox);
	assert_null(sandbox_find(sandbox, "a"));
	sandbox_put(sandbox, "a", 10, 'x');
	sandbox_sync(sandbox);
	sandbox_expect_stored(sandbox, "a[10:x*10]");
}

/* A limit that can be lifted again stops the journal, and loses nothing of it. */
static void size_beyond_the_limit_of_the_process_waits(void **state)
{
	struct sandbox *sandbox = *state;
	struct rlimit usual;

	struct inode *inode = sandbox_put(sandbox, "a", 10, 'x');
	assert_int_equal(data_truncate(sandbox->volume, inode, 100000), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
	struct rlimit small = {.rlim_cur = 4096, .rlim_max = usual.rlim_max};
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int r = sandbox_fsync(sandbox, "a");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
	(void)signal(SIGXFSZ, handler);
	assert_int_equal(r, -EFBIG);
	expect_kept(sandbox, strerror(EFBIG));
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	sandbox_expect_stored(sandbox, "a[100000:x*10 0*99990]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(directory_that_was_removed_can_be_given_back),
		SANDBOX_TEST(directory_that_was_moved_away_and_back_is_found),
		SANDBOX_TEST(name_that_somebody_else_took_is_waited_for),
		SANDBOX_TEST(
			data_of_a_file_that_was_removed_is_not_called_stored),
		SANDBOX_TEST(size_beyond_the_limit_of_the_process_waits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
