/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/mountinfo.h"

static const char sample[] =
	"21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
	"30 21 0:26 / /t rw shared:5 master:2 - tmpfs tmpfs rw\n"
	"31 30 0:40 / /t/m rw,nosuid - fuse.flakey /s\\040x rw,user_id=0\n"
	"32 30 0:41 / /t/with\\040space\\134 rw - fuse.flakey /s rw\n"
	"33 31 0:42 / /t/m/in rw - tmpfs none rw\n"
	"34 21 0:43 / /over rw - tmpfs none rw\n"
	"35 34 0:44 / /over rw - fuse.flakey /top rw\n"
	"garbage\n"
	"36 21 0:45 / /short rw -\n"
	"37 21 0:46 / /nosource rw - fuse.flakey";

static void check(const char *path, const char *mountpoint, const char *type)
{
	char text[sizeof(sample)];
	struct mountinfo mount;

	memcpy(text, sample, sizeof(sample));
	assert_int_equal(mountinfo_search(text, path, &mount), 0);
	assert_string_equal(mount.mountpoint, mountpoint);
	assert_string_equal(mount.type, type);
	mountinfo_done(&mount);
}

static void longest_mountpoint_serves_a_path(void **state)
{
	(void)state;
	check("/", "/", "ext4");
	check("/home/x", "/", "ext4");
	check("/t", "/t", "tmpfs");
	check("/t/mx", "/t", "tmpfs");
	check("/t/m", "/t/m", "fuse.flakey");
	check("/t/m/a/b", "/t/m", "fuse.flakey");
	check("/t/m/in/a", "/t/m/in", "tmpfs");
	check("/t/m/inner", "/t/m", "fuse.flakey");
}

static void escapes_are_undone(void **state)
{
	char text[sizeof(sample)];
	struct mountinfo mount;

	(void)state;
	check("/t/with space\\/a", "/t/with space\\", "fuse.flakey");
	memcpy(text, sample, sizeof(sample));
	assert_int_equal(mountinfo_search(text, "/t/m", &mount), 0);
	assert_string_equal(mount.source, "/s x");
	mountinfo_done(&mount);
}

static void newest_mount_on_a_place_wins(void **state)
{
	(void)state;
	check("/over/x", "/over", "fuse.flakey");
}

static void lines_that_are_cut_are_passed_over(void **state)
{
	char nothing[] = "";
	struct mountinfo mount;

	(void)state;
	check("/short", "/", "ext4");
	check("/nosource", "/", "ext4");
	assert_int_equal(mountinfo_search(nothing, "/", &mount), -ENOENT);
}

static void own_mounts_are_read(void **state)
{
	struct mountinfo mount;

	(void)state;
	assert_int_equal(mountinfo_find("/proc/self", &mount), 0);
	assert_string_equal(mount.mountpoint, "/proc");
	assert_string_equal(mount.type, "proc");
	mountinfo_done(&mount);
}

static void paths_are_resolved(void **state)
{
	char *path = NULL;
	bool dead = true;

	(void)state;
	assert_int_equal(mountinfo_resolve("/proc/../proc/.", &path, &dead), 0);
	assert_string_equal(path, "/proc");
	assert_false(dead);
	free(path);
	assert_int_equal(mountinfo_resolve("/nothing/there", &path, &dead),
			 -ENOENT);
	assert_int_equal(mountinfo_resolve("", &path, &dead), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest_mountpoint_serves_a_path),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(newest_mount_on_a_place_wins),
		cmocka_unit_test(lines_that_are_cut_are_passed_over),
		cmocka_unit_test(own_mounts_are_read),
		cmocka_unit_test(paths_are_resolved),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
