/* SPDX-License-Identifier: MIT */
#include "tools/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "common/log.h"
#include "common/text.h"
#include "tools/progress.h"
#include "tools/unmount.h"

/* What the child tells its parent, in one write that a pipe keeps whole. */
struct outcome {
	int error; /* negative errno, or 0 */
	struct errmsg why;
};

static int serve_and_free(const struct daemon_server *server, void *served,
			  struct errmsg *reterr_why)
{
	int r = server->serve(served, reterr_why);

	server->free(served);
	return r;
}

int daemon_foreground(const struct daemon_server *server, const void *config,
		      struct errmsg *reterr_why)
{
	void *served;
	int r = server->mount(config, &served, reterr_why);

	if (r == 0 && (r = server->start(served, reterr_why)) < 0)
		server->free(served);
	return r < 0 ? r : serve_and_free(server, served, reterr_why);
}

/* Whatever the caller of `flakey mount` had open must not stay open: a lock, a
 * pipe whose other end waits for its end. */
static void close_others(int kept_fd)
{
	if (kept_fd > STDERR_FILENO + 1)
		(void)close_range(STDERR_FILENO + 1, (unsigned int)kept_fd - 1,
				  0); /* ENOSYS: as it was */
	(void)close_range((unsigned int)kept_fd + 1, ~0U, 0);
}

static void leave_terminal(void)
{
	/* keeps-open: becomes the standard streams */
	int fd = open("/dev/null", O_RDWR);

	if (fd >= 0) {
		/* keeps-open: the standard streams */
		(void)dup2(fd, STDIN_FILENO); /* fails on no open fd */
		/* keeps-open: the standard streams */
		(void)dup2(fd, STDOUT_FILENO);
		/* keeps-open: the standard streams */
		(void)dup2(fd, STDERR_FILENO);
		if (fd > STDERR_FILENO)
			(void)close(fd);
	}
	(void)chdir("/"); /* keeps no other file system busy */
	log_to_syslog("flakey");
}

static void default_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGCHLD};
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], SIG_DFL); /* all exist */
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* arguments are right */
}

static int child(const struct daemon_server *server, const void *config,
		 int report_fd)
{
	struct outcome outcome = {.why = {""}};
	struct errmsg why;
	void *served;
	ssize_t size;
	int r;

	(void)setsid(); /* a fresh child leads no group: cannot fail */
	default_signals();
	close_others(report_fd);
	outcome.error = server->mount(config, &served, &outcome.why);
	if (outcome.error == 0) {
		leave_terminal();
		outcome.error = server->start(served, &outcome.why);
		if (outcome.error < 0)
			server->free(served);
	}
	/* A parent that is gone cannot be told, but the mount was asked for. */
	size = write(report_fd, &outcome, sizeof(outcome));
	(void)size;
	(void)close(report_fd);
	if (outcome.error < 0)
		return 1;
	r = serve_and_free(server, served, &why);
	if (r < 0)
		log_error("%s", why.text);
	return r < 0;
}

static int read_outcome(int fd, struct errmsg *reterr_why)
{
	struct outcome outcome;
	ssize_t size;

	do
		size = read(fd, &outcome, sizeof(outcome));
	while (size < 0 && errno == EINTR);
	if (size != (ssize_t)sizeof(outcome)) {
		errmsg_set(reterr_why, "the server died while it mounted");
		return -EIO;
	}
	if (outcome.error < 0)
		errmsg_set(reterr_why, "%s", outcome.why.text);
	return outcome.error;
}

/* The first requests to the mount: they wait until it is served. */
static int prove(const struct daemon_server *server, const char *mountpoint,
		 struct errmsg *reterr_why)
{
	struct statfs fs;
	struct stat st;

	if (stat(mountpoint, &st) < 0 || statfs(mountpoint, &fs) < 0) {
		int r = -errno;

		errmsg_set(reterr_why, "mounted, but '%s' does not answer: %s",
			   mountpoint, strerrordesc_np(-r));
		/* What was said to have failed must not be there. If this
		 * fails, too, the next mount will say what it finds. */
		(void)unmount_path(mountpoint, true, NULL);
		return r;
	}
	if (server->is_fuse && fs.f_type != FUSE_SUPER_MAGIC) {
		errmsg_set(reterr_why,
			   "mounted, but '%s' was unmounted again; the system "
			   "log may say why",
			   mountpoint);
		return -EIO;
	}
	return 0;
}

int daemon_background(const struct daemon_server *server, const void *config,
		      const char *mountpoint, pid_t *ret_pid,
		      struct errmsg *reterr_why)
{
	cleanup_fd int read_fd = -1;
	struct progress *progress;
	int fds[2];
	pid_t pid;
	int r;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		errmsg_set(reterr_why, "cannot create a pipe: %s",
			   strerrordesc_np(errno));
		return -errno;
	}
	read_fd = fds[0];
	(void)fflush(NULL); /* or the child would print it again */
	pid = fork();
	if (pid == 0)
		_exit(child(server, config, fds[1]));
	(void)close(fds[1]);
	if (pid < 0) {
		errmsg_set(reterr_why, "cannot start the server: %s",
			   strerrordesc_np(errno));
		return -errno;
	}
	progress = progress_start("mount");
	r = read_outcome(read_fd, reterr_why);
	if (r == 0)
		r = prove(server, mountpoint, reterr_why);
	progress_stop(progress);
	if (r == 0)
		*ret_pid = pid;
	return r;
}

void daemon_print_json(const char *source, const char *mountpoint, pid_t pid)
{
	struct fields record;
	struct text text;

	text_init(&text);
	fields_begin(&record, &text, FIELDS_JSON);
	fields_string(&record, "source", source);
	fields_string(&record, "mountpoint", mountpoint);
	fields_signed(&record, "pid", pid);
	fields_end(&record);
	if (text_result(&text) == 0)
		printf("%s", text.data);
	text_done(&text);
}
