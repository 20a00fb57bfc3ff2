/* SPDX-License-Identifier: MIT */
/*
 * afterlife MNT: what a program that lives through a crash of its disk meets.
 * Descriptors of before answer EIO for ever, mappings never show what is gone,
 * paths and working directories that survived go on working.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"
#include "tests/mount/cases.h"

#define BLOCK 4096
#define DEADLINE_S 60
#define SYNCS 200

static int mount_fd = -1;
static sigjmp_buf fault_escape;

static bool verb(const char *line)
{
	return controlfile_verb(mount_fd, line) == 0;
}

static void on_fault(int signal_number)
{
	siglongjmp(fault_escape, signal_number);
}

/* The byte, or -1 if it cannot be read without a SIGBUS. */
static int byte_at(const volatile char *address)
{
	struct sigaction catch = {.sa_handler = on_fault}, old;
	int byte = -1;

	if (sigaction(SIGBUS, &catch, &old) < 0)
		return -2;
	if (sigsetjmp(fault_escape, 1) == 0)
		byte = *address;
	if (sigaction(SIGBUS, &old, NULL) < 0)
		return -2;
	return byte;
}

/* With cache=back the kernel may answer reads and writes by itself; what it wrote
 * is thrown away, and the sync says so. */
static bool is_told_late(void)
{
	const char *options = getenv("MOUNT_OPTIONS");

	return options != NULL && strstr(options, "--cache back") != NULL;
}

static bool is_dead(int fd)
{
	char byte = 'x';

	if (is_told_late())
		return pread(fd, &byte, 1, 0) <= 0 &&
		       (pwrite(fd, &byte, 1, 0) == 1 || errno == EIO) &&
		       fsync(fd) < 0 && errno == EIO;
	return pread(fd, &byte, 1, 0) < 0 && errno == EIO &&
	       pwrite(fd, &byte, 1, 0) < 0 && errno == EIO && fsync(fd) < 0 &&
	       errno == EIO && ftruncate(fd, 0) < 0 && errno == EIO;
}

static enum case_result descriptors_die(void)
{
	int old, new, later;

	CHECK(cases_make_file("a", "durable") == 0 && verb("sync"));
	old = open("a", O_RDWR | O_CLOEXEC);
	new = open("b", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	CHECK(old >= 0 && new >= 0 && pwrite(old, "D", 1, 0) == 1);
	CHECK(verb("crash"));
	CHECK(is_dead(old) && is_dead(new));
	CHECK_ERRNO(ENOENT, open("b", O_RDONLY | O_CLOEXEC));
	CHECK(cases_file_is("a", "durable"));
	CHECK(cases_make_file("b", "second life") == 0);
	later = open("a", O_RDWR | O_CLOEXEC);
	CHECK(later >= 0 && pwrite(later, "L", 1, 0) == 1);
	CHECK(is_dead(old) && is_dead(new));
	CHECK(cases_file_is("b", "second life"));
	CHECK(fsync(later) == 0 && verb("crash") && is_dead(later));
	CHECK(is_dead(old) && is_dead(later));
	CHECK(cases_file_is("a", "Lurable"));
	return CASE_PASSED;
}

static enum case_result mappings_lose_what_was_lost(void)
{
	int fd = open("a", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	char block[BLOCK];
	char *map;

	memset(block, 'o', sizeof(block));
	CHECK(fd >= 0 && write(fd, block, BLOCK) == BLOCK && verb("sync"));
	CHECK(ftruncate(fd, 2 * BLOCK) == 0);
	map = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	map[0] = 'n';
	map[BLOCK] = 'n';
	CHECK(verb("crash"));
	/* What survived, or a fault, but never the lost past. */
	CHECK(byte_at(map) == 'o' || byte_at(map) == -1);
	CHECK(byte_at(map + BLOCK) == -1);
	CHECK(munmap(map, 2 * BLOCK) == 0);
	(void)close(fd); /* dead: EIO is allowed */
	CHECK(memset(block, 0, sizeof(block)));
	fd = open("a", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, block, BLOCK) == BLOCK && block[0] == 'o');
	CHECK(read(fd, block, BLOCK) == 0 && close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result working_directories_live(void)
{
	CHECK(mkdir("d", 0755) == 0 && cases_make_file("d/in", "in") == 0);
	CHECK(verb("sync") && chdir("d") == 0);
	CHECK(cases_make_file("lost", "") == 0 && verb("crash"));
	CHECK(cases_file_is("in", "in"));
	CHECK_ERRNO(ENOENT, access("lost", F_OK));
	CHECK(cases_make_file("again", "x") == 0 && chdir("..") == 0);
	CHECK(cases_file_is("d/again", "x"));
	return CASE_PASSED;
}

static enum case_result lost_directories_are_dead(void)
{
	CHECK(mkdir("d", 0755) == 0 && chdir("d") == 0);
	CHECK(cases_make_file("in", "in") == 0 && verb("crash"));
	CHECK(open("in", O_RDONLY | O_CLOEXEC) < 0);
	CHECK(open("new", O_CREAT | O_WRONLY | O_CLOEXEC, 0644) < 0);
	CHECK(mkdir("sub", 0755) < 0);
	return CASE_PASSED;
}

static enum case_result names_come_back(void)
{
	struct stat was, is;

	CHECK(mkdir("d", 0755) == 0 && cases_make_file("d/f", "f") == 0);
	CHECK(cases_make_file("g", "gg") == 0 && verb("sync"));
	CHECK(stat("g", &was) == 0);
	CHECK(unlink("d/f") == 0 && rmdir("d") == 0);
	CHECK(rename("g", "h") == 0 && truncate("h", 1) == 0);
	CHECK(chmod("h", 0600) == 0);
	CHECK_ERRNO(ENOENT, access("d/f", F_OK));
	CHECK(verb("crash"));
	CHECK(cases_file_is("d/f", "f") && cases_file_is("g", "gg"));
	CHECK(stat("g", &is) == 0 && is.st_mode == was.st_mode);
	CHECK(is.st_mtim.tv_sec == was.st_mtim.tv_sec &&
	      is.st_mtim.tv_nsec == was.st_mtim.tv_nsec);
	CHECK_ERRNO(ENOENT, access("h", F_OK));
	return CASE_PASSED;
}

static enum case_result crash_by_relative_path_works(void)
{
	int fd, saved;

	CHECK(mkdir("d", 0755) == 0 && verb("sync") && chdir("d") == 0);
	/* The writer of the control file lives on the mount itself. */
	saved = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(saved, "../../.flakey/control", O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, "crash\n", 6) == 6);
	CHECK(write(fd, "crash keep=none\n", 16) == 16 && close(fd) == 0);
	CHECK(close(saved) <= 0 && cases_make_file("x", "x") == 0);
	return CASE_PASSED;
}

/* In the store, with the time that the mount shows. */
static bool is_stored(int store, const char *directory, int fd)
{
	char path[128];
	struct stat live, stored;

	snprintf(path, sizeof(path), "%s/f", directory);
	return fstat(fd, &live) == 0 && fstatat(store, path, &stored, 0) == 0 &&
	       stored.st_size == live.st_size &&
	       stored.st_mtim.tv_sec == live.st_mtim.tv_sec &&
	       stored.st_mtim.tv_nsec == live.st_mtim.tv_nsec;
}

/* With cache=back the kernel may still be sending it. */
static enum case_result syncs_wait_for_what_was_written(void)
{
	static const char block[BLOCK] = "written";
	int store = open(getenv("STORE"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char where[PATH_MAX];

	CHECK(store >= 0 && getcwd(where, sizeof(where)) != NULL);
	for (int i = 0; i < SYNCS; i++) {
		int fd = open("f", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		CHECK(fd >= 0 && write(fd, block, BLOCK) == BLOCK);
		CHECK(verb("sync"));
		CHECK(is_stored(store, strrchr(where, '/') + 1, fd));
		CHECK(close(fd) == 0 && unlink("f") == 0);
	}
	CHECK(close(store) == 0);
	return CASE_PASSED;
}

static enum case_result keep_all_keeps_all(void)
{
	CHECK(mkdir("d", 0755) == 0 && cases_make_file("d/f", "kept") == 0);
	CHECK(verb("crash keep=all"));
	CHECK(cases_file_is("d/f", "kept") && verb("crash"));
	CHECK(cases_file_is("d/f", "kept"));
	return CASE_PASSED;
}

static const struct case_entry entries[] = {
	{"descriptors_die", descriptors_die},
	{"mappings_lose_what_was_lost", mappings_lose_what_was_lost},
	{"working_directories_live", working_directories_live},
	{"lost_directories_are_dead", lost_directories_are_dead},
	{"names_come_back", names_come_back},
	{"crash_by_relative_path_works", crash_by_relative_path_works},
	{"syncs_wait_for_what_was_written", syncs_wait_for_what_was_written},
	{"keep_all_keeps_all", keep_all_keeps_all},
};

int main(int argc, char **argv)
{
	static const struct case_group group = CASE_GROUP("afterlife", entries);
	size_t failed;

	if (argc != 2) {
		fprintf(stderr, "usage: afterlife MNT\n");
		return 2;
	}
	(void)alarm(DEADLINE_S);
	umask(022);
	mount_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount_fd < 0) {
		printf("Bail out! cannot open '%s'\n", argv[1]);
		return 1;
	}
	failed = cases_run(&group, mount_fd);
	cases_plan();
	return failed > 0;
}
