/* SPDX-License-Identifier: MIT */
/* The kinds of things that can lie at a path, for matrices of cases. */
#ifndef FLAKEY_TESTS_POSIX_THING_H
#define FLAKEY_TESTS_POSIX_THING_H

#include <stdbool.h>
#include <stddef.h>

enum thing {
	THING_MISSING,
	THING_FILE,	/* with seven bytes */
	THING_DIR,	/* empty */
	THING_FULL_DIR, /* holds a file `in` */
	THING_LINK,	/* to a file, PATH.to */
	THING_DIR_LINK, /* to a directory, PATH.to */
	THING_DANGLING, /* to nothing, PATH.to */
	THING_LOOP,	/* to itself */
	THING_FIFO,
	THING_SOCKET,
	THING_COUNT,
};

#define THING_CONTENT "content"

const char *thing_name(enum thing thing);
/* Makes it at the path; told on the line if that fails. */
void thing_make(enum thing thing, const char *path);
/* A file with a content; told on the line if that fails. */
void thing_file(const char *path, const char *content);
/* A file of so many times the character. */
void thing_filled(const char *path, char character, size_t size);
/* Opened, told on the line if that fails. */
int thing_open(const char *path, int flags);

#endif
