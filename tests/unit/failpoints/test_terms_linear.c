/* SPDX-License-Identifier: MIT */
/*
 * Twice the string takes about twice the time, whatever is in it: what is read
 * again and again, or copied each time it grows, takes four times as long. As CPU
 * time, the best of several runs, and again where something came between: of what
 * is not linear, no number of runs is good.
 */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/duration.h"
#include "failpoints/terms.h"
#include "failpoints/terms_multi.h"
#include "tests/unit/failpoints/language.h"

#define LONG TERMS_LENGTH_MAX
#define RUNS 5
#define ATTEMPTS 10
#define RATIO_MAX 3.0
/* Below it, what is measured is the clock: more at once, then. */
#define ENOUGH_NS 1000000
/* No string at all may take so long. */
#define FAR_TOO_LONG_NS 1000000000

/* The whole string is front, then piece again and again, then behind. */
struct row {
	const char *front;
	const char *piece;
	const char *behind;
};

typedef void work_fn(const char *string, size_t length);

static void parse(const char *string, size_t length)
{
	struct errmsg why;
	struct terms *terms;
	struct text text;

	if (terms_parse(string, length, &language, 1, &terms, &why) < 0)
		return;
	text_init(&text);
	terms_print(terms, &text);
	assert_int_equal(text_result(&text), 0);
	text_done(&text);
	terms_free(terms);
}

static void split(const char *string, size_t length)
{
	struct terms_multi_entry entry;
	struct errmsg why;
	size_t cursor = 0;

	while (terms_multi_next(string, length, &cursor, &entry, &why) != 0)
		;
}

static void measure_duration(const char *string, size_t length)
{
	struct errmsg why;
	int64_t ns;

	(void)duration_parse(string, length, 0, &ns, &why);
}

static char *fill(const struct row *row, size_t length)
{
	char *string = malloc(length + 1);
	size_t piece = strlen(row->piece);
	size_t behind = strlen(row->behind);
	size_t at = strlen(row->front);

	assert_non_null(string);
	memcpy(string, row->front, at);
	for (; at + piece + behind <= length; at += piece)
		memcpy(string + at, row->piece, piece);
	/* Blanks, where a whole piece has no room. */
	memset(string + at, ' ', length - behind - at);
	strcpy(string + length - behind, row->behind);
	return string;
}

static int64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t best_ns(work_fn *work, const char *string, size_t length,
		       unsigned int times)
{
	int64_t best = INT64_MAX;

	for (int run = 0; run < RUNS; run++) {
		int64_t begun = cpu_ns();

		for (unsigned int i = 0; i < times; i++)
			work(string, length);
		begun = cpu_ns() - begun;
		best = begun < best ? begun : best;
	}
	return best;
}

/* How much longer a string of twice the length takes; ret_ns: the shorter. */
static double growth(work_fn *work, const struct row *row, int64_t *ret_ns)
{
	char *half = fill(row, LONG / 2);
	char *whole = fill(row, LONG);
	double ratio = 0;
	int64_t once = best_ns(work, half, LONG / 2, 1);
	unsigned int times = (unsigned int)(ENOUGH_NS / (once + 1)) + 1;

	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		ratio = (double)best_ns(work, whole, LONG, times) /
			(double)best_ns(work, half, LONG / 2, times);
		if (ratio < RATIO_MAX)
			break;
	}
	*ret_ns = once;
	free(half);
	free(whole);
	return ratio;
}

static void is_linear(work_fn *work, const struct row *row)
{
	int64_t ns;
	double ratio = growth(work, row, &ns);

	printf("# %s%s...%s: %.3f ms, ratio %.2f\n", row->front, row->piece,
	       row->behind, (double)ns / 1e6, ratio);
	assert_in_range(ns, 0, FAR_TOO_LONG_NS);
	assert_true(ratio < RATIO_MAX);
}

static void read_again_and_again(const char *string, size_t length)
{
	size_t sum = 0;

	for (size_t i = 0; i < length; i += 64) {
		for (size_t j = i; j < length; j++)
			sum += (unsigned char)string[j];
		/* The compiler has to believe that somebody wants it. */
		__asm__ volatile("" : : "r"(sum) : "memory");
	}
}

static void what_is_not_linear_is_seen(void **state)
{
	const struct row row = {"", "x", ""};
	int64_t ns;

	(void)state;
	assert_true(growth(read_again_and_again, &row, &ns) > RATIO_MAX);
}

static void terms_take_linear_time(void **state)
{
	static const struct row rows[] = {
		/* Accepted. */
		{"off", "->16*14%13*12%11*10%off", ""},
		{"off", "->1*2*3*4*5*6*7*8*9*8*7*6*5*4*3*2*off", ""},
		{"off", "->return(\"a\\x41\\n\")", ""},
		{"return(\"", "\\x41", "\")"},
		{"return(`", "\"\\", "`)"},
		{"off->return(", " ", "1)"},
		{"off", "->all8( e = a-b,d= 5% , f=1h2m3.4s)", ""},
		{"sleep(", "1ms1ns", "1ns)"},
		{"sleep(1.", "9", "h)"},
		{"sleep(\"", "1ms1ns", "1ns\")"},
		{"", "0", "1*off"},
		{"0.", "9", "%off"},
		{"return(0x", "0", "1)"},
		{" ", " ", "off"},
		{"all8(", " ", "e = EIO)"},
		{"all8(e", " ", "= EIO)"},
		{"all8(e=", " ", "EIO)"},
		/* Refused at the very end. */
		{"off", "->16*14%13*12%11*10%off", "->"},
		{"", "1", ""},
		{"", "1.", ""},
		{"", "(", ""},
		{"", "-", ""},
		{"", "\"", ""},
		{"", "a", ""},
		{"", "a-", "!"},
		{"", "return(", ""},
		{"return(", "a", ")"},
		{"return(", "\xc2\xb5", ")"},
		{"return(", "1h", "q)"},
		{"return(\"", "\\\\", ""},
		{"return(\"", "\\x4", ""},
		{"all8(", "a=", ")"},
		{"all8(", "a ", ")"},
		{"all8(", ",", ")"},
		{"off", " ", "x"},
		{"off", "->off ", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		is_linear(parse, &rows[i]);
}

static void splitting_takes_linear_time(void **state)
{
	static const struct row rows[] = {
		{"", "a=b;", ""},      {"", ";", ""},	   {"", " ", ""},
		{"", "{;", ""},	       {"", "{", "=b"},	   {"", "{}", "=b"},
		{"", "\";\"", "=b"},   {"", "\"", ""},	   {"", "`\"", ""},
		{"", "\\", ""},	       {"a=", "\\\"", ""}, {"", "a{;", ""},
		{"a", " ", "=b"},      {"a=", " ", "b"},   {"", "=;", ""},
		{"a=", "{\"}\";", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		is_linear(split, &rows[i]);
}

static void durations_take_linear_time(void **state)
{
	static const struct row rows[] = {
		{"", "1ns", ""}, {"", "9", "ns"},      {"0.", "9", "h"},
		{"", "q", ""},	 {"", "\xc2\xb5", ""}, {"-", "0.0ns", ""},
		{"", ".", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		is_linear(measure_duration, &rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_linear_is_seen),
		cmocka_unit_test(terms_take_linear_time),
		cmocka_unit_test(splitting_takes_linear_time),
		cmocka_unit_test(durations_take_linear_time),
	};

	/* What fresh pages cost is the kernel's, and comes in jumps. */
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 24);
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 24);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
