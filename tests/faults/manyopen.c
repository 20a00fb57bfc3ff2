/* SPDX-License-Identifier: MIT */
/*
 * manyopen MOUNT COUNT UNLINKED: that many files are open, and so many of them
 * are unlinked, whatever the daemon may have open itself: they are read and
 * written over syncs, and forgotten in a crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"

#define BYTES 5000

static int root = -1;
static int count;
static int unlinked;
static int *fds;
static int points;
static int wrong;

static void point(const char *name, bool right)
{
	printf("%s %d - %s\n", right ? "ok" : "not ok", ++points, name);
	if (!right)
		printf("# errno: %s\n", strerror(errno));
	wrong += !right;
}

static void name_of(int index, char name[32])
{
	snprintf(name, 32, "dir%d/file%d", index % 10, index);
}

static void content_of(int index, int round, char data[BYTES])
{
	int n = snprintf(data, BYTES, "%d in round %d ", index, round);

	for (int i = n; i < BYTES; i++)
		data[i] = data[i - n];
}

static bool create_all(void)
{
	char name[32];

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "dir%d", i);
		if (mkdirat(root, name, 0755) < 0 && errno != EEXIST)
			return false;
	}
	for (int i = 0; i < count; i++) {
		name_of(i, name);
		fds[i] = openat(root, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (fds[i] < 0)
			return false;
	}
	return true;
}

static bool write_all(int round)
{
	char data[BYTES];

	for (int i = 0; i < count; i++) {
		content_of(i, round, data);
		if (pwrite(fds[i], data, BYTES, 0) != BYTES)
			return false;
	}
	return true;
}

static bool holds(int fd, int index, int round)
{
	char data[BYTES];
	char back[BYTES];
	struct stat st;

	content_of(index, round, data);
	return fstat(fd, &st) == 0 && st.st_size == BYTES &&
	       pread(fd, back, BYTES, 0) == BYTES &&
	       memcmp(data, back, BYTES) == 0;
}

static bool all_hold(int round)
{
	for (int i = 0; i < count; i++)
		if (!holds(fds[i], i, round))
			return false;
	return true;
}

static bool unlink_some(void)
{
	char name[32];

	for (int i = 0; i < unlinked; i++) {
		name_of(i, name);
		if (unlinkat(root, name, 0) < 0)
			return false;
	}
	return true;
}

static bool sync_some(void)
{
	for (int i = 0; i < count; i += 7)
		if (fsync(fds[i]) < 0)
			return false;
	return true;
}

static bool all_are_dead(void)
{
	char byte;

	for (int i = 0; i < count; i++)
		if (pread(fds[i], &byte, 1, 0) >= 0 || errno != EIO)
			return false;
	return true;
}

static void close_all(void)
{
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

/* The names that are left have what was synced, the others are not there. */
static bool names_hold(int round)
{
	char name[32];

	for (int i = 0; i < count; i++) {
		name_of(i, name);
		int fd = openat(root, name, O_RDONLY | O_CLOEXEC);
		if (i < unlinked && fd >= 0)
			return false;
		if (i >= unlinked && (fd < 0 || !holds(fd, i, round)))
			return false;
		if (fd >= 0)
			close(fd);
	}
	return true;
}

static bool verb(const char *line)
{
	errno = -controlfile_verb(root, line);
	return errno == 0;
}

static void play(int round)
{
	point("all are open", create_all());
	point("and written", write_all(round));
	point("and synced", verb("sync\n"));
	point("some are unlinked", unlink_some());
	point("which is synced", verb("sync\n"));
	point("forgetting the caches", verb("evict\n"));
	point("all are read", all_hold(round));
	point("and written again", write_all(round + 1));
	point("many are synced, one by one", sync_some());
	point("and all", verb("sync\n") && verb("evict\n"));
	point("all are read again", all_hold(round + 1));
	point("and written, for nothing", write_all(round + 2));
	point("the power fails", verb("crash\n"));
	point("no handle survives", all_are_dead());
	close_all();
	point("what was synced is there", names_hold(round + 1));
}

int main(int argc, char **argv)
{
	struct rlimit limit;

	if (argc != 4)
		return 2;
	count = atoi(argv[2]);
	unlinked = atoi(argv[3]);
	fds = calloc((size_t)count, sizeof(int));
	root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fds == NULL || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 2;
	if (limit.rlim_max < (rlim_t)count + 100) {
		printf("1..0 # SKIP no %d descriptors\n", count);
		return 0;
	}
	limit.rlim_cur = (rlim_t)count + 100;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 2;
	play(1);
	if (count <= 1000) /* once more, for what the first round left */
		play(4);
	printf("1..%d\n", points);
	return wrong > 0;
}
