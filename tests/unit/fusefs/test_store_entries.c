/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "fusefs/store.h"
#include "tests/unit/fusefs/sandbox.h"

#define FILES 10

struct seen {
	int count;
	int stop_at; /* answers 7 there */
};

static int see(void *user, const struct dirent *entry)
{
	struct seen *seen = user;

	assert_int_not_equal(entry->d_name[0], '.');
	/* As a malloc(3) that succeeds by another way may leave it. */
	errno = ENOMEM;
	return ++seen->count == seen->stop_at ? 7 : 0;
}

static int open_store(struct sandbox *sandbox)
{
	int fd = open(sandbox->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int set_up_files(void **state)
{
	(void)sandbox_set_up(state);
	for (int i = 0; i < FILES; i++) {
		const char name[] = {(char)('a' + i), '\0'};
		sandbox_put(*state, name, 1, 'x');
	}
	sandbox_sync(*state);
	return 0;
}

static void all_are_seen_whatever_errno_was(void **state)
{
	struct seen seen = {.stop_at = -1};
	int fd = open_store(*state);

	assert_int_equal(store_each_entry(fd, see, &seen), 0);
	assert_int_equal(seen.count, FILES);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void an_answer_ends_it(void **state)
{
	struct seen seen = {.stop_at = 3};
	int fd = open_store(*state);

	assert_int_equal(store_each_entry(fd, see, &seen), 7);
	assert_int_equal(seen.count, 3);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void what_is_no_directory_is_an_error(void **state)
{
	struct seen seen = {.stop_at = -1};
	int store = open_store(*state);
	int fd = openat(store, "a", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(store_each_entry(fd, see, &seen), -ENOTDIR);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(close(store), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_are_seen_whatever_errno_was,
						set_up_files,
						sandbox_tear_down),
		cmocka_unit_test_setup_teardown(an_answer_ends_it, set_up_files,
						sandbox_tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_no_directory_is_an_error, set_up_files,
			sandbox_tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
