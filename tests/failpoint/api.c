/* SPDX-License-Identifier: MIT */
/*
 * The functions of failpoint.h that arm and look, called by one thread.
 */
#include <errno.h>
#include <failpoint.h>
#include <inttypes.h>

#include "tests/failpoint/tap.h"

#define LONG_NAME_BYTES (FAILPOINT_NAME_MAX + 1)

static int64_t a(void)
{
	int64_t value = 0;

	return FAILPOINT_INT("api/a", &value, "the first") ? value : -1;
}

static bool b(void)
{
	return FAILPOINT("api/b");
}

/* What a point looks like, in one line. */
static int describe(void *user, const struct failpoint_info *info)
{
	(void)snprintf(user, 256, "%s=%s %s %u %" PRIu64 " %" PRIu64 " %s",
		       info->name, info->terms ? info->terms : "-",
		       failpoint_type_name(info->type), info->sites, info->hits,
		       info->fired, info->doc);
	return info->size == sizeof(*info) ? 0 : -1;
}

static const char *status(const char *name)
{
	static char line[256];

	line[0] = '\0';
	if (failpoint_status(name, describe, line) < 0)
		return failpoint_error();
	return line;
}

static void arming_and_disarming(void)
{
	same(status("api/a"), "api/a=- int 1 0 0 the first", "a point at rest");
	is(failpoint_enable("api/a", "1*off->2*return(5)"), 0, "is armed");
	is(a(), -1, "the first hit is off");
	is(a(), 5, "the second fires");
	is(a(), 5, "and the third");
	is(a(), -1, "the fourth does not");
	same(status("api/a"), "api/a=1*off->2*return(5) int 1 4 3 the first",
	     "both counters are right");
	is(failpoint_hits("api/a"), 4, "one by one, too");
	is(failpoint_fired("api/a"), 3, "one by one, too");
	is(failpoint_enable("api/a", "return(6)"), 0, "arming again");
	is(failpoint_hits("api/a"), 0, "begins at 0");
	is(a(), 6, "with the new terms");
	is(failpoint_enable("api/a", "sleep(10q)"), -EINVAL, "bad terms");
	has(failpoint_error(), "offset 8: unknown unit 'q'", "with a sentence");
	is(a(), 6, "leave the old ones in force");
	is(failpoint_hits("api/a"), 2, "and the counters");
	is(failpoint_disable("api/a"), 0, "disarming");
	is(a(), -1, "ends it");
	is(failpoint_hits("api/a"), 0, "and the counters");
	is(failpoint_disable("api/a"), -EALREADY, "twice is an error");
	has(failpoint_error(), "is disabled", "with a sentence");
	is(failpoint_disable("api/none"), -ENOENT, "so is an unknown name");
	has(failpoint_error(), "does not exist", "with a sentence");
}

static void unknown_names_are_pending(void)
{
	is(failpoint_enable("api/later", "return"), 0, "a name without a site");
	same(status("api/later"), "api/later=return any 0 0 0 ", "is pending");
	is(failpoint_enable_known("api/later", "return"), -ENOENT,
	   "and still not known");
	is(failpoint_enable_known("api/b", "return"), 0, "another is");
	ok(b(), "and armed");
	is(failpoint_disable("api/later"), 0, "disarming what is pending");
	is(failpoint_disable("api/later"), -ENOENT, "forgets it");
	is(failpoint_disable_all(), 1, "one was left");
}

static void bad_names_are_refused(void)
{
	static const char *const names[] = {"",	   " a",  "a ",	   "a\tb\n",
					    "a=b", "a;b", "\"a\"", "a`"};
	char *name = malloc(LONG_NAME_BYTES + 1);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		is(failpoint_enable(names[i], "return"), -EINVAL,
		   "a bad name is refused");
	if (!name)
		return;
	memset(name, 'x', LONG_NAME_BYTES);
	name[LONG_NAME_BYTES] = '\0';
	is(failpoint_enable(name, "return"), -EINVAL, "so is a long one");
	is(lines_of(failpoint_error()), 0, "in one sentence");
	name[LONG_NAME_BYTES - 1] = '\0';
	is(failpoint_enable(name, "return"), 0, "one byte less is good");
	is(failpoint_disable(name), 0, "and gone");
	free(name);
}

static void many_are_armed_or_none(void)
{
	is(failpoint_enable_many(" api/a = return(1) ;; api/b=return ;"), 0,
	   "two");
	ok(a() == 1 && b(), "are armed");
	is(failpoint_enable_many("api/a=return(2);api/b"), -EBADMSG,
	   "an entry without terms");
	is(a(), 1, "changes nothing");
	is(failpoint_enable_many("api/a=return(2);api/b=foo"), -EINVAL,
	   "bad terms");
	has(failpoint_error(), "unknown action 'foo'", "with a sentence");
	is(a(), 1, "change nothing");
	is(failpoint_enable_many_known("api/a=return(2);api/x=return"), -ENOENT,
	   "an unknown name");
	is(a(), 1, "changes nothing");
	is(failpoint_list(NULL, NULL), 3, "and leaves nothing behind");
	is(failpoint_enable_many("api/a=return(2);api/a=return(3)"), 0,
	   "a name twice");
	is(a(), 3, "has the last");
	is(failpoint_enable_many(""), 0, "nothing is no error");
	is(failpoint_enable_many("api/a=return(\"x=y;z\");api/b=return"), 0,
	   "quotes are respected");
	is(failpoint_disable_all(), 2, "the end");
	is(failpoint_disable_all(), 0, "of all");
}

static const char *text(void)
{
	const char *value = "";

	return FAILPOINT_STRING("api/text", &value) ? value : "miss";
}

static void strings_stay_valid(void)
{
	const char *first;
	const char *again;
	char terms[64];

	is(failpoint_enable("api/text", "return(\"kept\")"), 0, "a string");
	first = text();
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(terms, sizeof(terms), "return(\"other %d\")", i);
		if (failpoint_enable("api/text", terms) < 0)
			ok(false, "a thousand others");
	}
	same(text(), "other 999", "is replaced");
	is(failpoint_enable("api/text", "return(`kept`)"), 0, "comes back");
	again = text();
	is(failpoint_disable("api/text"), 0, "and goes");
	same(first, "kept", "it stays what it was");
	ok(first == again, "and is kept once");
}

/* Bits of hits of a point with a toss. */
static uint64_t tosses(uint64_t seed)
{
	uint64_t bits = 0;

	failpoint_set_seed(seed);
	(void)failpoint_enable("api/b", "50%return"); /* seen by the bits */
	for (int i = 0; i < 64; i++) {
		bits = bits << 1 | b();
		(void)a(); /* what others do does not matter */
	}
	return bits;
}

static void seeds_repeat(void)
{
	uint64_t first;
	const char *said;

	is(failpoint_enable("api/a", "30%return(1)"), 0, "another point");
	first = tosses(42);
	is(failpoint_seed(), 42, "the seed can be asked for");
	ok(first != 0 && first != UINT64_MAX, "some hits fire");
	is(failpoint_disable("api/a"), 0, "whether another is armed or not");
	ok(tosses(42) == first, "the same seed tosses the same");
	ok(tosses(43) != first, "another does not");
	catch_stderr();
	(void)tosses(44);
	(void)tosses(44);
	said = caught_stderr();
	has(said, "GOFAIL_SEED=44", "the seed is printed");
	is(lines_of(said), 1, "once");
	catch_stderr();
	failpoint_set_seed(45);
	is(failpoint_enable("api/b", "0%return->100%return->return(\"50%\")"),
	   0, "certain tosses");
	same(caught_stderr(), "", "need no seed");
	is(failpoint_disable("api/b"), 0, "the end");
}

static void sites_are_made_at_run_time(void)
{
	struct failpoint_site *site =
		failpoint_define("api/made", FAILPOINT_TYPE_INT, "at run time");
	struct failpoint_site *second =
		failpoint_define("api/made", FAILPOINT_TYPE_INT, "");
	int64_t value = 0;

	ok(site && second, "two sites of one name");
	same(status("api/made"), "api/made=- int 2 0 0 at run time",
	     "are one point");
	errno = 0;
	ok(!failpoint_define("api/made", FAILPOINT_TYPE_BOOL, ""),
	   "another type is refused");
	is(errno, EEXIST, "EEXIST");
	ok(!failpoint_define("api/a", FAILPOINT_TYPE_VOID, ""),
	   "as it is for a site of the source");
	ok(!failpoint_define("a=b", FAILPOINT_TYPE_VOID, "") && errno == EINVAL,
	   "so is a bad name");
	ok(!failpoint_define("a", (enum failpoint_type)9, "") &&
		   errno == EINVAL,
	   "and a type that is none");
	is(failpoint_enable_known("api/made", "return(3)"), 0, "it is known");
	ok(failpoint_at_int(site, &value) && value == 3, "and hits");
	ok(failpoint_at_int(second, &value), "at both sites");
	failpoint_undefine(site);
	ok(failpoint_at_int(second, &value), "one is left");
	failpoint_undefine(second);
	failpoint_undefine(NULL);
	same(status("api/made"), "api/made=return(3) any 0 3 3 ",
	     "it stays armed, and is pending");
	site = failpoint_define("api/made", FAILPOINT_TYPE_INT, "");
	ok(site && failpoint_at_int(site, &value), "and armed when it is back");
	is(failpoint_disable("api/made"), 0, "the end");
	failpoint_undefine(site);
	is(failpoint_hits("api/made"), -ENOENT, "nothing is left");
}

static void scopes_end(void)
{
	struct failpoint_scope scope = failpoint_scope_begin("api/a=return(x)");

	is(scope.error, -EINVAL, "a scope of bad terms");
	failpoint_scope_end(&scope);
	for (int i = 0; i < 3; i++) {
		FAILPOINT_SCOPE("api/a=return(4);api/b=return");
		is(a(), 4, "in a scope it is armed");
		if (i == 1)
			continue;
		is(failpoint_disable("api/b"), 0, "disarming it inside");
		if (i == 2)
			break;
	}
	is(a(), -1, "behind it is not");
	ok(!b(), "and no error");
	scope = failpoint_scope_begin("api/a=return(4)");
	is(failpoint_disable("api/a"), 0, "disarmed inside");
	errno = ENOTTY;
	failpoint_scope_end(&scope);
	failpoint_scope_end(&scope);
	is(errno, ENOTTY, "the end, even twice, leaves errno alone");
}

static int take_terms(void *user, const struct failpoint_info *info)
{
	char **terms = user;

	*terms = strdup(info->terms);
	return 0;
}

static void terms_are_one_line(void)
{
	char *terms = NULL;

	is(failpoint_enable("api/a", "off ->\n return(\"x\ny=off\")\n"), 0,
	   "terms of several lines");
	is(failpoint_status("api/a", take_terms, &terms), 0, "their status");
	ok(terms && strcmp(terms, "off->return(\"x\\ny=off\")") == 0,
	   "they are shown in one");
	free(terms);
	is(failpoint_disable("api/a"), 0, "disarming them");
}

static void waiting_looks_first(void)
{
	is(failpoint_wait_fired("api/none", 1, 0), -ENOENT, "no such point");
	is(failpoint_wait_fired("api/a", 0, 0), 0, "0 is reached");
	is(failpoint_wait_fired("api/a", 1, 0), -ETIMEDOUT, "1 is not");
	has(failpoint_error(), "time", "with a sentence");
	is(failpoint_enable("api/a", "return(1)"), 0, "armed");
	(void)a();
	is(failpoint_wait_fired("api/a", 1, -1), 0, "now it is");
	is(failpoint_wait_fired("api/a", 2, 20), -ETIMEDOUT, "2 is not");
	is(failpoint_wait_paused("api/a", 1, 1), -ETIMEDOUT, "nobody waits");
	is(failpoint_resume("api/a"), 0, "nobody goes on");
	is(failpoint_resume("api/none"), -ENOENT, "no such point");
	is(failpoint_disable("api/a"), 0, "the end");
}

/* FAILPOINT_POINTS_MAX names, and no more; then as if nothing had been. */
static void names_have_a_limit(void)
{
	char name[32];
	int r = 0;
	int count = failpoint_list(NULL, NULL);
	int armed = 0;

	for (; r == 0 && armed <= FAILPOINT_POINTS_MAX; armed++) {
		(void)snprintf(name, sizeof(name), "api/n%d", armed);
		r = failpoint_enable(name, "off");
	}
	is(r, -ENOSPC, "too many names are refused");
	has(failpoint_error(), "too many", "with a sentence");
	is(failpoint_list(NULL, NULL), FAILPOINT_POINTS_MAX, "at the limit");
	is(failpoint_disable_all(), FAILPOINT_POINTS_MAX - count,
	   "all are disarmed");
	is(failpoint_list(NULL, NULL), count, "and forgotten");
	is(failpoint_enable("api/n0", "off"), 0, "there is room again");
	is(failpoint_disable_all(), 1, "the end");
}

int main(void)
{
	is(failpoint_list(NULL, NULL), 3, "three points");
	same(failpoint_error(), "", "no error");
	arming_and_disarming();
	unknown_names_are_pending();
	bad_names_are_refused();
	many_are_armed_or_none();
	strings_stay_valid();
	seeds_repeat();
	sites_are_made_at_run_time();
	scopes_end();
	terms_are_one_line();
	waiting_looks_first();
	names_have_a_limit();
	return tap_end();
}
