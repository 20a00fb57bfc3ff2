/* SPDX-License-Identifier: MIT */
#include "common/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"

extern char **environ;

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t signals;
	int r;

	r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
							 POSIX_SPAWN_SETSIGDEF);
	if (r == 0) {
		sigemptyset(&signals);
		r = posix_spawnattr_setsigmask(attributes, &signals);
	}
	if (r == 0) {
		sigfillset(&signals);
		r = posix_spawnattr_setsigdefault(attributes, &signals);
	}
	return r;
}

static int set_streams(posix_spawn_file_actions_t *actions, int stderr_fd)
{
	int r;

	r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null",
					     O_RDWR, 0);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO,
						     "/dev/null", O_RDWR, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, stderr_fd,
						     STDERR_FILENO);
	return r;
}

static int spawn(const char *const *argv,
		 const posix_spawn_file_actions_t *actions, pid_t *ret_pid)
{
	posix_spawnattr_t attributes;
	int r;

	r = posix_spawnattr_init(&attributes);
	if (r != 0)
		return -r;
	r = set_attributes(&attributes);
	/* The cast: POSIX promises not to change what it points to. */
	if (r == 0)
		r = posix_spawnp(ret_pid, argv[0], actions, &attributes,
				 (char *const *)argv, environ);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

static int start(const char *const *argv, int stderr_fd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	r = set_streams(&actions, stderr_fd);
	r = r == 0 ? spawn(argv, &actions, ret_pid) : -r;
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

int subprocess_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Reads to the end and keeps the newest bytes. */
static void read_tail(int fd, char *buffer, size_t size_bytes)
{
	size_t length = 0;

	for (;;) {
		ssize_t n;

		if (length + 1 == size_bytes) {
			length /= 2;
			memmove(buffer, buffer + size_bytes - 1 - length,
				length);
		}
		n = read(fd, buffer + length, size_bytes - 1 - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	buffer[length] = '\0';
}

static void last_line(char *buffer, struct errmsg *ret_said)
{
	size_t length = strlen(buffer);
	const char *line;

	while (length > 0 && buffer[length - 1] == '\n')
		buffer[--length] = '\0';
	line = strrchr(buffer, '\n');
	errmsg_set(ret_said, "%s", line ? line + 1 : buffer);
}

int subprocess_run(const char *const *argv, struct errmsg *ret_said)
{
	char tail[2 * ERRMSG_MAX];
	int fds[2];
	pid_t pid;
	int r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	/* dup2() onto itself would leave O_CLOEXEC set. */
	if (fds[1] == STDERR_FILENO)
		(void)fcntl(fds[1], F_SETFD, 0); /* fails on no open file */
	r = start(argv, fds[1], &pid);
	(void)close(fds[1]); /* nothing was written to it */
	if (r == 0) {
		read_tail(fds[0], tail, sizeof(tail));
		r = subprocess_wait(pid);
		last_line(tail, ret_said);
	}
	(void)close(fds[0]);
	return r;
}
