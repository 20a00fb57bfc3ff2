/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/nearest.h"
#include "failpoints/errnos.h"

/* Linux has none from here on. */
#define NUMBERS_MAX 4096
/* What asm-generic/errno.h ends with, EHWPOISON, and two numbers unused. */
#define NAMES 131

static void names_and_numbers_are_those_of_the_c_library(void **state)
{
	unsigned int count = 0;

	(void)state;
	for (int i = 1; i < NUMBERS_MAX; i++) {
		const char *name = strerrorname_np(i);

		if (!name) {
			assert_null(errnos_name(i));
			continue;
		}
		assert_non_null(errnos_name(i));
		assert_string_equal(errnos_name(i), name);
		assert_int_equal(errnos_find(name, strlen(name)), i);
		count++;
	}
	assert_int_equal(count, NAMES);
	assert_null(errnos_name(0));
	assert_null(errnos_name(-EIO));
}

static void second_names_are_found(void **state)
{
	(void)state;
	assert_int_equal(errnos_find("EWOULDBLOCK", 11), EAGAIN);
	assert_int_equal(errnos_find("EDEADLOCK", 9), EDEADLK);
	assert_int_equal(errnos_find("ENOTSUP", 7), EOPNOTSUPP);
}

static void other_words_are_none(void **state)
{
	static const char *const words[] = {
		"",    "E",    "EI",	  "EIOO", "eio",
		"Eio", " EIO", "SUCCESS", "5",	  "EMULTIHOPEMULTIHOPEMULTIHOP",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_int_equal(errnos_find(words[i], strlen(words[i])), 0);
	/* Only so many bytes count. */
	assert_int_equal(errnos_find("EIOX", 3), EIO);
	assert_int_equal(errnos_find("EIO", 2), 0);
}

static void all_names_are_offered(void **state)
{
	struct nearest nearest;

	(void)state;
	nearest_init(&nearest, "ENOSPCC");
	errnos_offer(&nearest);
	assert_string_equal(nearest.best, "ENOSPC");
	nearest_init(&nearest, "EHWPOISSON");
	errnos_offer(&nearest);
	assert_string_equal(nearest.best, "EHWPOISON");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers_are_those_of_the_c_library),
		cmocka_unit_test(second_names_are_found),
		cmocka_unit_test(other_words_are_none),
		cmocka_unit_test(all_names_are_offered),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
