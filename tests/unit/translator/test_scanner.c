/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/text.h"
#include "tools/failpoint/scanner.h"

/* Each token as a letter, in capitals when it is open; a + behind those of
 * directives, a ! before those that are alone so far. */
static void scan(struct text *text, const char *source, size_t length)
{
	static const char letters[] = "ehwnlcbp";
	struct scanner scanner;
	struct scanner_token token;
	size_t end = 0;

	scanner_init(&scanner, source, length);
	while (scanner_next(&scanner, &token)) {
		assert_true(token.start >= end && token.end > token.start);
		assert_true(token.end <= length);
		end = token.end;
		text_printf(text, "%s%c%s", token.alone ? "!" : "",
			    letters[token.kind] - (token.open ? 'a' - 'A' : 0),
			    token.directive ? "+" : "");
	}
	assert_int_equal(token.kind, SCANNER_END);
	assert_int_equal(token.end, length);
}

static const struct {
	const char *source;
	const char *tokens;
} rows[] = {
	{"", ""},
	{" \t\r\n\f\v", ""},
	{"a b", "!ww"},
	{"a\nb", "!w!w"},
	{"\xef\xbb\xbf"
	 "a",
	 "!w"},
	{"// a\nb", "!c!w"},
	{"a // b // c\n", "!wc"},
	{"/* a */ b", "!bw"},
	{"/* a\n * b */ c\n/**/d", "!bw!bw"},
	{"/*/ */ a */", "!bwpp"},
	{"/* a", "!B"},
	{"/*", "!B"},
	{"a / b", "!wpw"},
	{"\"a\" 'b' \"\\\"\" '\\''", "!llll"},
	{"\"a\nb\"", "!L!wL"},
	{"'\nb", "!L!w"},
	{"\"a", "!L"},
	{"\"a\\", "!L"},
	{"\"/* a\" // \"", "!lc"},
	{"L\"a\" u8\"b\"", "!wlwl"},
	/* line splices */
	{"a\\\nb", "!w"},
	{"a \\\nb", "!w!w"},
	{"// a \\\nb\nc", "!c!w"},
	{"// a \\ \t\nb\nc", "!c!w"},
	{"// a \\\r\nb\r\nc", "!c!w"},
	{"// a \\ b\nc", "!c!w"},
	{"/\\\n/ a\nb", "!c!w"},
	{"/\\\n* a *\\\n/ b", "!bw"},
	{"\"a\\\nb\" c", "!lw"},
	{"\"a\\\\\nb\"", "!l"}, /* the splice comes first */
	{"\\\n\\\n// a", "!c"},
	{"\\", "!p"},
	/* numbers, with quotes in them and signs */
	{"1'000'000 'a'", "!nl"},
	{"0x1p-3 1e+5 .5f 1.e5", "!nnnn"},
	{"1+2 a.b ... 1'", "!npnwpwpppnL"},
	/* raw strings, and what only looks like one */
	{"R\"(a)\" b", "!lw"},
	{"R\"(\n// a\n\")\" b", "!lw"},
	{"u8R\"x()\")y\")x\" b", "!lw"},
	{"R\"x\\\n()x\" b", "!wlw"},
	{"R\"(a) b\nc", "!wL!w"},
	{"R\"12345678901234567()12345678901234567\"", "!wl"},
	{"xR\"(a)\"", "!wl"},
	{"R (\"a\")", "!wplp"},
	{"R\"a\"", "!wl"},
	/* directives */
	{"#if a\nb", "!h+w+w+!w"},
	{" # define A \\\n b // c\nx", "!h+w+w+!w+c+!w"},
	{"/* a */ #if b", "!bh+w+w+"},
	{"a #b", "!wpw"},
	{"#define A /* \n */ b\nc", "!h+w+w+b+w+!w"},
	{"%: if a\n%:b", "!h+w+w+!h+w+"},
	{"% a", "!pw"},
	{"#include <a//b>\n<c", "!h+w+l+!pw"},
	{"# include_next <a'b\\>// c", "!h+w+l+c+"},
	{"#include <a\nb>", "!h+w+L+!wp"},
	{"#include \"a\" <b>", "!h+w+l+p+w+p+"},
	{"#define include <a>", "!h+w+w+p+w+p+"},
	{"#error don't\na", "!h+w+w+L+!w"},
	{"#\n#\na", "!h+!h+!w"},
	{"#define A \"\\\n\" // \\\n b\nc", "!h+w+w+l+c+!w"},
	/* bytes of any kind */
	{"\xc3\xa4 $a a\xff", "!www"},
	{"@ ` \x01", "!ppp"},
};

static void tokens_are_what_compilers_see(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *source = rows[i].source;
		size_t length = strlen(source);
		/* So that a sanitizer sees who reads behind the end. */
		char *copy = malloc(length ? length : 1);
		struct text got;

		assert_non_null(copy);
		memcpy(copy, source, length);
		text_init(&got);
		text_append(&got, "", 0);
		scan(&got, copy, length);
		if (strcmp(got.data, rows[i].tokens) != 0)
			print_message("row %zu: %s\n", i, source);
		assert_string_equal(got.data, rows[i].tokens);
		text_done(&got);
		free(copy);
	}
}

static void nul_is_a_byte_like_others(void **state)
{
	static const char source[] = "a \0 // \0 b\nc \"\0\"";
	struct text got;

	(void)state;
	text_init(&got);
	scan(&got, source, sizeof(source) - 1);
	assert_string_equal(got.data, "!wpc!wl");
	text_done(&got);
}

static void lines_and_splices_are_counted(void **state)
{
	static const char source[] =
		"a\n/* b\n */ c \\\n d\\\ne f\n\n// g \\\nh\n";
	static const size_t lines[][2] = {
		{1, 1}, {2, 3}, {3, 3}, {4, 5}, {5, 5}, {7, 8},
	};
	static const bool spliced[] = {false, false, false, true, false, true};
	static const bool joined[] = {false, false, false, true, false, false};
	struct scanner scanner;
	struct scanner_token token;
	size_t i = 0;

	(void)state;
	scanner_init(&scanner, source, sizeof(source) - 1);
	while (scanner_next(&scanner, &token)) {
		assert_int_equal(token.line, lines[i][0]);
		assert_int_equal(token.end_line, lines[i][1]);
		assert_int_equal(token.spliced, spliced[i]);
		assert_int_equal(token.joined, joined[i]);
		i++;
	}
	assert_int_equal(i, sizeof(lines) / sizeof(lines[0]));
}

/* A carriage return before a newline is no part of a comment. */
static void comments_end_before_the_end_of_their_line(void **state)
{
	struct scanner scanner;
	struct scanner_token token;

	(void)state;
	scanner_init(&scanner, "// a\r\n// b", 10);
	assert_true(scanner_next(&scanner, &token));
	assert_int_equal(token.end, 4);
	assert_true(scanner_next(&scanner, &token));
	assert_int_equal(token.line, 2);
	assert_int_equal(token.end, 10);
	assert_false(scanner_next(&scanner, &token));
	assert_false(scanner_next(&scanner, &token));
}

/* What would be looked through to the end for each of its beginnings. */
static void beginnings_without_end_take_no_time(void **state)
{
	static const char *const pieces[] = {
		"R\"(", "R\"a(", "/*", "\"\\\n", "'", "\\ \t", "//\\\n", "1'a"};
	size_t length = (size_t)4 << 20;
	char *source = malloc(length);

	(void)state;
	assert_non_null(source);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t piece = strlen(pieces[i]);
		struct scanner scanner;
		struct scanner_token token;
		size_t count = 0;

		for (size_t k = 0; k < length; k++)
			source[k] = pieces[i][k % piece];
		scanner_init(&scanner, source, length);
		while (scanner_next(&scanner, &token))
			count++;
		assert_true(count <= length);
	}
	free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_what_compilers_see),
		cmocka_unit_test(nul_is_a_byte_like_others),
		cmocka_unit_test(lines_and_splices_are_counted),
		cmocka_unit_test(comments_end_before_the_end_of_their_line),
		cmocka_unit_test(beginnings_without_end_take_no_time),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
