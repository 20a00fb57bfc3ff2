/* SPDX-License-Identifier: MIT */
#include "tests/unit/fusefs/scene.h"

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
#include "fusefs/access.h"
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

#define MIB ((size_t)1 << 20)

/* Arms for one expression only: what leads there and back is not disturbed. */
#define FAILING(scene, call)                                                   \
	({                                                                     \
		if ((scene)->nth > 0)                                          \
			(scene)->arm((scene)->nth);                            \
		int64_t failing_result = (call);                               \
		if ((scene)->nth > 0)                                          \
			(scene)->fired = (scene)->disarm();                    \
		failing_result;                                                \
	})

static int64_t lookup(struct scene *scene, const char *directory,
		      const char *name)
{
	struct inode *inode = NULL;

	struct inode *parent = sandbox_find(&scene->sandbox, directory);
	int64_t r = FAILING(scene,
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
	int64_t r = FAILING(scene, listing_new(scene->volume, inode, &listing));
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
		FAILING(scene, names_readlink(scene->volume, inode, &target));
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
	int64_t r = FAILING(
		scene, data_read(scene->volume, inode, back, sizeof(back), 0));
	names_forget(scene->volume, inode, 1);
	return r == sizeof(back) ? 0 : r;
}

static int64_t create_in(struct scene *scene, struct inode *directory,
			 const char *name, mode_t mode)
{
	const struct names_new what = {
		.mode = mode,
		.uid = geteuid(),
		.gid = getegid(),
		.target = S_ISLNK(mode) ? "target" : NULL,
	};
	struct inode *inode = NULL;

	int64_t r = FAILING(scene, names_create(scene->volume, directory, name,
						&what, &inode));
	if (r == 0)
		names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t create(struct scene *scene, const char *name, mode_t mode)
{
	return create_in(scene, scene->volume->root, name, mode);
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

	return FAILING(scene,
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
	int64_t r = FAILING(scene,
			    commit_sync(volume, scene->unnamed, false, NULL));
	assert_int_equal(
		sandbox_write(&scene->sandbox, scene->unnamed, 0, 500, 'v'), 0);
	return r;
}

static int64_t link_unnamed(struct scene *scene)
{
	return FAILING(scene, names_link(scene->volume, scene->unnamed,
					 scene->volume->root, "named"));
}

static int64_t link_file(struct scene *scene)
{
	struct inode *inode = sandbox_find(&scene->sandbox, "a");
	int64_t r = FAILING(scene, names_link(scene->volume, inode,
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
	int64_t r = FAILING(scene, data_write(scene->volume, inode, &write));
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
	int64_t r = FAILING(scene, data_truncate(scene->volume, inode, size));
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
	int64_t r = FAILING(
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
	int64_t r = FAILING(scene, xattrs_set(scene->volume, inode, "user.new",
					      "value", 5, 0));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t remove_xattr(struct scene *scene)
{
	struct inode *inode = sandbox_find(&scene->sandbox, "d/x");
	int64_t r =
		FAILING(scene, xattrs_remove(scene->volume, inode, "user.k"));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t list_xattrs(struct scene *scene)
{
	char list[100];

	struct inode *inode = sandbox_find(&scene->sandbox, "d/x");
	int64_t r = FAILING(scene, xattrs_list(scene->volume, inode, true, list,
					       sizeof(list)));
	names_forget(scene->volume, inode, 1);
	return r > 0 ? 0 : r;
}

static int64_t set_attributes(struct scene *scene)
{
	const struct stat st = {.st_mode = 0600, .st_mtim = {.tv_sec = 1}};

	struct inode *inode = sandbox_find(&scene->sandbox, "d/x");
	int64_t r = FAILING(scene, attrs_set(scene->volume, inode,
					     ATTRS_MODE | ATTRS_MTIME, &st));
	names_forget(scene->volume, inode, 1);
	return r;
}

/* rwx for user 0, of a class that has as much. */
static const uint16_t list_of_access[] = {
	2, 0,	   1,	   7,  0xffff, 0xffff, 2,      7,  0, 0,      4,
	5, 0xffff, 0xffff, 16, 7,      0xffff, 0xffff, 32, 0, 0xffff, 0xffff,
};

static int64_t set_list(struct scene *scene, const char *path, const char *name)
{
	struct inode *inode = sandbox_find(&scene->sandbox, path);
	int64_t r = FAILING(scene, access_set(scene->volume, inode, name,
					      list_of_access,
					      sizeof(list_of_access), false));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t set_access_list(struct scene *scene)
{
	return set_list(scene, "d/x", "system.posix_acl_access");
}

static int64_t set_default_list(struct scene *scene)
{
	return set_list(scene, "d", "system.posix_acl_default");
}

static int64_t remove_list(struct scene *scene)
{
	struct inode *inode = sandbox_find(&scene->sandbox, "d/x");
	int64_t r = FAILING(scene, access_remove(scene->volume, inode,
						 "system.posix_acl_access"));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t inherit(struct scene *scene, const char *name, mode_t mode)
{
	struct inode *directory = sandbox_find(&scene->sandbox, "d");
	int64_t r = create_in(scene, directory, name, mode);
	names_forget(scene->volume, directory, 1);
	return r;
}

static int64_t inherit_in_file(struct scene *scene)
{
	return inherit(scene, "heir", S_IFREG | 0666);
}

static int64_t inherit_in_directory(struct scene *scene)
{
	return inherit(scene, "heirs", S_IFDIR | 0777);
}

static int64_t rename_to(struct scene *scene, const char *from, const char *to,
			 unsigned int flags)
{
	struct inode *root = scene->volume->root;
	const struct names_rename rename = {
		.from_directory = root,
		.from_name = from,
		.to_directory = root,
		.to_name = to,
		.flags = flags,
	};

	return FAILING(scene, names_rename(scene->volume, &rename));
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
	return FAILING(scene, names_unlink(scene->volume, scene->volume->root,
					   "fresh", false));
}

static int64_t unlink_stillborn(struct scene *scene)
{
	return FAILING(scene, names_unlink(scene->volume, scene->volume->root,
					   "newlink", false));
}

static int64_t remove_directory(struct scene *scene)
{
	return FAILING(scene, names_unlink(scene->volume, scene->volume->root,
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
	return FAILING(scene, risk_each(scene->volume, take_note, NULL));
}

static int64_t sync_file(struct scene *scene, const char *path, bool datasync)
{
	struct inode *inode = sandbox_find(&scene->sandbox, path);
	int64_t r = FAILING(scene,
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
	int64_t r = FAILING(scene, commit_direct(scene->volume, inode, &range));
	names_forget(scene->volume, inode, 1);
	return r;
}

static int64_t sync_all(struct scene *scene)
{
	sandbox_put(&scene->sandbox, "more", 100000, 'm');
	return FAILING(scene, commit_all(scene->volume));
}

static int64_t drop(struct scene *scene)
{
	sandbox_put(&scene->sandbox, "more", 5000, 'n');
	sandbox_put(&scene->sandbox, "less", 5000, 'n');
	sandbox_set_mode(&scene->sandbox, MODE_DROP_WRITES);
	return FAILING(scene, commit_all(scene->volume));
}

static int64_t crash(struct scene *scene)
{
	return FAILING(scene, sandbox_crash_starved(&scene->sandbox));
}

const struct scene_step scene_steps[] = {
	{"lookup of a file", look_up_file, SCENE_CHANGES, false},
	{"lookup of a directory", look_up_directory, SCENE_CHANGES, false},
	{"listing", list_directory, SCENE_CHANGES, false},
	{"readlink", read_link, SCENE_CHANGES, false},
	{"read", read_file, SCENE_CHANGES, false},
	{"create", create_file, SCENE_CHANGES, false},
	{"mkdir", create_directory, SCENE_CHANGES, false},
	{"symlink", create_link, SCENE_CHANGES, false},
	{"O_TMPFILE", create_unnamed, SCENE_CHANGES, false},
	{"fsync without a name", fill_unnamed, SCENE_CHANGES, false},
	{"link of a file without a name", link_unnamed, SCENE_CHANGES, false},
	{"link", link_file, SCENE_CHANGES, false},
	{"write", write_new, SCENE_CHANGES, false},
	{"write behind it", write_behind, SCENE_CHANGES, false},
	{"write in place", write_in_place, SCENE_CHANGES, false},
	{"write over stored data", write_over_stored, SCENE_CHANGES, false},
	{"write in pieces", write_big, SCENE_CHANGES, false},
	{"append in a block", append_in_block, SCENE_CHANGES, false},
	{"truncate", shrink, SCENE_CHANGES, false},
	{"truncate to a larger size", stretch, SCENE_CHANGES, false},
	{"punch", punch, SCENE_CHANGES, false},
	{"zero", zero, SCENE_CHANGES, false},
	{"collapse", collapse, SCENE_CHANGES, false},
	{"insert", insert, SCENE_CHANGES, false},
	{"setxattr", set_xattr, SCENE_CHANGES, false},
	{"removexattr", remove_xattr, SCENE_CHANGES, false},
	{"listxattr", list_xattrs, SCENE_CHANGES, false},
	{"attributes", set_attributes, SCENE_CHANGES, false},
	{"access list", set_access_list, SCENE_CHANGES, false},
	{"default list", set_default_list, SCENE_CHANGES, false},
	{"create with a list", inherit_in_file, SCENE_CHANGES, false},
	{"mkdir with lists", inherit_in_directory, SCENE_CHANGES, false},
	{"removal of a list", remove_list, SCENE_CHANGES, false},
	{"rename", rename_new, SCENE_CHANGES, false},
	{"rename over", rename_over, SCENE_CHANGES, false},
	{"exchange", exchange, SCENE_CHANGES, false},
	{"unlink", unlink_file, SCENE_CHANGES, false},
	{"unlink of what is not stored", unlink_stillborn, SCENE_CHANGES,
	 false},
	{"rmdir", remove_directory, SCENE_CHANGES, false},
	{"list of losses", tell_losses, SCENE_CHANGES, false},
	{"fsync", fsync_file, SCENE_CHANGES, true},
	{"fsync of a directory", fsync_directory, SCENE_CHANGES, true},
	{"fdatasync", fdatasync_file, SCENE_CHANGES, true},
	{"O_DIRECT", write_directly, SCENE_PREPARES, true},
	{"sync", sync_all, SCENE_PREPARES, true},
	{"sync while dropping", drop, SCENE_LOSES, false},
	{"crash", crash, SCENE_LOSES, false},
};

_Static_assert(sizeof(scene_steps) / sizeof(scene_steps[0]) == SCENE_STEPS,
	       "SCENE_STEPS counts them");

void scene_take_image(struct scene *scene, struct image *image)
{
	image_of_volume(image, scene->volume, IMAGE_CONTENT);
}

void scene_set(struct scene *scene, bool on_tmpfs)
{
	*scene = (struct scene){.nth = 0};
	if (on_tmpfs)
		sandbox_open_quick(&scene->sandbox);
	else
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

void scene_play_until(struct scene *scene, size_t last)
{
	for (size_t i = 0; i < last; i++) {
		int64_t r = scene_steps[i].run(scene);
		if (r != 0)
			fail_msg("%s: %lld", scene_steps[i].name, (long long)r);
	}
}
