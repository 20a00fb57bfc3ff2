/* SPDX-License-Identifier: MIT */
/*
 * Things that can be done to a file `f` in the working directory, one or two
 * calls each, for the themes that ask what they move or clear. Beside it may
 * lie `g`, another file, and `h`, a second name of `f`.
 */
#ifndef FLAKEY_TESTS_POSIX_DEED_H
#define FLAKEY_TESTS_POSIX_DEED_H

#include <stddef.h>
#include <stdint.h>

struct deed {
	const char *name;
	int64_t (*act)(void); /* -1 with errno if it failed */
};

/* f with 10000 bytes and the xattr user.old, g with 100, h. */
void deed_prepare(void);
size_t deed_count(void);
const struct deed *deed_at(size_t index);

#endif
