/* SPDX-License-Identifier: MIT */
/*
 * A snapshot and a request that takes long, such as a sync of much data: nobody
 * else has to wait for it because of the snapshot.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/backend.h"
#include "common/errmsg.h"
#include "common/plan.h"
#include "fusefs/snapshot.h"
#include "fusefs/store.h"
#include "fusefs/store_seen.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/sandbox.h"

#define DEADLINE_S 20
#define FILES 300

struct taker {
	struct sandbox *sandbox;
	char directory[SANDBOX_PATH_BYTES + 8];
	int result;
	_Atomic bool done;
};

static struct timespec deadline(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += DEADLINE_S;
	return end;
}

static bool is_over(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec > end->tv_sec;
}

static void *take(void *user)
{
	struct taker *taker = user;
	const struct plan plan = {.keep = PLAN_KEEP_NONE};
	struct backend_report report = {0};
	struct errmsg why;
	const struct snapshot snapshot = {
		.volume = taker->sandbox->volume,
		.plan = &plan,
		.directory = taker->directory,
	};

	taker->result = snapshot_take(&snapshot, &report, &why);
	free(report.lost_list);
	free(report.kept_list);
	taker->done = true;
	return NULL;
}

static pthread_t begin(struct sandbox *sandbox, struct taker *ret_taker)
{
	pthread_t thread;

	*ret_taker = (struct taker){.sandbox = sandbox};
	snprintf(ret_taker->directory, sizeof(ret_taker->directory), "%s/image",
		 sandbox->directory);
	assert_int_equal(pthread_create(&thread, NULL, take, ret_taker), 0);
	return thread;
}

/* Seen from another request: the gate is closed to it, and opens again. */
static void *pass(void *user)
{
	static char never[] = "nobody asked for the gate";
	static char waited[] = "others had to wait";
	struct volume *volume = user;
	const struct timespec end = deadline();

	while (pthread_rwlock_tryrdlock(&volume->gate) == 0) {
		pthread_rwlock_unlock(&volume->gate);
		if (is_over(&end))
			return never;
	}
	if (pthread_rwlock_timedrdlock(&volume->gate, &end) != 0)
		return waited;
	pthread_rwlock_unlock(&volume->gate);
	return NULL;
}

static void waiting_to_begin_holds_up_nobody(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	struct taker taker;
	pthread_t other;
	void *wrong = NULL;

	/* The request that takes long. */
	pthread_rwlock_rdlock(&volume->gate);
	pthread_t thread = begin(sandbox, &taker);
	assert_int_equal(pthread_create(&other, NULL, pass, volume), 0);
	pthread_join(other, &wrong);
	pthread_rwlock_unlock(&volume->gate);
	pthread_join(thread, NULL);
	if (wrong != NULL)
		fail_msg("%s", (const char *)wrong);
	assert_int_equal(taker.result, 0);
}

static void the_end_waits_for_nobody(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	const struct timespec end = deadline();
	struct taker taker;

	/* Enough to copy that its begin is seen. */
	struct inode *inode = sandbox_create(sandbox, "much", S_IFREG | 0600);
	for (int i = 0; i < 64; i++)
		assert_int_equal(
			sandbox_write(sandbox, inode, i << 20, 1 << 20, 'x'),
			0);
	sandbox_sync(sandbox);
	pthread_t thread = begin(sandbox, &taker);
	while (!volume->copying && !taker.done && !is_over(&end))
		continue;
	pthread_rwlock_rdlock(&volume->gate);
	while (!taker.done && !is_over(&end))
		usleep(1000);
	bool done = taker.done;
	pthread_rwlock_unlock(&volume->gate);
	pthread_join(thread, NULL);
	assert_true(done);
	assert_int_equal(taker.result, 0);
}

static void make_files(struct sandbox *sandbox)
{
	char name[32];

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		struct inode *inode =
			sandbox_create(sandbox, name, S_IFREG | 0600);
		assert_int_equal(sandbox_write(sandbox, inode, 0, 10, 'a'), 0);
	}
	sandbox_sync(sandbox);
}

static void go_over(struct store_copy *copy, bool last)
{
	store_copy_note(copy);
	assert_int_equal(store_copy_pass(copy, last), 0);
}

static void check_copied(int directory, const char *name, const char *content)
{
	char back[64] = "";
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, back, sizeof(back) - 1) >= 0);
	close(fd);
	assert_string_equal(back, content);
}

/* What syncs wait for grows with what they change, and not with the store. */
static void the_last_pass_looks_at_what_was_touched(void **state)
{
	struct sandbox *sandbox = *state;
	struct store *store = sandbox->volume->store;
	struct store_copy *copy;
	char path[SANDBOX_PATH_BYTES + 8];

	if (!store_seen_by_entries(store_root_fd(store)))
		skip();
	make_files(sandbox);
	snprintf(path, sizeof(path), "%s/image", sandbox->directory);
	assert_int_equal(mkdir(path, 0700), 0);
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(directory >= 0);
	assert_int_equal(store_copy_begin(store, directory, &copy), 0);
	go_over(copy, false);
	assert_int_equal(store_copy_looked(copy), FILES);
	/* Changed, replaced, and made. */
	struct inode *inode = sandbox_find(sandbox, "file7");
	assert_int_equal(sandbox_write(sandbox, inode, 0, 4, 'b'), 0);
	sandbox_sync(sandbox);
	go_over(copy, false);
	assert_int_equal(store_copy_looked(copy), 1);
	inode = sandbox_create(sandbox, "new", S_IFREG | 0600);
	assert_int_equal(sandbox_write(sandbox, inode, 0, 3, 'n'), 0);
	assert_int_equal(sandbox_rename(sandbox, "new", "file8", 0), 0);
	sandbox_create(sandbox, "more", S_IFREG | 0600);
	sandbox_sync(sandbox);
	assert_true(store_copy_touched(copy) >= 3);
	go_over(copy, true);
	assert_int_equal(store_copy_looked(copy), 2);
	check_copied(directory, "file7", "bbbbaaaaaa");
	check_copied(directory, "file8", "nnn");
	check_copied(directory, "file9", "aaaaaaaaaa");
	check_copied(directory, "more", "");
	assert_int_equal(store_copy_end(copy), 0);
	store_copy_free(copy);
	close(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(waiting_to_begin_holds_up_nobody),
		SANDBOX_TEST(the_end_waits_for_nobody),
		SANDBOX_TEST(the_last_pass_looks_at_what_was_touched),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
