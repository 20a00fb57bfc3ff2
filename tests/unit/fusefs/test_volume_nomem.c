/* SPDX-License-Identifier: MIT */
/*
 * Memory runs out: each step of a scenario is played with its first, second, ...
 * allocation failing, until one run ends without a failure. A step that says
 * -ENOMEM has done nothing; one that succeeds all the same has done all of it;
 * and what is then in the journal can be stored, and is what was shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/event.h"
#include "fusefs/attrs.h"
#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/listing.h"
#include "fusefs/names.h"
#include "fusefs/risk.h"
#include "fusefs/space.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"
#include "tests/unit/fusefs/nomem.h"
#include "tests/unit/fusefs/sandbox.h"

#define MIB ((size_t)1 << 20)
#define FAILURES_MAX 200 /* of one step: more means that it never ends */

struct scene {
	struct sandbox sandbox;
	struct volume *volume;
	struct inode *unnamed;
	unsigned int nth; /* the allocation that fails in this step; 0: none */
	bool fired;
};

/* Arms for one expression only: what leads there and back has memory. */
#define STARVED(scene, call)                                                   \
	({                                                                     \
		nomem_arm((scene)->nth);                                       \
		int64_t starved_result = (call);                               \
		(scene)->fired = nomem_disarm();                               \
		starved_result;                                                \
	})

static int64_t lookup(struct scene *scene, const char *directory,
		      const char *name)
{
	struct inode *inode = NULL;

	struct inode *parent = sandbox_find(&scene->sandbox, directory);
	int64_t r = STARVED(scene,
			    names_lookup(scene->volume, parent, name, &inode));
	if (r == 0)
		names_forget(scene->volume, inode, 1);
	names_forget(scene->volume, parent, 1);
	return r;
}

static int64_t look_up_file(struct scene *scene)
{
	return lookup(scene, "cold", "f");
}

static int64_t look_up_directory(struct scene *scene)
{
	return lookup(scene, ".", "cold");
}

static int64_t list_directory(struct scene *scene)
{
	struct listing *listing = NULL;

	struct inode *inode = sandbox_find(&scene->sandbox, "cold");
	int64_t r = STARVED(scene, listing_new(scene->volume, inode, &listing));
	if (r == 0)
		assert_int_equal(listing_count(listing), 3);
	listing_free(listing);
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t read_link(struct scene *scene)
{
	char *target = NULL;

	struct inode *inode = sandbox_find(&scene->sandbox, "cold/l");
	int64_t r =
		STARVED(scene, names_readlink(scene->volume, inode, &target));
	if (r == 0)
		assert_string_equal(target, "target");
	free(target);
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t read_file(struct scene *scene)
{
	char back[100];

	struct inode *inode = sandbox_find(&scene->sandbox, "cold/f");
	int64_t r = STARVED(
		scene, data_read(scene->volume, inode, back, sizeof(back), 0));
	names_forget(scene->volume, inode, 1);
	return r == sizeof(back) ? 0 : r;
}

static int64_t create(struct scene *scene, const char *name, mode_t mode)
{
	const struct names_new what = {
		.mode = mode,
		.uid = geteuid(),
		.gid = getegid(),
		.target = S_ISLNK(mode) ? "target" : NULL,
	};
	struct inode *inode = NULL;

	int64_t r =
		STARVED(scene, names_create(scene->volume, scene->volume->root,
					    name, &what, &inode));
	if (r == 0)
		names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t create_file(struct scene *scene)
{
	return create(scene, "new", S_IFREG | 0644);
}

static int64_t create_directory(struct scene *scene)
{
	return create(scene, "newdir", S_IFDIR | 0755);
}

static int64_t create_link(struct scene *scene)
{
	return create(scene, "newlink", S_IFLNK | 0777);
}

static int64_t create_unnamed(struct scene *scene)
{
	const struct names_new what = {
		.mode = S_IFREG | 0644, .uid = geteuid(), .gid = getegid()};

	return STARVED(scene,
		       names_create_unnamed(scene->volume, scene->volume->root,
					    &what, &scene->unnamed));
}

static int64_t fill_unnamed(struct scene *scene)
{
	struct volume *volume = scene->volume;

	assert_int_equal(
		xattrs_set(volume, scene->unnamed, "user.1", "1", 1, 0), 0);
	assert_int_equal(
		xattrs_set(volume, scene->unnamed, "user.2", "2", 1, 0), 0);
	assert_int_equal(
		sandbox_write(&scene->sandbox, scene->unnamed, 0, 5000, 'u'),
		0);
	assert_int_equal(data_truncate(volume, scene->unnamed, 6000), 0);
	int64_t r = STARVED(scene,
			    commit_sync(volume, scene->unnamed, false, NULL));
	assert_int_equal(
		sandbox_write(&scene->sandbox, scene->unnamed, 0, 500, 'v'), 0);
	return r;
}

static int64_t link_unnamed(struct scene *scene)
{
	return STARVED(scene, names_link(scene->volume, scene->unnamed,
					 scene->volume->root, "named"));
}

static int64_t link_file(struct scene *scene)
{
	struct inode *inode = sandbox_find(&scene->sandbox, "a");
	int64_t r = STARVED(scene, names_link(scene->volume, inode,
					      scene->volume->root, "b"));
	names_forget(scene->volume, inode, r == 0 ? 2 : 1);
	return r;
}

static int64_t write_to(struct scene *scene, const char *path, int64_t offset,
			size_t count)
{
	static char data[3 * MIB];
	const struct data_write write = {
		.data = data, .size_bytes = count, .offset_bytes = offset};

	memset(data, 'w', count);
	struct inode *inode = sandbox_find(&scene->sandbox, path);
	int64_t r = STARVED(scene, data_write(scene->volume, inode, &write));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t write_new(struct scene *scene)
{
	return write_to(scene, "new", 100, 5000);
}

static int64_t write_behind(struct scene *scene)
{
	return write_to(scene, "new", 5000, 200);
}

static int64_t write_in_place(struct scene *scene)
{
	return write_to(scene, "new", 200, 300);
}

static int64_t write_over_stored(struct scene *scene)
{
	return write_to(scene, "a", 1000, 3000);
}

/* In several pieces, some bytes of which are there already. */
static int64_t write_big(struct scene *scene)
{
	return write_to(scene, "a", 3000, 3 * MIB);
}

static int64_t append_in_block(struct scene *scene)
{
	struct inode *inode = sandbox_find(&scene->sandbox, "d/x");
	data_learn_blocks(scene->volume, inode);
	names_forget(scene->volume, inode, 1);
	return write_to(scene, "d/x", 300, 100);
}

static int64_t truncate_to(struct scene *scene, int64_t size)
{
	struct inode *inode = sandbox_find(&scene->sandbox, "a");
	int64_t r = STARVED(scene, data_truncate(scene->volume, inode, size));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t shrink(struct scene *scene)
{
	return truncate_to(scene, 20000);
}

static int64_t stretch(struct scene *scene)
{
	return truncate_to(scene, 30000);
}

static int64_t allocate(struct scene *scene, int mode)
{
	struct inode *inode = sandbox_find(&scene->sandbox, "a");
	int64_t r = STARVED(
		scene, space_allocate(scene->volume, inode, mode, 4096, 4096));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t punch(struct scene *scene)
{
	return allocate(scene, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

static int64_t zero(struct scene *scene)
{
	return allocate(scene, FALLOC_FL_ZERO_RANGE);
}

static int64_t collapse(struct scene *scene)
{
	return allocate(scene, FALLOC_FL_COLLAPSE_RANGE);
}

static int64_t insert(struct scene *scene)
{
	return allocate(scene, FALLOC_FL_INSERT_RANGE);
}

static int64_t set_xattr(struct scene *scene)
{
	struct inode *inode = sandbox_find(&scene->sandbox, "d/x");
	int64_t r = STARVED(scene, xattrs_set(scene->volume, inode, "user.new",
					      "value", 5, 0));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t remove_xattr(struct scene *scene)
{
	struct inode *inode = sandbox_find(&scene->sandbox, "d/x");
	int64_t r =
		STARVED(scene, xattrs_remove(scene->volume, inode, "user.k"));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t list_xattrs(struct scene *scene)
{
	char list[100];

	struct inode *inode = sandbox_find(&scene->sandbox, "d/x");
	int64_t r = STARVED(
		scene, xattrs_list(scene->volume, inode, list, sizeof(list)));
	names_forget(scene->volume, inode, 1);
	return r > 0 ? 0 : r;
}

static int64_t set_attributes(struct scene *scene)
{
	const struct stat st = {.st_mode = 0600, .st_mtim = {.tv_sec = 1}};

	struct inode *inode = sandbox_find(&scene->sandbox, "d/x");
	int64_t r = STARVED(scene, attrs_set(scene->volume, inode,
					     ATTRS_MODE | ATTRS_MTIME, &st));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t rename_to(struct scene *scene, const char *from, const char *to,
			 unsigned int flags)
{
	struct inode *root = scene->volume->root;
	const struct names_rename rename = {root, from, root, to, flags};

	return STARVED(scene, names_rename(scene->volume, &rename));
}

static int64_t rename_new(struct scene *scene)
{
	return rename_to(scene, "b", "fresh", 0);
}

static int64_t rename_over(struct scene *scene)
{
	return rename_to(scene, "new", "named", 0);
}

static int64_t exchange(struct scene *scene)
{
	return rename_to(scene, "d", "newdir", RENAME_EXCHANGE);
}

static int64_t unlink_file(struct scene *scene)
{
	return STARVED(scene, names_unlink(scene->volume, scene->volume->root,
					   "fresh", false));
}

static int64_t unlink_stillborn(struct scene *scene)
{
	return STARVED(scene, names_unlink(scene->volume, scene->volume->root,
					   "newlink", false));
}

static int64_t remove_directory(struct scene *scene)
{
	return STARVED(scene, names_unlink(scene->volume, scene->volume->root,
					   "empty", true));
}

static int take_note(void *user, const struct backend_loss *loss)
{
	(void)user;
	assert_non_null(loss);
	return 0;
}

/* A path that cannot be formed is shown as "?". */
static int64_t tell_losses(struct scene *scene)
{
	return STARVED(scene, risk_each(scene->volume, take_note, NULL));
}

static int64_t sync_file(struct scene *scene, const char *path, bool datasync)
{
	struct inode *inode = sandbox_find(&scene->sandbox, path);
	int64_t r = STARVED(scene,
			    commit_sync(scene->volume, inode, datasync, NULL));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t fsync_file(struct scene *scene)
{
	return sync_file(scene, "a", false);
}

static int64_t fdatasync_file(struct scene *scene)
{
	return sync_file(scene, "named", true);
}

static int64_t fsync_directory(struct scene *scene)
{
	return sync_file(scene, ".", false);
}

static int64_t write_directly(struct scene *scene)
{
	const struct commit_range range = {0, 4096};

	struct inode *inode = sandbox_find(&scene->sandbox, "a");
	assert_int_equal(sandbox_write(&scene->sandbox, inode, 0, 4096, 'D'),
			 0);
	int64_t r = STARVED(scene, commit_direct(scene->volume, inode, &range));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t sync_all(struct scene *scene)
{
	sandbox_put(&scene->sandbox, "more", 100000, 'm');
	return STARVED(scene, commit_all(scene->volume));
}

static int64_t drop(struct scene *scene)
{
	sandbox_put(&scene->sandbox, "more", 5000, 'n');
	sandbox_put(&scene->sandbox, "less", 5000, 'n');
	sandbox_set_mode(&scene->sandbox, MODE_DROP_WRITES);
	return STARVED(scene, commit_all(scene->volume));
}

static int64_t crash(struct scene *scene)
{
	nomem_arm(scene->nth);
	int64_t r = sandbox_crash_starved(&scene->sandbox);
	scene->fired = nomem_disarm();
	return r;
}

enum kind {
	CHANGES,  /* the live image: all or nothing */
	PREPARES, /* for what it did before the starved call, and stores */
	LOSES,	  /* what is in the journal cannot be stored any more */
};

struct step {
	const char *name;
	int64_t (*run)(struct scene *scene);
	enum kind kind;
};

static const struct step steps[] = {
	{"lookup of a file", look_up_file, CHANGES},
	{"lookup of a directory", look_up_directory, CHANGES},
	{"listing", list_directory, CHANGES},
	{"readlink", read_link, CHANGES},
	{"read", read_file, CHANGES},
	{"create", create_file, CHANGES},
	{"mkdir", create_directory, CHANGES},
	{"symlink", create_link, CHANGES},
	{"O_TMPFILE", create_unnamed, CHANGES},
	{"fsync without a name", fill_unnamed, CHANGES},
	{"link of a file without a name", link_unnamed, CHANGES},
	{"link", link_file, CHANGES},
	{"write", write_new, CHANGES},
	{"write behind it", write_behind, CHANGES},
	{"write in place", write_in_place, CHANGES},
	{"write over stored data", write_over_stored, CHANGES},
	{"write in pieces", write_big, CHANGES},
	{"append in a block", append_in_block, CHANGES},
	{"truncate", shrink, CHANGES},
	{"truncate to a larger size", stretch, CHANGES},
	{"punch", punch, CHANGES},
	{"zero", zero, CHANGES},
	{"collapse", collapse, CHANGES},
	{"insert", insert, CHANGES},
	{"setxattr", set_xattr, CHANGES},
	{"removexattr", remove_xattr, CHANGES},
	{"listxattr", list_xattrs, CHANGES},
	{"attributes", set_attributes, CHANGES},
	{"rename", rename_new, CHANGES},
	{"rename over", rename_over, CHANGES},
	{"exchange", exchange, CHANGES},
	{"unlink", unlink_file, CHANGES},
	{"unlink of what is not stored", unlink_stillborn, CHANGES},
	{"rmdir", remove_directory, CHANGES},
	{"list of losses", tell_losses, CHANGES},
	{"fsync", fsync_file, CHANGES},
	{"fsync of a directory", fsync_directory, CHANGES},
	{"fdatasync", fdatasync_file, CHANGES},
	{"O_DIRECT", write_directly, PREPARES},
	{"sync", sync_all, PREPARES},
	{"sync while dropping", drop, LOSES},
	{"crash", crash, LOSES},
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void take_image(struct scene *scene, struct image *image)
{
	image_of_volume(image, scene->volume, IMAGE_CONTENT);
}

static bool is_same(const struct image *a, const struct image *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->lines[i], b->lines[i]) == 0;
	return same;
}

static void set_scene(struct scene *scene)
{
	*scene = (struct scene){.nth = 0};
	sandbox_open(&scene->sandbox, 0);
	struct sandbox *sandbox = &scene->sandbox;
	scene->volume = sandbox->volume;
	sandbox_create(sandbox, "cold", S_IFDIR | 0755);
	sandbox_put(sandbox, "cold/f", 4096, 'c');
	sandbox_create(sandbox, "cold/g", S_IFREG | 0644);
	sandbox_create(sandbox, "cold/l", S_IFLNK | 0777);
	sandbox_create(sandbox, "d", S_IFDIR | 0755);
	sandbox_create(sandbox, "empty", S_IFDIR | 0755);
	struct inode *x = sandbox_put(sandbox, "d/x", 300, 'x');
	assert_int_equal(xattrs_set(scene->volume, x, "user.k", "1", 1, 0), 0);
	sandbox_put(sandbox, "a", 8192, 'a');
	sandbox_sync(sandbox);
	/* All is read from the store again. */
	volume_close(sandbox->volume);
	sandbox_reopen(sandbox);
	scene->volume = sandbox->volume;
}

/* The steps before, without a failure. */
static void play_until(struct scene *scene, size_t last)
{
	for (size_t i = 0; i < last; i++) {
		int64_t r = steps[i].run(scene);
		if (r != 0)
			fail_msg("%s: %lld", steps[i].name, (long long)r);
	}
}

static void check(struct scene *scene, const struct step *step, int64_t r,
		  const struct image *before, const struct image *after)
{
	struct image image;
	char what[128];

	if (r != 0 && r != -ENOMEM)
		fail_msg("%s, allocation %u: %lld", step->name, scene->nth,
			 (long long)r);
	take_image(scene, &image);
	snprintf(what, sizeof(what), "%s, allocation %u, result %lld",
		 step->name, scene->nth, (long long)r);
	if (r == 0 || step->kind == PREPARES)
		image_expect_equal(&image, after, what);
	else if (step->kind == CHANGES)
		image_expect_equal(&image, before, what);
	else if (!is_same(&image, before))
		image_expect_equal(&image, after, what);
	if (step->kind != LOSES) {
		/* What the journal has is what is shown. */
		sandbox_sync(&scene->sandbox);
		sandbox_expect_same(&scene->sandbox, what);
		struct image stored;
		image_of_store(&stored, scene->sandbox.store, IMAGE_CONTENT);
		image_expect_equal(&stored, &image, what);
		image_done(&stored);
	}
	image_done(&image);
}

/* One run with one failure; false if it did not come to that. */
static bool starve(size_t index, unsigned int nth, struct image *images)
{
	static struct scene scene;

	set_scene(&scene);
	play_until(&scene, index);
	scene.nth = nth;
	int64_t r = steps[index].run(&scene);
	bool fired = scene.fired;
	if (fired)
		check(&scene, &steps[index], r, &images[index],
		      &images[index + 1]);
	sandbox_close(&scene.sandbox);
	return fired;
}

static void step_without_memory_does_all_or_nothing(void **state)
{
	static struct image images[STEPS + 1];
	static struct scene scene;
	unsigned int failures = 0;

	(void)state;
	set_scene(&scene);
	for (size_t i = 0; i < STEPS; i++) {
		take_image(&scene, &images[i]);
		assert_int_equal(steps[i].run(&scene), 0);
	}
	take_image(&scene, &images[STEPS]);
	sandbox_close(&scene.sandbox);
	for (size_t i = 0; i < STEPS; i++) {
		unsigned int nth = 1;
		while (starve(i, nth, images))
			assert_in_range(nth++, 1, FAILURES_MAX);
		failures += nth - 1;
	}
	printf("# %u failures in %zu steps\n", failures, STEPS);
	for (size_t i = 0; i <= STEPS; i++)
		image_done(&images[i]);
}

static void volume_without_memory_does_not_open(void **state)
{
	struct sandbox sandbox;
	unsigned int nth = 1;
	int r = -ENOMEM;

	(void)state;
	sandbox_open(&sandbox, 0);
	volume_close(sandbox.volume);
	sandbox.volume = NULL;
	for (; r != 0; nth++) {
		const struct volume_config config = {
			.source = sandbox.store,
			.scratch_directory = sandbox.scratch,
			.profile = "ext4",
		};
		nomem_arm(nth);
		r = volume_open(&config, sandbox.events, &sandbox.volume, NULL);
		assert_int_equal(nomem_disarm(), r != 0);
		assert_true(r == 0 || r == -ENOMEM);
	}
	assert_true(nth > 4);
	sandbox_close(&sandbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(volume_without_memory_does_not_open),
		cmocka_unit_test(step_without_memory_does_all_or_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
