/* SPDX-License-Identifier: MIT */
/*
 * A command with verbs: `PROGRAM VERB [OPTION...] [OPERAND...]`. Finds the verb
 * and does it; --help, --long-options and --version are every program's, and so
 * is --complete (complete.h), which no help lists.
 */
#ifndef FLAKEY_TOOLS_PROGRAM_H
#define FLAKEY_TOOLS_PROGRAM_H

#include <stddef.h>

#include "tools/complete.h"

struct cmd;
struct cmd_args;

struct program {
	const char *name;
	const char *summary;		/* one line for --help */
	const struct cmd *const *verbs; /* sorted by name */
	size_t verb_count;
	const char *statuses; /* for --help, ends with a newline */
	/* For completion; NULL: the words of its verbs have no values. */
	complete_values_fn *values;
};

/* NULL: there is no such verb. */
const struct cmd *program_find(const struct program *program, const char *name);

/* Returns the exit status. */
int program_main(const struct program *program, int argc, char **argv);

/* The same for the inner command of a verb. */
int program_inner(const struct cmd_args *args);

/* Prints the verbs for a help, and a blank line. */
void program_list_verbs(const struct program *program);

/* What was printed has to have arrived: the status that main() returns. */
int program_finish(int status);

#endif
