/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "fusefs/access.h"
#include "fusefs/acl.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/nodisk.h"
#include "tests/unit/fusefs/sandbox.h"

/* u::7 u0:7 g::5 m::7 o::0 */
static const uint16_t list[] = {
	2, 0,	   1,	   7,  0xffff, 0xffff, 2,      7,  0, 0,      4,
	5, 0xffff, 0xffff, 16, 7,      0xffff, 0xffff, 32, 0, 0xffff, 0xffff,
};

static void need_lists(struct sandbox *sandbox)
{
	if (!sandbox->volume->has_lists)
		skip();
}

static void give(struct sandbox *sandbox, struct inode *inode, const char *name)
{
	assert_int_equal(access_set(sandbox->volume, inode, name, list,
				    sizeof(list), false),
			 0);
}

static ssize_t size_of(struct sandbox *sandbox, struct inode *inode,
		       const char *name)
{
	return access_get(sandbox->volume, inode, name, NULL, 0);
}

static ssize_t stored_size(struct sandbox *sandbox, const char *file,
			   const char *name)
{
	char path[2 * SANDBOX_PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", sandbox->store, file);
	return getxattr(path, name, NULL, 0);
}

static void stored_list_is_not_kept(void **state)
{
	struct sandbox *sandbox = *state;

	need_lists(sandbox);
	struct inode *a = sandbox_put(sandbox, "a", 1, 'a');
	sandbox_sync(sandbox);
	assert_null(a->xattrs);
	give(sandbox, a, ACL_ACCESS_NAME);
	assert_non_null(a->xattrs);
	sandbox_sync(sandbox);
	assert_null(a->xattrs);
	assert_int_equal(size_of(sandbox, a, ACL_ACCESS_NAME), sizeof(list));
	assert_int_equal(access_remove(sandbox->volume, a, ACL_ACCESS_NAME), 0);
	sandbox_sync(sandbox);
	assert_null(a->xattrs);
	assert_int_equal(size_of(sandbox, a, ACL_ACCESS_NAME), -ENODATA);
}

static void creation_and_its_lists_are_one_record(void **state)
{
	struct sandbox *sandbox = *state;

	need_lists(sandbox);
	struct inode *d = sandbox_create(sandbox, "d", S_IFDIR | 0755);
	give(sandbox, d, ACL_DEFAULT_NAME);
	uint64_t before = sandbox->volume->journal.count;
	struct inode *e = sandbox_create(sandbox, "d/e", S_IFDIR | 0755);
	assert_int_equal(sandbox->volume->journal.count, before + 1);
	assert_int_equal(size_of(sandbox, e, ACL_ACCESS_NAME), sizeof(list));
	assert_int_equal(size_of(sandbox, e, ACL_DEFAULT_NAME), sizeof(list));
	sandbox_sync(sandbox);
	assert_null(e->xattrs);
	assert_int_equal(stored_size(sandbox, "d/e", ACL_ACCESS_NAME),
			 sizeof(list));
	assert_int_equal(stored_size(sandbox, "d/e", ACL_DEFAULT_NAME),
			 sizeof(list));
}

static void list_and_mode_are_one_record(void **state)
{
	struct sandbox *sandbox = *state;

	need_lists(sandbox);
	struct inode *a = sandbox_create(sandbox, "a", S_IFREG | 0600);
	uint64_t before = sandbox->volume->journal.count;
	give(sandbox, a, ACL_ACCESS_NAME);
	assert_int_equal(sandbox->volume->journal.count, before + 1);
	assert_int_equal(a->mode, S_IFREG | 0770);
	/* Once more is no change. */
	give(sandbox, a, ACL_ACCESS_NAME);
	assert_int_equal(sandbox->volume->journal.count, before + 1);
}

static void file_gets_its_list_with_its_first_name(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;
	const struct names_new what = {
		.mode = S_IFREG | 0660, .uid = geteuid(), .gid = getegid()};
	struct inode *inode = NULL;

	need_lists(sandbox);
	struct inode *d = sandbox_create(sandbox, "d", S_IFDIR | 0755);
	give(sandbox, d, ACL_DEFAULT_NAME);
	assert_int_equal(names_create_unnamed(volume, d, &what, &inode), 0);
	assert_int_equal(inode->mode, S_IFREG | 0660);
	assert_int_equal(names_link(volume, inode, volume->root, "f"), 0);
	sandbox_sync(sandbox);
	assert_null(inode->xattrs);
	assert_int_equal(stored_size(sandbox, "f", ACL_ACCESS_NAME),
			 sizeof(list));
}

/* The kernel asks often, and nearly always in vain. */
static void that_there_is_none_is_known(void **state)
{
	struct sandbox *sandbox = *state;
	const struct nodisk_plan plan = {
		.place = NODISK_STORE, .errno_value = EIO, .lasting = true};

	need_lists(sandbox);
	sandbox_put(sandbox, "old", 1, 'o');
	sandbox_sync(sandbox);
	volume_close(sandbox->volume);
	sandbox_reopen(sandbox);
	struct inode *old = sandbox_find(sandbox, "old");
	assert_int_equal(size_of(sandbox, old, ACL_ACCESS_NAME), -ENODATA);
	struct inode *new = sandbox_create(sandbox, "new", S_IFREG | 0600);
	nodisk_plan(&plan);
	nodisk_arm(1);
	ssize_t of_old = size_of(sandbox, old, ACL_ACCESS_NAME);
	ssize_t of_new = size_of(sandbox, new, ACL_ACCESS_NAME);
	assert_false(nodisk_disarm());
	assert_int_equal(of_old, -ENODATA);
	assert_int_equal(of_new, -ENODATA);
}

static void lists_that_are_none_are_refused(void **state)
{
	struct sandbox *sandbox = *state;
	struct volume *volume = sandbox->volume;

	need_lists(sandbox);
	struct inode *a = sandbox_create(sandbox, "a", S_IFREG | 0600);
	assert_int_equal(access_set(volume, a, ACL_ACCESS_NAME, list,
				    sizeof(list) - 1, false),
			 -EINVAL);
	assert_int_equal(access_set(volume, a, ACL_DEFAULT_NAME, list,
				    sizeof(list), false),
			 -EACCES);
	volume->has_lists = false;
	assert_int_equal(access_set(volume, a, ACL_ACCESS_NAME, list,
				    sizeof(list), false),
			 -EOPNOTSUPP);
	assert_int_equal(size_of(sandbox, a, ACL_ACCESS_NAME), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(stored_list_is_not_kept),
		SANDBOX_TEST(creation_and_its_lists_are_one_record),
		SANDBOX_TEST(list_and_mode_are_one_record),
		SANDBOX_TEST(file_gets_its_list_with_its_first_name),
		SANDBOX_TEST(that_there_is_none_is_known),
		SANDBOX_TEST(lists_that_are_none_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
