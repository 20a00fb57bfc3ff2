/* SPDX-License-Identifier: MIT */
/*
 * many_names MNT: directories of any size cost the same for each name, a clean
 * file that is known costs little memory, and a crash costs what is unsynced.
 *
 * FLAKEY_LIMITS_NAMES says how many names are many: 100,000 if it does not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/limits/meter.h"
#include "tests/mount/cases.h"

#define FEW 1000
/* The few are done so often, to have something to measure. */
#define FEW_TIMES 4
#define STATUS_TIMES 100
#define STATUS_LAPS 3
#define CLEAN_BYTES_MAX 512
#define CRASH_FILES 1000
#define CRASH_NS_MAX INT64_C(100000000)
#define CRASH_TRIES 5

static int64_t many;

static int make_file(int directory, const char *name)
{
	int fd = openat(directory, name,
			O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	return fd < 0 ? -1 : close(fd);
}

static int64_t make_files(int directory, int64_t count)
{
	char name[32];
	int64_t made = 0;

	for (int64_t i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "file-%07" PRId64, i);
		made += make_file(directory, name) == 0;
	}
	return made;
}

static int64_t remove_files(int directory, int64_t count)
{
	char name[32];
	int64_t removed = 0;

	for (int64_t i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "file-%07" PRId64, i);
		removed += unlinkat(directory, name, 0) == 0;
	}
	return removed;
}

static int64_t stat_files(int directory, int64_t count)
{
	char name[32];
	int64_t found = 0;
	struct stat st;

	for (int64_t i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "file-%07" PRId64, i);
		found +=
			fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	}
	return found;
}

/* Entries but "." and "..", or -1. */
static int64_t list_files(const char *base, const char *name)
{
	char path[4096];
	int64_t count = -2;

	(void)snprintf(path, sizeof(path), "%s/%s", base, name);
	DIR *stream = opendir(path);
	if (stream == NULL)
		return -1;
	while (readdir(stream) != NULL)
		count++;
	(void)closedir(stream); /* only read from */
	return count;
}

enum lap {
	LAP_CREATE,
	LAP_STATUS,
	LAP_LIST,
	LAP_FSYNC_CREATED,
	LAP_LIST_STORED,
	LAP_UNLINK,
	LAP_FSYNC_REMOVED,
	LAP_CREATE_AGAIN,
	LAP_UNSYNCED,
	LAP_CRASH,
	LAPS
};

/* Adds to laps what `times` directories of `count` names cost. */
static void add_lap(struct meter_lap *laps, enum lap index,
		    const struct meter_lap *lap)
{
	laps[index].what = lap->what;
	laps[index].cpu_ns += lap->cpu_ns;
	laps[index].count += lap->count;
}

/* The cheapest of some laps: it is short, and others may be at work. */
static bool read_status(struct meter_lap *ret_best)
{
	bool good = true;

	*ret_best = (struct meter_lap){.cpu_ns = INT64_MAX, .count = 1};
	for (int i = 0; i < STATUS_LAPS && good; i++) {
		struct meter_lap lap;

		meter_begin(&lap, "status");
		for (int k = 0; k < STATUS_TIMES; k++)
			good = good && meter_status("pid") > 0;
		meter_end(&lap, STATUS_TIMES);
		if (lap.cpu_ns < ret_best->cpu_ns)
			*ret_best = lap;
	}
	return good;
}

static bool fill_and_sync(const char *store, const char *name, int64_t count,
			  struct meter_lap *laps)
{
	struct meter_lap lap;
	int directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = directory >= 0;

	meter_begin(&lap, "create");
	good = good && make_files(directory, count) == count;
	meter_end(&lap, count);
	add_lap(laps, LAP_CREATE, &lap);
	good = good && read_status(&lap);
	add_lap(laps, LAP_STATUS, &lap);
	meter_begin(&lap, "readdir unsynced");
	good = good && list_files(".", name) == count;
	meter_end(&lap, count);
	add_lap(laps, LAP_LIST, &lap);
	good = good && list_files(store, name) <= 0;
	meter_begin(&lap, "fsync of created");
	good = good && fsync(directory) == 0;
	meter_end(&lap, count);
	add_lap(laps, LAP_FSYNC_CREATED, &lap);
	good = good && list_files(store, name) == count;
	meter_begin(&lap, "readdir stored");
	good = good && list_files(".", name) == count;
	meter_end(&lap, count);
	add_lap(laps, LAP_LIST_STORED, &lap);
	(void)close(directory); /* only synced */
	return good;
}

static bool empty_and_sync(const char *store, const char *name, int64_t count,
			   struct meter_lap *laps)
{
	struct meter_lap lap;
	int directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = directory >= 0;

	meter_begin(&lap, "unlink");
	good = good && remove_files(directory, count) == count;
	meter_end(&lap, count);
	add_lap(laps, LAP_UNLINK, &lap);
	good = good && list_files(".", name) == 0 &&
	       list_files(store, name) == count;
	meter_begin(&lap, "fsync of removed");
	good = good && fsync(directory) == 0;
	meter_end(&lap, count);
	add_lap(laps, LAP_FSYNC_REMOVED, &lap);
	good = good && list_files(store, name) == 0;
	(void)close(directory); /* only synced */
	return good;
}

static int64_t read_unsynced(void)
{
	char buffer[65536];
	int64_t bytes = 0;
	ssize_t n;
	int fd = open("../.flakey/unsynced", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && (n = read(fd, buffer, sizeof(buffer))) > 0)
		bytes += n;
	(void)close(fd); /* only read from */
	return bytes;
}

static bool fill_and_crash(const char *name, int64_t count,
			   struct meter_lap *laps)
{
	struct meter_lap lap;
	int directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = directory >= 0;

	meter_begin(&lap, "create again");
	good = good && make_files(directory, count) == count;
	meter_end(&lap, count);
	add_lap(laps, LAP_CREATE_AGAIN, &lap);
	(void)close(directory); /* only created in */
	meter_begin(&lap, "unsynced");
	good = good && read_unsynced() > 0;
	meter_end(&lap, count);
	add_lap(laps, LAP_UNSYNCED, &lap);
	meter_begin(&lap, "crash");
	good = good && meter_verb("crash") > 0;
	meter_end(&lap, count);
	add_lap(laps, LAP_CRASH, &lap);
	return good && list_files(".", name) == 0;
}

static bool one_life(const char *name, int64_t count, struct meter_lap *laps)
{
	char store[4096];
	char here[4096];

	if (mkdir(name, 0755) < 0 || getcwd(here, sizeof(here)) == NULL)
		return false;
	const char *slash = here;
	for (const char *c = here; *c != '\0'; c++)
		if (*c == '/')
			slash = c;
	int n = snprintf(store, sizeof(store), "%s%s", meter_store(), slash);
	return n > 0 && (size_t)n < sizeof(store) &&
	       fill_and_sync(store, name, count, laps) &&
	       empty_and_sync(store, name, count, laps) &&
	       fill_and_crash(name, count, laps);
}

static enum case_result a_name_costs_the_same_in_any_directory(void)
{
	struct meter_lap few[LAPS] = {0};
	struct meter_lap lots[LAPS] = {0};
	char name[32];
	bool flat = true;

	for (int i = 0; i < FEW_TIMES; i++) {
		(void)snprintf(name, sizeof(name), "few-%d", i);
		CHECK(one_life(name, FEW, few));
	}
	CHECK(one_life("many", many, lots));
	for (int i = 0; i < LAPS; i++)
		flat = meter_is_flat(&few[i], &lots[i]) && flat;
	CHECK(flat);
	return CASE_PASSED;
}

/* The quickest crash with CRASH_FILES dirty files: others may be at work, too. */
static int64_t crash_dirty_files(int64_t *ret_cpu_ns)
{
	int64_t best = INT64_MAX;
	char name[32];

	*ret_cpu_ns = INT64_MAX;
	for (int try = 0; try < CRASH_TRIES && best > CRASH_NS_MAX; try++) {
		for (int i = 0; i < CRASH_FILES; i++) {
			(void)snprintf(name, sizeof(name), "dirty-%d", i);
			if (cases_make_file(name, "some data") < 0)
				return -1;
		}
		int64_t cpu = meter_cpu_ns();
		int64_t took = meter_fair_verb("crash");
		cpu = meter_cpu_ns() - cpu;
		if (took < 0 || access(name, F_OK) == 0)
			return -1;
		if (took < best)
			best = took;
		if (cpu < *ret_cpu_ns)
			*ret_cpu_ns = cpu;
	}
	printf("# crash with %d dirty files: %.1f ms, %.1f ms of CPU\n",
	       CRASH_FILES, (double)best / 1e6, (double)*ret_cpu_ns / 1e6);
	return best;
}

/* Puts the files into the store behind the back of the mount, which has never
 * looked there. */
static int fill_store(const char *name, int64_t count)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", meter_store(), name);
	if (mkdir(path, 0755) < 0)
		return -1;
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int64_t made = make_files(directory, count);
	(void)close(directory); /* only created in */
	return made == count ? 0 : -1;
}

static enum case_result a_clean_file_costs_little(void)
{
	struct meter_lap few, lots, status, status_later;
	int64_t crash_cpu, crash_later_cpu;

	/* A crash that makes the case's own directory part of the store. */
	CHECK(meter_verb("sync") > 0);
	int64_t crash = crash_dirty_files(&crash_cpu);
	CHECK(crash > 0 && crash <= CRASH_NS_MAX);
	CHECK(fill_store("few", FEW) == 0 && fill_store("full", many) == 0);
	int directory = open("../few", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	meter_begin(&few, "lookup");
	CHECK(directory >= 0 && stat_files(directory, FEW) == FEW);
	meter_end(&few, FEW);
	CHECK(close(directory) == 0);
	CHECK(read_status(&status));
	directory = open("../full", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int64_t before = meter_anonymous_bytes();
	meter_begin(&lots, "lookup");
	CHECK(directory >= 0 && stat_files(directory, many) == many);
	meter_end(&lots, many);
	int64_t bytes = (meter_anonymous_bytes() - before) / many;
	CHECK(close(directory) == 0);
	printf("# %" PRId64 " bytes of memory for each of %" PRId64
	       " clean files\n",
	       bytes, meter_status("inodes"));
	CHECK(meter_status("inodes") >= many);
	CHECK(bytes > 0 && bytes <= CLEAN_BYTES_MAX);
	CHECK(meter_is_flat(&few, &lots));
	CHECK(read_status(&status_later));
	CHECK(meter_is_flat(&status, &status_later));
	CHECK(list_files("..", "full") == many);
	/* All of them still known: what is clean does not take part. */
	crash = crash_dirty_files(&crash_later_cpu);
	CHECK(meter_status("inodes") >= many);
	CHECK(crash > 0 && crash <= CRASH_NS_MAX);
	CHECK(crash_later_cpu <= crash_cpu * 3 + CRASH_NS_MAX / 20);
	return CASE_PASSED;
}

/* The first must come first: later, memory that was used before is used again. */
static const struct case_entry entries[] = {
	{"a_clean_file_costs_little", a_clean_file_costs_little},
	{"a_name_costs_the_same_in_any_directory",
	 a_name_costs_the_same_in_any_directory},
};
static const struct case_group group = CASE_GROUP("names", entries);

int main(int argc, char **argv)
{
	int root = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			     : -1;

	if (root < 0 || meter_open(root) < 0 || meter_store() == NULL) {
		(void)fprintf(stderr, "usage: many_names MNT, with $STORE\n");
		return 2;
	}
	many = meter_setting("FLAKEY_LIMITS_NAMES", 100000);
	size_t failed = cases_run(&group, root);
	cases_plan();
	return failed > 0;
}
