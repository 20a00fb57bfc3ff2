/* SPDX-License-Identifier: MIT */
#include "tests/mount/cases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTENT_MAX 4096

static size_t points;
static const char *skip_reason;

void cases_note(const char *file, int line, const char *condition)
{
	int saved = errno;
	const char *slash = strrchr(file, '/');

	printf("# %s:%d: %s (errno %d, %s)\n", slash ? slash + 1 : file, line,
	       condition, saved, strerror(saved));
}

enum case_result cases_skip(const char *why)
{
	skip_reason = why;
	return CASE_SKIPPED;
}

int cases_make_file(const char *path, const char *content)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t length = strlen(content);

	if (fd < 0)
		return -1;
	if (write(fd, content, length) != (ssize_t)length) {
		(void)close(fd); /* the write has failed already */
		return -1;
	}
	return close(fd);
}

bool cases_file_is(const char *path, const char *content)
{
	char buffer[CONTENT_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buffer, sizeof(buffer));
	(void)close(fd); /* only read from */
	return n == (ssize_t)strlen(content) &&
	       memcmp(buffer, content, (size_t)n) == 0;
}

static size_t run_one(const struct case_group *group,
		      const struct case_entry *entry, int directory)
{
	enum case_result result = CASE_FAILED;
	char name[256];

	(void)snprintf(name, sizeof(name), "%s.%s", group->name, entry->name);
	if (mkdirat(directory, name, 0755) == 0 && fchdir(directory) == 0 &&
	    chdir(name) == 0)
		result = entry->run();
	else
		cases_note(__FILE__, __LINE__, "an empty directory");
	printf("%sok %zu - %s%s%s\n", result == CASE_FAILED ? "not " : "",
	       ++points, name, result == CASE_SKIPPED ? " # SKIP " : "",
	       result == CASE_SKIPPED ? skip_reason : "");
	(void)fflush(stdout); /* a reader sees where a hang began */
	return result == CASE_FAILED;
}

size_t cases_run(const struct case_group *group, int directory)
{
	size_t failed = 0;

	for (size_t i = 0; i < group->count; i++)
		failed += run_one(group, &group->entries[i], directory);
	return failed;
}

void cases_plan(void)
{
	printf("1..%zu\n", points);
}
