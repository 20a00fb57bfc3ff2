/* SPDX-License-Identifier: MIT */
/*
 * The source files that paths mean: a file is itself, whatever its name; a
 * directory is all C and C++ sources and headers below it, without what has a
 * name with a leading dot. A symbolic link that is named is followed; one found
 * in a directory is not, and is told about if it leads to a source elsewhere.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_SOURCES_H
#define FLAKEY_TOOLS_FAILPOINT_SOURCES_H

#include <stddef.h>

struct errmsg;

struct source {
	char *path; /* for people: as it was given, or below that */
	char *real; /* without symbolic links */
};

struct sources {
	struct source *sources; /* sorted by path, each file once */
	size_t count;
};

void sources_init(struct sources *sources);
void sources_done(struct sources *sources);

/* paths ends with NULL. Returns 0, or a negative errno and why. */
int sources_find(struct sources *sources, char *const *paths,
		 struct errmsg *reterr_why);

#endif
