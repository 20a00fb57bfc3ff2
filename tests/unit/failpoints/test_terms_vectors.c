/* SPDX-License-Identifier: MIT */
/*
 * Every row of the tables of tests/vectors that are about terms.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/duration.h"
#include "failpoints/errnos.h"
#include "failpoints/terms.h"
#include "failpoints/terms_multi.h"
#include "tests/unit/failpoints/vector.h"

#define NAMES_MAX 8

/* How many rows the tables have: a table that was cut is no proof. */
#define PARSE_ROWS 143
#define EVAL_ROWS 25
#define MULTI_ROWS 19
#define DURATION_ROWS 37

static void quote(const char *string, struct text *text)
{
	text_append(text, "\"", 1);
	for (; *string; string++)
		if (*string == '\n')
			text_append(text, "\\n", 2);
		else if (*string == '\\')
			text_append(text, "\\\\", 2);
		else
			text_append(text, string, 1);
	text_append(text, "\"", 1);
}

/* A value as the tables write it. */
static void describe_value(const struct terms_value *value, struct text *text)
{
	if (value->text && value->length_bytes == 1 &&
	    (unsigned char)value->text[0] >= 0x80) {
		text_printf(text, "string (one byte 0x%02x)",
			    (unsigned char)value->text[0]);
	} else if (value->text) {
		text_printf(text, "string:");
		quote(value->text, text);
	} else if (value->kind == TERMS_INT) {
		text_printf(text, "int:%" PRId64, value->number);
	} else if (value->kind == TERMS_BOOL) {
		text_printf(text, "bool:%s", value->number ? "true" : "false");
	} else if (value->kind == TERMS_ERRNO) {
		text_printf(text, "errno:%s", errnos_name((int)value->number));
	} else if (value->kind == TERMS_DURATION) {
		text_printf(text, "duration:");
		duration_print(value->number, text);
	} else {
		assert_int_equal(value->kind, TERMS_NONE);
		text_printf(text, "none");
	}
}

static void describe(const struct terms *terms, struct text *text)
{
	const struct terms_term *term;

	for (size_t i = 0; (term = terms_at(terms, i)); i++) {
		text_printf(text, "%s", i > 0 ? " ; " : "");
		for (size_t j = 0; j < term->modifier_count; j++) {
			const struct terms_modifier *modifier =
				&term->modifiers[j];

			if (modifier->percent)
				text_printf(text, "prob=%g ",
					    (double)modifier->number / 1e9);
			else
				text_printf(text, "count=%" PRIu64 " ",
					    modifier->number);
		}
		text_printf(text, "%s val=", term->action->name);
		if (term->action->param_count > 0)
			describe_value(&term->args[0], text);
		else
			text_printf(text, "none");
	}
}

static int parse(const char *source, size_t length, struct terms **ret_terms)
{
	struct errmsg why = {""};
	size_t offset;
	int r = terms_parse(source, length, NULL, 1, ret_terms, &why);

	/* Whatever is refused, is refused with a place in it. */
	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		assert_int_equal(sscanf(why.text, "offset %zu: ", &offset), 1);
		assert_in_range(offset, 0, length);
	}
	return r;
}

static void terms_are_taken_and_refused_as_the_table_says(void **state)
{
	struct vector vector;
	unsigned int rows = 0;
	unsigned int wrong = 0;

	(void)state;
	vector_open(&vector, "terms-parse.tsv");
	while (vector_next(&vector)) {
		struct terms *terms = NULL;
		struct text text;
		int r;

		vector_unquote(&vector, 1);
		text_init(&text);
		r = parse(vector.cells[1], vector.lengths[1], &terms);
		text_printf(&text, "%s", r < 0 ? "REJECT" : "ACCEPT ");
		if (r == 0)
			describe(terms, &text);
		if (strcmp(text.data, vector.cells[2]) != 0) {
			print_error("%s: '%s': %s, not %s\n", vector.cells[0],
				    vector.cells[1], text.data,
				    vector.cells[2]);
			wrong++;
		}
		text_done(&text);
		terms_free(terms);
		rows++;
	}
	vector_close(&vector);
	assert_int_equal(wrong, 0);
	assert_int_equal(rows, PARSE_ROWS);
}

/* What the point's code would see. */
static void describe_decision(const struct terms_decision *decision,
			      struct text *text)
{
	const struct terms_value *value = &decision->args[0];

	switch (decision->id) {
	case TERMS_RETURN:
		if (value->kind == TERMS_STRING)
			text_printf(text, "string:%s ", value->text);
		else
			describe_value(value, text);
		if (value->kind != TERMS_STRING)
			text_append(text, " ", 1);
		break;
	case TERMS_PANIC:
		if (value->kind == TERMS_NONE)
			text_printf(text, "[panic: the message names the "
					  "failpoint] ");
		else {
			text_printf(text, "[panic: \"");
			terms_print_value(value, text);
			text_printf(text, "\"] ");
		}
		break;
	default:
		text_printf(text, "miss ");
	}
}

static void hits_decide_as_the_table_says(void **state)
{
	struct vector vector;
	unsigned int rows = 0;
	unsigned int wrong = 0;

	(void)state;
	vector_open(&vector, "terms-eval.tsv");
	while (vector_next(&vector)) {
		struct terms_decision decision;
		struct terms *terms = NULL;
		struct text text;
		long calls = strtol(vector.cells[2], NULL, 10);

		vector_unquote(&vector, 1);
		text_init(&text);
		assert_int_equal(
			parse(vector.cells[1], vector.lengths[1], &terms), 0);
		for (long i = 0; i < calls; i++)
			if (terms_decide(terms, &decision))
				describe_decision(&decision, &text);
			else
				text_printf(&text, "miss ");
		text_printf(&text, "counter=%" PRIu64,
			    terms_counts(terms).fired);
		assert_int_equal(terms_counts(terms).hits, calls);
		if (strcmp(text.data, vector.cells[3]) != 0) {
			print_error("%s: '%s': %s, not %s\n", vector.cells[0],
				    vector.cells[1], text.data,
				    vector.cells[3]);
			wrong++;
		}
		text_done(&text);
		terms_free(terms);
		rows++;
	}
	vector_close(&vector);
	assert_int_equal(wrong, 0);
	assert_int_equal(rows, EVAL_ROWS);
}

/* The points of one string, as a host keeps them: of one name the last. */
struct points {
	size_t count;
	struct terms_multi_entry entries[NAMES_MAX];
};

static void put(struct points *points, const struct terms_multi_entry *entry)
{
	size_t i;

	for (i = 0; i < points->count; i++)
		if (points->entries[i].name_length_bytes ==
			    entry->name_length_bytes &&
		    memcmp(points->entries[i].name, entry->name,
			   entry->name_length_bytes) == 0)
			break;
	assert_true(i < NAMES_MAX);
	points->entries[i] = *entry;
	if (i == points->count)
		points->count++;
}

static void describe_string(const char *string, size_t length,
			    struct text *text)
{
	struct points points = {0};
	struct terms_multi_entry entry;
	struct errmsg why = {""};
	size_t cursor = 0;
	int r;

	while ((r = terms_multi_next(string, length, &cursor, &entry, &why)) >
	       0) {
		struct terms *terms = NULL;

		r = parse(entry.terms, entry.terms_length_bytes, &terms);
		terms_free(terms);
		if (r < 0)
			break;
		put(&points, &entry);
	}
	if (r < 0) {
		text_printf(text, "error");
		return;
	}
	text_printf(text, "{");
	for (size_t i = 0; i < points.count; i++)
		text_printf(text, "%s%.*s: %.*s", i > 0 ? ", " : "",
			    (int)points.entries[i].name_length_bytes,
			    points.entries[i].name,
			    (int)points.entries[i].terms_length_bytes,
			    points.entries[i].terms);
	text_printf(text, "}");
}

/* What the table says in words, as a result. */
static const char *meaning(const char *words)
{
	static const char *const pairs[][2] = {
		{"{} no error", "{}"},
		{"error (whole string)", "error"},
		{"error: empty terms", "error"},
		{"error: empty name", "error"},
		{"split at first `=` only, outside quotes",
		 "{a: return(\"x=y\")}"},
		{"quote-aware split", "{a: return(\"x;y\")}"},
		{"last wins", "{a: return(2)}"},
		{"trim blanks around name", "{a: return(1)}"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (strcmp(words, pairs[i][0]) == 0)
			return pairs[i][1];
	return words;
}

static void several_entries_are_split_as_the_table_says(void **state)
{
	struct vector vector;
	unsigned int rows = 0;
	unsigned int wrong = 0;

	(void)state;
	vector_open(&vector, "multi.tsv");
	while (vector_next(&vector)) {
		struct text text;

		text_init(&text);
		describe_string(vector.cells[1], vector.lengths[1], &text);
		if (strcmp(text.data, meaning(vector.cells[2])) != 0) {
			print_error("%s: '%s': %s, not %s\n", vector.cells[0],
				    vector.cells[1], text.data,
				    vector.cells[2]);
			wrong++;
		}
		text_done(&text);
		rows++;
	}
	vector_close(&vector);
	assert_int_equal(wrong, 0);
	assert_int_equal(rows, MULTI_ROWS);
}

/* As they are, and as the time of a sleep. */
static int64_t sleep_ns(const char *duration, size_t length)
{
	char source[128];
	struct terms *terms = NULL;
	int64_t ns = -1;
	int r;

	(void)snprintf(source, sizeof(source), "sleep(\"%.*s\")", (int)length,
		       duration);
	r = parse(source, strlen(source), &terms);
	if (r == 0)
		ns = terms_nanoseconds(&terms_at(terms, 0)->args[0]);
	terms_free(terms);
	return ns;
}

static void durations_are_as_the_table_says(void **state)
{
	struct vector vector;
	unsigned int rows = 0;

	(void)state;
	vector_open(&vector, "durations.tsv");
	while (vector_next(&vector)) {
		struct errmsg why = {""};
		size_t offset;
		int64_t ns = -1;
		int r;

		vector_unquote(&vector, 0);
		r = duration_parse(vector.cells[0], vector.lengths[0], 5, &ns,
				   &why);
		if (strncmp(vector.cells[1], "error", 5) == 0) {
			if (r == 0)
				print_error("'%s'\n", vector.cells[0]);
			assert_int_equal(r, -EINVAL);
			assert_int_equal(ns, -1);
			assert_int_equal(
				sscanf(why.text, "offset %zu: ", &offset), 1);
			assert_in_range(offset, 5, 5 + vector.lengths[0]);
		} else {
			if (r < 0)
				print_error("'%s'\n", vector.cells[0]);
			assert_int_equal(r, 0);
			assert_int_equal(ns,
					 strtoll(vector.cells[1], NULL, 10));
		}
		assert_int_equal(sleep_ns(vector.cells[0], vector.lengths[0]),
				 ns);
		rows++;
	}
	vector_close(&vector);
	assert_int_equal(rows, DURATION_ROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms_are_taken_and_refused_as_the_table_says),
		cmocka_unit_test(hits_decide_as_the_table_says),
		cmocka_unit_test(several_entries_are_split_as_the_table_says),
		cmocka_unit_test(durations_are_as_the_table_says),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
