/* SPDX-License-Identifier: MIT */
#include "tests/posix/thing.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/posix/see.h"

static const char *const names[THING_COUNT] = {
	[THING_MISSING] = "missing",   [THING_FILE] = "file",
	[THING_DIR] = "dir",	       [THING_FULL_DIR] = "full_dir",
	[THING_LINK] = "link",	       [THING_DIR_LINK] = "dir_link",
	[THING_DANGLING] = "dangling", [THING_LOOP] = "loop",
	[THING_FIFO] = "fifo",	       [THING_SOCKET] = "socket",
};

const char *thing_name(enum thing thing)
{
	return names[thing];
}

int thing_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		see_ok("make", fd);
	return fd;
}

void thing_filled(const char *path, char character, size_t size)
{
	char *bytes = malloc(size + 1);
	int fd = thing_open(path, O_WRONLY | O_CREAT | O_TRUNC);

	if (bytes == NULL || fd < 0)
		return;
	memset(bytes, character, size);
	if (write(fd, bytes, size) != (ssize_t)size)
		see_say("make=short");
	free(bytes);
	if (close(fd) < 0)
		see_ok("make", -1);
}

void thing_file(const char *path, const char *content)
{
	int fd = thing_open(path, O_WRONLY | O_CREAT | O_TRUNC);
	size_t length = strlen(content);

	if (fd < 0)
		return;
	if (write(fd, content, length) != (ssize_t)length)
		see_say("make=short");
	if (close(fd) < 0)
		see_ok("make", -1);
}

static int make_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -1;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	(void)close(fd); /* the name stays */
	return r;
}

static int make_link(enum thing thing, const char *path)
{
	char to[PATH_MAX];
	const char *base = strrchr(path, '/');

	(void)snprintf(to, sizeof(to), "%s.to", path);
	if (thing == THING_LINK)
		thing_file(to, THING_CONTENT);
	else if (thing == THING_DIR_LINK && mkdir(to, 0755) < 0)
		return -1;
	(void)snprintf(to, sizeof(to), "%s%s", base != NULL ? base + 1 : path,
		       thing == THING_LOOP ? "" : ".to");
	return symlink(to, path);
}

static int make_full(const char *path)
{
	char in[PATH_MAX];

	if (mkdir(path, 0755) < 0)
		return -1;
	(void)snprintf(in, sizeof(in), "%s/in", path);
	thing_file(in, "in");
	return 0;
}

void thing_make(enum thing thing, const char *path)
{
	int r = 0;

	switch (thing) {
	case THING_FILE:
		thing_file(path, THING_CONTENT);
		break;
	case THING_DIR:
		r = mkdir(path, 0755);
		break;
	case THING_FULL_DIR:
		r = make_full(path);
		break;
	case THING_LINK:
	case THING_DIR_LINK:
	case THING_DANGLING:
	case THING_LOOP:
		r = make_link(thing, path);
		break;
	case THING_FIFO:
		r = mkfifo(path, 0644);
		break;
	case THING_SOCKET:
		r = make_socket(path);
		break;
	case THING_MISSING:
	case THING_COUNT:
		break;
	}
	if (r < 0)
		see_ok("make", r);
}
