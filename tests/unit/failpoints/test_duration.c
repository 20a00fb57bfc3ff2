/* SPDX-License-Identifier: MIT */
/*
 * What the table of durations does not say: the sentences, the edges, and that
 * what is printed is read back as the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/duration.h"
#include "tests/unit/fusefs/seed.h"

#define STEPS 200000

static void refusals_say_where_and_what(void **state)
{
	static const char *const rows[][2] = {
		{"10q", "offset 9: unknown unit 'q'; use ns, us, ms, s, m or "
			"h"},
		{"1h10q", "offset 11: unknown unit 'q'; use ns, us, ms, s, m "
			  "or h"},
		{"1.25", "offset 11: a unit is missing after '1.25'; use ns, "
			 "us, ms, s, m or h"},
		{"1s5", "offset 10: a unit is missing after '5'; use ns, us, "
			"ms, s, m or h"},
		{"", "offset 7: a number is missing; write it like 10ms or "
		     "1h30m"},
		{"-", "offset 8: a number is missing; write it like 10ms or "
		      "1h30m"},
		{"1s ", "offset 9: a number is missing; write it like 10ms or "
			"1h30m"},
		{"ms", "offset 7: a number is missing; write it like 10ms or "
		       "1h30m"},
		{"-1s", "offset 7: a duration cannot be negative; leave out "
			"the '-'"},
		{"-0.0000000000000000000000000001ns",
		 "offset 7: a duration cannot be negative; leave out the '-'"},
		{"1h2562048h", "offset 9: too long; a duration has at most "
			       "9223372036854775807ns, 292 years"},
		{"99999999999999999999999ns",
		 "offset 7: too long; a duration has at most "
		 "9223372036854775807ns, 292 years"},
		{"18446744073709551616ns",
		 "offset 7: too long; a duration has at most "
		 "9223372036854775807ns, 292 years"},
		{"9223372036854775807ns1ns",
		 "offset 28: too long; a duration has at most "
		 "9223372036854775807ns, 292 years"},
		{"1\xc2s", "offset 8: unknown unit '\\xc2s'; use ns, us, ms, "
			   "s, m or h"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct errmsg why = {""};
		int64_t ns = 77;

		assert_int_equal(duration_parse(rows[i][0], strlen(rows[i][0]),
						7, &ns, &why),
				 -EINVAL);
		assert_string_equal(why.text, rows[i][1]);
		assert_int_equal(ns, 77);
		/* Nobody has to listen. */
		assert_int_equal(duration_parse(rows[i][0], strlen(rows[i][0]),
						7, &ns, NULL),
				 -EINVAL);
	}
}

static int64_t parse(const char *string)
{
	struct errmsg why;
	int64_t ns = -1;

	/* Not one byte behind the end is looked at. */
	size_t length = strlen(string);
	char *copy = malloc(length);

	assert_non_null(copy);
	memcpy(copy, string, length);
	assert_int_equal(duration_parse(copy, length, 0, &ns, &why), 0);
	free(copy);
	return ns;
}

static void edges_are_exact(void **state)
{
	(void)state;
	assert_int_equal(parse("9223372036.854775807s"), INT64_MAX);
	assert_int_equal(parse("153722867m16.854775807s"), INT64_MAX);
	assert_int_equal(parse("2562047h47m16s854ms775us807ns"), INT64_MAX);
	assert_int_equal(parse("0.000000000000277777777777777778h"), 1);
	assert_int_equal(parse("0.000000000000277777777777777777h"), 0);
	assert_int_equal(parse("0.999999999ns"), 0);
	assert_int_equal(parse("0.1ns0.9ns"), 0);
	assert_int_equal(parse("1.9999999999999999999999999999s"), 1999999999);
	assert_int_equal(parse("-0h0.00ms"), 0);
	assert_int_equal(parse("0000000000000000000000000000000001ns"), 1);
}

static void printing_is_short(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{0, "0s"},
		{1, "1ns"},
		{999, "999ns"},
		{1000, "1us"},
		{1500, "1.5us"},
		{10000000, "10ms"},
		{999999999, "999.999999ms"},
		{1000000000, "1s"},
		{1000000001, "1.000000001s"},
		{60000000000, "1m"},
		{61500000000, "1m1.5s"},
		{3600000000000, "1h"},
		{3600000000001, "1h0.000000001s"},
		{4530918000000, "1h15m30.918s"},
		{INT64_MAX, "2562047h47m16.854775807s"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text text;

		text_init(&text);
		duration_print(rows[i].ns, &text);
		assert_string_equal(text.data, rows[i].text);
		text_done(&text);
	}
}

static void what_is_printed_is_read_as_the_same(void **state)
{
	struct seed seed;
	struct text text;

	(void)state;
	seed_start(&seed);
	text_init(&text);
	for (unsigned long i = 0; i < seed_steps(STEPS); i++) {
		uint64_t bits = (uint64_t)seed_below(&seed, UINT32_MAX) << 32 |
				seed_below(&seed, UINT32_MAX);
		/* Of every size, and often round. */
		int64_t ns = (int64_t)(bits >> (1 + seed_below(&seed, 63)));

		if (seed_once_in(&seed, 2))
			ns -= ns % 1000000;
		text_clear(&text);
		duration_print(ns, &text);
		assert_int_equal(text_result(&text), 0);
		assert_int_equal(parse(text.data), ns);
	}
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_say_where_and_what),
		cmocka_unit_test(edges_are_exact),
		cmocka_unit_test(printing_is_short),
		cmocka_unit_test(what_is_printed_is_read_as_the_same),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
