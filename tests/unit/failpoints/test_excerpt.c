/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "failpoints/excerpt.h"

static void short_words_stay(void **state)
{
	char buffer[EXCERPT_MAX];

	(void)state;
	assert_string_equal(excerpt_of("", 0, buffer), "");
	assert_string_equal(excerpt_of("a b", 3, buffer), "a b");
	assert_string_equal(excerpt_of("\xc3\xa9\xe2\x82\xac", 5, buffer),
			    "\xc3\xa9\xe2\x82\xac");
	assert_string_equal(
		excerpt_of("0123456789abcdef0123456789abcdef", 32, buffer),
		"0123456789abcdef0123456789abcdef");
}

static void other_bytes_are_shown(void **state)
{
	char buffer[EXCERPT_MAX];
	char worst[EXCERPT_LENGTH_MAX + 1];

	(void)state;
	assert_string_equal(excerpt_of("a\0b\n\x7f\xff\xc3", 7, buffer),
			    "a\\x00b\\x0a\\x7f\\xff\\xc3");
	memset(worst, '\xff', sizeof(worst));
	excerpt_of(worst, sizeof(worst) - 1, buffer);
	assert_int_equal(strlen(buffer), 4 * EXCERPT_LENGTH_MAX);
}

static void long_words_are_cut_between_characters(void **state)
{
	char word[40];
	char buffer[EXCERPT_MAX];

	(void)state;
	memset(word, 'a', sizeof(word));
	assert_string_equal(excerpt_of(word, 33, buffer),
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...");
	memcpy(word + 30, "\xe2\x82\xac", 3);
	assert_string_equal(excerpt_of(word, 40, buffer),
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...");
	memcpy(word + 29, "\xe2\x82\xac", 3);
	assert_string_equal(excerpt_of(word, 40, buffer),
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x82\xac...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_words_stay),
		cmocka_unit_test(other_bytes_are_shown),
		cmocka_unit_test(long_words_are_cut_between_characters),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
