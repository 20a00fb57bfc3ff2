/* SPDX-License-Identifier: MIT */
/*
 * Crash cases, one a line: "id<TAB>setup<TAB>ops", and further cells that are not
 * looked at, so that any table of tests/litmus is a file of cases. Lines that begin
 * with '#' are comments. Played, a case becomes the same line with what was left as
 * its fourth cell.
 */
#ifndef FLAKEY_TESTS_ORACLE_CASES_H
#define FLAKEY_TESTS_ORACLE_CASES_H

#include <stdio.h>

struct cases_one {
	const char *id;
	const char *setup;
	const char *ops;
};

/* Plays a case, and writes what was left. 0, or a negative errno. */
typedef int cases_act(void *arg, const struct cases_one *one, FILE *out);

/* Has act play every case of the file, until one fails, which is said on standard
 * error in the name of the program. Prints each as it is done. 0, or a negative
 * errno: -EINVAL for a line of another shape, -ECANCELED when a case failed. */
int cases_play(const char *program, const char *path, cases_act *act,
	       void *arg);

#endif
