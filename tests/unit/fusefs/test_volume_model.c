/* SPDX-License-Identifier: MIT */
/*
 * Random operations on a volume and on its naive twin. At any moment:
 *	the live image is the twin, name by name and byte by byte;
 *	the store does not change but in a commit, and in none while writes are
 *	dropped;
 *	after a sync of everything both are equal, and all scratch space is
 *	back; after fsync of a directory or of a changed file the names are;
 *	after a crash the live image is the store as it was before.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "fusefs/commit.h"
#include "fusefs/dentry.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/profile.h"
#include "fusefs/risk.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/model.h"

#define STEPS 100000
#define STORE_EVERY 50	/* steps between looks at the store */
#define LIVE_EVERY 100	/* and at the whole live image */
#define TOTALS_EVERY 10 /* and at the sums */

static bool is_named_file(const struct twin_node *node)
{
	return S_ISREG(node->mode) && node->names > 0;
}

/* The two images */

/* What the volume has summed up is what a walk finds. */
static void check_totals(struct model *model)
{
	struct volume *volume = model->volume;
	struct risk_totals totals;
	int64_t dirty = (int64_t)volume->journal.data_bytes;
	int64_t clean = 0;
	int64_t files = 0;
	int64_t inodes = 0;

	for (size_t i = 0; i < volume->inode_slots; i++)
		for (struct inode *inode = volume->inodes[i]; inode != NULL;
		     inode = inode->hash_next) {
			const struct extents *extents = inode->extents;

			inodes++;
			if (extents == NULL || inode->nlink == 0)
				continue;
			dirty += extents->dirty_bytes;
			clean += extents->clean_bytes;
			files +=
				extents->dirty_bytes + extents->clean_bytes > 0;
		}
	risk_sum(volume, &totals);
	model_expect("dirty bytes", (int64_t)totals.dirty_bytes, dirty);
	model_expect("dropped bytes", (int64_t)totals.dropped_bytes, clean);
	model_expect("files with data", (int64_t)totals.files, files);
	model_expect("inodes", (int64_t)totals.inodes, inodes);
}

static void check_live(struct model *model)
{
	struct image live;
	struct image want;

	image_of_volume(&live, model->volume, model->parts & ~IMAGE_TIMES);
	twin_image(&model->twin, &want, model->parts & ~IMAGE_TIMES);
	image_expect_equal(&live, &want, "live image");
	image_done(&live);
	image_done(&want);
}

/* The store is the twin, or as much of it as parts says. */
static void expect_stored(struct model *model, int parts, const char *what)
{
	struct image stored;
	struct image want;

	parts |= model->parts & IMAGE_DIRECTORY_LINKS;
	image_of_store(&stored, model->sandbox.store, parts);
	twin_image(&model->twin, &want, parts);
	image_expect_equal(&stored, &want, what);
	image_done(&stored);
	image_done(&want);
}

/* A commit took all names, perhaps one that need not have. */
static void note_settled(struct model *model)
{
	if (model->settled == model->volume->journal.committed)
		return;
	model->settled = model->volume->journal.committed;
	for (int i = 0; i < TWIN_NODES; i++)
		model->twin.nodes[i].changed = false;
}

/* After any commit: what it may have done to the store. */
static bool committed(struct model *model, const char *what, int r)
{
	if (r != 0 && (model->mode != MODE_ERROR_WRITES || r != -EIO))
		fail_msg("%s: %s", what, strerror(-r));
	if (model->mode != MODE_ALLOW_WRITES) {
		model->tainted = true;
		model_check_store(model, what);
		return false;
	}
	model_look_at_store(model);
	note_settled(model);
	return !model->tainted;
}

static void expect_file_stored(struct model *model, struct twin_node *node)
{
	char inside[64];
	char path[SANDBOX_PATH_BYTES + 64];
	static uint8_t back[TWIN_BYTES + 1];

	twin_path(&model->twin, node, inside, sizeof(inside));
	snprintf(path, sizeof(path), "%s%s", model->sandbox.store, inside);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("fsync did not store '%s'", inside);
	model_expect("stored size", read(fd, back, sizeof(back)), node->size);
	assert_memory_equal(back, node->bytes, (size_t)node->size);
	close(fd);
}

/* A log takes no more than what was synced: the file itself, under whatever name,
 * or the entries of the directory. */
static void expect_logged_file(struct model *model, struct twin_node *node)
{
	static uint8_t back[TWIN_BYTES + 1];
	int fd = -1;

	model_expect("fsync stored the file", node->inode->in_store, true);
	model_expect("the stored file",
		     store_get_fd(model->volume, node->inode, false, &fd), 0);
	model_expect("stored size", pread(fd, back, sizeof(back), 0),
		     node->size);
	assert_memory_equal(back, node->bytes, (size_t)node->size);
	store_put_fd(model->volume->store, node->inode);
}

static void expect_logged_entries(struct model *model,
				  const struct twin_node *node)
{
	struct volume *volume = model->volume;

	pthread_mutex_lock(&volume->lock);
	for (int i = 0; i < TWIN_NAMES; i++) {
		const struct dentry *dentry =
			dentry_find_locked(volume, node->inode, twin_names[i]);
		if (dentry != NULL && dentry->live != dentry->durable)
			fail_msg("fsync of a directory left its '%s' behind",
				 twin_names[i]);
	}
	pthread_mutex_unlock(&volume->lock);
}

static void step_fsync(struct model *model)
{
	struct twin_node *node = model_choose(model, is_named_file);

	if (node == NULL)
		return;
	bool changed = node->changed;
	model_trace(model, "fsync %d", model_id(model, node));
	int r = commit_sync(model->volume, model_inode(model, node), false,
			    NULL);
	if (!committed(model, "fsync", r) || !changed)
		return;
	if (profile_logs(model->volume->profile)) {
		expect_logged_file(model, node);
		return;
	}
	expect_stored(model, IMAGE_NAMES, "names after fsync");
	expect_file_stored(model, node);
}

/* A failed sync gives a file back its stored bytes: the twin is then no measure,
 * until the crash that follows. */
static bool reverts_pages(const struct model *model)
{
	return model->mode == MODE_ERROR_WRITES &&
	       profile_failure(model->volume->profile)->pages ==
		       PROFILE_PAGES_REVERTED;
}

static void step_fdatasync(struct model *model)
{
	struct twin_node *node = model_choose(model, model_is_file);
	struct commit_range range = {0, 4096};

	if (node == NULL)
		return;
	range.from = model_random_offset(model, node, TWIN_BYTES);
	range.to = range.from + model_random_length(model, TWIN_BYTES);
	model_trace(model, "fdatasync %d %lld to %lld", model_id(model, node),
		    (long long)range.from, (long long)range.to);
	int r = commit_sync(model->volume, model_inode(model, node), true,
			    seed_once_in(&model->seed, 2) ? &range : NULL);
	(void)committed(model, "fdatasync", r);
	if (!reverts_pages(model))
		model_check_content(model, node);
}

static void step_direct(struct model *model)
{
	struct twin_node *node = model_choose(model, model_is_file);
	struct commit_range range;

	if (node == NULL)
		return;
	range.from = model_random_offset(model, node, TWIN_BYTES - 1);
	range.to = range.from +
		   model_random_length(model, TWIN_BYTES - range.from);
	model_write(model, node, range.from, range.to - range.from);
	model_trace(model, "direct %d", model_id(model, node));
	int r = commit_direct(model->volume, model_inode(model, node), &range);
	(void)committed(model, "O_DIRECT", r);
	model_check_content(model, node);
}

static void step_fsync_directory(struct model *model)
{
	struct twin_node *node = model_choose(model, model_is_directory);

	model_trace(model, "fsync directory %d", model_id(model, node));
	const struct profile_sync unchanged = {.directory = true};
	bool logs = profile_logs(model->volume->profile);
	bool pays =
		node->changed ||
		profile_choose(model->volume->profile, &unchanged).all_names;
	int r = commit_sync(model->volume, model_inode(model, node),
			    seed_once_in(&model->seed, 3), NULL);
	bool stored = committed(model, "fsync of a directory", r);
	if (stored && logs)
		expect_logged_entries(model, node);
	else if (stored && pays)
		expect_stored(model, IMAGE_NAMES,
			      "names after fsync of a directory");
}

static bool holds_nameless(const struct model *model)
{
	for (int i = 0; i < TWIN_NODES; i++)
		if (model->twin.nodes[i].mode != 0 &&
		    model->twin.nodes[i].names == 0)
			return true;
	return false;
}

static void step_sync(struct model *model)
{
	model_trace(model, "sync");
	if (!committed(model, "sync", commit_all(model->volume)))
		return;
	expect_stored(model, IMAGE_CONTENT, "store after sync");
	model_expect("records", (int64_t)model->volume->journal.count, 0);
	if (!holds_nameless(model))
		model_expect("scratch space",
			     (int64_t)scratch_used(model->volume->scratch), 0);
	if (seed_once_in(&model->seed, 4))
		sandbox_expect_same(&model->sandbox, "after sync");
}

static void set_mode(struct model *model, enum mode_kind kind)
{
	model_trace(model, "%s", mode_name(kind));
	sandbox_set_mode(&model->sandbox, kind);
	model->mode = kind;
}

static void step_mode(struct model *model)
{
	set_mode(model, model->mode == MODE_ALLOW_WRITES ? MODE_DROP_WRITES
							 : MODE_ALLOW_WRITES);
}

/* Everything that we know is of the past. */
static void forget_all(struct model *model)
{
	for (int i = 1; i < TWIN_NODES; i++)
		model_forget(model, &model->twin.nodes[i]);
	names_forget(model->volume, model->volume->root,
		     model->twin.nodes[0].lookups);
}

static void begin_anew(struct model *model)
{
	twin_load(&model->twin, model->sandbox.store);
	model->twin.nodes[0].inode = model->volume->root;
	model->twin.nodes[0].lookups = 1;
	model->volume->root->nlookup++;
	model->mode = MODE_ALLOW_WRITES;
	model->tainted = false;
}

static void step_crash(struct model *model)
{
	bool keep = model->mode != MODE_ERROR_WRITES &&
		    seed_once_in(&model->seed, 4);
	bool all = keep && !model->tainted && model->mode == MODE_ALLOW_WRITES;
	struct image before;

	model_trace(model, "crash%s", keep ? ", keep=all" : "");
	model_check_store(model, "store before the crash");
	twin_image(&model->twin, &before, IMAGE_CONTENT);
	if (keep)
		model_expect("crash", sandbox_crash_keeping(&model->sandbox),
			     0);
	else
		sandbox_crash(&model->sandbox);
	if (!keep || model->mode == MODE_DROP_WRITES)
		model_check_store(model, "store after the crash");
	model_look_at_store(model);
	forget_all(model);
	model_expect("scratch space",
		     (int64_t)scratch_used(model->volume->scratch), 0);
	model_expect("inodes in memory", (int64_t)model->volume->inode_count,
		     1);
	model_expect("names in memory", (int64_t)model->volume->dentry_count,
		     0);
	begin_anew(model);
	if (all) {
		struct image after;
		twin_image(&model->twin, &after, IMAGE_CONTENT);
		image_expect_equal(&after, &before, "what a crash kept");
		image_done(&after);
	}
	image_done(&before);
	check_live(model);
	sandbox_expect_same(&model->sandbox, "after the crash");
}

static void step_error(struct model *model)
{
	if (!seed_once_in(&model->seed, 4))
		return;
	set_mode(model, MODE_ERROR_WRITES);
	if (seed_once_in(&model->seed, 2))
		step_fdatasync(model);
	else
		step_fsync(model);
	/* Names may not change any more; what can be read stays. */
	if (!reverts_pages(model))
		check_live(model);
	step_crash(model);
}

struct weighted {
	void (*step)(struct model *model);
	unsigned int weight;
};

static const struct weighted steps[] = {
	{model_step_create, 150},
	{model_step_create_unnamed, 8},
	{model_step_link, 30},
	{model_step_unlink, 90},
	{model_step_rename, 120},
	{model_step_lookup, 40},
	{model_step_list, 40},
	{model_step_forget, 60},
	{model_step_write, 200},
	{model_step_truncate, 50},
	{model_step_allocate, 60},
	{model_step_read, 60},
	{model_step_seek, 15},
	{model_step_xattr, 60},
	{model_step_attributes, 40},
	{step_fsync, 8},
	{step_fdatasync, 12},
	{step_direct, 8},
	{step_sync, 8},
	{step_mode, 3},
	{step_crash, 2},
	{step_error, 3},
	{step_fsync_directory, 8},
};

static void step(struct model *model)
{
	unsigned int total = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		total += steps[i].weight;
	unsigned int pick = model_below(model, total);
	size_t i = 0;
	while (pick >= steps[i].weight)
		pick -= steps[i++].weight;
	steps[i].step(model);
}

static void live_image_is_the_twin_and_the_store_is_what_was_paid(void **state)
{
	static struct model model;

	(void)state;
	model = (struct model){.mode = MODE_ALLOW_WRITES};
	seed_start(&model.seed);
	sandbox_open(&model.sandbox, 0);
	model.volume = model.sandbox.volume;
	model.parts = IMAGE_CONTENT | IMAGE_TIMES |
		      image_parts_of(model.sandbox.store);
	model.xattrs =
		setxattr(model.sandbox.store, "user.test", "", 0, 0) == 0;
	if (model.xattrs)
		(void)removexattr(model.sandbox.store, "user.test");
	begin_anew(&model);
	model_look_at_store(&model);
	/* What the log decides is judged by the tables (tests/litmus). */
	unsigned long count = seed_steps(
		profile_logs(model.volume->profile) ? STEPS / 5 : STEPS);
	model.trace = getenv("FLAKEY_TEST_TRACE") != NULL;
	for (unsigned long i = 1; i <= count; i++) {
		model.number = i;
		step(&model);
		if (i % STORE_EVERY == 0)
			model_check_store(&model, "store between commits");
		if (i % LIVE_EVERY == 0)
			check_live(&model);
		if (i % TOTALS_EVERY == 0)
			check_totals(&model);
	}
	step_crash(&model);
	forget_all(&model);
	twin_done(&model.twin);
	image_done(&model.stored);
	image_done(&model.names);
	sandbox_close(&model.sandbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			live_image_is_the_twin_and_the_store_is_what_was_paid),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
