/* SPDX-License-Identifier: MIT */
#include "tests/harness/emptydir.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#define OPEN_MAX_WALK 16

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *walk)
{
	(void)st;
	(void)type;
	if (walk->level == 0 || strstr(path, "/.flakey"))
		return 0;
	return remove(path);
}

int emptydir(const char *path)
{
	int flags = FTW_DEPTH | FTW_PHYS;

	return nftw(path, remove_one, OPEN_MAX_WALK, flags) == 0 ? 0 : -errno;
}
