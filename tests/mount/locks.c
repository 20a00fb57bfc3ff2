/* SPDX-License-Identifier: MIT */
/* A lock is seen by another process only, so each case asks a child. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/mount/groups.h"

static int open_file(void)
{
	return open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

static int lock_range(int fd, int command, short type, off_t start)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = 10,
	};

	return fcntl(fd, command, &lock);
}

/* Whether a child can take the lock: 1 yes, 0 no, -1 it failed otherwise. */
static int child_can(int (*take)(int fd))
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return -1;
	if (child == 0) {
		int fd = open_file();

		if (fd >= 0 && take(fd) == 0)
			_exit(1);
		_exit(errno == EAGAIN || errno == EACCES ? 0 : 2);
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
	    WEXITSTATUS(status) > 1)
		return -1;
	return WEXITSTATUS(status);
}

static int take_flock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB);
}

static int take_shared_flock(int fd)
{
	return flock(fd, LOCK_SH | LOCK_NB);
}

static int take_range_at_5(int fd)
{
	return lock_range(fd, F_SETLK, F_WRLCK, 5);
}

static int take_range_at_100(int fd)
{
	return lock_range(fd, F_SETLK, F_WRLCK, 100);
}

static int take_ofd_at_5(int fd)
{
	return lock_range(fd, F_OFD_SETLK, F_WRLCK, 5);
}

static enum case_result flock_excludes(void)
{
	int fd = open_file();

	CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
	CHECK(child_can(take_flock) == 0);
	CHECK(flock(fd, LOCK_SH) == 0);
	CHECK(child_can(take_shared_flock) == 1);
	CHECK(child_can(take_flock) == 0);
	CHECK(flock(fd, LOCK_UN) == 0 && child_can(take_flock) == 1);
	CHECK(flock(fd, LOCK_EX) == 0 && close(fd) == 0);
	CHECK(child_can(take_flock) == 1);
	return CASE_PASSED;
}

static enum case_result fcntl_locks_exclude_ranges(void)
{
	int fd = open_file();

	CHECK(fd >= 0 && lock_range(fd, F_SETLK, F_WRLCK, 0) == 0);
	CHECK(child_can(take_range_at_5) == 0);
	CHECK(child_can(take_range_at_100) == 1);
	CHECK(lock_range(fd, F_SETLK, F_UNLCK, 0) == 0);
	CHECK(child_can(take_range_at_5) == 1);
	CHECK(close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result getlk_names_the_holder(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open_file();
	pid_t child, holder = getpid();
	int status;

	CHECK(fd >= 0 && lock_range(fd, F_SETLK, F_WRLCK, 0) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0)
		_exit(fcntl(fd, F_GETLK, &lock) != 0 ||
		      lock.l_type != F_WRLCK || lock.l_pid != holder);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result close_drops_fcntl_locks(void)
{
	int fd = open_file(), other = open_file();

	CHECK(fd >= 0 && lock_range(fd, F_SETLK, F_WRLCK, 0) == 0);
	/* Any descriptor of the file: the rule that everybody hates. */
	CHECK(close(other) == 0 && child_can(take_range_at_5) == 1);
	CHECK(close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result ofd_locks_belong_to_the_description(void)
{
	int fd = open_file(), other = open_file();

	CHECK(fd >= 0 && lock_range(fd, F_OFD_SETLK, F_WRLCK, 0) == 0);
	CHECK_ERRNO(EAGAIN, take_ofd_at_5(other));
	CHECK(close(other) == 0 && child_can(take_ofd_at_5) == 0);
	CHECK(close(fd) == 0 && child_can(take_ofd_at_5) == 1);
	return CASE_PASSED;
}

static enum case_result waiters_get_the_lock(void)
{
	int fd = open_file(), ready[2], status;
	pid_t child;
	char byte;

	CHECK(fd >= 0 && lock_range(fd, F_SETLK, F_WRLCK, 0) == 0);
	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		int mine = open_file();

		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(lock_range(mine, F_SETLKW, F_WRLCK, 0) != 0);
	}
	/* Whether the child waits already or comes later, it must get it. */
	CHECK(read(ready[0], &byte, 1) == 1);
	CHECK(lock_range(fd, F_SETLK, F_UNLCK, 0) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(close(fd) == 0 && close(ready[0]) == 0 && close(ready[1]) == 0);
	return CASE_PASSED;
}

static enum case_result killed_holders_let_go(void)
{
	int ready[2], status;
	pid_t child;
	char byte;

	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		int fd = open_file();

		if (flock(fd, LOCK_EX) == 0 && take_range_at_5(fd) == 0 &&
		    write(ready[1], "r", 1) == 1)
			(void)pause(); /* until it is killed */
		_exit(1);
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	CHECK(child_can(take_flock) == 0 && child_can(take_range_at_5) == 0);
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(child_can(take_flock) == 1 && child_can(take_range_at_5) == 1);
	CHECK(close(ready[0]) == 0 && close(ready[1]) == 0);
	return CASE_PASSED;
}

static const struct case_entry entries[] = {
	{"flock_excludes", flock_excludes},
	{"fcntl_locks_exclude_ranges", fcntl_locks_exclude_ranges},
	{"getlk_names_the_holder", getlk_names_the_holder},
	{"close_drops_fcntl_locks", close_drops_fcntl_locks},
	{"ofd_locks_belong_to_the_description",
	 ofd_locks_belong_to_the_description},
	{"waiters_get_the_lock", waiters_get_the_lock},
	{"killed_holders_let_go", killed_holders_let_go},
};

const struct case_group locks_group = CASE_GROUP("locks", entries);
