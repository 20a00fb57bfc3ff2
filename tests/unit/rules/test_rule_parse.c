/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/event.h"
#include "rules/rule.h"
#include "rules/rules.h"

static struct event_log *events;

struct shown {
	char name[512];
	char terms[512];
	size_t count;
};

static void show(void *user, const struct rules_info *info)
{
	struct shown *shown = user;
	shown->count++;
	strcpy(shown->name, info->name);
	strcpy(shown->terms, info->terms);
}

static int set(struct rules *rules, const char *text, struct errmsg *why)
{
	return rules_set(rules, text, strlen(text), false, NULL, why);
}

/* A rule, and the name that it is listed by; NULL: the same. */
static const char *const good[][2] = {
	{"fs/write=return(ENOSPC)", "fs/write"},
	{"fs/write{path=*.wal,offset=0..4096}=3*off->1*return(ENOSPC)", NULL},
	{"fs/fsync=5%return(EIO)", "fs/fsync"},
	{"store/read=sleep(10ms)", "store/read"},
	{"  fs/read { path = /a/b , pid = 12 } = off ",
	 "fs/read{path=/a/b,pid=12}"},
	{"fs/rename{to=\"a, b;c\"}=return(EXDEV)", NULL},
	{"fs/rename{path=a*,to=**/b}=fail-after(EIO)", NULL},
	{"fs/*=return(EIO)", "fs/*"},
	{"fs/any-meta=slow(random=1ms)", "fs/any-meta"},
	{"fs/any-write{offset=4096..8192,offset=0..10,offset=10..20}=off",
	 "fs/any-write{offset=0..10,offset=10..20,offset=4096..8192}"},
	{"fs/read{offset=..10}=off", "fs/read{offset=0..10}"},
	{"fs/read{offset=10..}=off", "fs/read{offset=10..}"},
	{"fs/write{flags=O_DSYNC|O_WRONLY}=short(50%)",
	 "fs/write{flags=O_WRONLY|O_DSYNC}"},
	{"fs/write{flags=O_SYNC}=short(10)", NULL},
	{"fs/fsync{process=postgres,uid=0}=drop", NULL},
	{"fs/fsync{process=\"a \\\" b\"}=drop", NULL},
	{"fs/fsync{when=after}=crash(keep=none)", NULL},
	{"fs/fsync{when=before}=panic", "fs/fsync"},
	{"fs/fsync{force}=return(EEXIST)", NULL},
	{"fs/read=corrupt(bitflip, count=3, at=7)", "fs/read"},
	{"fs/write=nospace(1000000)", "fs/write"},
	{"fs/close=crash", "fs/close"},
	{"fs/create=snapshot(\"/tmp/x\", keep=all)", "fs/create"},
	{"fs/write=return(28)", "fs/write"},
	{"fs/lookup=pause", "fs/lookup"},
	{"fs/read{path=a\\,b}=off", "fs/read{path=\"a\\,b\"}"},
};

static void good_rules_are_listed_in_normal_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct rules *rules = rules_new(events, 1);
		struct errmsg why = {""};
		struct shown shown = {.count = 0};
		int r = set(rules, good[i][0], &why);
		if (r < 0)
			print_error("%s: %s\n", good[i][0], why.text);
		assert_int_equal(r, 0);
		rules_visit(rules, NULL, show, &shown, NULL);
		assert_int_equal(shown.count, 1);
		if (good[i][1] != NULL)
			assert_string_equal(shown.name, good[i][1]);
		else
			assert_memory_equal(shown.name, good[i][0],
					    strlen(shown.name));
		/* And what is listed is the same rule again. */
		char again[1100];
		(void)snprintf(again, sizeof(again), "%s=%s", shown.name,
			       shown.terms);
		assert_int_equal(set(rules, again, &why), 0);
		const struct shown before = shown;
		shown.count = 0;
		rules_visit(rules, NULL, show, &shown, NULL);
		assert_int_equal(shown.count, 1);
		assert_string_equal(shown.name, before.name);
		rules_free(rules);
	}
}

/* What is wrong, where, and a part of the sentence. */
static const struct {
	const char *text;
	size_t offset;
	const char *part;
} bad[] = {
	{"fs/wrte=off", 0, "did you mean 'fs/write'?"},
	{"nonsense=off", 0, "unknown operation 'nonsense'; use one such as"},
	{"fs/write", 8, "'=' is missing"},
	{"fs/write=", 9, "terms are missing"},
	{"=off", 0, "a name is missing"},
	{"{path=a}=off", 0, "unexpected '{'"},
	{"fs/write{}=off", 9, "unexpected '}'"},
	{"fs/write{path}=off", 13, "unexpected '}'; a selector is KEY=VALUE"},
	{"fs/write{path=}=off", 14, "the pattern is empty"},
	{"fs/write{path=a[}=off", 15, "bad pattern: '[' is not closed"},
	{"fs/write{path=a//b}=off", 16, "no path has '//'"},
	{"fs/write{path=a b}=off", 16, "unexpected 'b'"},
	{"fs/write{path=a", 8, "'{' is not closed"},
	{"fs/write{path=a}x=off", 16, "unexpected 'x'"},
	{"fs/write{path=a,path=b}=off", 16, "path is given twice"},
	{"fs/write{pth=a}=off", 9, "did you mean 'path'?"},
	{"fs/write{colour=a}=off", 9, "unknown selector 'colour'; use path"},
	{"fs/write{offset=5}=off", 17, "'..' is missing"},
	{"fs/write{offset=5..5}=off", 16, "the range is empty"},
	{"fs/write{offset=9..5}=off", 16, "the range is empty"},
	{"fs/write{offset=..}x=off", 19, "unexpected 'x'"},
	{"fs/write{offset=-1..5}=off", 16, "a number is missing"},
	{"fs/write{offset=0..5k}=off", 20, "a range ends here"},
	{"fs/write{offset=0..9223372036854775808}=off", 19, "too large"},
	{"fs/write{offset=0..10,offset=9..12}=off", 29,
	 "the range overlaps with 0..10"},
	{"fs/write{pid=0}=off", 13, "no process has the number 0"},
	{"fs/write{pid=x}=off", 13, "a number is missing"},
	{"fs/write{pid=1x}=off", 14, "'1x' is no number"},
	{"fs/write{uid=4294967295}=off", 13, "too large"},
	{"fs/write{process=}=off", 17, "a process's name is missing"},
	{"fs/write{process=\"a\\\036b\"}=off", 20, "a byte that is no text"},
	{"fs/write{flags=O_SNYC}=off", 15, "did you mean 'O_SYNC'?"},
	{"fs/write{flags=O_SYNC|}=off", 22, "unknown flag ''"},
	{"fs/write{flags=O_RDWR|O_WRONLY}=off", 22, "one of O_RDONLY"},
	{"fs/write{when=later}=off", 14, "use when=before or when=after"},
	{"fs/write{to=a}=off", 0, "fs/write has no to="},
	{"fs/rename{offset=0..1}=off", 0, "fs/rename has no offset="},
	{"fs/mkdir{flags=O_SYNC}=off", 0, "fs/mkdir has no flags="},
	{"fs/rename=short(1)", 10, "short cannot be done at fs/rename"},
	{"fs/close=return(EIO)", 9, "return cannot be done at fs/close"},
	{"fs/write{when=after}=3*off->drop", 28,
	 "drop cannot be done after fs/write"},
	{"fs/write=returns(EIO)", 9, "did you mean 'return'?"},
	{"fs/write=return(EOI)", 16, "did you mean 'EIO'?"},
	{"fs/write=return", 9, "return needs an error here"},
	{"fs/write=return(\"EIO\")", 9, "write it like return(EIO)"},
	{"fs/write=return(0)", 9, "return needs an error here"},
	{"fs/write=off->return(100000)", 14, "return needs an error here"},
	{"fs/write=return(EEXIST)", 9,
	 "fs/write never returns EEXIST; use another error, or {force}"},
	{"fs/any-sync=return(ENOENT)", 12, "fs/fsync never returns ENOENT"},
	{"fs/*=return(ENOSPC)", 5, "never returns ENOSPC"},
	{"fs/fsync{force}=return(ENOSYS)", 16, "never ask for it again"},
	{"fs/fsync=crash(keep=101%)", 20, "100"},
	{"fs/fsync=crash(keep=some)", 20, "some"},
	{"fs/fsync=crash(seed=-1)", 20, ""},
	{"fs/fsync=snapshot", 17, "dir is missing"},
	{"fs/fsync=snapshot(\"x\")", 9, "an absolute path"},
	{"fs/read=corrupt(rot)", 16, "rot"},
	{"fs/read=corrupt(zero, count=0)", 28, "0"},
	{"fs/write=slow", 9, "slow needs a time"},
	{"fs/write=short(101%)", 15, "100%"},
	{"# remark\n fs/wrte=off", 10, "unknown operation"},
};

static void bad_rules_are_refused_at_their_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rules *rules = rules_new(events, 1);
		struct errmsg why = {""};
		struct shown shown = {.count = 0};
		char begin[40];
		assert_int_equal(set(rules, "fs/read=off", &why), 0);
		(void)snprintf(begin, sizeof(begin),
			       "offset %zu: ", bad[i].offset);
		int r = set(rules, bad[i].text, &why);
		if (r != -EINVAL ||
		    strncmp(why.text, begin, strlen(begin)) != 0 ||
		    strstr(why.text, bad[i].part) == NULL)
			print_error("%s: %d, %s\n", bad[i].text, r, why.text);
		assert_int_equal(r, -EINVAL);
		assert_memory_equal(why.text, begin, strlen(begin));
		assert_non_null(strstr(why.text, bad[i].part));
		/* The old ones stay, and nothing of the new came. */
		rules_visit(rules, NULL, show, &shown, NULL);
		assert_int_equal(shown.count, 1);
		assert_string_equal(shown.name, "fs/read");
		rules_free(rules);
	}
}

static void remarks_lines_and_semicolons_separate(void **state)
{
	static const char text[] =
		"\n# all of it\n  # more\n\n"
		"fs/write=print(\"# no remark; nor this\") # one\r\n"
		"fs/read=off;; fs/open=off ;\n"
		"fs/write{path=\"a #b\"}=off";
	struct rules *rules = rules_new(events, 1);
	struct errmsg why = {""};
	struct shown shown = {.count = 0};
	(void)state;
	assert_int_equal(set(rules, text, &why), 0);
	rules_visit(rules, NULL, show, &shown, NULL);
	assert_int_equal(shown.count, 4);
	assert_string_equal(shown.name, "fs/write{path=\"a #b\"}");
	assert_int_equal(rules_visit(rules, " fs/write ", show, &shown, NULL),
			 0);
	assert_string_equal(shown.terms, "print(\"# no remark; nor this\")");
	rules_free(rules);
}

static void too_much_is_refused(void **state)
{
	struct rules *rules = rules_new(events, 1);
	struct errmsg why = {""};
	char line[5000];
	(void)state;
	memset(line, 'a', sizeof(line) - 1);
	memcpy(line, "fs/read{path=", 13);
	strcpy(line + sizeof(line) - 10, "}=off");
	assert_int_equal(set(rules, line, &why), -EINVAL);
	assert_string_equal(why.text,
			    "offset 4096: too long; what stands in front of "
			    "'=' has at most 4096 bytes");
	rules_free(rules);
}

static void no_more_rules_than_allowed(void **state)
{
	struct rules *rules = rules_new(events, 1);
	struct errmsg why = {""};
	char *text = malloc((RULES_MAX + 1) * (size_t)32);
	size_t used = 0;
	(void)state;
	for (int i = 0; i <= RULES_MAX; i++)
		used += (size_t)sprintf(text + used, "fs/read{pid=%d}=off\n",
					i + 1);
	assert_int_equal(set(rules, text, &why), -E2BIG);
	assert_non_null(strstr(why.text, "at most 4096 rules"));
	*strrchr(text, 'f') = '\0';
	assert_int_equal(set(rules, text, &why), -EINVAL);
	rules_free(rules);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_rules_are_listed_in_normal_form),
		cmocka_unit_test(bad_rules_are_refused_at_their_place),
		cmocka_unit_test(remarks_lines_and_semicolons_separate),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(no_more_rules_than_allowed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	events = event_new();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	event_free(events);
	return failed;
}
