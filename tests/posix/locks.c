/* SPDX-License-Identifier: MIT */
/* flock(2), fcntl(2) locks of processes and of open files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

enum family {
	FAMILY_FLOCK,
	FAMILY_PROCESS,
	FAMILY_FILE,
};
static const char *const families[] = {"flock", "process", "file"};
static const char *const strengths[] = {"none", "shared", "exclusive"};

/* Tries, never waits. from and length mean nothing to flock. */
static int lock(int family, int fd, int strength, off_t from, off_t length)
{
	static const int ways[] = {LOCK_UN, LOCK_SH, LOCK_EX};
	static const short types[] = {F_UNLCK, F_RDLCK, F_WRLCK};
	struct flock wanted = {.l_type = types[strength],
			       .l_whence = SEEK_SET,
			       .l_start = from,
			       .l_len = length};

	if (family == FAMILY_FLOCK)
		return flock(fd, ways[strength] | LOCK_NB);
	return fcntl(fd, family == FAMILY_FILE ? F_OFD_SETLK : F_SETLK,
		     &wanted);
}

/* What another process gets; its answer comes as an exit status. */
static void ask_elsewhere(const char *key, int family, int strength, off_t from,
			  off_t length)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		int fd = open("f", O_RDWR | O_CLOEXEC);
		int r = lock(family, fd, strength, from, length);
		_exit(r == 0 ? 0 : errno);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		see_ok("child", -1);
	errno = WEXITSTATUS(status);
	see_ok(key, errno != 0 ? -1 : 0);
}

static void two_holders(const struct stage_choice *choice)
{
	thing_filled("f", 'f', 100);
	int one = thing_open("f", O_RDWR), other = thing_open("f", O_RDWR);
	see_ok("first", lock(choice->a, one, choice->b, 0, 10));
	see_ok("same_process", lock(choice->a, other, choice->c, 5, 10));
	see_ok("unlock", lock(choice->a, other, 0, 5, 10));
	see_ok("again", lock(choice->a, one, choice->b, 0, 10));
	ask_elsewhere("elsewhere", choice->a, choice->c, 5, 10);
	ask_elsewhere("beside", choice->a, choice->c, 50, 10);
	see_ok("unlock", lock(choice->a, one, 0, 0, 10));
	ask_elsewhere("after", choice->a, choice->c, 5, 10);
}

/* The families know nothing of each other, but for process and file. */
static void two_families(const struct stage_choice *choice)
{
	thing_filled("f", 'f', 100);
	int fd = thing_open("f", O_RDWR);
	see_ok("first", lock(choice->a, fd, 2, 0, 10));
	ask_elsewhere("other", choice->b, 2, 0, 10);
	int again = thing_open("f", O_RDWR);
	see_ok("here", lock(choice->b, again, 2, 0, 10));
}

/* Any close of the process ends its own locks; those of a file end with it. */
static void ends_at_close(const struct stage_choice *choice)
{
	thing_filled("f", 'f', 100);
	int fd = thing_open("f", O_RDWR), again = thing_open("f", O_RDWR);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	see_ok("lock", lock(choice->a, fd, 2, 0, 0));
	see_ok("close", close(again));
	ask_elsewhere("other_closed", choice->a, 2, 0, 0);
	see_ok("lock", lock(choice->a, fd, 2, 0, 0));
	see_ok("close", close(fd));
	ask_elsewhere("copy_left", choice->a, 2, 0, 0);
	see_ok("close", close(copy));
	ask_elsewhere("all_closed", choice->a, 2, 0, 0);
}

/* A child has the open file, and with it what belongs to that. */
static void passes_to_children(const struct stage_choice *choice)
{
	int status = 0;

	thing_filled("f", 'f', 100);
	int fd = thing_open("f", O_RDWR);
	see_ok("lock", lock(choice->a, fd, 2, 0, 0));
	pid_t child = fork();
	if (child == 0)
		_exit(lock(choice->a, fd, 1, 0, 0) == 0 ? 0 : errno);
	if (child < 0 || waitpid(child, &status, 0) != child)
		see_ok("child", -1);
	errno = WEXITSTATUS(status);
	see_ok("child", errno != 0 ? -1 : 0);
	ask_elsewhere("shared", choice->a, 1, 0, 0);
	ask_elsewhere("exclusive", choice->a, 2, 0, 0);
}

static void ends_with_the_process(const struct stage_choice *choice)
{
	int status = 0;

	thing_filled("f", 'f', 100);
	pid_t child = fork();
	if (child == 0) {
		int fd = open("f", O_RDWR | O_CLOEXEC);
		_exit(lock(choice->a, fd, 2, 0, 0) == 0 ? 0 : errno);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		see_ok("child", -1);
	see_say("status=%d", status);
	ask_elsewhere("after", choice->a, 2, 0, 0);
}

static void needs_access(const struct stage_choice *choice)
{
	thing_filled("f", 'f', 100);
	int reader = thing_open("f", O_RDONLY);
	int writer = thing_open("f", O_WRONLY);
	see_ok("reader_shared", lock(choice->a, reader, 1, 0, 0));
	see_ok("unlock", lock(choice->a, reader, 0, 0, 0));
	see_ok("reader_exclusive", lock(choice->a, reader, 2, 0, 0));
	see_ok("unlock", lock(choice->a, reader, 0, 0, 0));
	see_ok("writer_shared", lock(choice->a, writer, 1, 0, 0));
	see_ok("unlock", lock(choice->a, writer, 0, 0, 0));
	see_ok("writer_exclusive", lock(choice->a, writer, 2, 0, 0));
	int dir = thing_open(".", O_RDONLY | O_DIRECTORY);
	see_ok("dir_shared", lock(choice->a, dir, 1, 0, 0));
	see_ok("dir_exclusive", lock(choice->a, dir, 2, 0, 0));
	int path = thing_open("f", O_PATH);
	see_ok("path", lock(choice->a, path, 1, 0, 0));
}

static void get_lock(const char *key, int command, int fd, off_t from)
{
	struct flock found = {.l_type = F_WRLCK,
			      .l_whence = SEEK_SET,
			      .l_start = from,
			      .l_len = 5};

	int r = fcntl(fd, command, &found);
	if (r < 0)
		see_ok(key, r);
	else
		see_say("%s=%d,%lld,%lld,%s", key, found.l_type,
			found.l_type == F_UNLCK ? 0LL
						: (long long)found.l_start,
			found.l_type == F_UNLCK ? 0LL : (long long)found.l_len,
			found.l_type == F_UNLCK	   ? "-"
			: found.l_pid == -1	   ? "file"
			: found.l_pid == getppid() ? "parent"
						   : "other");
}

static void ask_for_holders(const struct stage_choice *choice)
{
	(void)choice;
	thing_filled("f", 'f', 100);
	int fd = thing_open("f", O_RDWR);
	see_ok("lock", lock(choice->a, fd, 2, 10, 20));
	get_lock("own", F_GETLK, fd, 10);
	int ends[2];
	see_must("pipe", pipe2(ends, O_CLOEXEC));
	pid_t child = fork();
	if (child == 0) {
		int mine = open("f", O_RDWR | O_CLOEXEC);
		get_lock("over", F_GETLK, mine, 12);
		get_lock("beside", F_GETLK, mine, 50);
		get_lock("by_file", F_OFD_GETLK, mine, 28);
		const char *line = see_line();
		size_t length = 0;
		while (line[length] != '\0')
			length++;
		_exit(write(ends[1], line, length) < 0);
	}
	char line[4096];
	(void)waitpid(child, NULL, 0); /* its answer is in the pipe */
	ssize_t n = read(ends[0], line, sizeof(line));
	see_say("%.*s", n > 0 ? (int)n : 0, line);
}

/* Locks join, split, and are replaced piece by piece. */
static void pieces(const struct stage_choice *choice)
{
	thing_filled("f", 'f', 100);
	int fd = thing_open("f", O_RDWR);
	see_ok("lock", lock(choice->a, fd, 2, 0, 30));
	see_ok("hole", lock(choice->a, fd, 0, 10, 10));
	see_ok("share", lock(choice->a, fd, 1, 20, 5));
	static const off_t at[] = {0, 9, 10, 19, 20, 24, 25, 29, 30};
	for (int i = 0; i < 9; i++) {
		ask_elsewhere("shared", choice->a, 1, at[i], 1);
		ask_elsewhere("exclusive", choice->a, 2, at[i], 1);
	}
	see_ok("to_end", lock(choice->a, fd, 2, 50, 0));
	ask_elsewhere("far", choice->a, 1, 1000000, 1);
}

static void odd_ranges(const struct stage_choice *choice)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int command = choice->a == FAMILY_FILE ? F_OFD_SETLK : F_SETLK;

	thing_filled("f", 'f', 100);
	int fd = thing_open("f", O_RDWR);
	range.l_start = -1;
	see_ok("negative", fcntl(fd, command, &range));
	range.l_start = 10;
	range.l_len = -5;
	see_ok("backwards", fcntl(fd, command, &range));
	ask_elsewhere("five", choice->a, 2, 5, 1);
	ask_elsewhere("four", choice->a, 2, 4, 1);
	range.l_len = -20;
	see_ok("before_start", fcntl(fd, command, &range));
	range = (struct flock){.l_type = F_WRLCK,
			       .l_whence = SEEK_END,
			       .l_start = -10,
			       .l_len = 5};
	see_ok("from_end", fcntl(fd, command, &range));
	ask_elsewhere("ninety", choice->a, 2, 90, 1);
	range = (struct flock){.l_type = 77};
	see_ok("bad_type", fcntl(fd, command, &range));
	range = (struct flock){.l_type = F_WRLCK, .l_pid = 1};
	see_ok("pid_given", fcntl(fd, command, &range));
}

/* Two processes that wait for each other's byte: one is told. */
static void deadlock_is_told(const struct stage_choice *choice)
{
	struct flock range = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	int ends[2];
	char byte = 0;

	(void)choice;
	thing_filled("f", 'f', 100);
	int fd = thing_open("f", O_RDWR);
	see_ok("mine", fcntl(fd, F_SETLK, &range));
	see_must("pipe", pipe2(ends, O_CLOEXEC));
	pid_t child = fork();
	if (child == 0) {
		int theirs = open("f", O_RDWR | O_CLOEXEC);
		range.l_start = 1;
		if (fcntl(theirs, F_SETLK, &range) < 0 ||
		    write(ends[1], "x", 1) != 1)
			_exit(99);
		range.l_start = 0;
		_exit(fcntl(theirs, F_SETLKW, &range) == 0 ? 0 : errno);
	}
	see_number("ready", read(ends[0], &byte, 1));
	range.l_start = 1;
	int r = fcntl(fd, F_SETLKW, &range);
	int mine = r < 0 ? errno : 0;
	(void)close(fd); /* lets the child through if it waits */
	int status = 0;
	(void)waitpid(child, &status, 0); /* it ends, told or not */
	see_say("one_was_told=%d",
		(mine == EDEADLK) != (WEXITSTATUS(status) == EDEADLK));
}

static void strength_changes(const struct stage_choice *choice)
{
	thing_filled("f", 'f', 100);
	int fd = thing_open("f", O_RDWR), again = thing_open("f", O_RDWR);
	see_ok("shared", lock(choice->a, fd, 1, 0, 0));
	see_ok("both", lock(choice->a, again, 1, 0, 0));
	see_ok("upgrade", lock(choice->a, fd, 2, 0, 0));
	see_ok("one_less", lock(choice->a, again, 0, 0, 0));
	see_ok("upgrade", lock(choice->a, fd, 2, 0, 0));
	ask_elsewhere("shared", choice->a, 1, 0, 0);
	see_ok("downgrade", lock(choice->a, fd, 1, 0, 0));
	ask_elsewhere("shared", choice->a, 1, 0, 0);
	ask_elsewhere("exclusive", choice->a, 2, 0, 0);
}

static void leases(const struct stage_choice *choice)
{
	(void)choice;
	thing_filled("f", 'f', 100);
	int reader = thing_open("f", O_RDONLY);
	see_number("none", fcntl(reader, F_GETLEASE));
	see_ok("read", fcntl(reader, F_SETLEASE, F_RDLCK));
	see_number("has", fcntl(reader, F_GETLEASE));
	see_ok("unlock", fcntl(reader, F_SETLEASE, F_UNLCK));
}

void locks_theme(void)
{
	static const struct {
		const char *name;
		stage_body body;
	} each[] = {
		{"ends_at_close", ends_at_close},
		{"passes_to_children", passes_to_children},
		{"ends_with_the_process", ends_with_the_process},
		{"needs_access", needs_access},
		{"strength_changes", strength_changes},
	};

	for (int a = 0; a < 3; a++) {
		for (int b = 1; b < 3; b++)
			for (int c = 1; c < 3; c++)
				stage_run(two_holders,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "lock.%s.%s_then_%s", families[a],
					  strengths[b], strengths[c]);
		for (int b = 0; b < 3; b++)
			stage_run(two_families,
				  (struct stage_choice){.a = a, .b = b},
				  "lock.%s_then_%s", families[a], families[b]);
		for (int i = 0; i < 5; i++)
			stage_run(each[i].body, (struct stage_choice){.a = a},
				  "lock.%s.%s", families[a], each[i].name);
	}
	for (int a = FAMILY_PROCESS; a <= FAMILY_FILE; a++) {
		stage_run(ask_for_holders, (struct stage_choice){.a = a},
			  "lock.%s.ask_for_holders", families[a]);
		stage_run(pieces, (struct stage_choice){.a = a},
			  "lock.%s.pieces", families[a]);
		stage_run(odd_ranges, (struct stage_choice){.a = a},
			  "lock.%s.odd_ranges", families[a]);
	}
	stage_run(deadlock_is_told, (struct stage_choice){0},
		  "lock.deadlock_is_told");
	stage_run(leases, (struct stage_choice){0}, "lock.leases");
}
