/* SPDX-License-Identifier: MIT */
/*
 * The store fails while a commit by parts brings things into it that were paid
 * for before, or takes them out: a file over another one, a tree, what comes
 * back under a second name. Each system call of such a commit fails, once, or
 * with all that follow, as if the daemon had been killed there. What the store
 * holds then is what it held between two records of the same commit when
 * nothing failed, exactly: no file is there in part, and none is missing.
 *
 * FLAKEY_TEST_EXHAUSTIVE=1 tries all ways to fail, not two for each call.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "common/mode.h"
#include "fusefs/commit.h"
#include "fusefs/names.h"
#include "fusefs/step.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"
#include "tests/unit/fusefs/nodisk.h"
#include "tests/unit/fusefs/sandbox.h"

#define STATES_MAX 24
#define FAILURES_MAX 500 /* of one scene: more means that it never ends */

static const int errors[] = {EIO, ENOSPC, ENOMEM, EROFS};
#define ERRORS 4

struct scene {
	const char *name;
	void (*prepare)(struct sandbox *sandbox);
	const char *synced; /* the directory whose fsync it is about */
};

/* The store before, after each record, and after the commit. */
static struct image states[STATES_MAX];
static size_t state_count;
static struct sandbox *watched; /* NULL: not now */

static void note_state(struct sandbox *sandbox)
{
	assert_in_range(state_count, 0, STATES_MAX - 1);
	image_of_store(&states[state_count++], sandbox->store, IMAGE_CONTENT);
}

int nodisk_real_step(struct volume *volume, enum mode_kind mode,
		     struct record *record,
		     int *ret_refused) __asm__("__real_step_record_locked");
int nodisk_step(struct volume *volume, enum mode_kind mode,
		struct record *record,
		int *ret_refused) __asm__("__wrap_step_record_locked");
int nodisk_step(struct volume *volume, enum mode_kind mode,
		struct record *record, int *ret_refused)
{
	int r = nodisk_real_step(volume, mode, record, ret_refused);

	if (watched != NULL)
		note_state(watched);
	return r;
}

static void add_name(struct sandbox *sandbox, const char *path,
		     const char *directory, const char *name)
{
	struct inode *inode = sandbox_find(sandbox, path);
	struct inode *place = sandbox_find(sandbox, directory);

	assert_int_equal(names_link(sandbox->volume, inode, place, name), 0);
	names_forget(sandbox->volume, inode, 2);
	names_forget(sandbox->volume, place, 1);
}

/* A new file with all that a file can have, paid for. */
static void put_paid(struct sandbox *sandbox, const char *path, char byte)
{
	struct inode *inode = sandbox_put(sandbox, path, 9000, byte);

	assert_int_equal(
		xattrs_set(sandbox->volume, inode, "user.k", &byte, 1, 0), 0);
	assert_int_equal(sandbox_fsync(sandbox, path), 0);
}

static void do_rename(struct sandbox *sandbox, const char *from, const char *to,
		      unsigned int flags)
{
	assert_int_equal(sandbox_rename(sandbox, from, to, flags), 0);
}

static void replace(struct sandbox *sandbox)
{
	put_paid(sandbox, "new", 'n');
	do_rename(sandbox, "new", "a", 0);
}

/* The old one loses its name, and has another that is not durable as yet. */
static void replace_what_comes_back(struct sandbox *sandbox)
{
	add_name(sandbox, "a", "d", "again");
	replace(sandbox);
}

static void come_back(struct sandbox *sandbox)
{
	replace_what_comes_back(sandbox);
	assert_int_equal(sandbox_fsync(sandbox, "."), 0);
}

static void make_tree(struct sandbox *sandbox)
{
	sandbox_create(sandbox, "t", S_IFDIR | 0750);
	sandbox_create(sandbox, "t/s", S_IFDIR | 02755);
	put_paid(sandbox, "t/f", 'f');
	put_paid(sandbox, "t/s/g", 'g');
	add_name(sandbox, "t/f", "t/s", "h");
	add_name(sandbox, "a", "t/s", "stored");
	sandbox_create(sandbox, "t/l", S_IFLNK | 0777);
	sandbox_put(sandbox, "t/unpaid", 100, 'u');
	assert_int_equal(sandbox_fsync(sandbox, "t/s"), 0);
	assert_int_equal(sandbox_fsync(sandbox, "t"), 0);
}

static void tree_over_directory(struct sandbox *sandbox)
{
	make_tree(sandbox);
	do_rename(sandbox, "t", "empty", 0);
}

static void move_away(struct sandbox *sandbox)
{
	do_rename(sandbox, "d/x", "moved", 0);
}

static void arrive(struct sandbox *sandbox)
{
	move_away(sandbox);
	assert_int_equal(sandbox_fsync(sandbox, "d"), 0);
}

static void swap(struct sandbox *sandbox)
{
	do_rename(sandbox, "d/x", "a", RENAME_EXCHANGE);
}

static void swap_other_half(struct sandbox *sandbox)
{
	swap(sandbox);
	assert_int_equal(sandbox_fsync(sandbox, "d"), 0);
}

static void directory_into_new_one(struct sandbox *sandbox)
{
	make_tree(sandbox);
	do_rename(sandbox, "d", "t/d", 0);
}

static void many_at_once(struct sandbox *sandbox)
{
	make_tree(sandbox);
	replace(sandbox);
	do_rename(sandbox, "a", "b", 0);
	put_paid(sandbox, "a", 'z');
	sandbox_unlink(sandbox, "b");
	do_rename(sandbox, "t", "u", 0);
}

static const struct scene scenes[] = {
	{"replace", replace, "."},
	{"replace what comes back", replace_what_comes_back, "."},
	{"come back", come_back, "d"},
	{"tree", make_tree, "."},
	{"tree over a directory", tree_over_directory, "."},
	{"move away", move_away, "d"},
	{"arrive", arrive, "."},
	{"swap", swap, "d"},
	{"swap, other half", swap_other_half, "."},
	{"directory into a new one", directory_into_new_one, "t"},
	{"many at once", many_at_once, "."},
};
#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

static void open_scene(struct sandbox *sandbox, const struct scene *scene)
{
	sandbox_open_quick(sandbox);
	sandbox_put(sandbox, "a", 8192, 'a');
	sandbox_create(sandbox, "d", S_IFDIR | 0755);
	sandbox_create(sandbox, "empty", S_IFDIR | 0755);
	sandbox_put(sandbox, "d/x", 300, 'x');
	sandbox_sync(sandbox);
	scene->prepare(sandbox);
}

static void take_states(const struct scene *scene)
{
	static struct sandbox sandbox;

	state_count = 0;
	open_scene(&sandbox, scene);
	note_state(&sandbox);
	watched = &sandbox;
	assert_int_equal(sandbox_fsync(&sandbox, scene->synced), 0);
	watched = NULL;
	note_state(&sandbox);
	sandbox_close(&sandbox);
}

static void drop_states(void)
{
	for (size_t i = 0; i < state_count; i++)
		image_done(&states[i]);
}

/* Without the number of links: what is not finished counts in it, until the next
 * commit or mount removes that. */
static bool is_same_line(const char *a, const char *b, bool links)
{
	const char *at = strstr(a, " n");
	size_t head = at != NULL ? (size_t)(at - a) + 2 : strlen(a);

	if (links)
		return strcmp(a, b) == 0;
	if (strncmp(a, b, head) != 0)
		return false;
	return strcmp(a + head + strspn(a + head, "0123456789"),
		      b + head + strspn(b + head, "0123456789")) == 0;
}

static bool is_same(const struct image *a, const struct image *b, bool links)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = is_same_line(a->lines[i], b->lines[i], links);
	return same;
}

static void expect_state(struct sandbox *sandbox, bool links, const char *what)
{
	struct image image;

	image_of_store(&image, sandbox->store, IMAGE_CONTENT);
	for (size_t i = 0; i < state_count; i++)
		if (is_same(&image, &states[i], links)) {
			image_done(&image);
			return;
		}
	for (size_t i = 0; i < image.count; i++)
		print_message("# %s\n", image.lines[i]);
	fail_msg("%s: no state of the definition", what);
}

static void check(struct sandbox *sandbox, const struct scene *scene,
		  bool crash, const char *what)
{
	expect_state(sandbox, false, what);
	if (crash) {
		sandbox_crash(sandbox);
		sandbox_sync(sandbox);
		expect_state(sandbox, true, what);
	} else {
		if (sandbox_fsync(sandbox, scene->synced) != 0)
			fail_msg("%s: not even then", what);
		struct image image;
		image_of_store(&image, sandbox->store, IMAGE_CONTENT);
		image_expect_equal(&image, &states[state_count - 1], what);
		image_done(&image);
		if (commit_all(sandbox->volume) != 0)
			fail_msg("%s: not all", what);
	}
	sandbox_expect_same(sandbox, what);
}

/* One run with a failure; false if it did not come to that. */
static bool run(const struct scene *scene, unsigned int nth,
		const struct nodisk_plan *plan, bool crash)
{
	static struct sandbox sandbox;
	struct image before;
	struct image live;
	char what[160];

	open_scene(&sandbox, scene);
	image_of_volume(&before, sandbox.volume, IMAGE_CONTENT);
	struct inode *inode = sandbox_find(&sandbox, scene->synced);
	nodisk_plan(plan);
	nodisk_arm(nth);
	int r = commit_sync(sandbox.volume, inode, false, NULL);
	bool fired = nodisk_disarm();
	names_forget(sandbox.volume, inode, 1);
	snprintf(what, sizeof(what), "%s, call %u, %s, %s %s, result %d",
		 scene->name, nth, nodisk_failed(),
		 plan->lasting ? "and later" : "only",
		 strerrorname_np(plan->errno_value), r);
	image_of_volume(&live, sandbox.volume, IMAGE_CONTENT);
	image_expect_equal(&live, &before, what);
	image_done(&live);
	image_done(&before);
	if (fired)
		check(&sandbox, scene, crash, what);
	sandbox_close(&sandbox);
	return fired;
}

static bool is_exhaustive(void)
{
	const char *value = getenv("FLAKEY_TEST_EXHAUSTIVE");

	return value != NULL && *value != '\0';
}

static unsigned int sweep(const struct scene *scene, enum nodisk_place place)
{
	unsigned int nth = 0;
	bool fired = true;

	while (fired) {
		assert_in_range(++nth, 1, FAILURES_MAX);
		fired = false;
		/* Once, and it is tried again; or as if killed. */
		for (int way = 0; way < 4; way += is_exhaustive() ? 1 : 3) {
			const struct nodisk_plan plan = {
				.place = place,
				.errno_value = errors[(nth + way) % ERRORS],
				.lasting = way % 2,
			};
			fired |= run(scene, nth, &plan, way / 2);
		}
	}
	return nth - 1;
}

static void failing_commit_leaves_a_state_of_the_definition(void **state)
{
	unsigned int failures = 0;

	(void)state;
	for (size_t i = 0; i < SCENES; i++) {
		take_states(&scenes[i]);
		failures += sweep(&scenes[i], NODISK_STORE);
		failures += sweep(&scenes[i], NODISK_SCRATCH);
		drop_states();
	}
	print_message("# %u failing calls in %zu scenes\n", failures, SCENES);
	assert_true(failures > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			failing_commit_leaves_a_state_of_the_definition),
	};

	assert_int_equal(setenv("FLAKEY_TEST_PROFILE", "posix", 1), 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
