/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "fusefs/attrs.h"
#include "fusefs/inode.h"
#include "fusefs/listing.h"
#include "fusefs/names.h"
#include "fusefs/recall.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/sandbox.h"

#define MANY 3000

static void entries_are_found_until_they_are_taken(void **state)
{
	struct recall recall = {0};
	struct recall_entry entry = {0};

	(void)state;
	assert_false(recall_take(&recall, 1, &entry));
	assert_int_equal(recall_number(&recall, 7), 7);
	for (uint64_t i = 1; i <= MANY; i++) {
		entry = (struct recall_entry){.store_number = i * i,
					      .number = i,
					      .ctime = {(time_t)i, 0}};
		recall_put(&recall, &entry);
	}
	assert_int_equal(recall.count, MANY);
	/* Each second one goes: the others must still be found. */
	for (uint64_t i = 1; i <= MANY; i += 2) {
		assert_true(recall_take(&recall, i * i, &entry));
		assert_int_equal(entry.number, i);
		assert_int_equal(entry.ctime.tv_sec, i);
		assert_false(recall_take(&recall, i * i, &entry));
	}
	for (uint64_t i = 2; i <= MANY; i += 2)
		assert_int_equal(recall_number(&recall, i * i), i);
	for (uint64_t i = 2; i <= MANY; i += 2)
		assert_true(recall_take(&recall, i * i, &entry));
	assert_int_equal(recall.count, 0);
	recall_done(&recall);
}

/* Comes back as the kernel would ask for it after having forgotten it. */
static struct stat forget_and_look(struct sandbox *sandbox, struct inode *inode,
				   const char *path)
{
	struct stat st;

	names_forget(sandbox->volume, inode, 1);
	inode = sandbox_find(sandbox, path);
	assert_non_null(inode);
	inode_stat(inode, &st);
	names_forget(sandbox->volume, inode, 1);
	return st;
}

static void forgotten_file_keeps_its_number_and_ctime(void **state)
{
	struct sandbox sandbox;
	struct stat before, after;
	struct inode *inode;

	(void)state;
	sandbox_open(&sandbox, 0);
	inode = sandbox_create(&sandbox, "f", S_IFREG | 0644);
	inode_stat(inode, &before);
	/* The store's clock is later than what was shown. */
	while (inode_nanoseconds(inode_now()) ==
	       inode_nanoseconds(before.st_ctim))
		continue;
	sandbox_sync(&sandbox);
	uint64_t known = sandbox.volume->inode_count;
	after = forget_and_look(&sandbox, inode, "f");
	assert_int_equal(sandbox.volume->inode_count, known - 1);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(inode_nanoseconds(after.st_ctim),
			 inode_nanoseconds(before.st_ctim));

	/* Listed with the same number while it is not in memory. */
	struct listing *listing;
	assert_int_equal(
		listing_new(sandbox.volume, sandbox.volume->root, &listing), 0);
	assert_int_equal(listing_count(listing), 1);
	assert_int_equal(listing_at(listing, 0).number, before.st_ino);
	listing_free(listing);

	/* A file that takes its place in the store is another one. */
	sandbox_unlink(&sandbox, "f");
	sandbox_sync(&sandbox);
	assert_int_equal(sandbox.volume->recall.count, 0);
	inode = sandbox_create(&sandbox, "g", S_IFREG | 0644);
	sandbox_sync(&sandbox);
	after = forget_and_look(&sandbox, inode, "g");
	assert_int_not_equal(after.st_ino, before.st_ino);
	sandbox_close(&sandbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_found_until_they_are_taken),
		cmocka_unit_test(forgotten_file_keeps_its_number_and_ctime),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
