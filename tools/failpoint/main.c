/* SPDX-License-Identifier: MIT */
/*
 * The command `failpoint`: the workflow of gofail for C and C++. Comments that
 * cost nothing become points of libfailpoint for a build, and comments again.
 */
#include "tools/failpoint/verbs.h"
#include "tools/program.h"

/* Sorted by name. */
static const struct cmd *const verbs[] = {
	&cmd_disable,
	&cmd_enable,
	&cmd_list,
};

static const struct program failpoint = {
	.name = "failpoint",
	.summary = "Points in C and C++ sources that are comments until a "
		   "build wants them.",
	.verbs = verbs,
	.verb_count = sizeof(verbs) / sizeof(verbs[0]),
	.statuses = "Exit status: 0 done, 1 refused or failed, 2 wrong "
		    "usage.\n",
};

int main(int argc, char **argv)
{
	return program_main(&failpoint, argc, argv);
}
