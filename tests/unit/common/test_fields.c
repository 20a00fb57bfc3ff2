/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/fields.h"
#include "common/text.h"
#include "tests/unit/common/jsoncheck.h"

static void write_sample(struct text *text, enum fields_format format)
{
	struct fields record;

	text_init(text);
	fields_begin(&record, text, format);
	fields_string(&record, "name", "a b\n\"c\"");
	fields_unsigned(&record, "big", UINT64_MAX);
	fields_list_begin(&record, "items");
	fields_item_begin(&record);
	fields_signed(&record, "small", INT64_MIN);
	fields_bool(&record, "yes", true);
	fields_item_end(&record);
	fields_item_begin(&record);
	fields_item_end(&record);
	fields_list_end(&record);
	fields_bool(&record, "no", false);
	fields_end(&record);
}

static void json_is_one_object(void **state)
{
	struct text text;

	(void)state;
	write_sample(&text, FIELDS_JSON);
	assert_true(jsoncheck_valid(text.data));
	assert_string_equal(
		text.data,
		"{\"name\":\"a b\\u000a\\\"c\\\"\",\"big\":18446744073709551615,"
		"\"items\":[{\"small\":-9223372036854775808,\"yes\":true},{}],"
		"\"no\":false}\n");
	text_done(&text);
}

static void empty_records_are_json(void **state)
{
	struct fields record;
	struct text text;

	(void)state;
	text_init(&text);
	fields_begin(&record, &text, FIELDS_JSON);
	fields_list_begin(&record, "items");
	fields_list_end(&record);
	fields_end(&record);
	assert_string_equal(text.data, "{\"items\":[]}\n");
	text_done(&text);
}

static void plain_comes_back(void **state)
{
	static const struct {
		const char *name;
		const char *value;
	} wanted[] = {
		{"name", "a b\n\"c\""},
		{"big", "18446744073709551615"},
		{"items", "0"},
		{"small", "-9223372036854775808"},
		{"yes", "1"},
		{"items", "1"},
		{"no", "0"},
	};
	struct text text;
	char *cursor;
	char *name;
	char *value;

	(void)state;
	write_sample(&text, FIELDS_PLAIN);
	cursor = text.data;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		assert_true(fields_next(&cursor, &name, &value));
		assert_string_equal(name, wanted[i].name);
		assert_string_equal(value, wanted[i].value);
	}
	assert_false(fields_next(&cursor, &name, &value));
	text_done(&text);
}

static void odd_lines_are_read(void **state)
{
	char lines[] = "\nlonely\n  two\nlast \\012";
	char *cursor = lines;
	char *nothing = NULL;
	char *name;
	char *value;

	(void)state;
	assert_true(fields_next(&cursor, &name, &value));
	assert_string_equal(name, "");
	assert_true(fields_next(&cursor, &name, &value));
	assert_string_equal(name, "lonely");
	assert_string_equal(value, "");
	assert_true(fields_next(&cursor, &name, &value));
	assert_string_equal(value, " two");
	assert_true(fields_next(&cursor, &name, &value));
	assert_string_equal(value, "\n");
	assert_false(fields_next(&cursor, &name, &value));
	assert_false(fields_next(&nothing, &name, &value));
}

static void numbers_come_back(void **state)
{
	(void)state;
	assert_true(fields_to_unsigned("18446744073709551615") == UINT64_MAX);
	assert_true(fields_to_signed("-9223372036854775808") == INT64_MIN);
	assert_true(fields_to_unsigned("x") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_one_object),
		cmocka_unit_test(empty_records_are_json),
		cmocka_unit_test(plain_comes_back),
		cmocka_unit_test(odd_lines_are_read),
		cmocka_unit_test(numbers_come_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
