/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/terms_multi.h"
#include "tests/unit/fusefs/seed.h"

#define STEPS 100000

/* All entries as "<name|terms@offset>", bad ones as "!text!". */
static void describe(const char *string, size_t length, struct text *text)
{
	struct terms_multi_entry entry;
	size_t cursor = 0;
	size_t before = 0;
	int r;

	text_append(text, "", 0);
	while ((r = terms_multi_next(string, length, &cursor, &entry, NULL))) {
		assert_true(cursor > before && cursor <= length);
		before = cursor;
		assert_ptr_equal(entry.text, string + entry.offset);
		if (r < 0) {
			text_printf(text, "!%.*s!", (int)entry.length_bytes,
				    entry.text);
			continue;
		}
		assert_ptr_equal(entry.terms, string + entry.terms_offset);
		text_printf(text, "<%.*s|%.*s@%zu>",
			    (int)entry.name_length_bytes, entry.name,
			    (int)entry.terms_length_bytes, entry.terms,
			    entry.terms_offset);
	}
	assert_int_equal(cursor, length);
}

static void entries_are_split(void **state)
{
	static const char *const rows[][2] = {
		{" \n;\t; ", ""},
		{"a=b", "<a|b@2>"},
		{" a b = c d ;e=f", "<a b|c d@7><e|f@14>"},
		{"a==b=c", "<a|=b=c@2>"},
		{"a=`;=`;b=c", "<a|`;=`@2><b|c@9>"},
		{"a=\"\\\";\";b=c", "<a|\"\\\";\"@2><b|c@10>"},
		{"a=`\\`;b=c", "<a|`\\`@2><b|c@8>"},
		{"a{p=*;q=\"}\"}=off;b=c", "<a{p=*;q=\"}\"}|off@13><b|c@19>"},
		{"a{b={c;d},e}=f;", "<a{b={c;d},e}|f@13>"},
		{"a}=b", "<a}|b@3>"},
		/* Behind the '=' braces mean nothing. */
		{"a={;b=c", "<a|{@2><b|c@6>"},
		/* What is bad does not hide what is good. */
		{"a;b=c", "!a!<b|c@4>"},
		{"=x;a=;b=c", "!=x!!a=!<b|c@8>"},
		{" = ; b = c", "!=!<b|c@9>"},
		/* But what is never closed does. */
		{"a{x;b=c", "!a{x;b=c!"},
		{"\"a;b=c", "!\"a;b=c!"},
		{"a=\"x;b=c", "<a|\"x;b=c@2>"},
		{"a=\"\\", "<a|\"\\@2>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text text;

		text_init(&text);
		describe(rows[i][0], strlen(rows[i][0]), &text);
		assert_string_equal(text.data, rows[i][1]);
		text_done(&text);
	}
}

static void refusals_say_where_and_what(void **state)
{
	static const char *const rows[][2] = {
		{"  failpoint1 ", "offset 12: '=' is missing; write it like "
				  "NAME=TERMS"},
		{"=off", "offset 0: a name is missing before '='; write it "
			 "like NAME=TERMS"},
		{"a= ;", "offset 3: terms are missing after '='; write it like "
			 "NAME=return(1), or NAME=off"},
		{"x{y{}=1", "offset 1: '{' is not closed; '}' is missing"},
		{"x\"y=1", "offset 1: a quote is not closed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct terms_multi_entry entry;
		struct errmsg why = {""};
		size_t cursor = 0;

		assert_int_equal(terms_multi_next(rows[i][0],
						  strlen(rows[i][0]), &cursor,
						  &entry, &why),
				 -EINVAL);
		assert_string_equal(why.text, rows[i][1]);
	}
}

/*
 * The same by other means: what each byte is inside of, written down first.
 */
static bool blank(char c)
{
	return c == ' ' || c == '\n';
}

static void naive_entry(const char *s, size_t from, size_t to, size_t equals,
			struct text *text)
{
	size_t name_end = equals;
	size_t terms = equals + 1;

	while (from < to && blank(s[from]))
		from++;
	while (to > from && blank(s[to - 1]))
		to--;
	if (from == to)
		return;
	if (equals <= to)
		while (name_end > from && blank(s[name_end - 1]))
			name_end--;
	while (terms < to && blank(s[terms]))
		terms++;
	if (equals >= to || name_end == from || terms >= to)
		text_printf(text, "!%.*s!", (int)(to - from), s + from);
	else
		text_printf(text, "<%.*s|%.*s@%zu>", (int)(name_end - from),
			    s + from, (int)(to - terms), s + terms, terms);
}

static void naive(const char *s, size_t length, struct text *text)
{
	char inside[64] = {0}; /* the quote, '{', or 0 */
	size_t from = 0;
	size_t equals = SIZE_MAX;
	char quote = '\0';
	int depth = 0;

	text_append(text, "", 0);
	for (size_t i = 0; i <= length; i++) {
		if (i == length || (!quote && depth == 0 && s[i] == ';')) {
			naive_entry(s, from, i, equals, text);
			from = i + 1;
			equals = SIZE_MAX;
			depth = 0;
			continue;
		}
		inside[i] = quote;
		if (quote && s[i] == quote &&
		    !(quote == '"' && inside[i - 1] == '\\'))
			quote = '\0';
		else if (quote == '"' && s[i] == '\\' && inside[i - 1] != '\\')
			inside[i] = '\\'; /* what follows is escaped */
		else if (!quote && (s[i] == '"' || s[i] == '`'))
			quote = s[i];
		else if (!quote && equals == SIZE_MAX && s[i] == '{')
			depth++;
		else if (!quote && equals == SIZE_MAX && s[i] == '}')
			depth -= depth > 0;
		else if (!quote && depth == 0 && s[i] == '=' &&
			 equals == SIZE_MAX)
			equals = i;
	}
}

static void any_string_is_split_as_a_naive_twin_does(void **state)
{
	static const char letters[] = "aab==;;{}\"\"`\\ \n";
	struct seed seed;
	struct text text;
	struct text twin;

	(void)state;
	seed_start(&seed);
	text_init(&text);
	text_init(&twin);
	for (unsigned long i = 0; i < seed_steps(STEPS); i++) {
		size_t length = seed_below(&seed, 20);
		char *string = malloc(length + 1); /* for a sanitizer */

		assert_non_null(string);
		for (size_t j = 0; j < length; j++)
			string[j] =
				letters[seed_below(&seed, sizeof(letters) - 1)];
		text_clear(&text);
		text_clear(&twin);
		describe(string, length, &text);
		naive(string, length, &twin);
		if (strcmp(text.data, twin.data) != 0)
			print_error("'%.*s'\n", (int)length, string);
		assert_string_equal(text.data, twin.data);
		free(string);
	}
	text_done(&text);
	text_done(&twin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_split),
		cmocka_unit_test(refusals_say_where_and_what),
		cmocka_unit_test(any_string_is_split_as_a_naive_twin_does),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
