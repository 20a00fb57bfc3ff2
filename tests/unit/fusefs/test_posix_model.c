/* SPDX-License-Identifier: MIT */
/*
 * Random operations on a volume with the profile posix, on the naive twin of its
 * live image, and on what the definition says of them (strict.h). At any moment:
 *	the live image is the twin;
 *	the store is what the definition makes of the changes that were paid for;
 *	after a crash the live image is the store, and nothing is left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "fusefs/commit.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/scratch.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/model.h"
#include "tests/unit/fusefs/strict.h"

#define STEPS 20000
#define LIVE_EVERY 100 /* steps between looks at the whole live image */
#define STORE_EVERY 20 /* and at the store */

static struct model model;
static struct strict strict;
static unsigned long everything_taken;

static bool is_file(const struct twin_node *node)
{
	return S_ISREG(node->mode);
}

static void check_live(void)
{
	struct image live;
	struct image want;

	image_of_volume(&live, model.volume, model.parts);
	twin_image(&model.twin, &want, model.parts);
	image_expect_equal(&live, &want, "live image");
	image_done(&live);
	image_done(&want);
}

static void check_store(const char *what)
{
	struct image stored;
	struct image want;

	image_of_store(&stored, model.sandbox.store, model.parts);
	strict_image(&strict, &want, model.parts);
	image_expect_equal(&stored, &want, what);
	image_done(&stored);
	image_done(&want);
}

static void sync_all(void)
{
	model_trace(&model, "sync");
	model_expect("sync", commit_all(model.volume), 0);
	strict_begin(&strict, &model.twin);
	check_store("store after sync");
	model_expect("records", (int64_t)model.volume->journal.count, 0);
}

static void step_fsync(struct model *unused)
{
	struct twin_node *node = model_choose(&model, is_file);
	bool datasync = seed_once_in(&model.seed, 3);

	(void)unused;
	if (node == NULL)
		return;
	model_trace(&model, "%s %d", datasync ? "fdatasync" : "fsync",
		    model_id(&model, node));
	model_expect("fsync",
		     commit_sync(model.volume, model_inode(&model, node),
				 datasync, NULL),
		     0);
	/* A file without a name is paid for as a whole. */
	strict_sync_file(&strict, node, datasync && !node->unnamed);
	check_store("store after fsync");
	model_check_content(&model, node);
}

static void step_fsync_directory(struct model *unused)
{
	struct twin_node *node = model_choose(&model, model_is_directory);

	(void)unused;
	model_trace(&model, "fsync directory %d", model_id(&model, node));
	model_expect("fsync of a directory",
		     commit_sync(model.volume, model_inode(&model, node),
				 seed_once_in(&model.seed, 3), NULL),
		     0);
	if (strict_sync_directory(&strict, &model.twin, node)) {
		check_store("store after fsync of a directory");
	} else {
		everything_taken++;
		sync_all();
	}
}

static void step_sync(struct model *unused)
{
	(void)unused;
	sync_all();
}

static void forget_all(void)
{
	for (int i = 1; i < TWIN_NODES; i++)
		model_forget(&model, &model.twin.nodes[i]);
	names_forget(model.volume, model.volume->root,
		     model.twin.nodes[0].lookups);
}

static void begin_anew(void)
{
	twin_load(&model.twin, model.sandbox.store);
	model.twin.nodes[0].inode = model.volume->root;
	model.twin.nodes[0].lookups = 1;
	model.volume->root->nlookup++;
	model.mode = MODE_ALLOW_WRITES;
	strict_begin(&strict, &model.twin);
}

static void step_crash(struct model *unused)
{
	(void)unused;
	model_trace(&model, "crash");
	check_store("store before the crash");
	sandbox_crash(&model.sandbox);
	check_store("store after the crash");
	forget_all();
	model_expect("scratch space",
		     (int64_t)scratch_used(model.volume->scratch), 0);
	model_expect("inodes in memory", (int64_t)model.volume->inode_count, 1);
	model_expect("names in memory", (int64_t)model.volume->dentry_count, 0);
	begin_anew();
	check_live();
	sandbox_expect_same(&model.sandbox, "after the crash");
}

static const struct {
	void (*step)(struct model *model);
	unsigned int weight;
} steps[] = {
	{model_step_create, 150},
	{model_step_create_unnamed, 8},
	{model_step_link, 40},
	{model_step_unlink, 90},
	{model_step_rename, 150},
	{model_step_lookup, 20},
	{model_step_list, 20},
	{model_step_forget, 60},
	{model_step_write, 120},
	{model_step_truncate, 40},
	{model_step_allocate, 40},
	{model_step_read, 20},
	{model_step_seek, 10},
	{model_step_xattr, 40},
	{model_step_attributes, 40},
	{step_fsync, 60},
	{step_fsync_directory, 60},
	{step_sync, 4},
	{step_crash, 6},
};

static void step(void)
{
	unsigned int total = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		total += steps[i].weight;
	unsigned int pick = model_below(&model, total);
	size_t i = 0;
	while (pick >= steps[i].weight)
		pick -= steps[i++].weight;
	steps[i].step(&model);
	strict_observe(&strict, &model.twin);
}

/* What a disk in another mode acknowledges or refuses never arrives. */
static void lose(enum mode_kind mode)
{
	model_trace(&model, "%s", mode_name(mode));
	sandbox_set_mode(&model.sandbox, mode);
	for (int i = 0; i < 4; i++) {
		struct twin_node *node = model_choose(
			&model, i % 2 == 0 ? is_file : model_is_directory);
		if (node == NULL)
			continue;
		int r = commit_sync(model.volume, model_inode(&model, node),
				    false, NULL);
		if (r != 0 && mode == MODE_DROP_WRITES)
			fail_msg("fsync: %d", r);
		check_store("store while nothing arrives");
	}
	check_live();
	step_crash(&model);
}

static void store_is_what_the_definition_says(void **state)
{
	(void)state;
	seed_start(&model.seed);
	sandbox_open_profile(&model.sandbox, "posix");
	model.volume = model.sandbox.volume;
	model.parts = IMAGE_CONTENT | image_parts_of(model.sandbox.store);
	model.xattrs =
		setxattr(model.sandbox.store, "user.test", "", 0, 0) == 0;
	if (model.xattrs)
		(void)removexattr(model.sandbox.store, "user.test");
	model.trace = getenv("FLAKEY_TEST_TRACE") != NULL;
	begin_anew();
	unsigned long count = seed_steps(STEPS);
	for (unsigned long i = 1; i <= count; i++) {
		model.number = i;
		step();
		if (i % STORE_EVERY == 0)
			check_store("store between syncs");
		if (i % LIVE_EVERY == 0)
			check_live();
		if (strict_is_full(&strict))
			sync_all();
		if (i % 500 == 0 && seed_once_in(&model.seed, 2))
			lose(seed_once_in(&model.seed, 2) ? MODE_DROP_WRITES
							  : MODE_ERROR_WRITES);
	}
	printf("# %lu syncs of directories took everything\n",
	       everything_taken);
	step_crash(&model);
	forget_all();
	twin_done(&model.twin);
	strict_done(&strict);
	sandbox_close(&model.sandbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(store_is_what_the_definition_says),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
