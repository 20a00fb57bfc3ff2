/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"

static void sentence_is_formatted(void **state)
{
	struct errmsg msg;

	(void)state;
	errmsg_set(&msg, "'%s' has %d", "a", 3);
	assert_string_equal(msg.text, "'a' has 3");
}

static void long_sentence_is_cut(void **state)
{
	char name[2 * ERRMSG_MAX];
	struct errmsg msg;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	errmsg_set(&msg, "%s", name);
	assert_int_equal(strlen(msg.text), ERRMSG_MAX - 1);
}

static void hostile_name_forges_no_line(void **state)
{
	struct errmsg msg;

	(void)state;
	errmsg_set(&msg, "'%s'", "a\nflakey: all is well\r\x1b[2J\x7f");
	assert_null(strpbrk(msg.text, "\n\r\x1b\x7f"));
	assert_string_equal(msg.text, "'a?flakey: all is well??[2J?'");
}

static void utf8_stays(void **state)
{
	struct errmsg msg;

	(void)state;
	errmsg_set(&msg, "%s", "\xc3\xa4\xe2\x82\xac");
	assert_string_equal(msg.text, "\xc3\xa4\xe2\x82\xac");
}

static void nobody_listens(void **state)
{
	(void)state;
	errmsg_set(NULL, "%s", "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentence_is_formatted),
		cmocka_unit_test(long_sentence_is_cut),
		cmocka_unit_test(hostile_name_forges_no_line),
		cmocka_unit_test(utf8_stays),
		cmocka_unit_test(nobody_listens),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
