/* SPDX-License-Identifier: MIT */
#include "tests/harness/controlfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int open_control(int root, const char *name, int flags)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), ".flakey/%s", name);
	fd = openat(root, path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int controlfile_verb(int root, const char *line)
{
	int fd = open_control(root, "control", O_WRONLY);
	int r = 0;

	if (fd < 0)
		return fd;
	if (write(fd, line, strlen(line)) < 0)
		r = -errno;
	(void)close(fd); /* the answer came with the write */
	return r;
}

int controlfile_read(int root, const char *name, char *buffer,
		     size_t size_bytes)
{
	int fd = open_control(root, name, O_RDONLY);
	size_t length = 0;
	ssize_t n = 0;

	if (fd < 0)
		return fd;
	while (length + 1 < size_bytes &&
	       (n = read(fd, buffer + length, size_bytes - 1 - length)) > 0)
		length += (size_t)n;
	if (n < 0)
		n = -errno;
	buffer[length] = '\0';
	(void)close(fd); /* only read from */
	return n < 0 ? (int)n : 0;
}
