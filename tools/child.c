/* SPDX-License-Identifier: MIT */
/*
 * Signals are waited for, never handled: sigtimedwait(2) is the only place
 * where this program sleeps, so nothing can arrive at a bad moment.
 *
 * As the subreaper we become the parent of the orphans of the group, so that
 * waiting for all of the group is possible.
 */
#include "tools/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

/* As shells have it. */
#define STATUS_NOT_STARTED 126
#define STATUS_NOT_FOUND 127
/* From a request to end to SIGKILL. */
#define GRACE_MS 5000

/* A caller that has us ignore a signal, as nohup(1) does, means it; but what
 * is blocked would arrive all the same. */
static void watched_signals(sigset_t *set)
{
	static const int enders[] = {SIGHUP, SIGINT, SIGTERM};

	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < sizeof(enders) / sizeof(enders[0]); i++) {
		struct sigaction action;

		if (sigaction(enders[i], NULL, &action) == 0 &&
		    action.sa_handler != SIG_IGN)
			sigaddset(set, enders[i]);
	}
}

int child_prepare(void)
{
	sigset_t set;

	watched_signals(&set);
	/* Taking the terminal back from the background would stop us. */
	sigaddset(&set, SIGTTOU);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	/* A caller that ignores SIGCHLD would make children vanish. */
	(void)signal(SIGCHLD, SIG_DFL); /* the signal exists */
	(void)signal(SIGPIPE, SIG_IGN);
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* In the child, up to the program. A group that its guard does not know of
 * could outlive us, so no one else may tell the guard later. */
static void become(const char *const *argv, int guard_fd, bool foreground)
{
	pid_t group = getpid();
	sigset_t none;
	int error;

	(void)setpgid(0, 0); /* a fresh child leads no session: cannot fail */
	if (write(guard_fd, &group, sizeof(group)) < 0)
		_exit(STATUS_NOT_STARTED); /* and then we are not guarded */
	if (foreground)
		(void)tcsetpgrp(STDIN_FILENO, group); /* may be gone */
	(void)signal(SIGPIPE, SIG_DFL);		      /* the signal exists */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* arguments are right */
	/* The cast: POSIX promises not to change what it points to. */
	(void)execvp(argv[0], (char *const *)argv);
	error = errno;
	log_error_errno(error, "cannot run '%s'", argv[0]);
	_exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_STARTED);
}

int child_start(const char *const *argv, int guard_fd, struct child *ret_child)
{
	struct child child = {0};

	child.foreground = tcgetpgrp(STDIN_FILENO) == getpgrp();
	(void)fflush(NULL); /* or the child would print it again */
	child.pid = fork();
	if (child.pid < 0)
		return -errno;
	if (child.pid == 0)
		become(argv, guard_fd, child.foreground);
	(void)setpgid(child.pid, child.pid); /* whoever is first */
	*ret_child = child;
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* The next signal, or -1 when deadline_ms has passed. Negative: none. */
static int next_signal(int64_t deadline_ms)
{
	sigset_t set;

	watched_signals(&set);
	for (;;) {
		int64_t rest_ms = deadline_ms - now_ms();
		struct timespec rest;
		int signal;

		if (deadline_ms < 0)
			rest_ms = INT64_C(3600000); /* then look again */
		else if (rest_ms <= 0)
			return -1;
		rest.tv_sec = rest_ms / 1000;
		rest.tv_nsec = rest_ms % 1000 * 1000000;
		signal = sigtimedwait(&set, NULL, &rest);
		if (signal > 0)
			return signal;
	}
}

/* The command stopped, as after Ctrl-Z: so do we, until somebody continues us.
 * Only with a terminal is there somebody to do so. */
static void stop_too(const struct child *child)
{
	if (!child->foreground)
		return;
	(void)tcsetpgrp(STDIN_FILENO, getpgrp()); /* the terminal may be gone */
	(void)raise(SIGSTOP);
	(void)tcsetpgrp(STDIN_FILENO, child->pid);
	(void)kill(-child->pid, SIGCONT); /* may have been killed meanwhile */
}

/* True when the command itself has ended. */
static bool reap(struct child *child, int *ret_status)
{
	int status;

	if (waitpid(child->pid, &status, WNOHANG | WUNTRACED) != child->pid)
		return false;
	if (WIFSTOPPED(status)) {
		stop_too(child);
		return false;
	}
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status)
					: 128 + WTERMSIG(status);
	return true;
}

int child_wait(struct child *child, int64_t timeout_ms)
{
	int64_t deadline_ms = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	int status;

	while (!reap(child, &status)) {
		int signal = next_signal(deadline_ms);

		if (signal < 0 && !child->interrupted)
			return CHILD_TIMEOUT;
		if (signal < 0) {
			(void)kill(-child->pid, SIGKILL); /* may be gone */
			deadline_ms = -1;
		} else if (signal != SIGCHLD) {
			child->interrupted = signal;
			(void)kill(-child->pid, signal); /* may be gone */
			deadline_ms = now_ms() + GRACE_MS;
		}
	}
	return status;
}

void child_kill(struct child *child)
{
	(void)kill(-child->pid, SIGKILL); /* ESRCH: nothing is left */
	while (waitpid(-child->pid, NULL, 0) > 0 || errno == EINTR)
		;
	if (child->foreground)
		(void)tcsetpgrp(STDIN_FILENO, getpgrp()); /* may be gone */
}
