/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/plan.h"

static void plan_comes_back_as_written(void **state)
{
	static const char *const values[] = {"all", "none"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct plan plan = {0};
		char text[PLAN_TEXT_MAX];

		assert_int_equal(plan_parse_key("keep", values[i], &plan, NULL),
				 0);
		plan_format(&plan, text, sizeof(text));
		assert_string_equal(text, i ? "keep=none" : "keep=all");
	}
}

static void digest_is_asked_for_with_yes(void **state)
{
	struct plan plan = {0};
	struct errmsg why;
	char text[PLAN_TEXT_MAX];

	(void)state;
	assert_int_equal(plan_parse_key("digest", "yes", &plan, NULL), 0);
	assert_true(plan.digest);
	plan_format(&plan, text, sizeof(text));
	assert_string_equal(text, "keep=none digest=yes");
	assert_int_equal(plan_parse_key("digest", "no", &plan, NULL), 0);
	assert_false(plan.digest);
	assert_int_equal(plan_parse_key("digest", "1", &plan, &why), -EINVAL);
	assert_non_null(strstr(why.text, "digest=yes or digest=no"));
}

static void nonsense_is_refused_with_a_sentence(void **state)
{
	struct plan plan = {.keep = PLAN_KEEP_ALL};
	struct errmsg why;

	(void)state;
	assert_int_equal(plan_parse_key("keep", "some", &plan, &why), -EINVAL);
	assert_non_null(strstr(why.text, "cannot keep 'some'"));
	assert_int_equal(plan_parse_key("keep", "", &plan, &why), -EINVAL);
	assert_int_equal(plan_parse_key("kepe", "all", &plan, &why), -ENOENT);
	assert_non_null(strstr(why.text, "did you mean 'keep'"));
	assert_int_equal(plan_parse_key("", "", &plan, &why), -ENOENT);
	assert_int_equal(plan.keep, PLAN_KEEP_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_comes_back_as_written),
		cmocka_unit_test(digest_is_asked_for_with_yes),
		cmocka_unit_test(nonsense_is_refused_with_a_sentence),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
