/* SPDX-License-Identifier: MIT */
/*
 * A tree of files in one line of text, as the crash tables hold it: names in
 * byte order, each after one blank,
 *
 *	name/                           a directory, then what is in it
 *	name@                           a symbolic link
 *	name[SIZE nLINKS MODE:RUNS x=VALUE]   a file
 *
 * nLINKS only if more than one, MODE only if not 644, x=VALUE only if there is
 * an attribute user.k. RUNS are CHAR*COUNT, with 0 for the zero byte. Names
 * that begin with a dot, and lost+found, are not shown.
 */
#ifndef FLAKEY_TESTS_LITMUS_TREEDUMP_H
#define FLAKEY_TESTS_LITMUS_TREEDUMP_H

#include <stdio.h>

/* Returns 0 or a negative errno of the first thing that cannot be read. */
int treedump_write(int root, FILE *out);

/* The tree, to be freed; what cannot be read is said at its end. NULL: there is no
 * memory, and errno says so. */
char *treedump_text(int root);

#endif
