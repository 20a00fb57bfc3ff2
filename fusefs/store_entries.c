/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "fusefs/store.h"

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int store_each_entry(int fd, store_entry_fn *each, void *user)
{
	DIR *stream = fdopendir(fd);
	if (stream == NULL) {
		int r = -errno;
		close(fd);
		return r;
	}
	int r = 0;
	while (r == 0) {
		/* Whatever each did before, even a malloc(3) that succeeded,
		 * may have set it. */
		errno = 0;
		const struct dirent *entry = readdir(stream);
		if (entry == NULL) {
			r = -errno; /* 0 at the end */
			break;
		}
		if (!is_dots(entry->d_name))
			r = each(user, entry);
	}
	closedir(stream);
	return r;
}
