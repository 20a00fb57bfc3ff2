/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/escape.h"
#include "common/text.h"

static void line_breakers_are_escaped(void **state)
{
	struct text text;

	(void)state;
	text_init(&text);
	escape_append(&text, "a\nb\tc\\d\x7f e");
	assert_string_equal(text.data, "a\\012b\\011c\\134d\\177 e");
	text_done(&text);
}

static void every_byte_comes_back(void **state)
{
	char all[256];
	struct text text;

	(void)state;
	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	text_init(&text);
	escape_append(&text, all);
	assert_null(strchr(text.data, '\n'));
	escape_decode(text.data);
	assert_string_equal(text.data, all);
	text_done(&text);
}

static void what_is_no_escape_stays(void **state)
{
	static const char *const words[] = {
		"", "\\", "\\1", "\\12", "\\8aa", "\\400", "\\000", "\\x41",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char copy[16];

		strcpy(copy, words[i]);
		escape_decode(copy);
		assert_string_equal(copy, words[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_breakers_are_escaped),
		cmocka_unit_test(every_byte_comes_back),
		cmocka_unit_test(what_is_no_escape_stays),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
