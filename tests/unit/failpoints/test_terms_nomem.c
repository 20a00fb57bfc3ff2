/* SPDX-License-Identifier: MIT */
/*
 * Memory runs out while terms are parsed and printed: the first, second, ...
 * allocation fails, until one run ends without a failure. And deciding needs none.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/terms.h"
#include "tests/unit/failpoints/language.h"
#include "tests/unit/fusefs/nomem.h"

#define FAILURES_MAX 200

static const char *const sources[] = {
	"off",
	"3*off->1*return(ENOSPC)->50%sleep(10ms)",
	"return(\"a\")->return(`b`)->crash(seed=1)->all8(b=\"x\",g-h=\"y\")",
	"1*2*3*4*5*6*off->off->off->off->off->off->off->off->off->off->off",
	"all8(-1)->all8(-1)->all8(-1)->all8(-1)->all8(-1)->all8(-1)->all8(-1)",
};

#define SOURCE_COUNT (sizeof(sources) / sizeof(sources[0]))

/* Returns how often memory ran out. */
static unsigned int sweep_parse(const char *source)
{
	for (unsigned int nth = 1; nth < FAILURES_MAX; nth++) {
		struct errmsg why = {""};
		struct terms *terms = NULL;
		bool fired;
		int r;

		nomem_arm(nth);
		r = terms_parse(source, strlen(source), &language, 1, &terms,
				&why);
		fired = nomem_disarm();
		if (!fired) {
			assert_int_equal(r, 0);
			terms_free(terms);
			return nth - 1;
		}
		assert_int_equal(r, -ENOMEM);
		assert_string_equal(why.text, "out of memory");
		assert_null(terms);
	}
	fail();
	return 0;
}

static void parsing_without_memory_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		assert_in_range(sweep_parse(sources[i]), 5, 20);
}

static void what_is_wrong_is_said_without_memory(void **state)
{
	static const char source[] = "return(\"abc\")->sleep(10q)";
	struct errmsg why = {""};
	struct terms *terms = NULL;
	unsigned int nth = 0;
	int r;

	(void)state;
	do {
		nomem_arm(++nth);
		r = terms_parse(source, strlen(source), &language, 1, &terms,
				&why);
		assert_int_equal(r, nomem_disarm() ? -ENOMEM : -EINVAL);
	} while (r == -ENOMEM);
	assert_true(nth > 3);
	assert_non_null(strstr(why.text, "unknown unit 'q'"));
}

static void printing_without_memory_is_told(void **state)
{
	struct terms *terms = NULL;
	struct text text;
	unsigned int nth = 0;
	bool fired;
	/* Longer than the first piece of memory that a text takes. */
	char source[600];

	(void)state;
	memset(source, 'x', sizeof(source));
	memcpy(source, "return(`", 8);
	memcpy(source + sizeof(source) - 2, "`)", 2);
	assert_int_equal(
		terms_parse(source, sizeof(source), &language, 1, &terms, NULL),
		0);
	do {
		text_init(&text);
		nomem_arm(++nth);
		terms_print(terms, &text);
		fired = nomem_disarm();
		assert_int_equal(text_result(&text), fired ? -ENOMEM : 0);
		text_done(&text);
	} while (fired);
	assert_true(nth > 2);
	terms_free(terms);
}

static void deciding_takes_no_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOURCE_COUNT; i++) {
		struct terms_decision decision;
		struct terms *terms = NULL;

		assert_int_equal(terms_parse(sources[i], strlen(sources[i]),
					     &language, 1, &terms, NULL),
				 0);
		nomem_arm(1);
		for (int j = 0; j < 1000; j++)
			(void)terms_decide(terms, &decision);
		(void)terms_counts(terms);
		(void)terms_random(terms, 1, 1);
		assert_false(nomem_disarm());
		terms_free(terms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsing_without_memory_leaves_nothing),
		cmocka_unit_test(what_is_wrong_is_said_without_memory),
		cmocka_unit_test(printing_without_memory_is_told),
		cmocka_unit_test(deciding_takes_no_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
