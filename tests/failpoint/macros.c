/* SPDX-License-Identifier: MIT */
/*
 * What the macros of failpoint.h do in a program. Built as C and as C++, by
 * gcc and clang, against the library of the build and an installed one.
 */
#include <errno.h>
#include <failpoint.h>

#include "tests/failpoint/tap.h"

struct called {
	unsigned int times;
	struct failpoint_value value;
};

static void call(struct called *called, const struct failpoint_value *value)
{
	called->times++;
	called->value = *value;
}

static int loop_with_break(void)
{
	int i;

	for (i = 0; i < 10; i++)
		if (FAILPOINT("macros/break", "leaves the loop"))
			break;
	return i;
}

static int loop_with_continue(void)
{
	int sum = 0;

	for (int i = 0; i < 10; i++) {
		if (FAILPOINT("macros/continue"))
			continue;
		sum++;
	}
	return sum;
}

static int jumps(void)
{
	if (FAILPOINT("macros/goto"))
		goto out;
	return 1;
out:
	return 2;
}

static int switches(int n)
{
	switch (n) {
	case 1:
		if (FAILPOINT("macros/switch"))
			break;
		return 1;
	default:
		return 3;
	}
	return 2;
}

static int returns_int(void)
{
	int64_t value = 42;

	if (FAILPOINT_INT("macros/int", &value, "an int"))
		return (int)value;
	return 0;
}

static int returns_int32(void)
{
	int value = 42;

	if (FAILPOINT_INT32("macros/int32", &value, "a small int"))
		return value;
	return 0;
}

static const char *returns_string(void)
{
	const char *value = "default";

	if (FAILPOINT_STRING("macros/string", &value, "a string"))
		return value;
	return "miss";
}

static int returns_bool(void)
{
	bool value = true;

	if (FAILPOINT_BOOL("macros/bool", &value))
		return value;
	return -1;
}

static int returns_errno(void)
{
	int value = EAGAIN;

	if (FAILPOINT_ERRNO("macros/errno", &value, "an errno"))
		return value;
	return 0;
}

static int kernel_style(void)
{
	FAILPOINT_RETURN_ERRNO("macros/return-errno");
	return 0;
}

static int kernel_style_with_doc(void)
{
	FAILPOINT_RETURN_ERRNO("macros/return-errno", "the same, documented");
	return 0;
}

static int posix_style(void)
{
	FAILPOINT_RETURN_SET_ERRNO("macros/posix", -1, "as write(2) does");
	return 0;
}

static const char *pointer_style(void)
{
	if (FAILPOINT_SET_ERRNO("macros/pointer", "as malloc(3) does"))
		return NULL;
	return "good";
}

/* The body of an if without braces, before an else. */
static int dangling(bool yes)
{
	if (yes)
		FAILPOINT_RETURN_ERRNO("macros/dangling");
	else
		return 5;
	return 0;
}

static bool conditional(int n)
{
	return FAILPOINT_IF(n > 3, "macros/if", "only for large n");
}

FAILPOINT_STATIC(elsewhere, FAILPOINT_TYPE_INT, "macros/static", "elsewhere");

static int64_t at_static(void)
{
	int64_t value = 0;

	return failpoint_at_int(elsewhere, &value) ? value : -1;
}

static void bodies_do_what_they_do_anywhere(void)
{
	is(loop_with_break(), 10, "not armed: no break");
	is(loop_with_continue(), 10, "not armed: no continue");
	is(jumps(), 1, "not armed: no goto");
	is(switches(1), 1, "not armed: no break from a switch");
	is(failpoint_enable_many("macros/break=4*off->return;"
				 "macros/continue=3*return;"
				 "macros/goto=return;macros/switch=return"),
	   0, "four are armed");
	is(loop_with_break(), 4, "break leaves the loop");
	is(loop_with_continue(), 7, "continue goes on with it");
	is(jumps(), 2, "goto jumps");
	is(switches(1), 2, "break leaves a switch");
	is(failpoint_disable_all(), 4, "four are disarmed");
	is(loop_with_break(), 10, "and all is as before");
}

static void values_come_by_type(void)
{
	is(failpoint_enable("macros/int", "return(-7)"), 0, "an int");
	is(returns_int(), -7, "arrives");
	is(failpoint_enable("macros/int", "return"), 0, "none");
	is(returns_int(), 42, "leaves the variable alone");
	is(failpoint_enable("macros/int32", "return(-2147483648)"), 0,
	   "a small int");
	is(returns_int32(), INT32_MIN, "arrives");
	is(failpoint_enable("macros/string", "return(\"a b\\n\")"), 0,
	   "a string");
	same(returns_string(), "a b\n", "arrives");
	is(failpoint_enable("macros/string", "return"), 0, "none");
	same(returns_string(), "default", "leaves the variable alone");
	is(failpoint_enable("macros/bool", "return(false)"), 0, "a bool");
	is(returns_bool(), 0, "arrives");
	is(failpoint_enable("macros/errno", "return(ENOSPC)"), 0, "an errno");
	is(returns_errno(), ENOSPC, "arrives");
	is(failpoint_enable("macros/errno", "return(11)"), 0, "its number");
	is(returns_errno(), 11, "arrives, too");
	is(failpoint_disable_all(), 5, "the end");
	same(returns_string(), "miss", "no hit, no value");
}

static void errors_are_returned_in_three_styles(void)
{
	is(failpoint_enable_many("macros/return-errno=return(ENOSPC);"
				 "macros/posix=return(EDQUOT);"
				 "macros/pointer=return(ENOMEM);"
				 "macros/dangling=return"),
	   0, "four are armed");
	is(kernel_style(), -ENOSPC, "a negative errno");
	is(kernel_style_with_doc(), -ENOSPC, "at another site of the name");
	is(failpoint_fired("macros/return-errno"), 2, "counted together");
	errno = 0;
	is(posix_style(), -1, "-1");
	is(errno, EDQUOT, "and errno");
	errno = 0;
	ok(!pointer_style(), "NULL");
	is(errno, ENOMEM, "and errno");
	is(dangling(true), -EIO, "EIO, if the hit has no value");
	is(dangling(false), 5, "it is one statement");
	is(failpoint_disable_all(), 4, "the end");
	is(kernel_style(), 0, "no error");
	is(posix_style(), 0, "no error");
	same(pointer_style(), "good", "no error");
}

static void calls_and_conditions_work(void)
{
	struct called called = {0, {FAILPOINT_TYPE_VOID, 0, NULL}};
	bool hit = FAILPOINT_CALL("macros/call", call, &called, "calls back");

	ok(!hit && called.times == 0, "not armed: not called");
	is(failpoint_enable("macros/if", "return"), 0, "a condition");
	ok(!conditional(3), "that does not hold is no hit");
	is(failpoint_hits("macros/if"), 0, "and not counted");
	ok(conditional(4), "that holds is one");
	is(failpoint_hits("macros/if"), 1, "and counted");
	is(failpoint_enable("macros/call", "return(10ms)->return"), 0,
	   "a call-back");
	hit = FAILPOINT_CALL("macros/call", *&call, &called);
	ok(hit && called.times == 1, "is called");
	is(called.value.type, FAILPOINT_TYPE_DURATION, "with a value");
	is(called.value.number, 10000000, "of any type");
	is(failpoint_enable("macros/call", "return"), 0, "without a value it");
	hit = FAILPOINT_CALL("macros/call", call, &called);
	ok(hit, "is called");
	is(called.value.type, FAILPOINT_TYPE_VOID, "and gets none");
	is(at_static(), -1, "a site at file scope");
	is(failpoint_enable("macros/static", "return(9)"), 0, "is armed");
	is(at_static(), 9, "and hits");
	is(failpoint_disable_all(), 3, "the end");
}

static void wrong_values_are_no_hit(void)
{
	const char *said;

	is(failpoint_enable("macros/int", "return(\"abc\")"), 0,
	   "a string for an int");
	catch_stderr();
	is(returns_int(), 0, "is no hit");
	(void)returns_int();
	said = caught_stderr();
	same(said,
	     "failpoint: \"macros/int\" got value \"abc\" of type \"string\" "
	     "but expected type \"int\"\n",
	     "and one line, once");
	is(failpoint_enable("macros/break", "return(1)"), 0,
	   "a value where none is taken");
	catch_stderr();
	is(loop_with_break(), 10, "is no hit");
	has(caught_stderr(), "of type \"int\" but expected type \"void\"",
	    "and a line");
	is(failpoint_enable("macros/errno", "return(0)"), 0,
	   "an errno that is none");
	catch_stderr();
	is(returns_errno(), 0, "is no hit");
	has(caught_stderr(), "expected type \"errno\"", "and a line");
	is(failpoint_enable("macros/int", "return(EIO)"), 0,
	   "an errno for an int");
	catch_stderr();
	is(returns_int(), 0, "is no hit");
	has(caught_stderr(), "got value EIO of type \"errno\"", "and a line");
	is(failpoint_enable("macros/bool", "return(5s)"), 0,
	   "a time for a bool");
	catch_stderr();
	is(returns_bool(), -1, "is no hit");
	has(caught_stderr(), "value 5000000000ns of type \"duration\"",
	    "and a line");
	is(failpoint_enable("macros/int32", "return(2147483648)"), 0,
	   "more than 32 bits");
	catch_stderr();
	is(returns_int32(), 0, "is no hit");
	has(caught_stderr(), "but expected type \"int32\"", "and a line");
	is(failpoint_disable_all(), 5, "the end");
}

static void other_actions_are_no_hit(void)
{
	is(failpoint_enable("macros/int", "print->return(1)"), 0, "print");
	catch_stderr();
	errno = EXDEV;
	is(returns_int(), 0, "is no hit");
	is(errno, EXDEV, "errno stays");
	same(caught_stderr(), "failpoint print: macros/int\n", "but a line");
	is(failpoint_enable("macros/int", "print(\"a\\nb\")"), 0, "with words");
	catch_stderr();
	is(returns_int(), 0, "is no hit");
	same(caught_stderr(), "failpoint print: macros/int: a\\x0ab\n",
	     "on one line");
	is(failpoint_enable("macros/int", "break"), 0, "break");
	catch_stderr();
	is(returns_int(), 0, "without a debugger is ignored");
	has(caught_stderr(), "no debugger", "with a line");
	is(failpoint_enable("macros/int", "1*yield->1*delay(1us)->sleep(0)"), 0,
	   "yield, delay, sleep");
	for (int i = 0; i < 3; i++)
		is(returns_int(), 0, "is no hit");
	is(failpoint_fired("macros/int"), 3, "but counted");
	is(failpoint_disable_all(), 1, "the end");
}

struct seen {
	unsigned int count;
	bool sorted;
	bool documented;
	bool placed;
	char last[64];
};

static int look(void *user, const struct failpoint_info *info)
{
	struct seen *seen = (struct seen *)user;

	seen->count++;
	seen->sorted &= strcmp(seen->last, info->name) < 0;
	(void)snprintf(seen->last, sizeof(seen->last), "%s", info->name);
	if (strcmp(info->name, "macros/string") == 0) {
		seen->documented = strcmp(info->doc, "a string") == 0 &&
				   info->type == FAILPOINT_TYPE_STRING;
		seen->placed = strstr(info->location, "macros.c") &&
			       info->sites == 1 && !info->terms;
	}
	return 0;
}

static void all_are_listed_before_they_are_hit(void)
{
	struct seen seen = {0, true, false, false, ""};

	is(failpoint_list(look, &seen), 16, "all sites are known");
	is(seen.count, 16, "each once");
	ok(seen.sorted, "sorted");
	ok(seen.documented, "with type and sentence");
	ok(seen.placed, "and place");
}

/* What a macro makes stands in one line. */
#define ARM_BOTH(first, second)                                                \
	FAILPOINT_SCOPE(first);                                                \
	FAILPOINT_SCOPE(second)

static void scopes_share_a_line(void)
{
	ARM_BOTH("macros/int=return(2)", "macros/pending=return");
	is(returns_int(), 2, "the first of two scopes in a line");
	is(failpoint_hits("macros/pending"), 0, "and the second");
}

static void scope_ends(void)
{
	FAILPOINT_SCOPE("macros/int=return(1);macros/pending=return");
	is(returns_int(), 1, "in a scope it is armed");
	is(failpoint_list(NULL, NULL), 17, "a name without a site, too");
}

int main(void)
{
	all_are_listed_before_they_are_hit();
	bodies_do_what_they_do_anywhere();
	values_come_by_type();
	errors_are_returned_in_three_styles();
	calls_and_conditions_work();
	wrong_values_are_no_hit();
	other_actions_are_no_hit();
	scope_ends();
	scopes_share_a_line();
	is(returns_int(), 0, "behind the scope it is not");
	is(failpoint_list(NULL, NULL), 16, "and what was pending is gone");
	return tap_end();
}
