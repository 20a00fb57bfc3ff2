/* SPDX-License-Identifier: MIT */
#include "tools/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/log.h"
#include "common/subprocess.h"
#include "tools/unmount.h"

struct sandbox {
	char *directory; /* ours, holds the mountpoint and the private store */
	char *mountpoint;
	char *store;
	bool private_store;
	bool keep;
	pid_t supervisor;
	int pipe_fd; /* write end; its end of file is the signal */
};

static void sandbox_free(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	if (sandbox->pipe_fd >= 0)
		(void)close(sandbox->pipe_fd); /* nothing to flush */
	free(sandbox->directory);
	free(sandbox->mountpoint);
	free(sandbox->store);
	free(sandbox);
}

const char *sandbox_mountpoint(const struct sandbox *sandbox)
{
	return sandbox->mountpoint;
}

const char *sandbox_store(const struct sandbox *sandbox)
{
	return sandbox->store;
}

int sandbox_guard_fd(const struct sandbox *sandbox)
{
	return sandbox->pipe_fd;
}

/* Removes a tree, one file system deep. A first try fails on directories that
 * the command made unreadable: then they are made readable. */
static int remove_tree(const char *path)
{
	const char *const remove[] = {"rm", "-rf", "--one-file-system",
				      "--", path,  NULL};
	const char *const open_up[] = {"chmod", "-R", "u+rwX",
				       "--",	path, NULL};
	struct errmsg said;

	if (subprocess_run(remove, &said) == 0)
		return 0;
	(void)subprocess_run(open_up, &said); /* the second try tells */
	return subprocess_run(remove, &said) == 0 ? 0 : -EIO;
}

static int tear_down(const struct sandbox *sandbox)
{
	struct errmsg why;
	int r;

	r = unmount_whatever(sandbox->mountpoint, &why);
	if (r < 0) {
		log_error("%s", why.text);
		return r;
	}
	if (!sandbox->keep) {
		/* We may have died while it mounted, and only now it has. */
		if (remove_tree(sandbox->directory) == 0)
			return 0;
		if (unmount_whatever(sandbox->mountpoint, &why) == 0 &&
		    remove_tree(sandbox->directory) == 0)
			return 0;
		log_error("something is left in '%s'", sandbox->directory);
		return -EIO;
	}
	if (rmdir(sandbox->mountpoint) < 0)
		return log_error_errno(errno, "cannot remove '%s'",
				       sandbox->mountpoint);
	return 0;
}

/* The supervisor: waits for the end of the pipe. */
static int supervise(const struct sandbox *sandbox, int read_fd)
{
	pid_t group = 0;
	sigset_t all;

	(void)setsid(); /* a fresh child leads no group: cannot fail */
	/* A signal to the whole terminal must not stop the cleaning up. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL); /* arguments are right */
	if (read_fd > STDERR_FILENO + 1)
		(void)close_range(STDERR_FILENO + 1, (unsigned int)read_fd - 1,
				  0); /* ENOSYS: as it was */
	(void)close_range((unsigned int)read_fd + 1, ~0U, 0);
	for (;;) {
		pid_t message;
		ssize_t size = read(read_fd, &message, sizeof(message));

		if (size < 0 && errno == EINTR)
			continue;
		if (size != (ssize_t)sizeof(message))
			break;
		group = message;
	}
	if (group > 0)
		(void)kill(-group, SIGKILL); /* may have ended by itself */
	return tear_down(sandbox) < 0;
}

static int start_supervisor(struct sandbox *sandbox, struct errmsg *reterr_why)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0) {
		errmsg_set(reterr_why, "cannot create a pipe: %s",
			   strerrordesc_np(errno));
		return -errno;
	}
	(void)fflush(NULL); /* or the child would print it again */
	sandbox->supervisor = fork();
	if (sandbox->supervisor == 0)
		_exit(supervise(sandbox, fds[0]));
	(void)close(fds[0]); /* the supervisor's end */
	sandbox->pipe_fd = fds[1];
	if (sandbox->supervisor < 0) {
		errmsg_set(reterr_why, "cannot start the supervisor: %s",
			   strerrordesc_np(errno));
		return -errno;
	}
	return 0;
}

static int make_directories(struct sandbox *sandbox, const char *store,
			    struct errmsg *reterr_why)
{
	const char *temporary = getenv("TMPDIR");

	if (!temporary || temporary[0] != '/')
		temporary = "/tmp";
	if (asprintf(&sandbox->directory, "%s/flakey-run.XXXXXX", temporary) <
	    0) {
		sandbox->directory = NULL; /* undefined after a failure */
		errmsg_set(reterr_why, "out of memory");
		return -ENOMEM;
	}
	if (!mkdtemp(sandbox->directory)) {
		errmsg_set(reterr_why,
			   "cannot create a directory in '%s': %s; set TMPDIR "
			   "to a writable one",
			   temporary, strerrordesc_np(errno));
		return -errno;
	}
	if (asprintf(&sandbox->mountpoint, "%s/mnt", sandbox->directory) < 0)
		sandbox->mountpoint = NULL;
	if (store)
		sandbox->store = strdup(store);
	else if (asprintf(&sandbox->store, "%s/store", sandbox->directory) < 0)
		sandbox->store = NULL;
	sandbox->private_store = !store;
	if (!sandbox->mountpoint || !sandbox->store ||
	    mkdir(sandbox->mountpoint, 0700) < 0 ||
	    (!store && mkdir(sandbox->store, 0700) < 0)) {
		errmsg_set(reterr_why, "cannot fill '%s': %s",
			   sandbox->directory, strerrordesc_np(errno));
		return -errno;
	}
	return 0;
}

/* As a program of its own, so that it inherits nothing. */
static int mount(const struct sandbox *sandbox,
		 const struct sandbox_config *config, struct errmsg *reterr_why)
{
	static const char self[] = "/proc/self/exe";
	const char *argv[10] = {self, "mount"};
	struct errmsg said;
	size_t count = 2;
	int r;

	if (config->profile) {
		argv[count++] = "--profile";
		argv[count++] = config->profile;
	}
	if (config->cache) {
		argv[count++] = "--cache";
		argv[count++] = config->cache;
	}
	argv[count++] = "--";
	argv[count++] = sandbox->store;
	argv[count++] = sandbox->mountpoint;
	r = subprocess_run(argv, &said);
	if (r == 0)
		return 0;
	errmsg_set(reterr_why, "%s",
		   r < 0 ? strerrordesc_np(-r)
			 : said.text + (strncmp(said.text, "flakey: ", 8) == 0
						? 8
						: 0));
	return -EIO;
}

int sandbox_open(const struct sandbox_config *config,
		 struct sandbox **ret_sandbox, struct errmsg *reterr_why)
{
	struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
	int r;

	if (!sandbox) {
		errmsg_set(reterr_why, "out of memory");
		return -ENOMEM;
	}
	sandbox->pipe_fd = -1;
	r = make_directories(sandbox, config->store, reterr_why);
	if (r == 0) {
		sandbox->keep = config->keep && sandbox->private_store;
		r = start_supervisor(sandbox, reterr_why);
	}
	if (r < 0) {
		if (sandbox->mountpoint)
			(void)tear_down(sandbox); /* it has said why */
		sandbox_free(sandbox);
		return r;
	}
	r = mount(sandbox, config, reterr_why);
	if (r < 0) {
		sandbox->keep = false;
		(void)sandbox_close(sandbox); /* it has said why */
		return r;
	}
	*ret_sandbox = sandbox;
	return 0;
}

int sandbox_close(struct sandbox *sandbox)
{
	int status;

	if (!sandbox)
		return 0;
	(void)close(sandbox->pipe_fd); /* the signal to tear down */
	sandbox->pipe_fd = -1;
	status = subprocess_wait(sandbox->supervisor);
	if (status < 0 || status > 128) /* killed: it falls to us */
		status = tear_down(sandbox);
	sandbox_free(sandbox);
	return status == 0 ? 0 : -EIO;
}
