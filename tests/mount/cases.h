/* SPDX-License-Identifier: MIT */
/*
 * Cases of a conformance suite: each a function that runs in an empty directory
 * of its own and says whether a file system did right. The same cases run on
 * the host's file system, so that a case that asks too much is found.
 */
#ifndef FLAKEY_TESTS_MOUNT_CASES_H
#define FLAKEY_TESTS_MOUNT_CASES_H

#include <stdbool.h>
#include <stddef.h>

/* Fails the case with a line that says where and why. */
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			cases_note(__FILE__, __LINE__, #condition);            \
			return CASE_FAILED;                                    \
		}                                                              \
	} while (0)

/* The call fails, and with that errno. */
#define CHECK_ERRNO(wanted, call) CHECK((call) < 0 && errno == (wanted))

enum case_result {
	CASE_PASSED,
	CASE_FAILED,
	CASE_SKIPPED, /* after cases_skip() */
};

struct case_entry {
	const char *name; /* a sentence in snake_case */
	enum case_result (*run)(void);
};

struct case_group {
	const char *name;
	const struct case_entry *entries;
	size_t count;
};

#define CASE_GROUP(name, entries)                                              \
	{                                                                      \
		name, entries, sizeof(entries) / sizeof((entries)[0])          \
	}

void cases_note(const char *file, int line, const char *condition);
/* The host or the user has not what the case needs. */
enum case_result cases_skip(const char *why);

/* A new file with that content; -1 with errno if it cannot be made. */
int cases_make_file(const char *path, const char *content);
/* Whether the file holds exactly that text. */
bool cases_file_is(const char *path, const char *content);

/* Runs the group in directory and prints TAP without a plan. Returns the number
 * of failures. */
size_t cases_run(const struct case_group *group, int directory);
/* The plan for all that ran. */
void cases_plan(void);

#endif
