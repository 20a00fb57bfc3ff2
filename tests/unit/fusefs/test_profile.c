/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "fusefs/profile.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The names of profiles that follow the rules of ext4. */
static const char *const ext4[] = {"ext4", "ext4,block=4096"};

struct decision {
	const char *event;
	struct profile_sync sync;
	struct profile_choice choice;
};

/* What is not named in a row is false. */
static const struct decision decisions[] = {
	{
		"fsync of a file that did not change",
		{.changed = false},
		{.own_data = true},
	},
	{
		"fsync of a file that changed",
		{.changed = true},
		{.own_data = true, .all_names = true},
	},
	{
		"fsync of a file whose size changed",
		{.changed = true, .size_changed = true},
		{.own_data = true, .all_names = true},
	},
	{
		"fsync of a file of old whose data needs new blocks",
		{.data_allocates = true},
		{.own_data = true, .all_names = true},
	},
	{
		"fdatasync of a file that did not change",
		{.datasync = true},
		{.own_data = true},
	},
	{
		"fdatasync after chmod or an overwrite",
		{.datasync = true, .changed = true},
		{.own_data = true},
	},
	{
		"fdatasync after a change of size",
		{.datasync = true, .changed = true, .size_changed = true},
		{.own_data = true, .all_names = true},
	},
	{
		"fdatasync when data needs new blocks",
		{.datasync = true, .changed = true, .data_allocates = true},
		{.own_data = true, .all_names = true},
	},
	{
		"fsync of a directory that did not change",
		{.directory = true},
		{.all_names = true},
	},
	{
		"fsync of a directory that changed",
		{.directory = true, .changed = true},
		{.all_names = true},
	},
	{
		"fdatasync of a directory",
		{.directory = true, .datasync = true},
		{.all_names = true},
	},
};

static void commit_takes_what_the_ext4_row_says(void **state)
{
	(void)state;
	for (size_t p = 0; p < LENGTH(ext4); p++) {
		const struct profile *profile = profile_find(ext4[p]);
		assert_non_null(profile);
		for (size_t i = 0; i < LENGTH(decisions); i++) {
			const struct decision *row = &decisions[i];
			struct profile_choice got =
				profile_choose(profile, &row->sync);
			if (got.own_data != row->choice.own_data ||
			    got.all_names != row->choice.all_names)
				fail_msg("%s, %s: own data %d, all names %d",
					 ext4[p], row->event, got.own_data,
					 got.all_names);
		}
	}
}

/* Where xfs decides otherwise. */
static const struct decision of_xfs[] = {
	{
		"fsync of a directory that did not change",
		{.directory = true},
		{.all_names = false},
	},
	{
		"fsync of a directory that changed",
		{.directory = true, .changed = true},
		{.all_names = true},
	},
	{
		"fsync of a file that did not change",
		{.status_owed = true},
		{.own_data = true},
	},
	{
		"fdatasync when only times changed",
		{.datasync = true, .changed = true},
		{.own_data = true},
	},
	{
		"fdatasync when more changed since its last sync",
		{.datasync = true, .changed = true, .status_owed = true},
		{.own_data = true, .all_names = true},
	},
	{
		"fdatasync of data that makes the file longer",
		{.datasync = true, .data_grows = true},
		{.own_data = true, .all_names = true},
	},
};

static void commit_takes_what_the_xfs_row_says(void **state)
{
	const struct profile *profile = profile_find("xfs");

	(void)state;
	for (size_t i = 0; i < LENGTH(of_xfs); i++) {
		const struct decision *row = &of_xfs[i];
		struct profile_choice got = profile_choose(profile, &row->sync);
		if (got.own_data != row->choice.own_data ||
		    got.all_names != row->choice.all_names)
			fail_msg("%s: own data %d, all names %d", row->event,
				 got.own_data, got.all_names);
	}
	assert_int_equal(profile_not_empty_error(profile), -EEXIST);
	assert_false(profile_exchange_changes_files(profile));
	assert_false(profile_pushes_on_replace(profile));
}

/* More that is known never makes a commit of ext4 smaller. */
static void knowing_more_never_commits_less(void **state)
{
	const struct profile *profile = profile_find("ext4");

	(void)state;
	for (unsigned int bits = 0; bits < 32; bits++) {
		struct profile_sync sync = {
			.directory = bits & 1,
			.datasync = bits & 2,
			.changed = bits & 4,
			.size_changed = bits & 8,
			.data_allocates = bits & 16,
		};
		struct profile_choice less = profile_choose(profile, &sync);
		assert_int_equal(less.own_data, !sync.directory);
		sync.changed = true;
		sync.size_changed = true;
		assert_true(profile_choose(profile, &sync).all_names);
		sync.datasync = false;
		assert_true(profile_choose(profile, &sync).all_names >=
			    less.all_names);
	}
}

static void ext4_pushes_and_grows_as_measured(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(ext4); i++) {
		const struct profile *profile = profile_find(ext4[i]);
		assert_non_null(profile);
		assert_true(profile_pushes_on_replace(profile));
		assert_true(profile_pushes_on_close(profile));
		assert_true(profile_grows_in_block(profile));
		assert_true(profile_direct_is_durable(profile));
		assert_true(profile_orders_zeroed_blocks(profile));
	}
	assert_int_equal(profile_block_bytes(profile_find("ext4")), 1024);
	assert_int_equal(profile_block_bytes(profile_find("ext4,block=4096")),
			 4096);
}

static void journalled_data_goes_with_every_commit(void **state)
{
	const struct profile *profile = profile_find("ext4,data=journal");

	(void)state;
	assert_non_null(profile);
	for (size_t i = 0; i < LENGTH(decisions); i++) {
		struct profile_choice choice =
			profile_choose(profile, &decisions[i].sync);
		assert_true(choice.all_names && choice.all_data);
	}
	assert_false(profile_pushes_on_replace(profile));
	assert_false(profile_direct_is_durable(profile));
	profile = profile_find("ext4,block=4096,data=journal");
	assert_non_null(profile);
	assert_int_equal(profile_block_bytes(profile), 4096);
}

static void profile_is_found_by_its_whole_name_only(void **state)
{
	static const char *const strangers[] = {
		"", "ext", "ext44", "EXT4", "ext4,", "ext4 ", "ext4,block=1",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(strangers); i++)
		assert_null(profile_find(strangers[i]));
}

static void every_name_of_the_list_is_a_profile(void **state)
{
	const char *at = profile_names();
	size_t count = 0;

	(void)state;
	for (; *at != '\0'; count++) {
		char name[64];
		int length = 0;
		assert_int_equal(sscanf(at, "'%63[^']'%n", name, &length), 1);
		const struct profile *profile = profile_find(name);
		assert_non_null(profile);
		assert_string_equal(profile_name(profile), name);
		at += length;
		at += strspn(at, ", ");
	}
	assert_true(count >= LENGTH(ext4));
}

static void posix_takes_nothing_but_what_is_asked_for(void **state)
{
	const struct profile *posix = profile_find("posix");

	(void)state;
	assert_non_null(posix);
	assert_true(profile_is_partial(posix));
	assert_false(profile_is_partial(profile_find("ext4")));
	assert_false(profile_pushes_on_replace(posix));
	assert_false(profile_pushes_on_close(posix));
	assert_false(profile_pushes_before_punching(posix));
	assert_false(profile_pushes_before_zeroing(posix));
	assert_false(profile_grows_in_block(posix));
	assert_false(profile_direct_is_durable(posix));
	assert_false(profile_orders_zeroed_blocks(posix));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commit_takes_what_the_ext4_row_says),
		cmocka_unit_test(commit_takes_what_the_xfs_row_says),
		cmocka_unit_test(knowing_more_never_commits_less),
		cmocka_unit_test(ext4_pushes_and_grows_as_measured),
		cmocka_unit_test(posix_takes_nothing_but_what_is_asked_for),
		cmocka_unit_test(journalled_data_goes_with_every_commit),
		cmocka_unit_test(profile_is_found_by_its_whole_name_only),
		cmocka_unit_test(every_name_of_the_list_is_a_profile),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
