/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "fusefs/attrs.h"
#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/scratch.h"
#include "fusefs/space.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"
#include "tests/unit/fusefs/sandbox.h"

#define MIB ((size_t)1 << 20)

static void what_came_and_went_never_touches_the_store(void **state)
{
	struct sandbox *sandbox = *state;
	char events[1024];

	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(inotify_add_watch(fd, sandbox->store,
				      IN_CREATE | IN_DELETE | IN_MOVE |
					      IN_MODIFY) >= 0);
	sandbox_put(sandbox, "a", 10000, 'x');
	assert_int_equal(sandbox_rename(sandbox, "a", "b", 0), 0);
	sandbox_unlink(sandbox, "b");
	sandbox_create(sandbox, "d", S_IFDIR | 0755);
	sandbox_create(sandbox, "d/f", S_IFIFO | 0600);
	sandbox_create(sandbox, "d/l", S_IFLNK | 0777);
	sandbox_unlink(sandbox, "d/l");
	sandbox_unlink(sandbox, "d/f");
	sandbox_unlink(sandbox, "d");
	assert_int_equal(sandbox->volume->journal.count, 0);
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
	sandbox_sync(sandbox);
	assert_true(read(fd, events, sizeof(events)) < 0);
	assert_int_equal(errno, EAGAIN);
	/* The watch does see things. */
	sandbox_put(sandbox, "c", 1, 'x');
	sandbox_sync(sandbox);
	assert_true(read(fd, events, sizeof(events)) > 0);
	close(fd);
}

/* For programs that take as much of it for a key. */
static void the_lower_half_of_a_number_is_not_zero(void **state)
{
	struct inode *inode = sandbox_put(*state, "a", 0, 'a');
	assert_true((uint32_t)inode->number != 0);
}

static void fsync_stores_the_new_file_with_its_name(void **state)
{
	struct sandbox *sandbox = *state;

	sandbox_put(sandbox, "a", 4096, 'x');
	sandbox_expect_stored(sandbox, "");
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	sandbox_expect_stored(sandbox, "a[4096:x*4096]");
	sandbox_crash(sandbox);
	sandbox_expect_stored(sandbox, "a[4096:x*4096]");
	sandbox_expect_live(sandbox, sandbox_find(sandbox, "a"), "x*4096");
	sandbox_expect_same(sandbox, "after the crash");
}

static void fsync_takes_names_of_others_and_not_their_data(void **state)
{
	struct sandbox *sandbox = *state;

	sandbox_put(sandbox, "b", 4096, 'y');
	sandbox_put(sandbox, "a", 4096, 'x');
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	sandbox_expect_stored(sandbox, "a[4096:x*4096] b[0:]");
	sandbox_sync(sandbox);
	sandbox_expect_stored(sandbox, "a[4096:x*4096] b[4096:y*4096]");
}

static void fdatasync_of_an_overwrite_takes_no_names(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 8192, 'o');

	sandbox_sync(sandbox);
	data_learn_blocks(sandbox->volume, inode);
	sandbox_create(sandbox, "b", S_IFREG | 0644);
	assert_int_equal(sandbox_write(sandbox, inode, 0, 4096, 'n'), 0);
	assert_int_equal(sandbox_fdatasync(sandbox, "a"), 0);
	sandbox_expect_stored(sandbox, "a[8192:n*4096 o*4096]");
	assert_int_equal(sandbox_fdatasync(sandbox, "."), 0);
	sandbox_expect_stored(sandbox, "a[8192:n*4096 o*4096] b[0:]");
}

static void replacing_rename_pushes_data_with_the_next_commit(void **state)
{
	struct sandbox *sandbox = *state;

	sandbox_put(sandbox, "a", 4096, 'o');
	sandbox_sync(sandbox);
	sandbox_put(sandbox, "t", 4096, 'n');
	assert_int_equal(sandbox_rename(sandbox, "t", "a", 0), 0);
	sandbox_expect_stored(sandbox, "a[4096:o*4096]");
	sandbox_put(sandbox, "c", 1, 'x');
	assert_int_equal(sandbox_fsync(sandbox, "c"), 0);
	sandbox_expect_stored(sandbox, "a[4096:n*4096] c[1:x*1]");
	sandbox_expect_live(sandbox, sandbox_find(sandbox, "a"), "n*4096");
	/* A rename to a free name does not. */
	sandbox_put(sandbox, "t", 4096, 'm');
	assert_int_equal(sandbox_rename(sandbox, "t", "z", 0), 0);
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
	sandbox_expect_stored(sandbox, "a[4096:n*4096] c[1:x*1] z[0:]");
}

static void close_after_truncation_pushes_data(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 4096, 'o');

	sandbox_sync(sandbox);
	assert_int_equal(data_truncate(sandbox->volume, inode, 0), 0);
	assert_int_equal(sandbox_write(sandbox, inode, 0, 4096, 'n'), 0);
	assert_true(inode->truncated);
	commit_push(sandbox->volume, inode, NULL, true);
	sandbox_put(sandbox, "c", 1, 'x');
	assert_int_equal(sandbox_fsync(sandbox, "c"), 0);
	sandbox_expect_stored(sandbox, "a[4096:n*4096] c[1:x*1]");
}

static void record_without_its_parent_is_lost_and_the_tree_stays(void **state)
{
	struct sandbox *sandbox = *state;

	sandbox_create(sandbox, "old", S_IFDIR | 0755);
	sandbox_sync(sandbox);
	sandbox_set_mode(sandbox, MODE_DROP_WRITES);
	sandbox_create(sandbox, "d", S_IFDIR | 0755);
	assert_int_equal(sandbox_fsync(sandbox, "d"), 0);
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	/* These need the directory; and one more does not. */
	struct inode *inode = sandbox_put(sandbox, "d/a", 100, 'x');
	sandbox_create(sandbox, "d/e", S_IFDIR | 0755);
	sandbox_put(sandbox, "d/e/b", 10, 'y');
	assert_int_equal(sandbox_rename(sandbox, "d/e", "old/e", 0), 0);
	sandbox_put(sandbox, "c", 5, 'z');
	assert_int_equal(sandbox_fsync(sandbox, "d/a"), 0);
	sandbox_expect_stored(sandbox, "c[0:] old/");
	assert_true(sandbox->volume->lost_commits >= 3);
	assert_true(sandbox_logged(sandbox, "\"event\":\"lost-commit\""));
	/* Programs go on seeing it, until the power fails. */
	sandbox_expect_live(sandbox, inode, "x*100");
	assert_non_null(sandbox_find(sandbox, "old/e/b"));
	sandbox_crash(sandbox);
	assert_null(sandbox_find(sandbox, "d"));
	assert_null(sandbox_find(sandbox, "old/e"));
	sandbox_expect_same(sandbox, "after the crash");
}

static void what_was_dropped_is_not_caught_up(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *a = sandbox_put(sandbox, "a", 4096, 'o');

	sandbox_sync(sandbox);
	sandbox_set_mode(sandbox, MODE_DROP_WRITES);
	assert_int_equal(sandbox_write(sandbox, a, 0, 4096, 'n'), 0);
	sandbox_put(sandbox, "b", 10, 'x');
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	assert_int_equal(sandbox_fsync(sandbox, "b"), 0);
	sandbox_expect_stored(sandbox, "a[4096:o*4096]");
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	sandbox_sync(sandbox);
	sandbox_expect_stored(sandbox, "a[4096:o*4096]");
	sandbox_expect_live(sandbox, a, "n*4096");
	/* New commits arrive. */
	assert_int_equal(sandbox_write(sandbox, a, 0, 100, 'm'), 0);
	sandbox_put(sandbox, "c", 10, 'y');
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	assert_int_equal(sandbox_fsync(sandbox, "c"), 0);
	sandbox_expect_stored(sandbox, "a[4096:m*100 n*924 o*3072] c[10:y*10]");
	sandbox_expect_live(sandbox, a, "m*100 n*3996");
	sandbox_crash(sandbox);
	sandbox_expect_same(sandbox, "after the crash");
}

/* Times, modes and counts of directories, too. */
static void crash_forgets_every_attribute_that_was_dropped(void **state)
{
	struct sandbox *sandbox = *state;
	const struct stat ancient = {.st_mtim = {.tv_sec = 1000}};

	sandbox_create(sandbox, "d", S_IFDIR | 0755);
	struct inode *a = sandbox_put(sandbox, "a", 10, 'x');
	sandbox_sync(sandbox);
	sandbox_set_mode(sandbox, MODE_DROP_WRITES);
	sandbox_create(sandbox, "d/e", S_IFDIR | 0755);
	assert_int_equal(attrs_set(sandbox->volume, a, ATTRS_MTIME, &ancient),
			 0);
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
	sandbox_crash(sandbox);
	sandbox_expect_same(sandbox, "after the crash");
}

static void error_writes_fails_data_once_and_keeps_the_image(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 4096, 'o');

	sandbox_sync(sandbox);
	data_learn_blocks(sandbox->volume, inode);
	sandbox_set_mode(sandbox, MODE_ERROR_WRITES);
	assert_int_equal(sandbox_write(sandbox, inode, 0, 4096, 'n'), 0);
	assert_int_equal(sandbox_fdatasync(sandbox, "a"), -EIO);
	assert_false(sandbox->volume->read_only);
	/* The page is clean now, with the latest data: ext4 does not try again;
	 * but it has the disk flush its cache, which fails, too. */
	assert_int_equal(sandbox_fdatasync(sandbox, "a"), -EIO);
	sandbox_expect_live(sandbox, inode, "n*4096");
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	assert_int_equal(sandbox_fdatasync(sandbox, "a"), 0);
	sandbox_expect_stored(sandbox, "a[4096:o*4096]");
}

static void failed_journal_commit_is_read_only_until_a_crash(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *a = sandbox_put(sandbox, "a", 4096, 'o');
	const struct names_new what = {.mode = S_IFREG | 0644};
	const struct stat st = {.st_mode = 0600};
	struct inode *made = NULL;

	sandbox_sync(sandbox);
	sandbox_set_mode(sandbox, MODE_ERROR_WRITES);
	sandbox_create(sandbox, "b", S_IFREG | 0644);
	assert_int_equal(sandbox_fsync(sandbox, "b"), -EIO);
	assert_true(volume->read_only);
	assert_true(sandbox_logged(sandbox, "\"event\":\"journal-aborted\""));
	assert_int_equal(names_create(volume, volume->root, "c", &what, &made),
			 -EROFS);
	assert_int_equal(names_unlink(volume, volume->root, "a", false),
			 -EROFS);
	assert_int_equal(sandbox_rename(sandbox, "a", "z", 0), -EROFS);
	assert_int_equal(names_link(volume, a, volume->root, "z"), -EROFS);
	assert_int_equal(data_truncate(volume, a, 0), -EROFS);
	assert_int_equal(space_allocate(volume, a, 0, 0, 1), -EROFS);
	/* In memory alone. */
	assert_int_equal(attrs_set(volume, a, ATTRS_MODE, &st), 0);
	assert_int_equal(xattrs_set(volume, a, "user.k", "v", 1, 0), -EROFS);
	assert_int_equal(xattrs_remove(volume, a, "user.k"), -EROFS);
	assert_int_equal(sandbox_write(sandbox, a, 0, 1, 'n'), 0);
	sandbox_expect_live(sandbox, a, "n*1 o*4095");
	sandbox_crash(sandbox);
	assert_false(volume->read_only);
	assert_null(sandbox_find(sandbox, "b"));
	sandbox_put(sandbox, "c", 10, 'x');
	assert_int_equal(sandbox_fsync(sandbox, "c"), 0);
	sandbox_expect_stored(sandbox, "a[4096:o*4096] c[10:x*10]");
}

/* An aborted journal is not written any more, even if the disk works again. */
static void aborted_journal_never_reaches_the_store(void **state)
{
	struct sandbox *sandbox = *state;

	sandbox_put(sandbox, "a", 10, 'o');
	sandbox_sync(sandbox);
	sandbox_put(sandbox, "b", 10, 'x');
	sandbox_set_mode(sandbox, MODE_ERROR_WRITES);
	assert_int_equal(sandbox_fsync(sandbox, "."), -EIO);
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	/* It has nothing to commit; data would have to go by the journal. */
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
	assert_int_equal(sandbox_fsync(sandbox, "b"), -EROFS);
	assert_int_equal(commit_all(sandbox->volume), -EROFS);
	sandbox_expect_stored(sandbox, "a[10:o*10]");
	sandbox_crash(sandbox);
	sandbox_expect_same(sandbox, "after the crash");
	sandbox_put(sandbox, "c", 10, 'y');
	sandbox_sync(sandbox);
	sandbox_expect_stored(sandbox, "a[10:o*10] c[10:y*10]");
}

static void crash_that_keeps_all_loses_nothing(void **state)
{
	struct sandbox *sandbox = *state;

	sandbox_put(sandbox, "a", 5000, 'x');
	sandbox_create(sandbox, "d", S_IFDIR | 0750);
	sandbox_create(sandbox, "d/l", S_IFLNK | 0777);
	struct inode *b = sandbox_put(sandbox, "d/b", 10, 'y');
	assert_int_equal(xattrs_set(sandbox->volume, b, "user.k", "v", 1, 0),
			 0);
	assert_int_equal(sandbox_crash_keeping(sandbox), 0);
	assert_int_equal(sandbox->volume->incarnation, 2);
	sandbox_expect_stored(sandbox,
			      "a[5000:x*5000] d/ d/b[10:y*10 x=v] d/l@");
	sandbox_expect_same(sandbox, "after the crash");
}

/* Without space nothing of a write is seen, neither in the bytes that were
 * there nor behind the end. */
static void full_scratch_leaves_the_file_as_it_was(void **state)
{
	static struct sandbox sandbox;
	int fillers = 0;
	int r = 0;

	(void)state;
	sandbox_open(&sandbox, 3 * MIB);
	struct inode *a = sandbox_put(&sandbox, "a", 4096, 'o');
	struct inode *empty = sandbox_create(&sandbox, "e", S_IFREG | 0644);
	sandbox_sync(&sandbox);
	assert_int_equal(sandbox_write(&sandbox, a, 1000, 100, 'p'), 0);
	assert_int_equal(sandbox_write(&sandbox, a, 0, 4 * MIB, 'n'), -ENOSPC);
	sandbox_expect_live(&sandbox, a, "o*1000 p*100 o*2996");
	assert_int_equal(sandbox_write(&sandbox, empty, 100, 4 * MIB, 'n'),
			 -ENOSPC);
	sandbox_expect_live(&sandbox, empty, "");
	assert_int_equal(data_truncate(sandbox.volume, empty, 200), 0);
	sandbox_expect_live(&sandbox, empty, "0*200");
	/* What was taken was given back. */
	assert_true(scratch_used(sandbox.volume->scratch) <= 2 * SCRATCH_UNIT);
	struct inode *filler = sandbox_create(&sandbox, "f", S_IFREG | 0644);
	while (r == 0 && fillers < 100)
		r = sandbox_write(&sandbox, filler, 100000 * fillers++, 100000,
				  'f');
	assert_int_equal(r, -ENOSPC);
	/* Written anew it needs no space. */
	assert_int_equal(sandbox_write(&sandbox, a, 1000, 100, 'q'), 0);
	assert_int_equal(sandbox_fsync(&sandbox, "f"), 0);
	assert_int_equal(sandbox_write(&sandbox, a, 0, 2 * MIB, 'n'), 0);
	sandbox_sync(&sandbox);
	sandbox_expect_same(&sandbox, "after the space returned");
	assert_int_equal(scratch_used(sandbox.volume->scratch), 0);
	sandbox_close(&sandbox);
}

/* A limit on the size of files stands for a disk that does not take the data. */
static void real_error_of_the_store_is_told_and_the_retry_works(void **state)
{
	struct sandbox *sandbox = *state;
	struct rlimit usual;

	struct inode *inode = sandbox_put(sandbox, "a", 100000, 'x');
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
	struct rlimit small = {.rlim_cur = 4096, .rlim_max = usual.rlim_max};
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int r = sandbox_fsync(sandbox, "a");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
	(void)signal(SIGXFSZ, handler);
	assert_int_equal(r, -EFBIG);
	assert_true(sandbox_logged(sandbox, "\"event\":\"store-error\""));
	assert_false(sandbox->volume->read_only);
	assert_int_equal(inode->extents->dirty_bytes, 100000);
	sandbox_expect_live(sandbox, inode, "x*100000");
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	sandbox_expect_stored(sandbox, "a[100000:x*100000]");
	assert_int_equal(scratch_used(sandbox->volume->scratch), 0);
}

static void full_store_is_told_and_the_retry_works(void **state)
{
	static struct sandbox sandbox;

	(void)state;
	if (!sandbox_open_small(&sandbox, 512))
		skip();
	struct inode *big = sandbox_put(&sandbox, "big", 400000, 'b');
	sandbox_sync(&sandbox);
	/* Data that does not fit ... */
	struct inode *a = sandbox_put(&sandbox, "a", 200000, 'x');
	assert_int_equal(sandbox_fsync(&sandbox, "a"), -ENOSPC);
	assert_true(sandbox_logged(&sandbox, "\"event\":\"store-error\""));
	sandbox_expect_live(&sandbox, a, "x*200000");
	/* ... and a record that does not. */
	struct inode *c = sandbox_put(&sandbox, "c", 10, 'c');
	sandbox_put(&sandbox, "t", 200000, 't');
	assert_int_equal(sandbox_rename(&sandbox, "t", "c", 0), 0);
	assert_int_equal(sandbox_fsync(&sandbox, "."), -ENOSPC);
	assert_true(sandbox.volume->journal.count > 0);
	assert_false(sandbox.volume->read_only);
	assert_int_equal(sandbox_fsync(&sandbox, "."), -ENOSPC);
	assert_int_equal(data_truncate(sandbox.volume, big, 0), 0);
	/* The record that would free the space is behind the one that needs
	 * it, so the user has to. */
	assert_int_equal(commit_all(sandbox.volume), -ENOSPC);
	char path[SANDBOX_PATH_BYTES + 8];
	snprintf(path, sizeof(path), "%s/big", sandbox.store);
	assert_int_equal(truncate(path, 0), 0);
	sandbox_sync(&sandbox);
	sandbox_expect_same(&sandbox, "after the retry");
	names_forget(sandbox.volume, c, c->nlookup);
	assert_int_equal(scratch_used(sandbox.volume->scratch), 0);
	sandbox_close(&sandbox);
}

/* The link was dropped, and the only name of the store went: nothing is left
 * there to link to. That is a loss, and no error of the commit. */
static void link_to_a_file_without_names_in_the_store_is_lost(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *inode = sandbox_put(sandbox, "a", 10, 'x');

	sandbox_sync(sandbox);
	sandbox_set_mode(sandbox, MODE_DROP_WRITES);
	assert_int_equal(names_link(volume, inode, volume->root, "b"), 0);
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	sandbox_unlink(sandbox, "a");
	assert_int_equal(names_link(volume, inode, volume->root, "c"), 0);
	sandbox_put(sandbox, "d", 5, 'y');
	assert_int_equal(sandbox_fsync(sandbox, "d"), 0);
	sandbox_expect_stored(sandbox, "d[5:y*5]");
	sandbox_expect_live(sandbox, sandbox_find(sandbox, "c"), "x*10");
	assert_true(sandbox_logged(sandbox, "\"event\":\"lost-commit\""));
}

static void direct_overwrite_is_durable_and_an_append_is_not(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *inode = sandbox_put(sandbox, "a", 8192, 'o');
	struct commit_range range = {0, 4096};

	sandbox_sync(sandbox);
	assert_int_equal(sandbox_write(sandbox, inode, 0, 4096, 'n'), 0);
	assert_int_equal(commit_direct(volume, inode, &range), 0);
	sandbox_expect_stored(sandbox, "a[8192:n*4096 o*4096]");
	range = (struct commit_range){8192, 12288};
	assert_int_equal(sandbox_write(sandbox, inode, 8192, 4096, 'm'), 0);
	assert_int_equal(commit_direct(volume, inode, &range), 0);
	sandbox_expect_stored(sandbox, "a[8192:n*4096 o*4096]");
	/* It goes with the next commit, of whatever. */
	sandbox_create(sandbox, "b", S_IFREG | 0644);
	assert_int_equal(sandbox_fsync(sandbox, "b"), 0);
	sandbox_expect_stored(sandbox, "a[12288:n*4096 o*4096 m*4096] b[0:]");
}

/* Appends inside the last block, which has space already. */
static void small_direct_appends_survive_the_commit_after_them(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *inode = sandbox_put(sandbox, "a", 100, 'a');

	sandbox_sync(sandbox);
	for (int i = 1; i < 4; i++) {
		const struct commit_range range = {i * 100, i * 100 + 100};
		assert_int_equal(sandbox_write(sandbox, inode, i * 100, 100,
					       (char)('a' + i)),
				 0);
		assert_int_equal(commit_direct(volume, inode, &range), 0);
		/* An extension is not durable, even so. */
		sandbox_expect_stored(sandbox, "a[100:a*100]");
	}
	sandbox_sync(sandbox);
	sandbox_expect_live(sandbox, inode, "a*100 b*100 c*100 d*100");
	sandbox_expect_stored(sandbox, "a[400:a*100 b*100 c*100 d*100]");
}

/* What is older and still in the journal would be stored over it. */
static void direct_write_does_not_overtake_the_journal(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *inode = sandbox_put_abcd(sandbox, "a");
	struct commit_range range = {100, 200};

	assert_int_equal(data_truncate(volume, inode, 50), 0);
	assert_int_equal(sandbox_write(sandbox, inode, 100, 100, 'n'), 0);
	assert_int_equal(commit_direct(volume, inode, &range), 0);
	sandbox_expect_live(sandbox, inode, "a*50 0*50 n*100");
	sandbox_sync(sandbox);
	sandbox_expect_live(sandbox, inode, "a*50 0*50 n*100");
	sandbox_expect_stored(sandbox, "a[200:a*50 0*50 n*100]");
	/* The same with a hole. */
	range = (struct commit_range){10, 20};
	assert_int_equal(
		space_allocate(volume, inode,
			       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			       40),
		0);
	assert_int_equal(sandbox_write(sandbox, inode, 10, 10, 'm'), 0);
	assert_int_equal(commit_direct(volume, inode, &range), 0);
	sandbox_sync(sandbox);
	sandbox_expect_stored(sandbox, "a[200:0*10 m*10 0*20 a*10 0*50 n*100]");
	sandbox_expect_same(sandbox, "at the end");
}

/* The records of others that were dropped go on touching the name. */
static void kernel_may_forget_a_file_with_a_name_of_a_dropped_one(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;

	sandbox_set_mode(sandbox, MODE_DROP_WRITES);
	struct inode *dropped = sandbox_create(sandbox, "a", S_IFREG | 0644);
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	sandbox_unlink(sandbox, "a");
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
	names_forget(volume, dropped, dropped->nlookup);
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	struct inode *inode = sandbox_put(sandbox, "a", 10, 'x');
	sandbox_sync(sandbox);
	names_forget(volume, inode, inode->nlookup);
	inode = sandbox_find(sandbox, "a");
	sandbox_expect_live(sandbox, inode, "x*10");
	names_forget(volume, inode, inode->nlookup);
	sandbox_crash(sandbox);
	sandbox_expect_same(sandbox, "after the crash");
	assert_int_equal(volume->inode_count, 1);
	assert_int_equal(volume->dentry_count, 0);
}

static void open_file_without_a_name_goes_on_working(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *inode = sandbox_put(sandbox, "a", 5000, 'o');
	char value[8];

	sandbox_sync(sandbox);
	assert_int_equal(xattrs_set(volume, inode, "user.k", "1", 1, 0), 0);
	sandbox_unlink(sandbox, "a");
	assert_int_equal(xattrs_set(volume, inode, "user.k", "2", 1, 0), 0);
	assert_int_equal(sandbox_write(sandbox, inode, 4000, 2000, 'n'), 0);
	assert_int_equal(data_truncate(volume, inode, 5500), 0);
	sandbox_sync(sandbox);
	sandbox_expect_stored(sandbox, "");
	sandbox_expect_live(sandbox, inode, "o*4000 n*1500");
	assert_int_equal(commit_sync(volume, inode, false, NULL), 0);
	assert_int_equal(
		xattrs_get(volume, inode, "user.k", value, sizeof(value)), 1);
	assert_int_equal(value[0], '2');
	names_forget(volume, inode, inode->nlookup);
	assert_int_equal(scratch_used(volume->scratch), 0);
}

static void xattrs_of_an_unnamed_file_come_with_its_first_name(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *inode = sandbox_make_unnamed(sandbox);

	assert_int_equal(xattrs_set(volume, inode, "user.k", "1", 1, 0), 0);
	assert_int_equal(xattrs_set(volume, inode, "user.k", "2", 1, 0), 0);
	assert_int_equal(sandbox_write(sandbox, inode, 0, 10, 'x'), 0);
	assert_int_equal(names_link(volume, inode, volume->root, "f"), 0);
	assert_int_equal(sandbox_fsync(sandbox, "f"), 0);
	sandbox_expect_stored(sandbox, "f[10:x*10 x=2]");
	assert_null(inode->xattrs);
	sandbox_expect_same(sandbox, "with its name");
}

static void close_forgets_what_was_not_committed(void **state)
{
	struct sandbox *sandbox = *state;

	sandbox_put(sandbox, "a", 100, 'x');
	sandbox_create(sandbox, "d", S_IFDIR | 0755);
	sandbox_put(sandbox, "d/b", 100, 'x');
	sandbox_make_unnamed(sandbox);
	sandbox_set_mode(sandbox, MODE_DROP_WRITES);
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	sandbox_put(sandbox, "c", 100, 'x');
	volume_close(sandbox->volume);
	sandbox->volume = NULL;
	sandbox_expect_stored(sandbox, "");
	volume_close(NULL);
}

static int write_landed(struct volume *volume, struct inode *inode,
			int64_t offset, char byte)
{
	static char data[8192];
	char *memory;

	assert_true(scratch_land(volume->scratch, &memory) >= 4096);
	memset(memory, byte, 4096);
	memset(data + 4096, byte, 4096);
	const struct data_write write = {
		.data = data,
		.size_bytes = sizeof(data),
		.offset_bytes = offset,
		.landed_bytes = 4096,
		.landed_at = scratch_landed(volume->scratch, 4096),
	};
	return data_write(volume, inode, &write);
}

static void what_has_landed_is_held_by_the_file_alone(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct inode *inode = sandbox_put(sandbox, "a", 0, 'a');

	scratch_use_memory(volume->scratch, 2);
	assert_int_equal(write_landed(volume, inode, 0, 'b'), 0);
	assert_int_equal(scratch_used(volume->scratch), 8192);
	assert_int_equal(write_landed(volume, inode, 4096, 'c'), 0);
	assert_int_equal(scratch_used(volume->scratch), 12288);
	sandbox_expect_live(sandbox, inode, "b*4096 c*8192");
	/* What fails leaves nothing behind. */
	assert_int_equal(write_landed(volume, inode, DATA_SIZE_MAX, 'd'),
			 -EFBIG);
	assert_int_equal(scratch_used(volume->scratch), 12288);
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	assert_int_equal(scratch_used(volume->scratch), 0);
	sandbox_expect_stored(sandbox, "a[12288:b*4096 c*8192]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(what_has_landed_is_held_by_the_file_alone),
		SANDBOX_TEST(what_came_and_went_never_touches_the_store),
		SANDBOX_TEST(the_lower_half_of_a_number_is_not_zero),
		SANDBOX_TEST(fsync_stores_the_new_file_with_its_name),
		SANDBOX_TEST(fsync_takes_names_of_others_and_not_their_data),
		SANDBOX_TEST(fdatasync_of_an_overwrite_takes_no_names),
		SANDBOX_TEST(replacing_rename_pushes_data_with_the_next_commit),
		SANDBOX_TEST(close_after_truncation_pushes_data),
		SANDBOX_TEST(
			record_without_its_parent_is_lost_and_the_tree_stays),
		SANDBOX_TEST(what_was_dropped_is_not_caught_up),
		SANDBOX_TEST(crash_forgets_every_attribute_that_was_dropped),
		SANDBOX_TEST(error_writes_fails_data_once_and_keeps_the_image),
		SANDBOX_TEST(failed_journal_commit_is_read_only_until_a_crash),
		SANDBOX_TEST(aborted_journal_never_reaches_the_store),
		SANDBOX_TEST(crash_that_keeps_all_loses_nothing),
		cmocka_unit_test(full_scratch_leaves_the_file_as_it_was),
		SANDBOX_TEST(
			real_error_of_the_store_is_told_and_the_retry_works),
		cmocka_unit_test(full_store_is_told_and_the_retry_works),
		SANDBOX_TEST(link_to_a_file_without_names_in_the_store_is_lost),
		SANDBOX_TEST(direct_overwrite_is_durable_and_an_append_is_not),
		SANDBOX_TEST(
			small_direct_appends_survive_the_commit_after_them),
		SANDBOX_TEST(direct_write_does_not_overtake_the_journal),
		SANDBOX_TEST(
			kernel_may_forget_a_file_with_a_name_of_a_dropped_one),
		SANDBOX_TEST(open_file_without_a_name_goes_on_working),
		SANDBOX_TEST(
			xattrs_of_an_unnamed_file_come_with_its_first_name),
		SANDBOX_TEST(close_forgets_what_was_not_committed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
