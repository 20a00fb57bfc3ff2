/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "tests/mount/groups.h"

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0xffff;
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Puts mtime far back, so that any later change shows without waiting. */
static int age(const char *path)
{
	struct timespec old[2] = {{1000, 0}, {1000, 0}};

	return utimensat(AT_FDCWD, path, old, AT_SYMLINK_NOFOLLOW);
}

static bool is_aged(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_mtime == 1000;
}

static enum case_result chmod_sets_the_mode(void)
{
	CHECK(cases_make_file("f", "") == 0 && mode_of("f") == 0644);
	CHECK(chmod("f", 0751) == 0 && mode_of("f") == 0751);
	CHECK(mkdir("d", 0700) == 0 && mode_of("d") == 0700);
	CHECK(chmod("d", 01777) == 0 && mode_of("d") == 01777);
	CHECK(chmod("f", 0) == 0 && mode_of("f") == 0);
	return CASE_PASSED;
}

static enum case_result umask_is_obeyed(void)
{
	mode_t old = umask(077);
	int fd = open("f", O_CREAT | O_WRONLY | O_CLOEXEC, 0666);

	(void)umask(old);
	CHECK(fd >= 0 && close(fd) == 0 && mode_of("f") == 0600);
	return CASE_PASSED;
}

static enum case_result times_can_be_set(void)
{
	struct timespec times[2] = {{123456789, 987654321}, {-5, 111}};
	struct timespec one[2] = {{0, UTIME_OMIT}, {42, 0}};
	struct stat st;

	CHECK(cases_make_file("f", "") == 0);
	CHECK(utimensat(AT_FDCWD, "f", times, 0) == 0 && stat("f", &st) == 0);
	CHECK(st.st_atim.tv_sec == 123456789);
	CHECK(st.st_atim.tv_nsec == 987654321);
	CHECK(st.st_mtim.tv_sec == -5 && st.st_mtim.tv_nsec == 111);
	CHECK(utimensat(AT_FDCWD, "f", one, 0) == 0 && stat("f", &st) == 0);
	CHECK(st.st_atim.tv_sec == 123456789 && st.st_mtim.tv_sec == 42);
	CHECK(symlink("f", "s") == 0 && age("s") == 0 && is_aged("s"));
	CHECK(stat("f", &st) == 0 && st.st_mtim.tv_sec == 42);
	return CASE_PASSED;
}

static enum case_result changes_move_the_times(void)
{
	struct stat was, now;
	int fd;

	CHECK(cases_make_file("f", "abc") == 0 && age("f") == 0);
	fd = open("f", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && is_aged("f"));
	CHECK(fstat(fd, &was) == 0 && pwrite(fd, "x", 1, 0) == 1);
	CHECK(fstat(fd, &now) == 0 && now.st_mtime > 1000);
	CHECK(!before(&now.st_ctim, &was.st_ctim));
	CHECK(age("f") == 0 && ftruncate(fd, 1) == 0 && !is_aged("f"));
	CHECK(age("f") == 0 && fstat(fd, &was) == 0);
	/* The clock of files may tick slowly. */
	do {
		CHECK(fchmod(fd, 0600) == 0 && is_aged("f"));
		CHECK(fstat(fd, &now) == 0);
	} while (!before(&was.st_ctim, &now.st_ctim));
	CHECK(close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result directories_move_their_times(void)
{
	CHECK(mkdir("d", 0755) == 0 && age("d") == 0);
	CHECK(cases_make_file("d/f", "") == 0 && !is_aged("d"));
	CHECK(age("d") == 0 && link("d/f", "d/g") == 0 && !is_aged("d"));
	CHECK(age("d") == 0 && rename("d/g", "h") == 0 && !is_aged("d"));
	CHECK(age("d") == 0 && unlink("d/f") == 0 && !is_aged("d"));
	CHECK(age("d") == 0 && mkdir("d/s", 0755) == 0 && !is_aged("d"));
	CHECK(age("d") == 0 && cases_make_file("h", "new") == 0);
	CHECK(is_aged("d"));
	return CASE_PASSED;
}

static enum case_result xattrs_work(void)
{
	char value[64], list[256];

	CHECK(cases_make_file("f", "") == 0);
	if (setxattr("f", "user.a", "one", 3, 0) < 0 && errno == EOPNOTSUPP)
		return cases_skip("no user xattrs here");
	CHECK(getxattr("f", "user.a", value, sizeof(value)) == 3);
	CHECK(memcmp(value, "one", 3) == 0);
	CHECK_ERRNO(EEXIST, setxattr("f", "user.a", "", 0, XATTR_CREATE));
	CHECK_ERRNO(ENODATA, setxattr("f", "user.b", "", 0, XATTR_REPLACE));
	CHECK(setxattr("f", "user.a", "longer", 6, XATTR_REPLACE) == 0);
	CHECK_ERRNO(ERANGE, getxattr("f", "user.a", value, 2));
	CHECK(getxattr("f", "user.a", NULL, 0) == 6);
	CHECK(setxattr("f", "user.empty", "", 0, 0) == 0);
	CHECK(getxattr("f", "user.empty", value, sizeof(value)) == 0);
	CHECK(listxattr("f", list, sizeof(list)) >= 18);
	CHECK(memmem(list, sizeof(list), "user.a", 7));
	CHECK(memmem(list, sizeof(list), "user.empty", 11));
	CHECK(removexattr("f", "user.a") == 0);
	CHECK_ERRNO(ENODATA, getxattr("f", "user.a", value, sizeof(value)));
	CHECK_ERRNO(ENODATA, removexattr("f", "user.a"));
	CHECK(mkdir("d", 0755) == 0);
	CHECK(setxattr("d", "user.dir", "x", 1, 0) == 0);
	CHECK(rename("f", "d/f") == 0);
	CHECK(getxattr("d/f", "user.empty", value, sizeof(value)) == 0);
	return CASE_PASSED;
}

static enum case_result owner_may_give_its_group(void)
{
	struct stat st;

	CHECK(cases_make_file("f", "") == 0);
	CHECK(chown("f", (uid_t)-1, getegid()) == 0);
	CHECK(stat("f", &st) == 0 && st.st_gid == getegid());
	CHECK(st.st_uid == geteuid());
	CHECK(symlink("f", "s") == 0);
	CHECK(lchown("s", geteuid(), getegid()) == 0);
	return CASE_PASSED;
}

static enum case_result write_clears_set_id(void)
{
	int fd;

	if (geteuid() == 0)
		return cases_skip("root keeps set-id bits");
	CHECK(cases_make_file("f", "x") == 0 && chmod("f", 06755) == 0);
	CHECK(mode_of("f") == 06755);
	fd = open("f", O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, "y", 1) == 1 && close(fd) == 0);
	CHECK(mode_of("f") == 0755);
	return CASE_PASSED;
}

static enum case_result permissions_bind_users(void)
{
	if (geteuid() == 0)
		return cases_skip("root may do everything");
	CHECK(cases_make_file("f", "x") == 0 && chmod("f", 0) == 0);
	CHECK_ERRNO(EACCES, open("f", O_RDONLY | O_CLOEXEC));
	CHECK(mkdir("d", 0755) == 0 && cases_make_file("d/f", "") == 0);
	CHECK(chmod("d", 0555) == 0);
	CHECK_ERRNO(EACCES, unlink("d/f"));
	CHECK_ERRNO(EACCES, mkdir("d/new", 0755));
	CHECK(chmod("d", 0) == 0);
	CHECK_ERRNO(EACCES, access("d/f", F_OK));
	CHECK(chmod("d", 0755) == 0);
	return CASE_PASSED;
}

static enum case_result set_group_id_is_inherited(void)
{
	struct stat st;

	CHECK(mkdir("d", 0755) == 0 && chmod("d", 02755) == 0);
	CHECK(mkdir("d/sub", 0755) == 0 && mode_of("d/sub") == 02755);
	CHECK(cases_make_file("d/f", "") == 0 && stat("d/f", &st) == 0);
	CHECK(st.st_gid == getegid());
	return CASE_PASSED;
}

static enum case_result statfs_says_something(void)
{
	struct statvfs fs;

	CHECK(statvfs(".", &fs) == 0);
	CHECK(fs.f_namemax == 255 && fs.f_bsize > 0 && fs.f_blocks > 0);
	CHECK(fs.f_bavail <= fs.f_blocks);
	return CASE_PASSED;
}

static enum case_result size_is_right_everywhere(void)
{
	struct stat by_fd, by_path;
	int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && link("f", "g") == 0);
	CHECK(pwrite(fd, "x", 1, 99999) == 1);
	CHECK(fstat(fd, &by_fd) == 0 && stat("g", &by_path) == 0);
	CHECK(by_fd.st_size == 100000 && by_path.st_size == 100000);
	CHECK(by_fd.st_ino == by_path.st_ino);
	CHECK(by_fd.st_dev == by_path.st_dev);
	CHECK(fsync(fd) == 0 && close(fd) == 0);
	CHECK(stat("f", &by_path) == 0 && by_path.st_ino == by_fd.st_ino);
	return CASE_PASSED;
}

static const struct case_entry entries[] = {
	{"chmod_sets_the_mode", chmod_sets_the_mode},
	{"umask_is_obeyed", umask_is_obeyed},
	{"times_can_be_set", times_can_be_set},
	{"changes_move_the_times", changes_move_the_times},
	{"directories_move_their_times", directories_move_their_times},
	{"xattrs_work", xattrs_work},
	{"owner_may_give_its_group", owner_may_give_its_group},
	{"write_clears_set_id", write_clears_set_id},
	{"permissions_bind_users", permissions_bind_users},
	{"set_group_id_is_inherited", set_group_id_is_inherited},
	{"statfs_says_something", statfs_says_something},
	{"size_is_right_everywhere", size_is_right_everywhere},
};

const struct case_group attributes_group = CASE_GROUP("attributes", entries);
