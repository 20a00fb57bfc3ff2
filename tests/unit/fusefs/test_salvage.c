/* SPDX-License-Identifier: MIT */
/* Crashes with a plan, after which the volume goes on: what was kept is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/plan.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/sandbox.h"

static void crash_keeping_all_that_it_may(struct sandbox *sandbox)
{
	const struct plan plan = {
		.keep = PLAN_KEEP_SHARE,
		.keep_ppm = PLAN_PPM_MAX,
		.seed = 1,
		.has_seed = true,
	};
	sandbox_crash_planned(sandbox, &plan);
}

/* ext4 writes the zeroed rest of a block out with the truncation. After a crash
 * that kept the truncation, nothing of that is owed any more, though the kernel still knows the file. */
static void a_kept_truncation_pushes_nothing_later(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 8192, 'A');
	assert_int_equal(sandbox_fsync(sandbox, "a"), 0);
	assert_int_equal(data_truncate(sandbox->volume, inode, 5000), 0);
	crash_keeping_all_that_it_may(sandbox);
	sandbox_expect_stored(sandbox, "a[5000:A*5000]");

	inode = sandbox_find(sandbox, "a");
	assert_int_equal(sandbox_write(sandbox, inode, 0, 5000, 'B'), 0);
	names_forget(sandbox->volume, inode, 1);
	inode = sandbox_put(sandbox, "b", 0, 'b');
	assert_int_equal(sandbox_fsync(sandbox, "b"), 0);
	names_forget(sandbox->volume, inode, 1);
	sandbox_crash(sandbox);
	sandbox_expect_stored(sandbox, "a[5000:A*5000] b[0:]");
}

/* Its other name was not looked up since the last crash. */
static void data_survives_with_a_name_that_nobody_knows(void **state)
{
	struct sandbox *sandbox = *state;
	struct inode *inode = sandbox_put(sandbox, "a", 4096, 'A');
	assert_int_equal(
		names_link(sandbox->volume, inode, sandbox->volume->root, "b"),
		0);
	sandbox_sync(sandbox);
	assert_int_equal(sandbox_write(sandbox, inode, 0, 4096, 'x'), 0);
	sandbox_crash(sandbox);

	inode = sandbox_find(sandbox, "a");
	assert_int_equal(sandbox_write(sandbox, inode, 0, 4096, 'B'), 0);
	sandbox_unlink(sandbox, "a");
	crash_keeping_all_that_it_may(sandbox);
	sandbox_expect_stored(sandbox, "b[4096:B*4096]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(a_kept_truncation_pushes_nothing_later),
		SANDBOX_TEST(data_survives_with_a_name_that_nobody_knows),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
