/* SPDX-License-Identifier: MIT */
/*
 * What the tables do not say: the sentences of the refusals, the limits, and what
 * a host's own actions take. The model has the programs that are accepted.
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
#include "failpoints/terms.h"
#include "tests/unit/failpoints/language.h"

#define VALUES                                                                  \
	"a whole number, a \"string\", true, false, an errno such as EIO or a " \
	"duration such as 10ms"
#define UNITS "ns, us, ms, s, m or h"
#define ACTIONS                                                                \
	"off, return, sleep, panic, break, print, pause, yield, delay, exit, " \
	"kill"
#define TIMES "a number of 0 to 9223372036854 or a duration such as 10ms"

struct row {
	const char *source;
	const char *sentence;
};

static void refused(const struct terms_language *its, const char *source,
		    size_t length, const char *sentence)
{
	struct errmsg why = {""};
	struct terms *terms = NULL;
	/* So that a sanitizer sees one byte too many. */
	char *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, source, length);
	assert_int_equal(terms_parse(copy, length, its, 1, &terms, &why),
			 -EINVAL);
	assert_string_equal(why.text, sentence);
	assert_int_equal(terms_parse(copy, length, its, 1, &terms, NULL),
			 -EINVAL);
	assert_null(terms);
	free(copy);
}

static const struct row refusals[] = {
	{"", "offset 0: an action is missing; use " ACTIONS},
	{"  ", "offset 2: an action is missing; use " ACTIONS},
	{"off->", "offset 5: an action is missing; use " ACTIONS},
	{"off->->off", "offset 5: unexpected '->'; use " ACTIONS},
	{"(1)", "offset 0: unexpected '('; use " ACTIONS},
	{"3*", "offset 2: an action is missing; use " ACTIONS},
	{"\xc3\xa9", "offset 0: unexpected '\xc3\xa9'; use " ACTIONS},
	{"\xff\xff", "offset 0: unexpected '\\xff'; use " ACTIONS},
	{"foo(1)", "offset 0: unknown action 'foo'; use " ACTIONS},
	{"off->rturn", "offset 5: unknown action 'rturn'; did you "
		       "mean 'return'?"},
	{"RETURN(1)", "offset 0: unknown action 'RETURN'; did you mean "
		      "'return'?"},
	{"slep(1)", "offset 0: unknown action 'slep'; did you mean "
		    "'sleep'?"},
	{"off-off", "offset 0: unknown action 'off-off'; use " ACTIONS},
	{"short(1)", "offset 0: unknown action 'short'; use " ACTIONS},
	{"off off", "offset 4: unexpected 'off'; use '->' and another "
		    "term, or end here"},
	{"off;", "offset 3: unexpected ';'; use '->' and another term, "
		 "or end here"},
	{"off-", "offset 3: unexpected '-'; use '->' and another term, "
		 "or end here"},
	{"off(1", "offset 5: ')' is missing; a ')' ends what stands "
		  "behind '('"},
	{"off(1 x", "offset 6: unexpected 'x'; a ')' ends what stands "
		    "behind '('"},
	{"off (1)", "offset 3: no blank may stand before '('"},
	{"5", "offset 1: '%' or '*' is missing after '5'; write it "
	      "like 50%return or 3*return"},
	{"10.5return", "offset 4: '%' or '*' is missing after '10.5'; "
		       "write it like 50%return or 3*return"},
	{".%off", "offset 0: a number is missing; write it like 0.5%"},
	{"1.0*off", "offset 0: a count is a whole number; write it "
		    "like 3*"},
	{"2*-1*off", "offset 2: a modifier has no sign; write it like "
		     "3* or 50%"},
	{"9223372036854775808*off", "offset 0: too large; a count is "
				    "at most 9223372036854775807"},
	{"sleep", "offset 5: sleep's time is missing; use " TIMES},
	{"sleep( )", "offset 7: sleep's time is missing; use " TIMES},
	{"sleep(10q)", "offset 8: unknown unit 'q'; use " UNITS},
	{"sleep(\"10q\")", "offset 9: unknown unit 'q'; use " UNITS},
	{"sleep(\"10\\x71\")", "offset 6: unexpected '\"10\\x71\"' for "
			       "sleep's time; use " TIMES},
	{"sleep(1.5)", "offset 9: a unit is missing after '1.5'; use " UNITS},
	{"sleep(-5)", "offset 6: unexpected '-5' for sleep's time; use " TIMES},
	{"sleep(9223372036855)", "offset 6: unexpected "
				 "'9223372036855' for sleep's time; "
				 "use " TIMES},
	{"sleep(-5ms)", "offset 6: a duration cannot be negative; "
			"leave out the '-'"},
	{"delay(true)", "offset 6: unexpected 'true' for delay's time; "
			"use " TIMES},
	{"exit(256)", "offset 5: unexpected '256' for exit's status; "
		      "use a number of 0 to 255"},
	{"pause(1)", "offset 6: pause takes no value"},
	{"kill(9)", "offset 5: kill takes no value"},
	{"return(1, 2)", "offset 10: return takes at most 1 value"},
	{"return(,)", "offset 7: unexpected ','; use " VALUES},
	{"return(", "offset 7: a value is missing; use " VALUES},
	{"return(va=1)", "offset 7: return has no 'va'; use value"},
	{"return(valuw=1)", "offset 7: return has no 'valuw'; did you "
			    "mean 'value'?"},
	{"return(value=)", "offset 13: unexpected ')'; use " VALUES},
	{"return(hello)", "offset 7: unexpected 'hello' for return's "
			  "value; use " VALUES},
	{"return(tru)", "offset 7: unexpected 'tru' for return's "
			"value; did you mean 'true'?"},
	{"return(ENOSPCC)", "offset 7: unexpected 'ENOSPCC' for "
			    "return's value; did you mean 'ENOSPC'?"},
	{"return(enospc)", "offset 7: unexpected 'enospc' for return's "
			   "value; did you mean 'ENOSPC'?"},
	{"return(50%)", "offset 7: unexpected '50%' for return's "
			"value; use " VALUES},
	{"return(1e5)", "offset 8: unknown unit 'e'; use " UNITS},
	{"return(1_000)", "offset 8: a unit is missing after '1'; use " UNITS},
	{"return(0x)",
	 "offset 7: unexpected '0x' for return's value; use " VALUES},
	{"return(-0X1g)",
	 "offset 7: unexpected '-0X1g' for return's value; use " VALUES},
	{"sleep(0x1s)",
	 "offset 6: unexpected '0x1s' for sleep's time; use " TIMES},
	{"return(9223372036854775808)",
	 "offset 7: too large; an int is -9223372036854775808 to "
	 "9223372036854775807"},
	{"return(-0x8000000000000001)",
	 "offset 7: too small; an int is -9223372036854775808 to "
	 "9223372036854775807"},
	{"return(\"a)", "offset 7: the string that begins here is not "
			"closed; \" is missing"},
	{"return(`a\")", "offset 7: the string that begins here is not "
			 "closed; ` is missing"},
	{"return(\"a\\", "offset 9: unknown escape; use \\\" \\\\ \\n "
			 "\\r \\t or \\x and two hexadecimal digits"},
	{"return(\"a\\q\")", "offset 9: unknown escape; use \\\" \\\\ "
			     "\\n \\r \\t or \\x and two hexadecimal "
			     "digits"},
	{"return(\"\\x4\")", "offset 11: a hexadecimal digit is "
			     "missing after '\\x'; write it like "
			     "\\x0a"},
	{"return(\"\\x00\")", "offset 8: a string cannot hold a NUL "
			      "byte"},
};

static void refusals_say_where_and_what(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		refused(NULL, refusals[i].source, strlen(refusals[i].source),
			refusals[i].sentence);
	refused(NULL, "off\0", 4,
		"offset 3: unexpected '\\x00'; use '->' and another term, or "
		"end here");
	refused(NULL, "return(`\0`)", 11,
		"offset 8: a string cannot hold a NUL byte");
}

static const struct row host_refusals[] = {
	{"drop(1)", "offset 5: drop takes no value"},
	{"short", "offset 5: short's amount is missing; use a number "
		  "of 0 to 9223372036854775807 or a percent such as "
		  "50%"},
	{"short(101%)", "offset 6: more than 100% for short's amount"},
	{"short(100.00000000000001%)", "offset 6: more than 100% for "
				       "short's amount"},
	{"short(-1%)", "offset 6: unexpected '-1%' for short's amount; "
		       "use a number of 0 to 9223372036854775807 or a "
		       "percent such as 50%"},
	{"short(1ms)", "offset 6: unexpected '1ms' for short's amount; "
		       "use a number of 0 to 9223372036854775807 or a "
		       "percent such as 50%"},
	{"corrupt(bitflop)", "offset 8: unexpected 'bitflop' for "
			     "corrupt's how; did you mean 'bitflip'?"},
	{"corrupt(EIO)", "offset 8: unexpected 'EIO' for corrupt's "
			 "how; use bitflip, zero or garbage"},
	{"corrupt(\"zero\")", "offset 8: unexpected '\"zero\"' for "
			      "corrupt's how; use bitflip, zero or "
			      "garbage"},
	{"corrupt(zero, 0)", "offset 14: unexpected '0' for corrupt's "
			     "count; use a number of 1 to 4096"},
	{"corrupt(zero, count=1, 2)",
	 "offset 23: a value without a name cannot stand behind one "
	 "with; write NAME=VALUE"},
	{"corrupt(zero, how=zero)", "offset 14: corrupt's how is given "
				    "twice"},
	{"corrupt(zero, 1, 2, 3)", "offset 20: corrupt takes at most 3 "
				   "values"},
	{"corrupt(zero,)", "offset 13: unexpected ')'; use a number of "
			   "1 to 4096"},
	{"corrupt(count=1)", "offset 15: corrupt's how is missing; use "
			     "bitflip, zero or garbage"},
	{"corrupt(zero 1)", "offset 13: unexpected '1'; use ',' and "
			    "another value, or ')'"},
	{"crash(50)", "offset 6: unexpected '50' for crash's keep; use "
		      "a percent such as 50%, none or all"},
	{"crash(sead=1)", "offset 6: crash has no 'sead'; did you mean "
			  "'seed'?"},
	{"crash(x=1)", "offset 6: crash has no 'x'; use keep, seed or "
		       "kill"},
	{"fail-after(5)", "offset 11: unexpected '5' for fail-after's "
			  "errno; use an errno such as EIO"},
	{"fail-aftre(EIO)", "offset 0: unknown action 'fail-aftre'; "
			    "did you mean 'fail-after'?"},
	{"for(5)", "offset 5: a unit is missing after '5'; use " UNITS},
	{"for(\"5\")", "offset 6: a unit is missing after '5'; use " UNITS},
	{"xyz", "offset 0: unknown action 'xyz'; use " ACTIONS
		", drop, short, corrupt, crash, snapshot, fail-after, "
		"for, all8"},
};

static void hosts_actions_are_refused_by_their_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(host_refusals) / sizeof(host_refusals[0]);
	     i++)
		refused(&language, host_refusals[i].source,
			strlen(host_refusals[i].source),
			host_refusals[i].sentence);
}

/* Whatever may be parsed has this normal form, which is its own. */
static void normal(const char *source, const char *wanted)
{
	struct terms *terms = NULL;
	struct errmsg why = {""};
	struct text text;

	text_init(&text);
	for (int i = 0; i < 2; i++) {
		const char *s = i == 0 ? source : wanted;
		int r = terms_parse(s, strlen(s), &language, 1, &terms, &why);

		assert_string_equal(why.text, "");
		assert_int_equal(r, 0);
		assert_string_equal(terms_source(terms), s);
		text_clear(&text);
		terms_print(terms, &text);
		assert_string_equal(text.data, wanted);
		terms_free(terms);
	}
	text_done(&text);
}

static void normal_forms(void **state)
{
	static const char *const rows[][2] = {
		{" off ", "off"},
		{"off()", "off"},
		{"off( )", "off"},
		{"off(\n1\t)", "off(1)"},
		{"off->off", "off->off"},
		{"\t3 * 50 % 0.50% off\n->\rpause( )", "3*50%0.5%off->pause"},
		{"return(+0x7fffffffffffffff)", "return(9223372036854775807)"},
		{"return(-0x8000000000000000)", "return(-9223372036854775808)"},
		{"return(-0)", "return(0)"},
		{"return(0XaB)", "return(171)"},
		{"return(0s)", "return(0s)"},
		{"return(value = TRUE)", "return(true)"},
		{"return(EWOULDBLOCK)", "return(EAGAIN)"},
		{"return(90m)", "return(1h30m)"},
		{"sleep(\"90m\")", "sleep(1h30m)"},
		{"return(\"90m\")", "return(\"90m\")"},
		{"return(`a\\\"\n\t\r\x01\x7f\xff\xc3\xa9`)",
		 "return(\"a\\\\\\\"\\n\\t\\r\\x01\\x7f\\xff\xc3\xa9\")"},
		{"return(\"a\nb\")", "return(\"a\\nb\")"},
		{"0%off->100%off->.0%off->5.%off",
		 "0%off->100%off->0%off->5%off"},
		/* Never becomes certain, nor impossible. */
		{"0.00000000000000000001%off", "0.0000001%off"},
		{"99.9999999999999999999%off", "99.9999999%off"},
		{"100.0000000000000000001%off", "100%off"},
		{"99999999999999999999999999%off", "100%off"},
		{"0.00000014%off", "0.0000001%off"},
		{"0.00000015%off", "0.0000002%off"},
		{"0.000000149999%off", "0.0000001%off"},
		{"12.34567891%off", "12.3456789%off"},
		{"short( 7 )", "short(7)"},
		{"short(12.5%)", "short(12.5%)"},
		{"short(100.000%)", "short(100%)"},
		{"corrupt(zero,2,3)", "corrupt(zero, 2, 3)"},
		{"corrupt(at=3,how=garbage)", "corrupt(garbage, at=3)"},
		{"corrupt(count = 4096 , how = bitflip)",
		 "corrupt(bitflip, 4096)"},
		{"crash", "crash"},
		{"crash()", "crash"},
		{"crash(seed=-7)", "crash(seed=-7)"},
		{"crash(kill=true,keep=50%)", "crash(50%, kill=true)"},
		{"crash(keep=all,seed=1,kill=FALSE)", "crash(all, 1, false)"},
		{"snapshot(`/tmp/x`)", "snapshot(\"/tmp/x\")"},
		{"fail-after(EIO)->drop", "fail-after(EIO)->drop"},
		{"for(0)", "for(0s)"},
		{"all8(-5,\"1s\",EIO,5%,EIO,1s,\"x\",7)",
		 "all8(-5, \"1s\", EIO, 5%, EIO, 1s, \"x\", 7)"},
		{"all8(g-h=`x`,i_2=true,e=a-b)",
		 "all8(e=a-b, g-h=\"x\", i_2=true)"},
		{"all8(b=1s,c=true,e=true)", "all8(b=1s, c=true, e=true)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		normal(rows[i][0], rows[i][1]);
}

/* Of words that mean several things, the parameter's own come first. */
static void words_come_before_errnos(void **state)
{
	static const char source[] = "all8(e=EIO, c=EIO)";
	struct terms *terms = NULL;
	const struct terms_term *term;

	(void)state;
	assert_int_equal(terms_parse(source, sizeof(source) - 1, &language, 1,
				     &terms, NULL),
			 0);
	term = terms_at(terms, 0);
	assert_int_equal(term->args[4].kind, TERMS_WORD);
	assert_string_equal(term->args[4].text, "EIO");
	assert_int_equal(term->args[4].number, 0);
	assert_int_equal(term->args[2].kind, TERMS_ERRNO);
	assert_int_equal(term->args[2].number, EIO);
	assert_int_equal(term->args[0].kind, TERMS_NONE);
	assert_null(terms_at(terms, 1));
	terms_free(terms);
}

static void hosts_can_look_at_terms(void **state)
{
	static const char source[] = " 3* 50%off -> 1*fail-after(EIO)";
	struct terms *terms = NULL;
	const struct terms_term *term;

	(void)state;
	assert_int_equal(terms_parse(source, sizeof(source) - 1, &language, 1,
				     &terms, NULL),
			 0);
	term = terms_at(terms, 0);
	assert_int_equal(term->offset, 7);
	assert_int_equal(term->modifier_count, 2);
	assert_false(term->modifiers[0].percent);
	assert_int_equal(term->modifiers[0].number, 3);
	assert_true(term->modifiers[1].percent);
	assert_int_equal(term->modifiers[1].number, 500000000);
	term = terms_at(terms, 1);
	assert_int_equal(term->offset, 16);
	assert_int_equal(term->action->id, LANGUAGE_FAIL_AFTER);
	assert_null(terms_at(terms, 2));
	terms_free(terms);
	terms_free(NULL);
}

/* count times a piece, with something in front and behind. */
static char *repeat(const char *front, const char *piece, size_t count,
		    const char *behind)
{
	size_t length = strlen(piece);
	char *string =
		malloc(strlen(front) + count * length + strlen(behind) + 1);
	char *end = string;

	assert_non_null(string);
	end = stpcpy(end, front);
	for (size_t i = 0; i < count; i++)
		end = stpcpy(end, piece);
	strcpy(end, behind);
	return string;
}

static void accepted(char *string)
{
	struct errmsg why = {""};
	struct terms *terms = NULL;

	assert_int_equal(
		terms_parse(string, strlen(string), NULL, 1, &terms, &why), 0);
	terms_free(terms);
	free(string);
}

static void refused_and_freed(char *string, const char *sentence)
{
	refused(NULL, string, strlen(string), sentence);
	free(string);
}

static void limits_are_exact(void **state)
{
	(void)state;
	accepted(repeat("off", "->off", TERMS_COUNT_MAX - 1, ""));
	refused_and_freed(repeat("off", "->off", TERMS_COUNT_MAX, ""),
			  "offset 20480: a chain has at most 4096 terms");
	accepted(repeat("", "1*", TERMS_MODIFIERS_MAX, "off"));
	refused_and_freed(repeat("", "1*", TERMS_MODIFIERS_MAX + 1, "off"),
			  "offset 32: a term has at most 16 modifiers");
	accepted(repeat("off", " ", TERMS_LENGTH_MAX - 3, ""));
	refused_and_freed(repeat("off", " ", TERMS_LENGTH_MAX - 2, ""),
			  "offset 65536: too long; terms have at most 65536 "
			  "bytes");
	accepted(repeat("return(\"", "x", TERMS_LENGTH_MAX - 10, "\")"));
	accepted(repeat("return(", "0", TERMS_LENGTH_MAX - 9, "1)"));
	accepted(repeat("sleep(0.", "9", TERMS_LENGTH_MAX - 10, "s)"));
	accepted(repeat("0.", "9", TERMS_LENGTH_MAX - 6, "%off"));
	accepted(repeat("", "0", TERMS_LENGTH_MAX - 4, "*off"));
	refused_and_freed(
		repeat("", "x", TERMS_LENGTH_MAX, ""),
		"offset 0: unknown action "
		"'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'; use " ACTIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_say_where_and_what),
		cmocka_unit_test(hosts_actions_are_refused_by_their_names),
		cmocka_unit_test(normal_forms),
		cmocka_unit_test(words_come_before_errnos),
		cmocka_unit_test(hosts_can_look_at_terms),
		cmocka_unit_test(limits_are_exact),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
