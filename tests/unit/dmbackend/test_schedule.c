/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mode.h"
#include "dmbackend/schedule.h"

static void next_is(const char *line, int64_t elapsed_ms, int64_t next_ms)
{
	struct mode mode;

	assert_int_equal(mode_parse(line, &mode, NULL), 0);
	assert_int_equal(schedule_next(&mode, elapsed_ms), next_ms);
}

static void a_mode_without_end_never_changes(void **state)
{
	(void)state;
	next_is("allow-writes", 0, -1);
	next_is("drop-writes", 12345, -1);
}

static void a_mode_for_a_time_changes_once(void **state)
{
	(void)state;
	next_is("drop-writes for=2s", 0, 2000);
	next_is("drop-writes for=2s", 1999, 2000);
	next_is("drop-writes for=2s", 2000, -1);
}

static void a_cycle_goes_round(void **state)
{
	(void)state;
	next_is("drop-writes cycle=300ms,200ms", 0, 300);
	next_is("drop-writes cycle=300ms,200ms", 299, 300);
	next_is("drop-writes cycle=300ms,200ms", 300, 500);
	next_is("drop-writes cycle=300ms,200ms", 500, 800);
	next_is("drop-writes cycle=300ms,200ms for=600ms", 550, 600);
	next_is("drop-writes cycle=300ms,200ms for=600ms", 600, -1);
}

/* Whatever the mode: between two changes what is in force is one and the same,
 * and at a change it may be another. */
static void nothing_changes_between_two_changes(void **state)
{
	static const char *const lines[] = {
		"drop-writes cycle=100ms,300ms",
		"error-writes for=700ms",
		"drop-writes cycle=200ms,100ms for=1s",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct mode mode;

		assert_int_equal(mode_parse(lines[i], &mode, NULL), 0);
		for (int64_t ms = 0; ms < 1500; ms++) {
			int64_t next_ms = schedule_next(&mode, ms);

			assert_true(next_ms == -1 || next_ms > ms);
			if (next_ms != ms + 1)
				assert_int_equal(mode_at(&mode, ms),
						 mode_at(&mode, ms + 1));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mode_without_end_never_changes),
		cmocka_unit_test(a_mode_for_a_time_changes_once),
		cmocka_unit_test(a_cycle_goes_round),
		cmocka_unit_test(nothing_changes_between_two_changes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
