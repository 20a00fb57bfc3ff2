/* SPDX-License-Identifier: MIT */
#include "tests/posix/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/posix/see.h"

#define NAME_BYTES 160
#define DEADLINE_S 60

static int stage_fd = -1;
static const char *wanted = "";
static unsigned int played;
static uid_t own_uid;
static gid_t own_gid;

int stage_open(const char *path, const char *prefix)
{
	own_uid = geteuid();
	own_gid = getegid();
	wanted = prefix;
	umask(022);
	if (own_uid == 0 && setgroups(0, NULL) < 0)
		return -errno;
	stage_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return stage_fd < 0 ? -errno : 0;
}

bool stage_is_root(void)
{
	return own_uid == 0;
}

uid_t stage_own_uid(void)
{
	return own_uid;
}

gid_t stage_own_gid(void)
{
	return own_gid;
}

void stage_act_in(uid_t uid, gid_t gid)
{
	/* Back to root first: nobody else may become another. */
	if (seteuid(0) < 0 || setegid(gid) < 0 || seteuid(uid) < 0)
		see_say("act_as=%s", strerrorname_np(errno));
}

void stage_act_as(uid_t uid)
{
	stage_act_in(uid, uid);
}

void stage_join(gid_t gid)
{
	uid_t now = geteuid();

	if (seteuid(0) < 0 || setgroups(1, &gid) < 0 || seteuid(now) < 0)
		see_say("join=%s", strerrorname_np(errno));
}

static void print_end(int status)
{
	if (WIFSIGNALED(status))
		printf(" died=SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		printf(" exit=%d", WEXITSTATUS(status));
}

void stage_child(stage_body body, const struct stage_choice *choice)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		body(choice);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		see_say("child=%s", strerrorname_np(errno));
	else if (WIFSIGNALED(status))
		see_say("child=SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		see_say("child=%d", WEXITSTATUS(status));
}

/* In the child; the line is small enough for the pipe to take at once. */
static void play(stage_body body, const struct stage_choice *choice,
		 const char *directory, int out)
{
	(void)alarm(DEADLINE_S);
	if (fchdir(stage_fd) < 0 || mkdir(directory, 0755) < 0 ||
	    chdir(directory) < 0) {
		see_say("stage=%s", strerrorname_np(errno));
	} else {
		body(choice);
	}
	const char *line = see_line();
	size_t length = strlen(line);
	_exit(write(out, line, length) == (ssize_t)length ? 0 : 99);
}

static void play_and_print(stage_body body, const struct stage_choice *choice,
			   const char *name)
{
	char directory[32];
	char line[8192];
	int ends[2];
	int status = 0;
	pid_t child;

	(void)snprintf(directory, sizeof(directory), "case%u", ++played);
	(void)fflush(stdout);
	if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		printf("%s\tstage=%s\n", name, strerrorname_np(errno));
		return;
	}
	if (child == 0)
		play(body, choice, directory, ends[1]);
	(void)close(ends[1]); /* the child has its own */
	if (waitpid(child, &status, 0) != child)
		status = 99 << 8;
	/* Whatever else the case has started may hold the pipe open. */
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	ssize_t n = read(ends[0], line, sizeof(line));
	(void)close(ends[0]);
	printf("%s\t%.*s", name, n > 0 ? (int)n : 0, line);
	print_end(status);
	printf("\n");
}

void stage_run(stage_body body, struct stage_choice choice, const char *format,
	       ...)
{
	char name[NAME_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	if (strncmp(name, wanted, strlen(wanted)) == 0)
		play_and_print(body, &choice, name);
}

void stage_run_all(const char *theme, const struct stage_case *cases,
		   size_t count)
{
	for (size_t i = 0; i < count; i++)
		stage_run(cases[i].body, (struct stage_choice){0}, "%s.%s",
			  theme, cases[i].name);
}
