/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/nearest.h"

static const char *best(const char *word)
{
	static const char *const names[] = {"crash", "drop-writes", "evict",
					    "log",   "mount",	    "umount"};
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		nearest_offer(&nearest, names[i]);
	return nearest.best;
}

static void slips_are_understood(void **state)
{
	(void)state;
	assert_string_equal(best("carsh"), "crash");
	assert_string_equal(best("rash"), "crash");
	assert_string_equal(best("mont"), "mount");
	assert_string_equal(best("unmount"), "umount");
	assert_string_equal(best("drop_writes"), "drop-writes");
	assert_string_equal(best("dropwrites"), "drop-writes");
	assert_string_equal(best("lgo"), "log");
}

static void the_nearest_wins(void **state)
{
	(void)state;
	assert_string_equal(best("umont"), "umount");
	assert_string_equal(best("mount"), "mount");
}

static void other_words_have_no_neighbour(void **state)
{
	char longest[1000];

	(void)state;
	assert_null(best(""));
	assert_null(best("explode"));
	assert_null(best("xyz"));
	memset(longest, 'c', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(best(longest));
}

static void hint_is_a_question_or_nothing(void **state)
{
	char buffer[NEAREST_HINT_MAX];
	struct nearest nearest;

	(void)state;
	nearest_init(&nearest, "crsh");
	assert_string_equal(nearest_hint(&nearest, buffer), "");
	nearest_offer(&nearest, "crash");
	assert_string_equal(nearest_hint(&nearest, buffer),
			    "; did you mean 'crash'?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slips_are_understood),
		cmocka_unit_test(the_nearest_wins),
		cmocka_unit_test(other_words_have_no_neighbour),
		cmocka_unit_test(hint_is_a_question_or_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
