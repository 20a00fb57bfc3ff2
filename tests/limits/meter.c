/* SPDX-License-Identifier: MIT */
#include "tests/limits/meter.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"

#define FLAT_FACTOR 3
#define FLAT_SLACK_NS 3000
#define SPIN_NS INT64_C(40000000)

static int mount_root = -1;
static pid_t daemon_pid;

int64_t meter_status(const char *name)
{
	char status[16384];
	char key[64];

	if (controlfile_read(mount_root, "status", status, sizeof(status)) < 0)
		return -1;
	(void)snprintf(key, sizeof(key), "\"%s\":", name);
	const char *found = strstr(status, key);
	return found ? strtoll(found + strlen(key), NULL, 10) : -1;
}

int meter_open(int root)
{
	mount_root = root;
	daemon_pid = (pid_t)meter_status("pid");
	return daemon_pid > 0 ? 0 : -ENOENT;
}

int64_t meter_clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* always there */
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t meter_cpu_ns(void)
{
	clockid_t clock;
	struct timespec now;

	if (clock_getcpuclockid(daemon_pid, &clock) != 0 ||
	    clock_gettime(clock, &now) < 0)
		return -1;
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t meter_anonymous_bytes(void)
{
	char path[64];
	char line[256];
	int64_t kib = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon_pid);
	FILE *file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtoll(line + 8, NULL, 10);
	if (file != NULL)
		(void)fclose(file); /* only read from */
	return kib < 0 ? -1 : kib * 1024;
}

int64_t meter_scratch_bytes(void)
{
	char path[300];
	char target[512];
	int64_t bytes = -1;
	const struct dirent *entry;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)daemon_pid);
	DIR *fds = opendir(path);
	while (fds != NULL && bytes < 0 && (entry = readdir(fds)) != NULL) {
		struct stat st;

		ssize_t n = readlinkat(dirfd(fds), entry->d_name, target,
				       sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strstr(target, "flakey-scratch") != NULL &&
		    fstatat(dirfd(fds), entry->d_name, &st, 0) == 0)
			bytes = st.st_blocks * INT64_C(512);
	}
	if (fds != NULL)
		(void)closedir(fds); /* only read from */
	return bytes;
}

const char *meter_store(void)
{
	return getenv("STORE");
}

int64_t meter_setting(const char *name, int64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL && *text != '\0' ? strtoll(text, NULL, 10)
					     : otherwise;
}

int64_t meter_verb(const char *line)
{
	int64_t begin = meter_clock_ns();
	int r = controlfile_verb(mount_root, line);

	return r < 0 ? r : meter_clock_ns() - begin;
}

static int64_t own_cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* always there */
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* How much longer than its CPU time a computation takes: 1.0 on an idle host. */
static double crowding(void)
{
	int64_t begin = meter_clock_ns();
	int64_t cpu = own_cpu_ns();
	int64_t used;

	while ((used = own_cpu_ns() - cpu) < SPIN_NS)
		continue;
	return (double)(meter_clock_ns() - begin) / (double)used;
}

int64_t meter_fair_verb(const char *line)
{
	double before = crowding();
	int64_t cpu = meter_cpu_ns();
	int64_t took = meter_verb(line);
	cpu = meter_cpu_ns() - cpu;
	double after = crowding();
	double factor = before > after ? before : after;

	printf("# %s: %.1f ms, %.1f ms of CPU, others take %.1f of it\n", line,
	       (double)took / 1e6, (double)cpu / 1e6, factor);
	if (took < 0)
		return took;
	/* Not less than was really done. */
	int64_t fair = (int64_t)((double)took / factor);
	if (fair < cpu)
		fair = cpu;
	return fair < took ? fair : took;
}

void meter_begin(struct meter_lap *lap, const char *what)
{
	*lap = (struct meter_lap){.what = what, .cpu_ns = meter_cpu_ns()};
}

void meter_end(struct meter_lap *lap, int64_t count)
{
	lap->cpu_ns = meter_cpu_ns() - lap->cpu_ns;
	lap->count = count;
}

bool meter_is_flat(const struct meter_lap *small, const struct meter_lap *large)
{
	int64_t one = small->cpu_ns / small->count;
	int64_t other = large->cpu_ns / large->count;

	printf("# %-18s %8" PRId64 " times %8" PRId64 " ns each, %8" PRId64
	       " times %8" PRId64 " ns each\n",
	       large->what, small->count, one, large->count, other);
	return other <= one * FLAT_FACTOR + FLAT_SLACK_NS;
}
