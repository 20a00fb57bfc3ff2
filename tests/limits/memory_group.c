/* SPDX-License-Identifier: MIT */
#include "tests/limits/memory_group.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How a version of cgroups(7) calls things. */
struct version {
	const char *top;   /* where it is mounted */
	const char *mark;  /* how its line of /proc/PID/cgroup begins, after
			    * the number of the hierarchy */
	const char *limit; /* files of a group */
	const char *most;
};

static const struct version versions[] = {
	{"/sys/fs/cgroup/memory", ":memory:", "memory.limit_in_bytes",
	 "memory.max_usage_in_bytes"},
	{"/sys/fs/cgroup", "::", "memory.max", "memory.peak"},
};

static bool put(const char *folder, const char *name, int64_t number)
{
	char path[512];
	char text[32];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	int n = snprintf(text, sizeof(text), "%" PRId64, number);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool good = write(fd, text, (size_t)n) == n;
	return close(fd) == 0 && good;
}

/* Where in the hierarchy the process is, below its top. */
static bool find_home(const struct version *version, pid_t process,
		      char *ret_home, size_t size)
{
	char line[512];
	bool found = false;

	(void)snprintf(line, sizeof(line), "/proc/%d/cgroup", (int)process);
	FILE *file = fopen(line, "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		const char *mark = strchr(line, ':');
		size_t length = strlen(version->mark);

		if (!mark || strncmp(mark, version->mark, length) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		int n = snprintf(ret_home, size, "%s%s", version->top,
				 mark + length);
		found = n > 0 && (size_t)n < size;
	}
	if (file)
		(void)fclose(file); /* only read from */
	return found;
}

static bool enter(const struct version *version, struct memory_group *group,
		  int64_t limit_bytes)
{
	if (!find_home(version, group->process, group->home,
		       sizeof(group->home)))
		return false;
	(void)snprintf(group->path, sizeof(group->path), "%s/flakey-limits-%d",
		       version->top, (int)group->process);
	if (mkdir(group->path, 0755) < 0)
		return false;
	if (put(group->path, version->limit, limit_bytes) &&
	    put(group->path, "cgroup.procs", group->process)) {
		group->most = version->most;
		return true;
	}
	(void)rmdir(group->path); /* the caller hears of what failed */
	return false;
}

bool memory_group_enter(struct memory_group *group, pid_t process,
			int64_t limit_bytes)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		*group = (struct memory_group){.process = process};
		if (enter(&versions[i], group, limit_bytes))
			return true;
	}
	*group = (struct memory_group){.process = process};
	return false;
}

int64_t memory_group_most_bytes(const struct memory_group *group)
{
	char path[512];
	char line[64];
	int64_t bytes = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", group->path, group->most);
	FILE *file = fopen(path, "re");
	if (file && fgets(line, sizeof(line), file))
		bytes = strtoll(line, NULL, 10);
	if (file)
		(void)fclose(file); /* only read from */
	return bytes;
}

bool memory_group_leave(struct memory_group *group)
{
	if (group->path[0] == '\0')
		return true;
	bool back = put(group->home, "cgroup.procs", group->process);
	/* What it used is the parent's now. */
	bool gone = rmdir(group->path) == 0;
	group->path[0] = '\0';
	return back && gone;
}
