/* SPDX-License-Identifier: MIT */
/*
 * fullscratch MOUNT: what happens when there is no room for unsynced data any
 * more. The writer gets ENOSPC and its file is as it was; nobody else notices;
 * and it works again when space has returned, in whichever way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"

#define MIB ((size_t)1 << 20)
#define FILL_MIB_MAX 256
#define PAGE ((size_t)4096)
#define MAP_PAGES 1200
#define FORGETTING_REQUESTS 100

static int root = -1;
static int count;
static int wrong;
static char buffer[MIB];

static void point(const char *name, bool right)
{
	printf("%s %d - %s\n", right ? "ok" : "not ok", ++count, name);
	if (!right)
		printf("# errno: %s\n", strerror(errno));
	wrong += !right;
}

static int open_file(const char *name)
{
	int fd = openat(root, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

static int verb(const char *line)
{
	return controlfile_verb(root, line);
}

static bool holds(int fd, char byte, off_t size)
{
	static char back[MIB];
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size != size)
		return false;
	memset(buffer, byte, sizeof(buffer));
	for (off_t at = 0; at < size;) {
		size_t n = size - at < (off_t)MIB ? (size_t)(size - at) : MIB;
		if (pread(fd, back, n, at) != (ssize_t)n ||
		    memcmp(back, buffer, n) != 0)
			return false;
		at += (off_t)n;
	}
	return true;
}

/* Writes until there is no space: the size, or -1 if it did not come to that. */
static off_t fill(int fd, char byte)
{
	off_t size = 0;

	memset(buffer, byte, sizeof(buffer));
	errno = 0;
	for (size_t step = MIB; step >= PAGE; step /= 2)
		for (int i = 0; i < FILL_MIB_MAX; i++) {
			ssize_t n = pwrite(fd, buffer, step, size);
			if (n < 0 && errno != ENOSPC)
				return -1;
			if (n < 0)
				break;
			size += n;
		}
	if (errno != ENOSPC)
		return -1; /* more than any of these mounts has */
	/* The last crumbs, which are smaller than a page. */
	while (pwrite(fd, buffer, 64, size) == 64)
		size += 64;
	return errno == ENOSPC ? size : -1;
}

/* The others, while one file has taken all. */
static void others_work_on(int other)
{
	struct stat st;

	point("others are read", holds(other, 'o', 100000));
	memset(buffer, 'o', sizeof(buffer));
	point("bytes that have space are written again",
	      pwrite(other, buffer, 5000, 1000) == 5000);
	point("a write beyond is refused",
	      pwrite(other, buffer, MIB, 100000) < 0 && errno == ENOSPC);
	point("and leaves nothing", holds(other, 'o', 100000));
	point("names are made", mkdirat(root, "d", 0755) == 0 &&
					close(open_file("d/empty")) == 0);
	point("and moved", renameat(root, "d/empty", root, "moved") == 0);
	point("a file is cut off", ftruncate(other, 60001) == 0);
	point("and grows by zeros", ftruncate(other, 100000) == 0 &&
					    fstat(other, &st) == 0 &&
					    st.st_size == 100000);
	memset(buffer, 0, 39999);
	static char back[39999];
	point("which are zeros", pread(other, back, 39999, 60001) == 39999 &&
					 memcmp(back, buffer, 39999) == 0);
	point("it is removed", unlinkat(root, "other", 0) == 0);
}

static void a_copy_is_refused(void)
{
	off_t from = 0;
	int source = open_file("filler");
	int target = open_file("target");

	ssize_t n = copy_file_range(source, &from, target, NULL, 8 * MIB, 0);
	point("a copy is refused or short",
	      (n < 0 && errno == ENOSPC) || (n >= 0 && n < 8 * (ssize_t)MIB));
	struct stat st;
	point("and as long as it says",
	      fstat(target, &st) == 0 && st.st_size == (n < 0 ? 0 : n));
	close(source);
	close(target);
	(void)unlinkat(root, "target", 0); /* it was just open */
}

/* A page that cannot be written out is an error of msync(2), and no signal. */
static void pages_are_refused_at_msync(void)
{
	int fd = open_file("mapped");
	size_t size = MAP_PAGES * PAGE;

	if (ftruncate(fd, (off_t)size) < 0)
		exit(1);
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		exit(1);
	memset(map, 'm', size);
	int r = msync(map, size, MS_SYNC);
	point("a mapped page without space fails msync",
	      r < 0 && (errno == ENOSPC || errno == EIO));
	point("space returns with a sync", verb("sync\n") == 0);
	for (size_t i = 0; i < MAP_PAGES; i++)
		map[i * PAGE] = 'm';
	point("then msync succeeds", msync(map, size, MS_SYNC) == 0);
	munmap(map, size);
	point("and the file holds it",
	      verb("evict\n") == 0 && holds(fd, 'm', (off_t)size));
	close(fd);
	(void)unlinkat(root, "mapped", 0); /* it was just open */
}

/* The kernel says with a message of its own that it has forgotten a file, and
 * reads that are under way may come before it. */
static bool soon_takes(int fd)
{
	for (int i = 0; i < FORGETTING_REQUESTS; i++)
		if (pwrite(fd, buffer, MIB, 0) == (ssize_t)MIB)
			return true;
	return false;
}

/* Each way in which space returns, and what is seen afterwards. */
static void space_returns(int filler)
{
	off_t size = fill(filler, 'f');

	point("a writer is refused", size > (off_t)MIB);
	point("its file holds what was taken", holds(filler, 'f', size));
	point("fsync pays for it", fsync(filler) == 0);
	point("and gives its space back",
	      pwrite(filler, buffer, MIB, size) == (ssize_t)MIB);
	point("it is full again", fill(filler, 'g') > (off_t)MIB);
	point("an empty file replaces it",
	      renameat(root, "moved", root, "filler") == 0);
	close(filler);
	filler = open_file("filler");
	point("and gives its space back", soon_takes(filler));
	point("it is full again", fill(filler, 'h') > (off_t)MIB);
	point("cutting it off", ftruncate(filler, 0) == 0);
	point("gives its space back",
	      pwrite(filler, buffer, MIB, 0) == (ssize_t)MIB);
	point("it is full again", fill(filler, 'i') > (off_t)MIB);
	point("the power fails", verb("crash\n") == 0);
	close(filler);
	filler = open_file("after");
	point("and gives all space back",
	      pwrite(filler, buffer, MIB, 0) == (ssize_t)MIB);
	close(filler);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return 2;
	int other = open_file("other");
	memset(buffer, 'o', sizeof(buffer));
	if (pwrite(other, buffer, 100000, 0) != 100000)
		return 2;
	int filler = open_file("filler");
	off_t size = fill(filler, 'f');
	point("writing comes to an end", size > (off_t)MIB);
	others_work_on(other);
	close(other);
	/* What was removed has left a little room. */
	point("its room is used", fill(filler, 'f') >= size);
	a_copy_is_refused();
	pages_are_refused_at_msync();
	space_returns(filler);
	printf("1..%d\n", count);
	return wrong > 0;
}
