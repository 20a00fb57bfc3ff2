/* SPDX-License-Identifier: MIT */
/* What the profile posix does beside the states that tests/litmus compares. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/backend.h"
#include "fusefs/commit.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/names.h"
#include "fusefs/risk.h"
#include "fusefs/scratch.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"
#include "tests/unit/fusefs/sandbox.h"

static int set_up(void **state)
{
	static struct sandbox sandbox;

	sandbox_open_profile(&sandbox, "posix");
	*state = &sandbox;
	return 0;
}

struct losses {
	char text[1024];
	size_t used;
};

static int note_loss(void *user, const struct backend_loss *loss)
{
	struct losses *losses = user;

	losses->used += (size_t)snprintf(
		losses->text + losses->used,
		sizeof(losses->text) - losses->used, "%s %s %s: %s\n",
		loss->kind, loss->path, loss->what,
		loss->remedy != NULL ? loss->remedy : "-");
	return 0;
}

static void expect_losses(struct sandbox *sandbox, const char *want)
{
	struct losses losses = {.used = 0};

	assert_int_equal(risk_each(sandbox->volume, note_loss, &losses), 0);
	assert_string_equal(losses.text, want);
}

static void what_is_at_risk_is_told_by_entry_and_by_data(void **state)
{
	struct sandbox *sandbox = *state;

	sandbox_create(sandbox, "p", S_IFDIR | 0755);
	sandbox_create(sandbox, "q", S_IFDIR | 0755);
	sandbox_sync(sandbox);
	expect_losses(sandbox, "");
	sandbox_put(sandbox, "p/a", 10, 'x');
	expect_losses(sandbox,
		      "entry /p/a created: fsync of the directory '/p'\n"
		      "data /p/a written: fsync of the file\n");
	assert_int_equal(sandbox_fsync(sandbox, "p/a"), 0);
	expect_losses(sandbox,
		      "entry /p/a created: fsync of the directory '/p'\n");
	sandbox_put(sandbox, "p/a", 5, 'y');
	assert_int_equal(sandbox_fsync(sandbox, "p"), 0);
	expect_losses(sandbox, "data /p/a written: fsync of the file\n");
	assert_int_equal(sandbox_fsync(sandbox, "p/a"), 0);
	expect_losses(sandbox, "");
	assert_int_equal(sandbox_rename(sandbox, "p/a", "q/b", 0), 0);
	expect_losses(sandbox,
		      "entry /q/b renamed to it: fsync of the directory '/q'\n"
		      "entry /p/a renamed away: fsync of the directory '/p'\n");
	assert_int_equal(sandbox_fsync(sandbox, "q"), 0);
	expect_losses(sandbox,
		      "entry /p/a renamed away: fsync of the directory '/p'\n");
	assert_int_equal(sandbox_fsync(sandbox, "p"), 0);
	expect_losses(sandbox, "");
}

/* Runs with files of the store limited to so many bytes. */
static int fsync_with_limit(struct sandbox *sandbox, const char *path,
			    rlim_t bytes)
{
	struct rlimit usual;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
	struct rlimit small = {.rlim_cur = bytes, .rlim_max = usual.rlim_max};
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int r = sandbox_fsync(sandbox, path);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
	(void)signal(SIGXFSZ, handler);
	return r;
}

static void what_cannot_appear_as_a_whole_does_not_appear(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *a = sandbox_put(sandbox, "l", 10, 'l');

	sandbox_sync(sandbox);
	sandbox_create(sandbox, "d", S_IFDIR | 0755);
	sandbox_put(sandbox, "d/a", 100, 'a');
	assert_int_equal(
		names_link(sandbox->volume, a, sandbox_find(sandbox, "d"), "l"),
		0);
	sandbox_create(sandbox, "d/e", S_IFDIR | 0755);
	struct inode *big = sandbox_put(sandbox, "d/e/big", 100000, 'b');
	assert_int_equal(sandbox_fsync(sandbox, "d/a"), 0);
	assert_int_equal(sandbox_fsync(sandbox, "d/e/big"), 0);
	assert_int_equal(sandbox_fsync(sandbox, "d/e"), 0);
	assert_int_equal(sandbox_fsync(sandbox, "d"), 0);
	sandbox_expect_stored(sandbox, "l[10:l*10]");
	assert_int_equal(fsync_with_limit(sandbox, ".", 4096), -EFBIG);
	sandbox_expect_stored(sandbox, "l[10:l*10]");
	sandbox_expect_live(sandbox, big, "b*100000");
	assert_int_equal(sandbox_write(sandbox, big, 0, 10, 'n'), 0);
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
	sandbox_expect_stored(sandbox,
			      "d/ d/a[100:a*100] d/e/ d/e/big[100000:b*100000] "
			      "d/l[10 n2:l*10] l[10 n2:l*10]");
	sandbox_expect_live(sandbox, big, "n*10 b*99990");
	assert_int_equal(sandbox_fsync(sandbox, "d/e/big"), 0);
	assert_int_equal(scratch_used(sandbox->volume->scratch), 0);
	sandbox_sync(sandbox);
	sandbox_expect_same(sandbox, "after all");
}

static void what_cannot_be_adopted_keeps_its_name(void **state)
{
	struct sandbox sandbox;

	(void)state;
	sandbox_open_profile(&sandbox, "posix");
	sandbox_create(&sandbox, "p", S_IFDIR | 0755);
	sandbox_create(&sandbox, "q", S_IFDIR | 0755);
	struct inode *a = sandbox_put(&sandbox, "p/a", 100000, 'a');
	sandbox_sync(&sandbox);
	assert_int_equal(sandbox_rename(&sandbox, "p/a", "q/a", 0), 0);
	/* It is the scratch file that has no room. */
	assert_int_equal(fsync_with_limit(&sandbox, "p", 4096), -ENOSPC);
	sandbox_expect_stored(&sandbox, "p/ p/a[100000:a*100000] q/");
	sandbox_expect_live(&sandbox, a, "a*100000");
	assert_int_equal(scratch_used(sandbox.volume->scratch), 0);
	assert_int_equal(sandbox_fsync(&sandbox, "p"), 0);
	sandbox_expect_stored(&sandbox, "p/ q/");
	sandbox_expect_live(&sandbox, a, "a*100000");
	assert_int_equal(sandbox_fsync(&sandbox, "q"), 0);
	sandbox_expect_stored(&sandbox, "p/ q/ q/a[100000:a*100000]");
	sandbox_expect_live(&sandbox, a, "a*100000");
	assert_int_equal(scratch_used(sandbox.volume->scratch), 0);
	sandbox_close(&sandbox);
}

/* Whether the two stored names are of one file, which has so many. */
static void expect_links(struct sandbox *sandbox, const char *one,
			 const char *other, nlink_t count)
{
	char path[SANDBOX_PATH_BYTES + 64];
	struct stat st[2];

	snprintf(path, sizeof(path), "%s/%s", sandbox->store, one);
	assert_int_equal(lstat(path, &st[0]), 0);
	snprintf(path, sizeof(path), "%s/%s", sandbox->store, other);
	assert_int_equal(lstat(path, &st[1]), 0);
	assert_int_equal(st[0].st_ino, st[1].st_ino);
	assert_int_equal(st[0].st_nlink, count);
}

/* The descriptor that kept the fifo the first time is still there the second
 * time: that must not be taken for one that needs no keeping. */
static void a_name_out_of_memory_holds_a_fifo_each_time(void **state)
{
	struct sandbox *sandbox = *state;

	sandbox_create(sandbox, "p", S_IFDIR | 0755);
	sandbox_create(sandbox, "q", S_IFDIR | 0755);
	struct inode *fifo = sandbox_create(sandbox, "p/f", S_IFIFO | 0644);
	assert_int_equal(
		names_link(sandbox->volume, fifo, sandbox->volume->root, "h"),
		0);
	sandbox_sync(sandbox);
	volume_close(sandbox->volume);
	sandbox_reopen(sandbox);
	assert_int_equal(sandbox_rename(sandbox, "p/f", "q/f", 0), 0);
	assert_int_equal(sandbox_fsync(sandbox, "p"), 0);
	assert_int_equal(sandbox_fsync(sandbox, "q"), 0);
	expect_links(sandbox, "q/f", "h", 2);
	assert_int_equal(sandbox_rename(sandbox, "q/f", "p/f", 0), 0);
	assert_int_equal(sandbox_fsync(sandbox, "q"), 0);
	assert_int_equal(sandbox_fsync(sandbox, "p"), 0);
	expect_links(sandbox, "p/f", "h", 2);
	sandbox_expect_same(sandbox, "after both");
}

static void make_below(const char *store, const char *path)
{
	char full[SANDBOX_PATH_BYTES + 64];

	snprintf(full, sizeof(full), "%s/.flakey-unfinished/%s", store, path);
	assert_int_equal(mkdir(full, 0500), 0);
}

static void unfinished_work_of_a_killed_mount_is_removed(void **state)
{
	struct sandbox *sandbox = *state;
	char path[SANDBOX_PATH_BYTES + 64];

	sandbox_put(sandbox, "a", 1, 'a');
	sandbox_sync(sandbox);
	volume_close(sandbox->volume);
	make_below(sandbox->store, "");
	snprintf(path, sizeof(path), "%s/.flakey-unfinished", sandbox->store);
	assert_int_equal(chmod(path, 0700), 0);
	make_below(sandbox->store, "d");
	snprintf(path, sizeof(path), "%s/.flakey-unfinished/d", sandbox->store);
	assert_int_equal(chmod(path, 0700), 0);
	make_below(sandbox->store, "d/e");
	snprintf(path, sizeof(path), "%s/.flakey-unfinished/d/f",
		 sandbox->store);
	assert_int_equal(symlink("/", path), 0);
	sandbox_reopen(sandbox);
	snprintf(path, sizeof(path), "%s/.flakey-unfinished", sandbox->store);
	assert_int_equal(access(path, F_OK), -1);
	sandbox_expect_stored(sandbox, "a[1:a*1]");
	sandbox_expect_same(sandbox, "after the next mount");
}

#define IN_POSIX(test)                                                         \
	cmocka_unit_test_setup_teardown(test, set_up, sandbox_tear_down)

/* Made, renamed, removed, with no fsync of the directory: 0, or what failed. */
static int come_and_go(struct sandbox *sandbox)
{
	const struct names_new what = {
		.mode = S_IFREG | 0644, .uid = geteuid(), .gid = getegid()};
	struct volume *volume = sandbox->volume;
	struct inode *inode;

	int r = names_create(volume, volume->root, "a", &what, &inode);
	if (r < 0)
		return r;
	names_forget(volume, inode, 1);
	r = sandbox_rename(sandbox, "a", "b", 0);
	return r < 0 ? r : names_unlink(volume, volume->root, "b", false);
}

/* As if there were that many more. */
static void add_to_count(struct sandbox *sandbox, uint64_t records)
{
	struct journal *journal = &sandbox->volume->journal;

	pthread_mutex_lock(&journal->lock);
	journal->count += records;
	pthread_mutex_unlock(&journal->lock);
}

static void a_full_journal_says_so_until_a_sync(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	uint64_t others = JOURNAL_RECORDS_MAX - 20;
	struct inode *kept = sandbox_put(sandbox, "kept", 100, 'k');

	add_to_count(sandbox, others);
	for (int round = 0; round < 2; round++) {
		int r = 0;
		while (r == 0 && volume->journal.count <= JOURNAL_RECORDS_MAX)
			r = come_and_go(sandbox);
		assert_int_equal(r, -ENOSPC);
		assert_int_equal(volume->journal.count, JOURNAL_RECORDS_MAX);
		assert_int_equal(sandbox_rename(sandbox, "kept", "c", 0),
				 -ENOSPC);
		assert_int_equal(xattrs_set(volume, kept, "user.k", "v", 1, 0),
				 -ENOSPC);
		/* The directory is what they wait for. */
		assert_int_equal(sandbox_fsync(sandbox, "kept"), 0);
		assert_int_equal(volume->journal.count, JOURNAL_RECORDS_MAX);
		if (round == 0)
			assert_int_equal(sandbox_fsync(sandbox, "."), 0);
		else
			sandbox_sync(sandbox);
		assert_int_equal(volume->journal.count, others);
		(void)names_unlink(volume, volume->root, "b", false);
		(void)names_unlink(volume, volume->root, "a", false);
	}
	add_to_count(sandbox, -others);
	sandbox_sync(sandbox);
	sandbox_expect_same(sandbox, "after all");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_POSIX(what_is_at_risk_is_told_by_entry_and_by_data),
		IN_POSIX(what_cannot_appear_as_a_whole_does_not_appear),
		cmocka_unit_test(what_cannot_be_adopted_keeps_its_name),
		IN_POSIX(a_name_out_of_memory_holds_a_fifo_each_time),
		IN_POSIX(unfinished_work_of_a_killed_mount_is_removed),
		IN_POSIX(a_full_journal_says_so_until_a_sync),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
