/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <limits.h>
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

#include "fusefs/store_lend.h"
#include "fusefs/store_touched.h"

/* A store with a/b, whose directories and the file a/b/f are closed. */
struct place {
	char path[PATH_MAX];
	int root;
	int fds[3]; /* a, a/b and a/b/f */
	struct store_touched touched;
};

static const char *const names[3] = {"a", "a/b", "a/b/f"};
static const mode_t modes[3] = {0050, 01000, 0444};

static mode_t mode_of(const struct place *place, int index)
{
	struct stat st;

	assert_int_equal(fstat(place->fds[index], &st), 0);
	return st.st_mode & 07777;
}

static bool has_note(const struct place *place)
{
	char list[1024];
	ssize_t n = flistxattr(place->root, list, sizeof(list));

	for (ssize_t i = 0; i < n; i++)
		if (strncmp(list + i, "user.flakey.lent.", 17) == 0)
			return true;
	return false;
}

static void open_place(struct place *place)
{
	const char *directory = getenv("TMPDIR");

	snprintf(place->path, sizeof(place->path), "%s/lend.XXXXXX",
		 directory ? directory : "/var/tmp");
	assert_non_null(mkdtemp(place->path));
	store_touched_init(&place->touched);
	place->root = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->root >= 0);
	assert_int_equal(mkdirat(place->root, "a", 0700), 0);
	assert_int_equal(mkdirat(place->root, "a/b", 0700), 0);
	place->fds[2] = openat(place->root, names[2],
			       O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	for (int i = 0; i < 2; i++)
		place->fds[i] = openat(place->root, names[i],
				       O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fchmod(place->fds[i], modes[i]), 0);
}

static void close_place(struct place *place)
{
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fchmod(place->fds[i], 0700), 0);
		close(place->fds[i]);
	}
	(void)unlinkat(place->root, names[2], 0);
	(void)unlinkat(place->root, names[1], AT_REMOVEDIR);
	(void)unlinkat(place->root, names[0], AT_REMOVEDIR);
	close(place->root);
	store_touched_done(&place->touched);
	assert_int_equal(rmdir(place->path), 0);
}

static void lend(struct place *place, struct store_lend *lender, int index,
		 struct store_loan *ret_loan)
{
	struct stat st;

	assert_int_equal(fstat(place->fds[index], &st), 0);
	assert_true(store_lend_begin(lender, place->fds[index], &st, ret_loan));
	assert_int_equal(mode_of(place, index), modes[index] | 0700);
}

static void loans_are_given_back(void **state)
{
	struct place place;
	struct store_loan loans[3];

	(void)state;
	open_place(&place);
	struct store_lend lender = {.root_fd = place.root,
				    .touched = &place.touched};

	for (int i = 0; i < 3; i++)
		lend(&place, &lender, i, &loans[i]);
	assert_true(has_note(&place));
	for (int i = 2; i >= 0; i--)
		store_lend_end(&loans[i]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(mode_of(&place, i), modes[i]);
	assert_false(has_note(&place));
	close_place(&place);
}

static void the_next_mount_settles(void **state)
{
	struct place place;
	struct store_loan loans[3];

	(void)state;
	open_place(&place);
	struct store_lend killed = {.root_fd = place.root,
				    .touched = &place.touched};
	struct store_lend next = {.root_fd = place.root,
				  .touched = &place.touched};

	if (fsetxattr(place.root, "user.flakey.test", "", 0, 0) < 0) {
		close_place(&place);
		skip(); /* a tmpfs of before Linux 6.6 */
	}
	for (int i = 0; i < 3; i++)
		lend(&place, &killed, i, &loans[i]);
	store_lend_recover(&next);
	for (int i = 0; i < 3; i++)
		assert_int_equal(mode_of(&place, i), modes[i]);
	assert_false(has_note(&place));
	close_place(&place);
}

/* Somebody has been there in between, or has forged a note: the only thing that
 * it can do is to take bits away that a loan would have given. */
static void only_what_was_lent_is_settled(void **state)
{
	struct place place;
	struct stat st;
	char note[64];

	(void)state;
	open_place(&place);
	struct store_lend next = {.root_fd = place.root,
				  .touched = &place.touched};

	assert_int_equal(fstat(place.fds[2], &st), 0);
	snprintf(note, sizeof(note), "4755 %llu /a/b/f",
		 (unsigned long long)st.st_ino);
	(void)fsetxattr(place.root, "user.flakey.lent.0", note, strlen(note),
			0);
	(void)fsetxattr(place.root, "user.flakey.lent.1", "0 1 /../..", 10, 0);
	(void)fsetxattr(place.root, "user.flakey.lent.2", "nonsense", 8, 0);
	assert_int_equal(fchmod(place.fds[0], 0700), 0);
	assert_int_equal(fchmod(place.fds[1], 0700), 0);
	store_lend_recover(&next);
	assert_int_equal(mode_of(&place, 2), modes[2]);
	assert_false(has_note(&place));
	close_place(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loans_are_given_back),
		cmocka_unit_test(the_next_mount_settles),
		cmocka_unit_test(only_what_was_lent_is_settled),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
