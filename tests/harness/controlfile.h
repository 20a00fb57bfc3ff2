/* SPDX-License-Identifier: MIT */
/*
 * The control files as a test program uses them: plain open, write and read.
 * No library of ours is in between, so that the tests see what users see.
 */
#ifndef FLAKEY_TESTS_HARNESS_CONTROLFILE_H
#define FLAKEY_TESTS_HARNESS_CONTROLFILE_H

#include <stddef.h>

/* Writes one line to .flakey/control below root (a descriptor of the mount's
 * root). Returns 0 when the thing has happened, or a negative errno. */
int controlfile_verb(int root, const char *line);

/* Reads .flakey/NAME into buffer, as a string. 0 or a negative errno. */
int controlfile_read(int root, const char *name, char *buffer,
		     size_t size_bytes);

#endif
