/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "rules/glob.h"
#include "tests/unit/fusefs/seed.h"

#define PATTERNS 20000
#define PATHS 40

/* What the header says, by trying everything; only for what glob_parse()
 * accepts. */
static bool twin_at(const char *pattern, const char *path);

static bool twin_names(const char *pattern, const char *path)
{
	for (;; path++) {
		if (twin_at(pattern, path))
			return true;
		path = strchr(path, '/');
		if (path == NULL)
			return false;
	}
}

static bool twin_stars(const char *pattern, const char *path, bool across)
{
	for (;; path++) {
		if (twin_at(pattern, path))
			return true;
		if (*path == '\0' || (*path == '/' && !across))
			return false;
	}
}

static const char *twin_class(const char *pattern, char c, bool *ret_has)
{
	bool negated = *pattern == '!';
	bool has = false;
	pattern += negated;
	while (*pattern != ']') {
		unsigned char from =
			(unsigned char)*(pattern += *pattern == '\\');
		unsigned char to = from;
		pattern++;
		if (pattern[0] == '-' && pattern[1] != ']') {
			pattern++;
			pattern += *pattern == '\\';
			to = (unsigned char)*pattern++;
		}
		has |= from <= (unsigned char)c && (unsigned char)c <= to;
	}
	*ret_has = has != negated && c != '/';
	return pattern + 1;
}

static const char *begin_of_pattern;

static bool twin_at(const char *pattern, const char *path)
{
	if (*pattern == '\0')
		return *path == '\0';
	if (strncmp(pattern, "**", 2) == 0) {
		bool begins = pattern == begin_of_pattern ||
			      (pattern[-1] == '/' &&
			       (pattern - 1 == begin_of_pattern ||
				pattern[-2] != '\\'));
		if (begins && pattern[2] == '/')
			return twin_names(pattern + 3, path);
		return twin_stars(pattern + 2, path, true);
	}
	if (*pattern == '*')
		return twin_stars(pattern + 1, path, false);
	if (*path == '\0')
		return false;
	if (*pattern == '?')
		return *path != '/' && twin_at(pattern + 1, path + 1);
	if (*pattern == '[') {
		bool has;
		pattern = twin_class(pattern + 1, *path, &has);
		return has && twin_at(pattern, path + 1);
	}
	pattern += *pattern == '\\';
	return *pattern == *path && twin_at(pattern + 1, path + 1);
}

static bool twin_is_whole(const char *pattern)
{
	bool in_class = false;
	for (; *pattern != '\0'; pattern++) {
		if (*pattern == '\\')
			pattern++;
		else if (*pattern == '[')
			in_class = true;
		else if (*pattern == ']')
			in_class = false;
		else if (*pattern == '/' ||
			 (!in_class && strncmp(pattern, "**", 2) == 0))
			return true;
	}
	return false;
}

static bool twin_matches(const char *pattern, const char *path)
{
	begin_of_pattern = pattern;
	if (!twin_is_whole(pattern))
		return twin_at(pattern, strrchr(path, '/') + 1);
	if (*pattern == '/')
		return path[0] == '/' && twin_at(pattern + 1, path + 1);
	if (strncmp(pattern, "**", 2) == 0 && pattern[2] != '/')
		return twin_at(pattern, path);
	return twin_at(pattern, path + 1);
}

static struct glob *parse(const char *pattern)
{
	struct glob *glob;
	size_t offset;
	struct errmsg why;
	if (glob_parse(pattern, strlen(pattern), &glob, &offset, &why) == 0)
		return glob;
	print_error("%s: %s at %zu\n", pattern, why.text, offset);
	fail();
	return NULL;
}

static void examples_match_as_documented(void **state)
{
	static const struct {
		const char *pattern;
		const char *path;
		bool matches;
	} examples[] = {
		{"*.wal", "/db/7.wal", true},
		{"*.wal", "/7.wal", true},
		{"*.wal", "/db/7.wal/x", false},
		{"log", "/a/b/log", true},
		{"log", "/a/log/b", false},
		{"db/*.wal", "/db/7.wal", true},
		{"/db/*.wal", "/db/7.wal", true},
		{"db/*.wal", "/x/db/7.wal", false},
		{"db/*", "/db/a/b", false},
		{"db/**", "/db/a/b", true},
		{"db/**", "/db", false},
		{"db/**/log", "/db/log", true},
		{"db/**/log", "/db/a/b/log", true},
		{"db/**/log", "/db/xlog", false},
		{"**/log", "/log", true},
		{"**.wal", "/a/b.wal", true},
		{"**", "/", true},
		{"/", "/", true},
		{"/", "/a", false},
		{"a?c", "/abc", true},
		{"a/?c", "/a//c", false},
		{"[a-c]x", "/bx", true},
		{"[!a-c]x", "/bx", false},
		{"[!a]x/y", "//x/y", false},
		{"\\*", "/*", true},
		{"\\*", "/a", false},
		{"a\\,b", "/a,b", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct glob *glob = parse(examples[i].pattern);
		bool matches = glob_matches(glob, examples[i].path,
					    strlen(examples[i].path));
		if (matches != examples[i].matches)
			print_error("%s, %s\n", examples[i].pattern,
				    examples[i].path);
		assert_int_equal(matches, examples[i].matches);
		glob_free(glob);
	}
}

static void bad_patterns_are_refused_at_their_place(void **state)
{
	static const struct {
		const char *pattern;
		size_t offset;
	} bad[] = {
		{"", 0},	{"a//b", 2},   {"a/", 2},     {"/a/", 3},
		{"a/./b", 2},	{"../b", 0},   {"***", 0},    {"a[b", 1},
		{"x[]", 1},	{"x[b-a]", 2}, {"x[a/b]", 3}, {"ab\\", 2},
		{"a/b***c", 3}, {"[!]", 0},    {"//", 1},     {"[\\", 2},
		{"a\\/b", 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct glob *glob = NULL;
		struct errmsg why = {""};
		size_t offset = 999;
		int r = glob_parse(bad[i].pattern, strlen(bad[i].pattern),
				   &glob, &offset, &why);
		if (r != -EINVAL || offset != bad[i].offset)
			print_error("'%s': %d at %zu: %s\n", bad[i].pattern, r,
				    offset, why.text);
		assert_int_equal(r, -EINVAL);
		assert_int_equal(offset, bad[i].offset);
		assert_true(strlen(why.text) > 0);
	}
}

static void write_word(struct seed *seed, const char *letters, char *to,
		       size_t most)
{
	size_t length = seed_below(seed, (uint32_t)most);
	for (size_t i = 0; i < length; i++)
		*to++ = letters[seed_below(seed, (uint32_t)strlen(letters))];
	*to = '\0';
}

/* Names of a few letters, so that much matches. */
static void write_path(struct seed *seed, char *to)
{
	do {
		char word[8];
		write_word(seed, "ab.-", word, 4);
		to += sprintf(to, "/%s%s", seed_once_in(seed, 2) ? "a" : "",
			      word);
	} while (seed_below(seed, 3) > 0);
	if (to[-1] == '/')
		strcpy(to, "b");
}

static void random_patterns_match_as_the_twin_does(void **state)
{
	struct seed seed;
	unsigned long matched = 0;
	unsigned long accepted = 0;
	(void)state;
	seed_start(&seed);
	for (unsigned long i = 0; i < seed_steps(PATTERNS); i++) {
		char pattern[16] = "";
		char path[256] = "";
		struct glob *glob = NULL;
		struct errmsg why;
		size_t offset = 999;
		write_word(&seed, "ab/**?[-]!\\.", pattern, 12);
		if (glob_parse(pattern, strlen(pattern), &glob, &offset, &why) <
		    0) {
			assert_true(offset <= strlen(pattern));
			continue;
		}
		accepted++;
		for (int p = 0; p < PATHS; p++) {
			write_path(&seed, path);
			bool matches = glob_matches(glob, path, strlen(path));
			if (matches != twin_matches(pattern, path))
				print_error("%s, %s\n", pattern, path);
			assert_int_equal(matches, twin_matches(pattern, path));
			matched += matches;
		}
		glob_free(glob);
	}
	print_message("# %lu patterns, %lu matches\n", accepted, matched);
	assert_true(matched > accepted);
}

/* No pattern makes a path cost more than its length times the pattern's. */
static void hostile_patterns_are_bounded(void **state)
{
	char pattern[256] = "";
	char path[4096];
	(void)state;
	for (int i = 0; i < 60; i++)
		strcat(pattern, "a*/");
	strcat(pattern, "b");
	for (size_t i = 0; i + 1 < sizeof(path); i++)
		path[i] = "/a"[i % 2];
	path[sizeof(path) - 2] = '\0';
	struct glob *glob = parse(pattern);
	assert_false(glob_matches(glob, path, strlen(path)));
	glob_free(glob);
	memset(pattern, '*', 250);
	for (size_t i = 2; i < 250; i += 3)
		pattern[i] = 'a';
	pattern[249] = '\0';
	glob = parse(pattern);
	assert_true(glob_matches(glob, path, strlen(path)));
	glob_free(glob);
}

static void longest_name_can_be_written(void **state)
{
	char pattern[GLOB_PARTS_MAX + 2] = "";
	char path[1 + 255 + 1] = "/";
	size_t offset;
	(void)state;
	memset(pattern, 'a', 255);
	memcpy(path + 1, pattern, 255);
	struct glob *glob = parse(pattern);
	assert_true(glob_matches(glob, path, 256));
	assert_false(glob_matches(glob, path, 255));
	glob_free(glob);
	memset(pattern, '?', sizeof(pattern) - 1);
	assert_int_equal(
		glob_parse(pattern, strlen(pattern), &glob, &offset, NULL),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_match_as_documented),
		cmocka_unit_test(bad_patterns_are_refused_at_their_place),
		cmocka_unit_test(random_patterns_match_as_the_twin_does),
		cmocka_unit_test(hostile_patterns_are_bounded),
		cmocka_unit_test(longest_name_can_be_written),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
