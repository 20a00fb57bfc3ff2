/* SPDX-License-Identifier: MIT */
/*
 * The names of a directory's directories that a walk has still to visit, in the
 * order in which they were added.
 */
#ifndef FLAKEY_FUSEFS_STORE_SUBDIRS_H
#define FLAKEY_FUSEFS_STORE_SUBDIRS_H

#include <stddef.h>

/* Zeroed: none. */
struct store_subdirs {
	char *names; /* one behind the other, each with its NUL; owned */
	size_t size_bytes;
	size_t at; /* of the next one */
};

/* 0, or -ENOMEM. */
int store_subdirs_add(struct store_subdirs *subdirs, const char *name);

/* The next one, valid until one is added; NULL: there are no more. */
const char *store_subdirs_next(struct store_subdirs *subdirs);

void store_subdirs_done(struct store_subdirs *subdirs);

#endif
