/* SPDX-License-Identifier: MIT */
/*
 * wide_and_deep MNT: a tree 1,000 levels deep, a file with 10,000 names, and one
 * of 16 TiB, each through syncs and crashes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/limits/meter.h"
#include "tests/mount/cases.h"

#define DEPTH 1000
#define LINKS 10000
#define FEW_LINKS 500
/* The largest that any store of blocks of 4 KiB takes. */
#define HUGE_BYTES ((INT64_C(16) << 40) - 4096)
#define UNSYNCED_BYTES_MAX 65536

/* A descriptor of the directory `depth` levels below top, made where missing. */
static int descend(int base, const char *top, int depth, bool make)
{
	if (make && mkdirat(base, top, 0755) < 0)
		return -1;
	int fd = openat(base, top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < depth && fd >= 0; i++) {
		int next = -1;

		if (!make || mkdirat(fd, "down", 0755) == 0)
			next = openat(fd, "down",
				      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(fd); /* only a way */
		fd = next;
	}
	return fd;
}

/* Whether the file at the bottom below top is there, with that text. */
static bool bottom_is(int base, const char *top, const char *text)
{
	char buffer[64] = "";
	int directory = descend(base, top, DEPTH, false);
	int fd = directory < 0
			 ? -1
			 : openat(directory, "file", O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && read(fd, buffer, sizeof(buffer) - 1) >= 0 &&
		    strcmp(buffer, text) == 0;

	if (fd >= 0)
		(void)close(fd); /* only read from */
	if (directory >= 0)
		(void)close(directory); /* only a way */
	return good;
}

static bool write_bottom(int base, const char *top, const char *text)
{
	int directory = descend(base, top, DEPTH, false);
	int fd = directory < 0
			 ? -1
			 : openat(directory, "file",
				  O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC,
				  0644);
	bool good = fd >= 0 &&
		    write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		good = close(fd) == 0 && good;
	if (directory >= 0)
		(void)close(directory); /* only a way */
	return good;
}

/* From the bottom up, so that it needs no path and no descriptor for each. */
static bool remove_tree(int base, const char *top)
{
	int fd = descend(base, top, DEPTH, false);
	bool good = fd >= 0 && unlinkat(fd, "file", 0) == 0;

	for (int i = 0; i < DEPTH && good; i++) {
		int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		(void)close(fd); /* only a way */
		fd = up;
		good = fd >= 0 && unlinkat(fd, "down", AT_REMOVEDIR) == 0;
	}
	if (fd >= 0)
		(void)close(fd); /* only a way */
	return good && unlinkat(base, top, AT_REMOVEDIR) == 0;
}

/* The report of what is unsynced, and whether its paths are bounded. */
static bool unsynced_has(const char *text)
{
	static char report[UNSYNCED_BYTES_MAX * 64];
	size_t length = 0;
	ssize_t n = 1;
	int fd = open("../.flakey/unsynced", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && n > 0 && length + 1 < sizeof(report)) {
		n = read(fd, report + length, sizeof(report) - 1 - length);
		length += n > 0 ? (size_t)n : 0;
	}
	report[length] = '\0';
	(void)close(fd); /* only read from */
	return strstr(report, text) != NULL && length < sizeof(report) - 1;
}

static int open_stored(void)
{
	char here[4096];
	char path[8300];

	if (getcwd(here, sizeof(here)) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s%s", meter_store(),
		       strrchr(here, '/'));
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum case_result a_thousand_levels(void)
{
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int bottom = descend(here, "top", DEPTH, true);

	CHECK(here >= 0 && bottom >= 0 && close(bottom) == 0);
	CHECK(write_bottom(here, "top", "one"));
	CHECK(bottom_is(here, "top", "one"));
	CHECK(unsynced_has("/.../"));
	CHECK(meter_verb("sync") > 0);
	int stored = open_stored();
	CHECK(stored >= 0 && bottom_is(stored, "top", "one"));

	/* Moving it costs nothing below, and is undone as a whole. */
	CHECK(rename("top", "moved") == 0);
	CHECK(write_bottom(here, "moved", "two"));
	CHECK(bottom_is(here, "moved", "two"));
	CHECK(bottom_is(stored, "top", "one"));
	CHECK(meter_verb("crash") > 0);
	CHECK(close(here) == 0);
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(bottom_is(here, "top", "one"));
	CHECK_ERRNO(ENOENT, open("moved", O_RDONLY | O_CLOEXEC));

	CHECK(rename("top", "moved") == 0);
	CHECK(write_bottom(here, "moved", "three"));
	CHECK(meter_verb("sync") > 0);
	CHECK(bottom_is(stored, "moved", "three"));

	/* Removed, brought back by a crash, and removed for good. */
	CHECK(remove_tree(here, "moved"));
	CHECK(bottom_is(stored, "moved", "three"));
	CHECK(meter_verb("crash") > 0);
	CHECK(close(here) == 0);
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(bottom_is(here, "moved", "three"));
	CHECK(remove_tree(here, "moved"));
	CHECK(fsync(here) == 0);
	CHECK_ERRNO(ENOENT, openat(stored, "moved", O_RDONLY | O_CLOEXEC));
	CHECK(close(here) == 0 && close(stored) == 0);
	return CASE_PASSED;
}

static bool make_links(int directory, int count)
{
	char name[32];
	bool good = true;

	for (int i = 0; i < count && good; i++) {
		(void)snprintf(name, sizeof(name), "link-%d", i);
		good = linkat(AT_FDCWD, "file", directory, name, 0) == 0;
	}
	return good;
}

static bool remove_links(int directory, int from, int to)
{
	char name[32];
	bool good = true;

	for (int i = from; i < to && good; i++) {
		(void)snprintf(name, sizeof(name), "link-%d", i);
		good = unlinkat(directory, name, 0) == 0;
	}
	return good;
}

static nlink_t link_count(int directory, const char *name)
{
	struct stat st;

	return fstatat(directory, name, &st, 0) < 0 ? 0 : st.st_nlink;
}

/* What each of `count` links costs to make, to remove, and to sync. */
static bool link_life(int directory, int count, struct meter_lap *laps)
{
	meter_begin(&laps[0], "link");
	bool good = make_links(directory, count);
	meter_end(&laps[0], count);
	meter_begin(&laps[1], "fsync of links");
	good = good && fsync(directory) == 0;
	meter_end(&laps[1], count);
	good = good && link_count(AT_FDCWD, "file") == (nlink_t)count + 1;
	meter_begin(&laps[2], "unlink of a link");
	good = good && remove_links(directory, 0, count);
	meter_end(&laps[2], count);
	meter_begin(&laps[3], "fsync of removals");
	good = good && fsync(directory) == 0;
	meter_end(&laps[3], count);
	return good && link_count(AT_FDCWD, "file") == 1;
}

static enum case_result ten_thousand_links(void)
{
	struct meter_lap few[4], lots[4];
	bool flat = true;

	CHECK(mkdir("links", 0755) == 0 && cases_make_file("file", "it") == 0);
	CHECK(meter_verb("sync") > 0);
	int links = open("links", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(links >= 0);
	CHECK(link_life(links, FEW_LINKS, few));
	CHECK(link_life(links, LINKS, lots));
	for (int i = 0; i < 4; i++)
		flat = meter_is_flat(&few[i], &lots[i]) && flat;
	CHECK(flat);
	return close(links) == 0 ? CASE_PASSED : CASE_FAILED;
}

static enum case_result links_come_back(void)
{
	CHECK(mkdir("links", 0755) == 0 && cases_make_file("file", "it") == 0);
	int links = open("links", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(links >= 0 && make_links(links, LINKS) && fsync(links) == 0);
	int fd = open("file", O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && fsync(fd) == 0 && close(fd) == 0);
	CHECK(remove_links(links, 0, LINKS / 2));
	CHECK(unsynced_has("links/link-0"));
	CHECK(link_count(AT_FDCWD, "file") == LINKS / 2 + 1);
	CHECK(meter_verb("crash") > 0);
	CHECK(close(links) == 0);
	links = open("links", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(link_count(AT_FDCWD, "file") == LINKS + 1);
	CHECK(link_count(links, "link-0") == LINKS + 1);
	CHECK(link_count(links, "link-9999") == LINKS + 1);
	CHECK(cases_file_is("links/link-7", "it"));
	CHECK(unlink("file") == 0 && remove_links(links, 0, LINKS - 1));
	CHECK(meter_verb("sync") > 0 && link_count(links, "link-9999") == 1);
	CHECK(cases_file_is("links/link-9999", "it"));
	return close(links) == 0 ? CASE_PASSED : CASE_FAILED;
}

/* One byte at its very end, and nothing else. */
static bool is_huge(int fd)
{
	char buffer[8192];
	struct stat st;
	int64_t data = HUGE_BYTES / 4096 * 4096;

	if (HUGE_BYTES % 4096 == 0)
		data -= 4096;
	return fstat(fd, &st) == 0 && st.st_size == HUGE_BYTES &&
	       st.st_blocks <= 64 && lseek(fd, 0, SEEK_HOLE) == 0 &&
	       lseek(fd, 0, SEEK_DATA) >= data &&
	       pread(fd, buffer, 2, HUGE_BYTES / 2) == 2 && buffer[0] == 0 &&
	       pread(fd, buffer, sizeof(buffer), HUGE_BYTES - 3) == 3 &&
	       buffer[0] == 0 && buffer[1] == 0 && buffer[2] == 'e';
}

static enum case_result sixteen_tebibytes(void)
{
	int stored = open_stored();
	int fd = open("huge", O_CREAT | O_RDWR | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && ftruncate(fd, HUGE_BYTES) == 0);
	CHECK(pwrite(fd, "e", 1, HUGE_BYTES - 1) == 1);
	CHECK(is_huge(fd));
	CHECK_ERRNO(EFBIG, pwrite(fd, "x", 1, HUGE_BYTES));
	if (fsync(fd) < 0) {
		/* A store that cannot have it says so, and it stays here. */
		CHECK(errno == EFBIG && is_huge(fd));
		CHECK(meter_verb("crash") > 0);
		return cases_skip("the store takes no file of 16 TiB");
	}
	CHECK(is_huge(fd));
	CHECK(meter_verb("sync") > 0);
	int under = stored < 0 ? open_stored() : stored;
	int below = openat(under, "huge", O_RDONLY | O_CLOEXEC);
	CHECK(below >= 0 && is_huge(below) && close(below) == 0);
	CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, "short", 5, 0) == 5);
	CHECK(meter_verb("crash") > 0 && close(fd) == 0);
	fd = open("huge", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && is_huge(fd));
	CHECK(unlink("huge") == 0 && close(fd) == 0);
	return meter_verb("sync") > 0 ? CASE_PASSED : CASE_FAILED;
}

static const struct case_entry entries[] = {
	{"a_thousand_levels", a_thousand_levels},
	{"ten_thousand_links", ten_thousand_links},
	{"links_come_back", links_come_back},
	{"sixteen_tebibytes", sixteen_tebibytes},
};
static const struct case_group group = CASE_GROUP("shapes", entries);

int main(int argc, char **argv)
{
	int root = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			     : -1;

	if (root < 0 || meter_open(root) < 0 || meter_store() == NULL) {
		(void)fprintf(stderr,
			      "usage: wide_and_deep MNT, with $STORE\n");
		return 2;
	}
	size_t failed = cases_run(&group, root);
	cases_plan();
	return failed > 0;
}
