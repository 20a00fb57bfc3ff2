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

static const struct {
	const char *line;
	struct mode mode;
	const char *again; /* NULL: the line itself */
} good_rows[] = {
	{"allow-writes", {.kind = MODE_ALLOW_WRITES}, NULL},
	{"drop-writes", {.kind = MODE_DROP_WRITES}, NULL},
	{" \tdrop-writes \n", {.kind = MODE_DROP_WRITES}, "drop-writes"},
	{"drop-writes for=3.2s",
	 {.kind = MODE_DROP_WRITES, .for_ms = 3200},
	 NULL},
	{"error-writes cycle=2s,0.5s",
	 {.kind = MODE_ERROR_WRITES, .up_ms = 2000, .down_ms = 500},
	 NULL},
	{"error-writes cycle=100ms,1m for=1h",
	 {.kind = MODE_ERROR_WRITES,
	  .for_ms = 3600000,
	  .up_ms = 100,
	  .down_ms = 60000},
	 "error-writes for=3600s cycle=0.1s,60s"},
	{"error-reads", {.kind = MODE_ERROR_READS}, NULL},
	{"error-reads for=1s",
	 {.kind = MODE_ERROR_READS, .for_ms = 1000},
	 NULL},
	{"corrupt-bio-byte 1 r 0",
	 {.kind = MODE_CORRUPT_BIO_BYTE, .nth_byte = 1},
	 NULL},
	{"corrupt-bio-byte 1048576 w 255 32",
	 {.kind = MODE_CORRUPT_BIO_BYTE,
	  .nth_byte = 1048576,
	  .on_write = true,
	  .value = 255,
	  .bio_flags = 32},
	 NULL},
	{"corrupt-bio-byte 0x20 w 0xFf 0 cycle=1s,1s",
	 {.kind = MODE_CORRUPT_BIO_BYTE,
	  .nth_byte = 32,
	  .on_write = true,
	  .value = 255,
	  .up_ms = 1000,
	  .down_ms = 1000},
	 "corrupt-bio-byte 32 w 255 cycle=1s,1s"},
	/* Keys may stand between the words. */
	{"corrupt-bio-byte for=1s 010 r 7",
	 {.kind = MODE_CORRUPT_BIO_BYTE,
	  .nth_byte = 10,
	  .value = 7,
	  .for_ms = 1000},
	 "corrupt-bio-byte 10 r 7 for=1s"},
	{"random-read-corrupt 0", {.kind = MODE_RANDOM_READ_CORRUPT}, NULL},
	{"random-write-corrupt seed=18446744073709551615 1000000000",
	 {.kind = MODE_RANDOM_WRITE_CORRUPT,
	  .probability = 1000000000,
	  .seed = UINT64_MAX},
	 "random-write-corrupt 1000000000 seed=18446744073709551615"},
};

static void good_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good_rows) / sizeof(good_rows[0]); i++) {
		char text[MODE_TEXT_MAX];
		struct errmsg why;
		struct mode mode;

		assert_int_equal(mode_parse(good_rows[i].line, &mode, &why), 0);
		assert_int_equal(mode.kind, good_rows[i].mode.kind);
		assert_int_equal(mode.for_ms, good_rows[i].mode.for_ms);
		assert_int_equal(mode.up_ms, good_rows[i].mode.up_ms);
		assert_int_equal(mode.down_ms, good_rows[i].mode.down_ms);
		assert_int_equal(mode.nth_byte, good_rows[i].mode.nth_byte);
		assert_int_equal(mode.on_write, good_rows[i].mode.on_write);
		assert_int_equal(mode.value, good_rows[i].mode.value);
		assert_int_equal(mode.bio_flags, good_rows[i].mode.bio_flags);
		assert_int_equal(mode.probability,
				 good_rows[i].mode.probability);
		assert_int_equal(mode.seed, good_rows[i].mode.seed);
		mode_format(&mode, text, sizeof(text));
		assert_string_equal(text, good_rows[i].again
						  ? good_rows[i].again
						  : good_rows[i].line);
	}
}

static const struct {
	const char *line;
	int error;
	const char *sentence;
} bad_rows[] = {
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
	{"allow-writes 1", -ENOENT, "'1' is no part of a mode"},
	{"error-read", -ENOENT, "did you mean 'error-reads'"},
	{"error-reads 5", -ENOENT, "at byte 12"},
	{"error-reads seed=5", -EINVAL, "leave out seed="},
	{"drop-writes seed=1", -EINVAL, "nothing to chance"},
	{"corrupt-bio-byte", -EINVAL, "needs NTH r|w VALUE"},
	{"corrupt-bio-byte 1", -EINVAL, "needs NTH r|w VALUE"},
	{"corrupt-bio-byte 1 r", -EINVAL, "needs NTH r|w VALUE"},
	{"corrupt-bio-byte 1 r for=1s", -EINVAL, "needs NTH r|w VALUE"},
	{"corrupt-bio-byte 0 r 1", -EINVAL, "counted from 1"},
	{"corrupt-bio-byte 1048577 r 1", -EINVAL, "to 1048576"},
	{"corrupt-bio-byte -1 r 1", -EINVAL, "at byte 17"},
	{"corrupt-bio-byte x r 1", -EINVAL, "'x' is no byte"},
	{"corrupt-bio-byte 0x r 1", -EINVAL, "'0x' is no byte"},
	{"corrupt-bio-byte 0xg r 1", -EINVAL, "'0xg' is no byte"},
	{"corrupt-bio-byte 99999999999999999999999 r 1", -EINVAL, "is no byte"},
	{"corrupt-bio-byte 1 R 1", -EINVAL, "'R' is no direction"},
	{"corrupt-bio-byte 1 rw 1", -EINVAL, "at byte 19"},
	{"corrupt-bio-byte 1 r 256", -EINVAL, "0 to 255"},
	{"corrupt-bio-byte 1 r 1.5", -EINVAL, "at byte 21"},
	{"corrupt-bio-byte 1 r -1", -EINVAL, "no value of a byte"},
	{"corrupt-bio-byte 1 r 1 meta", -EINVAL, "REQ_"},
	{"corrupt-bio-byte 1 r 1 4294967296", -EINVAL, "REQ_"},
	{"corrupt-bio-byte 1 r 1 0 0", -ENOENT, "at byte 25"},
	{"corrupt-bio-byte 1 r 1 seed=3", -EINVAL, "at byte 23"},
	{"random-read-corrupt", -EINVAL, "a chance of 0 to"},
	{"random-read-corrupt 1000000001", -EINVAL, "a chance of 0 to"},
	{"random-read-corrupt 5%", -EINVAL, "'5%' is not a chance"},
	{"random-read-corrupt -1", -EINVAL, "at byte 20"},
	{"random-read-corrupt 1 2", -ENOENT, "at byte 22"},
	{"random-write-corrupt 1 seed=0", -EINVAL, "seed '0'"},
	{"random-write-corrupt 1 seed=", -EINVAL, "seed ''"},
	{"random-write-corrupt 1 seed=x", -EINVAL, "at byte 23"},
	{"random-write-corrupt 1 seed=18446744073709551616", -EINVAL,
	 "is no number from 1"},
	{"random-write-corrupt 1 seed=1 seed=1", -EINVAL, "given twice"},
	{"random-corrupt 5", -ENOENT, "unknown mode"},
};

static void bad_lines_are_refused_with_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
		struct mode mode = {.kind = MODE_ERROR_WRITES,
				    .for_ms = 7,
				    .up_ms = 7,
				    .down_ms = 7};
		struct errmsg why = {""};

		assert_int_equal(mode_parse(bad_rows[i].line, &mode, &why),
				 bad_rows[i].error);
		assert_non_null(strstr(why.text, bad_rows[i].sentence));
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
	const int64_t most_ms = MODE_DURATION_MAX_MS - 100;
	const struct mode modes[] = {
		{.kind = MODE_ERROR_WRITES,
		 .for_ms = most_ms,
		 .up_ms = most_ms,
		 .down_ms = most_ms},
		{.kind = MODE_RANDOM_WRITE_CORRUPT,
		 .probability = MODE_PROBABILITY_ALWAYS,
		 .seed = UINT64_MAX,
		 .for_ms = most_ms,
		 .up_ms = most_ms,
		 .down_ms = most_ms},
		{.kind = MODE_CORRUPT_BIO_BYTE,
		 .nth_byte = MODE_NTH_MAX,
		 .value = 255,
		 .bio_flags = UINT32_MAX,
		 .for_ms = most_ms,
		 .up_ms = most_ms,
		 .down_ms = most_ms},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		char text[MODE_TEXT_MAX];
		struct mode again;

		mode_format(&modes[i], text, sizeof(text));
		assert_int_equal(mode_parse(text, &again, NULL), 0);
		assert_int_equal(again.down_ms, most_ms);
		assert_int_equal(again.seed, modes[i].seed);
		assert_int_equal(again.bio_flags, modes[i].bio_flags);
	}
}

static void random_modes_get_a_seed(void **state)
{
	struct mode mode = {.kind = MODE_RANDOM_READ_CORRUPT};
	struct mode plain = {.kind = MODE_CORRUPT_BIO_BYTE};

	(void)state;
	mode_choose_seed(&mode);
	assert_int_not_equal(mode.seed, 0);
	mode.seed = 7;
	mode_choose_seed(&mode);
	assert_int_equal(mode.seed, 7);
	mode_choose_seed(&plain);
	assert_int_equal(plain.seed, 0);
}

static void only_two_modes_stop_commits(void **state)
{
	(void)state;
	for (int i = 0; mode_name((enum mode_kind)i); i++) {
		enum mode_kind kind = (enum mode_kind)i;
		enum mode_kind commits = mode_of_commits(kind);

		if (kind == MODE_DROP_WRITES || kind == MODE_ERROR_WRITES)
			assert_int_equal(commits, kind);
		else
			assert_int_equal(commits, MODE_ALLOW_WRITES);
	}
}

static void mode_in_force_follows_the_clock(void **state)
{
	const struct mode plain = {.kind = MODE_DROP_WRITES};
	const struct mode timed = {.kind = MODE_DROP_WRITES, .for_ms = 500};
	const struct mode cycle = {
		.kind = MODE_ERROR_WRITES, .up_ms = 300, .down_ms = 200};
	const struct mode both = {.kind = MODE_ERROR_WRITES,
				  .for_ms = 900,
				  .up_ms = 300,
				  .down_ms = 200};

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
	assert_null(mode_name((enum mode_kind)7));
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
		cmocka_unit_test(random_modes_get_a_seed),
		cmocka_unit_test(only_two_modes_stop_commits),
		cmocka_unit_test(mode_in_force_follows_the_clock),
		cmocka_unit_test(number_that_is_no_mode_has_no_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
