/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a source, and in which line.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_MISTAKE_H
#define FLAKEY_TOOLS_FAILPOINT_MISTAKE_H

#include <stddef.h>

#include "common/errmsg.h"

struct mistake {
	size_t line; /* from 1; 0: the whole source */
	struct errmsg why;
};

/* Returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int
mistake_set(struct mistake *mistake, size_t line, const char *format, ...);

#endif
