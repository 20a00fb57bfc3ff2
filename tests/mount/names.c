/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/mount/groups.h"

#define MANY 500

static nlink_t links_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_nlink : 0;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static enum case_result hard_links_share_everything(void)
{
	CHECK(cases_make_file("a", "one") == 0);
	CHECK(mkdir("d", 0755) == 0);
	CHECK(link("a", "d/b") == 0);
	CHECK(links_of("a") == 2 && inode_of("a") == inode_of("d/b"));
	CHECK(cases_make_file("d/b", "two") == 0);
	CHECK(cases_file_is("a", "two"));
	CHECK(chmod("a", 0600) == 0 && access("d/b", R_OK) == 0);
	CHECK(unlink("a") == 0);
	CHECK(links_of("d/b") == 1 && cases_file_is("d/b", "two"));
	CHECK_ERRNO(EEXIST, link("d/b", "d"));
	CHECK_ERRNO(EPERM, link("d", "e"));
	return CASE_PASSED;
}

static enum case_result rename_replaces_atomically(void)
{
	CHECK(cases_make_file("a", "new") == 0);
	CHECK(cases_make_file("b", "old") == 0);
	CHECK(rename("a", "b") == 0);
	CHECK(!exists("a") && cases_file_is("b", "new"));
	CHECK(links_of("b") == 1);
	CHECK(rename("b", "b") == 0 && exists("b"));
	CHECK_ERRNO(ENOENT, rename("nothing", "c"));
	return CASE_PASSED;
}

static enum case_result rename_keeps_two_names_of_one_file(void)
{
	CHECK(cases_make_file("a", "x") == 0 && link("a", "b") == 0);
	CHECK(rename("a", "b") == 0);
	CHECK(exists("a") && exists("b") && links_of("a") == 2);
	return CASE_PASSED;
}

static enum case_result rename_moves_full_directories(void)
{
	char path[64];

	CHECK(mkdir("d", 0755) == 0 && mkdir("p", 0755) == 0);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(path, sizeof(path), "d/f%d", i);
		CHECK(cases_make_file(path, "x") == 0);
	}
	CHECK(mkdir("d/s", 0755) == 0 && cases_make_file("d/s/t", "t") == 0);
	CHECK(rename("d", "p/e") == 0);
	CHECK(!exists("d") && cases_file_is("p/e/s/t", "t"));
	CHECK(cases_file_is("p/e/f0", "x") && cases_file_is("p/e/f499", "x"));
	CHECK(links_of("p") == 3 && links_of("p/e") == 3);
	CHECK_ERRNO(EINVAL, rename("p", "p/e/loop"));
	CHECK(mkdir("empty", 0755) == 0 && rename("p/e", "empty") == 0);
	CHECK(cases_file_is("empty/s/t", "t"));
	CHECK(mkdir("full", 0755) == 0 && cases_make_file("full/x", "") == 0);
	CHECK(rename("empty", "full") < 0 &&
	      (errno == ENOTEMPTY || errno == EEXIST));
	return CASE_PASSED;
}

static enum case_result rename_checks_types(void)
{
	CHECK(mkdir("d", 0755) == 0 && cases_make_file("f", "") == 0);
	CHECK_ERRNO(EISDIR, rename("f", "d"));
	CHECK_ERRNO(ENOTDIR, rename("d", "f"));
	return CASE_PASSED;
}

static enum case_result rename_flags_work(void)
{
	CHECK(cases_make_file("a", "a") == 0 && mkdir("d", 0755) == 0);
	CHECK(cases_make_file("d/in", "in") == 0);
	CHECK_ERRNO(EEXIST,
		    renameat2(AT_FDCWD, "a", AT_FDCWD, "d", RENAME_NOREPLACE));
	CHECK(renameat2(AT_FDCWD, "a", AT_FDCWD, "d", RENAME_EXCHANGE) == 0);
	CHECK(cases_file_is("d", "a") && cases_file_is("a/in", "in"));
	CHECK(renameat2(AT_FDCWD, "d", AT_FDCWD, "e", RENAME_NOREPLACE) == 0);
	CHECK(cases_file_is("e", "a"));
	CHECK_ERRNO(ENOENT, renameat2(AT_FDCWD, "e", AT_FDCWD, "none",
				      RENAME_EXCHANGE));
	return CASE_PASSED;
}

static enum case_result unlinked_open_files_live_on(void)
{
	struct stat st;
	char byte;
	int fd;

	CHECK(cases_make_file("a", "abc") == 0);
	fd = open("a", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && unlink("a") == 0 && !exists("a"));
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 3);
	CHECK(pwrite(fd, "X", 1, 1) == 1 && pread(fd, &byte, 1, 1) == 1);
	CHECK(byte == 'X' && ftruncate(fd, 1000) == 0 && fsync(fd) == 0);
	CHECK(cases_make_file("a", "other") == 0);
	CHECK(pread(fd, &byte, 1, 0) == 1 && byte == 'a');
	CHECK(close(fd) == 0 && cases_file_is("a", "other"));
	return CASE_PASSED;
}

static enum case_result replaced_open_files_live_on(void)
{
	char byte;
	int fd;

	CHECK(cases_make_file("a", "old") == 0);
	CHECK(cases_make_file("t", "new") == 0);
	fd = open("a", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && rename("t", "a") == 0);
	CHECK(pread(fd, &byte, 1, 0) == 1 && byte == 'o');
	CHECK(pwrite(fd, "w", 1, 0) == 1 && close(fd) == 0);
	CHECK(cases_file_is("a", "new"));
	return CASE_PASSED;
}

static enum case_result removed_directory_is_dead(void)
{
	int fd;

	CHECK(mkdir("d", 0755) == 0 && cases_make_file("d/f", "") == 0);
	CHECK(rmdir("d") < 0 && (errno == ENOTEMPTY || errno == EEXIST));
	CHECK(unlink("d/f") == 0);
	fd = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0 && rmdir("d") == 0);
	CHECK_ERRNO(ENOENT,
		    openat(fd, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	CHECK(close(fd) == 0);
	CHECK(cases_make_file("f", "") == 0);
	CHECK_ERRNO(ENOTDIR, rmdir("f"));
	return CASE_PASSED;
}

static enum case_result long_names_work(void)
{
	char name[NAME_MAX + 2];

	memset(name, 'n', sizeof(name));
	name[NAME_MAX + 1] = '\0';
	CHECK_ERRNO(ENAMETOOLONG,
		    open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	name[NAME_MAX] = '\0';
	CHECK(cases_make_file(name, "long") == 0 &&
	      cases_file_is(name, "long"));
	CHECK(mkdir("d", 0755) == 0 && chdir("d") == 0);
	CHECK(symlink(name, name) == 0 && unlink(name) == 0);
	CHECK(chdir("..") == 0 && unlink(name) == 0);
	return CASE_PASSED;
}

static enum case_result odd_names_work(void)
{
	static const char *const names[] = {
		"with blank", "new\nline",   "\xff\xfe", "-dash",
		"\"quote\"",  "back\\slash", "*",	 "....",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(cases_make_file(names[i], names[i]) == 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(cases_file_is(names[i], names[i]) &&
		      unlink(names[i]) == 0);
	return CASE_PASSED;
}

static enum case_result deep_paths_work(void)
{
	char name[201];

	/* Longer than PATH_MAX in all, so only step by step. */
	memset(name, 'd', 200);
	name[200] = '\0';
	for (int i = 0; i < 30; i++)
		CHECK(mkdir(name, 0755) == 0 && chdir(name) == 0);
	CHECK(cases_make_file("f", "deep") == 0 && cases_file_is("f", "deep"));
	CHECK(unlink("f") == 0);
	for (int i = 0; i < 30; i++)
		CHECK(chdir("..") == 0 && rmdir(name) == 0);
	return CASE_PASSED;
}

static enum case_result symlinks_work(void)
{
	char target[PATH_MAX + 1];
	char buffer[PATH_MAX];
	struct stat st;

	CHECK(symlink("nowhere", "s") == 0);
	CHECK(readlink("s", buffer, sizeof(buffer)) == 7);
	CHECK(memcmp(buffer, "nowhere", 7) == 0);
	CHECK(lstat("s", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 7);
	CHECK_ERRNO(ENOENT, open("s", O_RDONLY | O_CLOEXEC));
	CHECK(cases_make_file("nowhere", "now") == 0);
	CHECK(cases_file_is("s", "now"));
	CHECK_ERRNO(ELOOP, open("s", O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
	CHECK(link("s", "t") == 0 && links_of("s") == 2);
	CHECK(rename("s", "u") == 0 && unlink("u") == 0 && unlink("t") == 0);
	memset(target, 'x', 2000);
	target[2000] = '\0';
	CHECK(symlink(target, "long") == 0);
	CHECK(readlink("long", buffer, sizeof(buffer)) == 2000);
	return CASE_PASSED;
}

static int count_entries(DIR *stream)
{
	int count = 0;

	while (readdir(stream))
		count++;
	return count;
}

static enum case_result readdir_shows_each_name_once(void)
{
	char seen[MANY] = {0};
	struct dirent *entry;
	char path[64];
	DIR *stream;

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(path, sizeof(path), "f%d", i);
		CHECK(cases_make_file(path, "") == 0);
	}
	stream = opendir(".");
	CHECK(stream);
	while ((entry = readdir(stream)))
		if (entry->d_name[0] == 'f') {
			int i = atoi(entry->d_name + 1);

			CHECK(i >= 0 && i < MANY && seen[i]++ == 0);
			CHECK(entry->d_type == DT_REG ||
			      entry->d_type == DT_UNKNOWN);
			CHECK(entry->d_ino == inode_of(entry->d_name));
		}
	for (int i = 0; i < MANY; i++)
		CHECK(seen[i] == 1);
	rewinddir(stream);
	CHECK(count_entries(stream) == MANY + 2);
	CHECK(closedir(stream) == 0);
	return CASE_PASSED;
}

static enum case_result readdir_survives_changes(void)
{
	struct dirent *entry;
	char path[64];
	int kept = 0;
	DIR *stream;

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(path, sizeof(path), "%c%d", i % 2 ? 'k' : 'r',
			       i);
		CHECK(cases_make_file(path, "") == 0);
	}
	stream = opendir(".");
	CHECK(stream);
	/* As rm -r does: remove while reading. */
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] == 'k')
			kept++;
		if (entry->d_name[0] == 'r')
			CHECK(unlink(entry->d_name) == 0);
	}
	CHECK(kept == MANY / 2);
	rewinddir(stream);
	CHECK(count_entries(stream) == MANY / 2 + 2);
	CHECK(closedir(stream) == 0);
	return CASE_PASSED;
}

static enum case_result telldir_finds_back(void)
{
	struct dirent *entry;
	char path[64], name[256];
	DIR *stream;
	long place;

	for (int i = 0; i < 100; i++) {
		(void)snprintf(path, sizeof(path), "f%d", i);
		CHECK(cases_make_file(path, "") == 0);
	}
	stream = opendir(".");
	CHECK(stream);
	for (int i = 0; i < 50; i++)
		CHECK(readdir(stream));
	place = telldir(stream);
	entry = readdir(stream);
	CHECK(entry);
	(void)snprintf(name, sizeof(name), "%s", entry->d_name);
	(void)count_entries(stream);
	seekdir(stream, place);
	entry = readdir(stream);
	CHECK(entry && strcmp(entry->d_name, name) == 0);
	CHECK(closedir(stream) == 0);
	return CASE_PASSED;
}

static enum case_result directory_link_counts_are_right(void)
{
	CHECK(mkdir("d", 0755) == 0 && links_of("d") == 2);
	CHECK(mkdir("d/a", 0755) == 0 && mkdir("d/b", 0755) == 0);
	CHECK(links_of("d") == 4 && links_of("d/a") == 2);
	CHECK(rename("d/a", "a") == 0 && links_of("d") == 3);
	CHECK(rmdir("d/b") == 0 && links_of("d") == 2);
	CHECK(cases_make_file("d/f", "") == 0 && links_of("d") == 2);
	return CASE_PASSED;
}

static enum case_result exclusive_creation_works(void)
{
	int fd = open("a", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0400);

	/* The mode binds later opens, not this one. */
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	CHECK_ERRNO(EEXIST, open("a", O_CREAT | O_EXCL | O_CLOEXEC, 0644));
	CHECK(symlink("gone", "s") == 0);
	CHECK_ERRNO(EEXIST, open("s", O_CREAT | O_EXCL | O_CLOEXEC, 0644));
	CHECK_ERRNO(ENOTDIR, open("a/b", O_CREAT | O_CLOEXEC, 0644));
	CHECK_ERRNO(EISDIR, open(".", O_WRONLY | O_CLOEXEC));
	return CASE_PASSED;
}

static const struct case_entry entries[] = {
	{"hard_links_share_everything", hard_links_share_everything},
	{"rename_replaces_atomically", rename_replaces_atomically},
	{"rename_keeps_two_names_of_one_file",
	 rename_keeps_two_names_of_one_file},
	{"rename_moves_full_directories", rename_moves_full_directories},
	{"rename_checks_types", rename_checks_types},
	{"rename_flags_work", rename_flags_work},
	{"unlinked_open_files_live_on", unlinked_open_files_live_on},
	{"replaced_open_files_live_on", replaced_open_files_live_on},
	{"removed_directory_is_dead", removed_directory_is_dead},
	{"long_names_work", long_names_work},
	{"odd_names_work", odd_names_work},
	{"deep_paths_work", deep_paths_work},
	{"symlinks_work", symlinks_work},
	{"readdir_shows_each_name_once", readdir_shows_each_name_once},
	{"readdir_survives_changes", readdir_survives_changes},
	{"telldir_finds_back", telldir_finds_back},
	{"directory_link_counts_are_right", directory_link_counts_are_right},
	{"exclusive_creation_works", exclusive_creation_works},
};

const struct case_group names_group = CASE_GROUP("names", entries);
