/* SPDX-License-Identifier: MIT */
/*
 * The names of a directory's directories that a walk has still to visit, in the
 * order in which they were added.
 */
#ifndef FLAKEY_COMMON_SUBDIRS_H
#define FLAKEY_COMMON_SUBDIRS_H

#include <stddef.h>

/* Zeroed: none. */
struct subdirs {
	char *names; /* one behind the other, each with its NUL; owned */
	size_t size_bytes;
	size_t at; /* of the next one */
};

/* 0, or -ENOMEM. */
int subdirs_add(struct subdirs *subdirs, const char *name);

/* The next one, valid until one is added; NULL: there are no more. */
const char *subdirs_next(struct subdirs *subdirs);

void subdirs_done(struct subdirs *subdirs);

#endif
