/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_all(int directory, const char *name, const char *text)
{
	size_t size = strlen(text);
	int result = 0;
	int fd = openat(directory, name,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		return -errno;
	errno = EIO; /* for a write that is short */
	if (write(fd, text, size) != (ssize_t)size || fsync(fd) < 0)
		result = -errno;
	close(fd);
	return result;
}

int store_put(const char *directory, const char *name, const char *text)
{
	char temporary[256];
	int fd, result;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	result = write_all(fd, temporary, text);
	if (result == 0 &&
	    (renameat(fd, temporary, fd, name) < 0 || fsync(fd) < 0))
		result = -errno;
	close(fd);
	return result;
}
