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

/* Has act play every case of the file, which returns what was left (to be freed), or
 * NULL to end it all. Prints each as it is done. 0, or a negative errno: -EINVAL for
 * a line of another shape, -ECANCELED when act ended it. */
int cases_play(const char *path,
	       char *(*act)(void *arg, const struct cases_one *), void *arg);

#endif
