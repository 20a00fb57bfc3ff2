/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/mode.h"

static void good_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{"3.2s", 3200},	  {"100ms", 100},    {"0.1s", 100},
		{"2", 2000},	  {"2.5", 2500},     {"1m", 60000},
		{"1.5m", 90000},  {"0.5h", 1800000}, {"8760h", 31536000000},
		{"0.1000s", 100}, {"007s", 7000},    {"0.05m", 3000},
		{"0.002m", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct errmsg why = {""};
		int64_t ms = 0;
		int r = mode_parse_duration(rows[i].text, &ms, &why);

		/* 0.002 m are 120 ms: no multiple. */
		assert_int_equal(r, rows[i].ms ? 0 : -EINVAL);
		assert_int_equal(ms, rows[i].ms);
		assert_int_equal(why.text[0] != '\0', rows[i].ms == 0);
	}
}

static void bad_durations_are_refused_with_a_sentence(void **state)
{
	static const char *const words[] = {
		"",
		"0",
		"0s",
		"0.05s",
		"50ms",
		"101ms",
		"1.25s",
		"-1s",
		"+1s",
		" 1s",
		"1 s",
		"s",
		".5s",
		"1.s",
		"1..5s",
		"1d",
		"1S",
		"1e3s",
		"nan",
		"inf",
		"0x10s",
		"1,5s",
		"8761h",
		"525601m",
		"1.0001s",
		"99999999999999999999s",
		"100ms100ms",
		"0.10000000000000000000000000000000001s",
		"999999999999h",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct errmsg why = {""};
		int64_t ms = 77;

		assert_int_equal(mode_parse_duration(words[i], &ms, &why),
				 -EINVAL);
		assert_int_equal(ms, 77);
		assert_non_null(strstr(why.text, "time '"));
	}
}

static void good_lines(void **state)
{
	static const struct {
		const char *line;
		struct mode mode;
		const char *again;
	} rows[] = {
		{"allow-writes", {MODE_ALLOW_WRITES, 0, 0, 0}, NULL},
		{"drop-writes", {MODE_DROP_WRITES, 0, 0, 0}, NULL},
		{" \tdrop-writes \n",
		 {MODE_DROP_WRITES, 0, 0, 0},
		 "drop-writes"},
		{"drop-writes for=3.2s", {MODE_DROP_WRITES, 3200, 0, 0}, NULL},
		{"error-writes cycle=2s,0.5s",
		 {MODE_ERROR_WRITES, 0, 2000, 500},
		 NULL},
		{"error-writes cycle=100ms,1m for=1h",
		 {MODE_ERROR_WRITES, 3600000, 100, 60000},
		 "error-writes for=3600s cycle=0.1s,60s"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[MODE_TEXT_MAX];
		struct errmsg why;
		struct mode mode;

		assert_int_equal(mode_parse(rows[i].line, &mode, &why), 0);
		assert_int_equal(mode.kind, rows[i].mode.kind);
		assert_int_equal(mode.for_ms, rows[i].mode.for_ms);
		assert_int_equal(mode.up_ms, rows[i].mode.up_ms);
		assert_int_equal(mode.down_ms, rows[i].mode.down_ms);
		mode_format(&mode, text, sizeof(text));
		assert_string_equal(text, rows[i].again ? rows[i].again
							: rows[i].line);
	}
}

static void bad_lines_are_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *line;
		int error;
		const char *sentence;
	} rows[] = {
		{"", -EINVAL, "a mode is missing"},
		{" \n", -EINVAL, "a mode is missing"},
		{"drop-write", -ENOENT, "did you mean 'drop-writes'"},
		{"melt", -ENOENT, "modes are allow-writes"},
		{"Drop-Writes", -ENOENT, "unknown mode"},
		{"drop-writes fro=1s", -ENOENT, "at byte 12"},
		{"drop-writes for", -ENOENT, "is no part of a mode"},
		{"drop-writes for=", -EINVAL, "at byte 12"},
		{"drop-writes for=1s for=2s", -EINVAL, "given twice"},
		{"drop-writes cycle=1s", -EINVAL, "UP,DOWN"},
		{"drop-writes cycle=1s,", -EINVAL, "time ''"},
		{"drop-writes cycle=0,1s", -EINVAL, "time '0'"},
		{"drop-writes cycle=1s,1s cycle=1s,1s", -EINVAL, "given twice"},
		{"drop-writes cycle=1s,1s,1s", -EINVAL, "time '1s,1s'"},
		{"allow-writes for=1s", -EINVAL, "leave out for="},
		{"allow-writes cycle=1s,1s", -EINVAL, "leave out for="},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mode mode = {MODE_ERROR_WRITES, 7, 7, 7};
		struct errmsg why = {""};

		assert_int_equal(mode_parse(rows[i].line, &mode, &why),
				 rows[i].error);
		assert_non_null(strstr(why.text, rows[i].sentence));
		assert_int_equal(mode.for_ms, 7);
	}
}

static void huge_word_is_refused(void **state)
{
	char line[5000];
	struct errmsg why;
	struct mode mode;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(mode_parse(line, &mode, &why), -EINVAL);
	memcpy(line, "drop-writes for=", 16);
	assert_int_equal(mode_parse(line, &mode, &why), -EINVAL);
	assert_non_null(strstr(why.text, "at byte 12"));
}

static void longest_mode_fits_its_room(void **state)
{
	struct mode mode = {MODE_ERROR_WRITES, MODE_DURATION_MAX_MS - 100,
			    MODE_DURATION_MAX_MS - 100,
			    MODE_DURATION_MAX_MS - 100};
	char text[MODE_TEXT_MAX];
	struct mode again;

	(void)state;
	mode_format(&mode, text, sizeof(text));
	assert_int_equal(mode_parse(text, &again, NULL), 0);
	assert_int_equal(again.down_ms, mode.down_ms);
}

static void mode_in_force_follows_the_clock(void **state)
{
	const struct mode plain = {MODE_DROP_WRITES, 0, 0, 0};
	const struct mode timed = {MODE_DROP_WRITES, 500, 0, 0};
	const struct mode cycle = {MODE_ERROR_WRITES, 0, 300, 200};
	const struct mode both = {MODE_ERROR_WRITES, 900, 300, 200};

	(void)state;
	assert_int_equal(mode_at(&plain, 0), MODE_DROP_WRITES);
	assert_int_equal(mode_at(&plain, INT64_MAX), MODE_DROP_WRITES);
	assert_int_equal(mode_at(&timed, -5), MODE_DROP_WRITES);
	assert_int_equal(mode_at(&timed, 499), MODE_DROP_WRITES);
	assert_int_equal(mode_at(&timed, 500), MODE_ALLOW_WRITES);
	assert_int_equal(mode_at(&cycle, 0), MODE_ALLOW_WRITES);
	assert_int_equal(mode_at(&cycle, 299), MODE_ALLOW_WRITES);
	assert_int_equal(mode_at(&cycle, 300), MODE_ERROR_WRITES);
	assert_int_equal(mode_at(&cycle, 499), MODE_ERROR_WRITES);
	assert_int_equal(mode_at(&cycle, 500), MODE_ALLOW_WRITES);
	assert_int_equal(mode_at(&cycle, 5000000300), MODE_ERROR_WRITES);
	assert_int_equal(mode_at(&both, 850), MODE_ERROR_WRITES);
	assert_int_equal(mode_at(&both, 900), MODE_ALLOW_WRITES);
}

static void number_that_is_no_mode_has_no_name(void **state)
{
	(void)state;
	assert_string_equal(mode_name(MODE_ERROR_WRITES), "error-writes");
	assert_null(mode_name((enum mode_kind)3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_durations),
		cmocka_unit_test(bad_durations_are_refused_with_a_sentence),
		cmocka_unit_test(good_lines),
		cmocka_unit_test(bad_lines_are_refused_with_a_sentence),
		cmocka_unit_test(huge_word_is_refused),
		cmocka_unit_test(longest_mode_fits_its_room),
		cmocka_unit_test(mode_in_force_follows_the_clock),
		cmocka_unit_test(number_that_is_no_mode_has_no_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
