/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "dmbackend/filesystem.h"

static void three_are_known(void **state)
{
	struct errmsg why;

	(void)state;
	assert_non_null(filesystem_find("ext4"));
	assert_non_null(filesystem_find("xfs"));
	assert_non_null(filesystem_find("btrfs"));
	assert_null(filesystem_require("vfat", &why));
	assert_non_null(strstr(why.text, "'vfat' is no file system"));
}

static void options_of_mkfs_are_cut_at_blanks(void **state)
{
	static const char *const wanted[] = {
		"mkfs.xfs", "-q", "-f", "-m", "crc=0", "/dev/a b",
	};
	struct filesystem_command command;

	(void)state;
	assert_int_equal(filesystem_mkfs(filesystem_find("xfs"), "  -m  crc=0 ",
					 "/dev/a b", &command, NULL),
			 0);
	assert_int_equal(command.count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(command.words[i], wanted[i]);
	assert_null(command.words[6]);
}

static void too_many_options_are_refused(void **state)
{
	char options[2 * FILESYSTEM_OPTIONS_MAX];
	char mount_options[FILESYSTEM_OPTIONS_MAX];
	const struct filesystem *ext4 = filesystem_find("ext4");
	struct filesystem_command command;
	struct errmsg why;

	(void)state;
	memset(options, ' ', sizeof(options));
	for (size_t i = 0; i < FILESYSTEM_WORDS_MAX; i++)
		options[2 * i] = 'x';
	options[2 * FILESYSTEM_WORDS_MAX] = '\0';
	assert_int_equal(filesystem_mkfs(ext4, options, "d", &command, &why),
			 -E2BIG);
	memset(options, 'x', sizeof(options));
	options[sizeof(options) - 1] = '\0';
	assert_int_equal(filesystem_mkfs(ext4, options, "d", &command, &why),
			 -E2BIG);
	assert_int_equal(
		filesystem_mount_options(ext4, options, mount_options, &why),
		-E2BIG);
}

static void options_of_the_user_come_last(void **state)
{
	char options[FILESYSTEM_OPTIONS_MAX];

	(void)state;
	assert_int_equal(filesystem_mount_options(filesystem_find("ext4"),
						  "commit=5", options, NULL),
			 0);
	assert_string_equal(options, "commit=1000,commit=5");
	assert_int_equal(filesystem_mount_options(filesystem_find("ext4"), NULL,
						  options, NULL),
			 0);
	assert_string_equal(options, "commit=1000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_are_known),
		cmocka_unit_test(options_of_mkfs_are_cut_at_blanks),
		cmocka_unit_test(too_many_options_are_refused),
		cmocka_unit_test(options_of_the_user_come_last),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
