/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "common/verb.h"
#include "tests/unit/common/jsoncheck.h"

static int parse(const char *line, struct verb *verb, struct errmsg *why)
{
	static char copy[4096];

	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	why->text[0] = '\0';
	return verb_parse(copy, verb, why);
}

static void every_verb_is_understood(void **state)
{
	static const struct {
		const char *line;
		enum verb_kind kind;
		enum fields_format format;
	} rows[] = {
		{"crash", VERB_CRASH, FIELDS_TEXT},
		{"crash keep=all format=json", VERB_CRASH, FIELDS_JSON},
		{"crash format=plain keep=all", VERB_CRASH, FIELDS_PLAIN},
		{"\tsync  ", VERB_SYNC, FIELDS_TEXT},
		{"sync format=text", VERB_SYNC, FIELDS_TEXT},
		{"evict format=json", VERB_EVICT, FIELDS_JSON},
		{"status", VERB_STATUS, FIELDS_TEXT},
		{"unsynced\tformat=plain", VERB_UNSYNCED, FIELDS_PLAIN},
		{"help", VERB_HELP, FIELDS_TEXT},
		{"mode allow-writes", VERB_MODE, FIELDS_TEXT},
		{"mode format=json drop-writes for=2s", VERB_MODE, FIELDS_JSON},
		{"drop-writes format=json for=2s", VERB_MODE, FIELDS_JSON},
		{"error-writes cycle=1s,2s", VERB_MODE, FIELDS_TEXT},
		{"allow-writes", VERB_MODE, FIELDS_TEXT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct errmsg why;
		struct verb verb;

		assert_int_equal(parse(rows[i].line, &verb, &why), 0);
		assert_int_equal(verb.kind, rows[i].kind);
		assert_int_equal(verb.format, rows[i].format);
		if (strstr(rows[i].line, "keep=all"))
			assert_int_equal(verb.plan.keep, PLAN_KEEP_ALL);
		if (strstr(rows[i].line, "for=2s"))
			assert_int_equal(verb.mode.for_ms, 2000);
	}
}

static void mark_takes_the_rest_as_it_is(void **state)
{
	struct errmsg why;
	struct verb verb;

	(void)state;
	assert_int_equal(parse("mark  a  b format=json ", &verb, &why), 0);
	assert_int_equal(verb.kind, VERB_MARK);
	assert_string_equal(verb.remark, "a  b format=json ");
}

static void refusals_have_their_errno_and_sentence(void **state)
{
	static const struct {
		const char *line;
		int error;
		const char *sentence;
	} rows[] = {
		{"", -EINVAL, "begins with a verb"},
		{"  \t", -EINVAL, "begins with a verb"},
		{"=", -EINVAL, "begins with a verb"},
		{"keep=all", -EINVAL, "begins with a verb"},
		{"carsh", -ENOENT, "did you mean 'crash'"},
		{"explode", -ENOENT, "'help' lists the verbs"},
		{"CRASH", -ENOENT, "unknown verb"},
		{"crash now", -EINVAL, "'now' is no KEY=VALUE"},
		{"crash =all", -EINVAL, "no KEY=VALUE"},
		{"crash keep=", -EINVAL, "cannot keep ''"},
		{"crash keep=some", -EINVAL, "cannot keep 'some'"},
		{"crash kep=all", -ENOENT, "did you mean 'keep'"},
		{"crash keep=all keep=none", -EINVAL, "given twice"},
		{"crash format=yaml", -EINVAL, "no format 'yaml'"},
		{"crash format=json format=json", -EINVAL, "given twice"},
		{"sync now", -EINVAL, "leave out 'now'"},
		{"sync keep=all", -ENOENT, "leave out 'keep=all'"},
		{"mark", -EINVAL, "needs a text"},
		{"mark   ", -EINVAL, "needs a text"},
		{"mode", -EINVAL, "a mode is missing"},
		{"mode melt", -ENOENT, "unknown mode 'melt'"},
		{"drop-writes for=0.05s", -EINVAL, "multiple of 100 ms"},
		{"drop-writes format=json fro=1s", -ENOENT, "at byte 24"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct verb verb = {.kind = VERB_HELP};
		struct errmsg why;

		assert_int_equal(parse(rows[i].line, &verb, &why),
				 rows[i].error);
		assert_non_null(strstr(why.text, rows[i].sentence));
		assert_int_equal(verb.kind, VERB_HELP);
	}
}

static void long_lines_are_refused_not_cut(void **state)
{
	char line[4000];
	struct errmsg why;
	struct verb verb;

	(void)state;
	memset(line, ' ', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "drop-writes for=1s", 18);
	memcpy(line + 3000, "for=2s", 6);
	assert_int_equal(parse(line, &verb, &why), -EINVAL);
}

static void help_names_every_verb(void **state)
{
	static const char *const names[] = {
		"allow-writes", "crash", "drop-writes", "error-writes",
		"evict",	"help",	 "mark",	"mode",
		"status",	"sync",	 "unsynced",
	};
	struct text text;

	(void)state;
	text_init(&text);
	verb_help(&text, FIELDS_TEXT);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(strstr(text.data, names[i]));
	text_clear(&text);
	verb_help(&text, FIELDS_JSON);
	assert_true(jsoncheck_valid(text.data));
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verb_is_understood),
		cmocka_unit_test(mark_takes_the_rest_as_it_is),
		cmocka_unit_test(refusals_have_their_errno_and_sentence),
		cmocka_unit_test(long_lines_are_refused_not_cut),
		cmocka_unit_test(help_names_every_verb),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
