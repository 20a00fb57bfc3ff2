/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/text.h"
#include "tests/unit/common/jsoncheck.h"

static void text_grows(void **state)
{
	struct text text;

	(void)state;
	text_init(&text);
	for (int i = 0; i < 10000; i++)
		text_printf(&text, "%d,", i % 10);
	text_append(&text, "end", 3);
	assert_int_equal(text_result(&text), 0);
	assert_int_equal(text.length_bytes, 20003);
	assert_string_equal(text.data + 20000 - 4, "8,9,end");
	text_clear(&text);
	text_append(&text, "x", 1);
	assert_string_equal(text.data, "x");
	text_done(&text);
	assert_null(text.data);
}

static void nothing_appended_is_a_string(void **state)
{
	struct text text;

	(void)state;
	text_init(&text);
	text_append(&text, NULL, 0);
	assert_string_equal(text.data, "");
	text_done(&text);
}

static void limit_is_exact_and_sticks(void **state)
{
	struct text text;

	(void)state;
	text_init(&text);
	text.limit_bytes = 10;
	text_append(&text, "0123456789", 10);
	assert_int_equal(text_result(&text), 0);
	text_append(&text, "", 0);
	assert_int_equal(text_result(&text), 0);
	text_append(&text, "x", 1);
	assert_int_equal(text_result(&text), -ENOMEM);
	text_printf(&text, "%s", "");
	assert_int_equal(text_result(&text), -ENOMEM);
	text_clear(&text);
	assert_int_equal(text_result(&text), 0);
	text_done(&text);
}

static void json_strings(void **state)
{
	static const struct {
		const char *string;
		const char *json;
	} rows[] = {
		{"", "\"\""},
		{"a\"b\\c", "\"a\\\"b\\\\c\""},
		{"\n\t\x01\x7f", "\"\\u000a\\u0009\\u0001\\u007f\""},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		 "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{"\x80", "\"\xef\xbf\xbd\""},
		{"a\xff"
		 "b",
		 "\"a\xef\xbf\xbd"
		 "b\""},
		/* cut short, overlong, a surrogate, above U+10FFFF */
		{"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xe0\x80\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xf4\x90", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text text;

		text_init(&text);
		text_json_string(&text, rows[i].string);
		assert_string_equal(text.data, rows[i].json);
		assert_true(jsoncheck_valid(text.data));
		text_done(&text);
	}
}

static void all_pairs_of_bytes_are_valid_json(void **state)
{
	struct text text;

	(void)state;
	text_init(&text);
	for (int a = 1; a < 256; a++) {
		for (int b = 1; b < 256; b++) {
			const char pair[] = {(char)a, (char)b, '\0'};

			text_clear(&text);
			text_json_string(&text, pair);
			assert_true(jsoncheck_valid(text.data));
		}
	}
	text_done(&text);
}

static void the_checker_can_say_no(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}}",
		"{\"a\":}",
		"{\"a\" 1}",
		"[1,]",
		"{\"a\":1,}",
		"01",
		"\"a",
		"\"\n\"",
		"{\"a\":1 \"b\":2}",
		"tru",
		"[}",
		"1.",
		"\"\\x\"",
	};
	static const char *const good[] = {
		"{}", "[]", "[[],{}]", "{\"a\":[1,-2.5,true,null]}\n", "\"\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(jsoncheck_valid(bad[i]));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(jsoncheck_valid(good[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_grows),
		cmocka_unit_test(nothing_appended_is_a_string),
		cmocka_unit_test(limit_is_exact_and_sticks),
		cmocka_unit_test(json_strings),
		cmocka_unit_test(all_pairs_of_bytes_are_valid_json),
		cmocka_unit_test(the_checker_can_say_no),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
