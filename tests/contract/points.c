/* SPDX-License-Identifier: MIT */
#include "tests/contract/points.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned int points;
static unsigned int failures;

bool ok(bool good, const char *name)
{
	failures += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", ++points, name);
	(void)fflush(stdout); /* a death must not lose points */
	return good;
}

void is(int got, int wanted, const char *name)
{
	if (!ok(got == wanted, name))
		printf("# wanted %d, got %d\n", wanted, got);
}

void same(uint64_t got, uint64_t wanted, const char *name)
{
	if (!ok(got == wanted, name))
		printf("# wanted %" PRIu64 ", got %" PRIu64 "\n", wanted, got);
}

void says(const char *sentence, const char *part, const char *name)
{
	if (!ok(strstr(sentence, part) && !strchr(sentence, '\n'), name))
		printf("# '%s' is not in '%s'\n", part, sentence);
}

void holds(const char *path, const char *content, const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char found[256] = "";
	ssize_t size = -1;
	bool good;

	if (fd >= 0) {
		size = read(fd, found, sizeof(found) - 1);
		(void)close(fd); /* was only read */
	}
	if (content)
		good = size >= 0 && strcmp(found, content) == 0;
	else
		good = fd < 0;
	if (!ok(good, name))
		printf("# %s: wanted '%s', got '%s'\n", path,
		       content ? content : "no file",
		       fd < 0 ? "no file" : found);
}

int points_done(void)
{
	printf("1..%u\n", points);
	return failures > 0;
}

/* The directory that the path begins with. */
static int sync_parent(const char *path)
{
	char parent[256];
	int fd;
	int r = 0;

	(void)snprintf(parent, sizeof(parent), "%.*s",
		       (int)(strrchr(path, '/') - path), path);
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		r = -errno;
	if (fd >= 0)
		(void)close(fd); /* was only read */
	return r;
}

void put(const char *path, const char *content, enum put_sync sync)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t size = strlen(content);

	if (fd < 0 || write(fd, content, size) != (ssize_t)size ||
	    (sync && (fsync(fd) < 0 || sync_parent(path) < 0)))
		printf("# cannot write %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd); /* fsync has said all there is */
}

int overwrite(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t size = strlen(content);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, content, size) != (ssize_t)size || fsync(fd) < 0)
		r = -errno;
	(void)close(fd); /* fsync has said all there is */
	return r;
}
