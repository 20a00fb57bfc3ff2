/* SPDX-License-Identifier: MIT */
#include "tools/unmount.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/client.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "common/occupants.h"
#include "common/subprocess.h"
#include "common/text.h"
#include "dmbackend/dmbackend.h"

/* A server has little to do once all is committed. */
#define END_DEADLINE_MS 60000
/* Indexers and programs that are just ending keep a mount busy for a moment. */
#define BUSY_PATIENCE_MS 400
#define BUSY_PAUSE_MS 20
#define KILL_DEADLINE_MS 5000

static int explain(int r, const char *mountpoint, const char *said,
		   struct errmsg *reterr_why)
{
	if (r == -EBUSY)
		errmsg_set(reterr_why,
			   "'%s' is in use: end the programs that use it "
			   "('fuser -vm' lists them; 'flakey fault clear' "
			   "wakes those that a rule lets wait), or say --lazy",
			   mountpoint);
	else
		errmsg_set(reterr_why, "cannot unmount '%s': %s", mountpoint,
			   said);
	return r;
}

static int by_fusermount(const char *mountpoint, bool lazy,
			 struct errmsg *reterr_why)
{
	const char *const argv[] = {"fusermount3", lazy ? "-uqz" : "-u", "--",
				    mountpoint, NULL};
	struct errmsg said;
	int r;

	r = subprocess_run(argv, &said);
	if (r == 0)
		return 0;
	if (r == -ENOENT)
		return explain(r, mountpoint,
			       "there is no fusermount3; install fuse3",
			       reterr_why);
	if (r < 0)
		return explain(r, mountpoint, strerrordesc_np(-r), reterr_why);
	return explain(strstr(said.text, "busy") ? -EBUSY : -EPERM, mountpoint,
		       said.text, reterr_why);
}

static int unmount_once(const char *mountpoint, bool lazy,
			struct errmsg *reterr_why)
{
	if (umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	if (errno == EPERM)
		return by_fusermount(mountpoint, lazy, reterr_why);
	return explain(-errno, mountpoint, strerrordesc_np(errno), reterr_why);
}

int unmount_path(const char *mountpoint, bool lazy, struct errmsg *reterr_why)
{
	const struct timespec pause = {.tv_nsec = BUSY_PAUSE_MS * 1000000L};
	int waited_ms = 0;
	int r;

	while ((r = unmount_once(mountpoint, lazy, reterr_why)) == -EBUSY &&
	       waited_ms < BUSY_PATIENCE_MS) {
		(void)nanosleep(&pause, NULL); /* shorter does no harm */
		waited_ms += BUSY_PAUSE_MS;
	}
	return r;
}

/* ret_aborted: nothing can be stored any more, and that is so on purpose. */
static int server_pid(const struct client *client, bool *ret_aborted,
		      struct errmsg *reterr_why)
{
	struct text answer;
	char *cursor;
	char *name;
	char *value;
	int pid = 0;
	int r;

	text_init(&answer);
	r = client_command(client, "status format=plain", &answer, reterr_why);
	cursor = answer.data;
	*ret_aborted = false;
	while (r == 0 && fields_next(&cursor, &name, &value)) {
		if (strcmp(name, "pid") == 0)
			pid = (int)fields_to_signed(value);
		if (strcmp(name, "state") == 0)
			*ret_aborted = strcmp(value, "ok") != 0;
	}
	text_done(&answer);
	return r < 0 ? r : pid;
}

/* 1: it has ended, 0: it has not. */
static int wait_end(int pidfd, int deadline_ms)
{
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
	int r;

	do
		r = poll(&poll_fd, 1, deadline_ms);
	while (r < 0 && errno == EINTR);
	return r;
}

/* Commits and finds the server: a pidfd, or -1 when there is none to wait for
 * (a mount without control files commits when it ends). */
static int commit(const struct client *client,
		  const struct unmount_options *options, int *ret_pidfd,
		  struct errmsg *reterr_why)
{
	bool aborted;
	int pid;
	int r;

	r = client_command(client, "sync", NULL, reterr_why);
	if (r == -ENOENT) {
		*ret_pidfd = -1;
		return 0;
	}
	struct errmsg other;
	pid = server_pid(client, &aborted, r < 0 ? &other : reterr_why);
	if (r < 0 && !options->force && !aborted)
		return r;
	if (pid < 0 && !options->force)
		return pid;
	*ret_pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	return 0;
}

#ifdef FLAKEY_DM

bool unmount_is_dm(const char *mountpoint)
{
	return dmbackend_exists(mountpoint);
}

static int detach_dm(const char *mountpoint,
		     const struct unmount_options *options,
		     struct errmsg *reterr_why)
{
	(void)chdir("/"); /* we may be told to kill who works in it */
	return dmbackend_unmount(mountpoint, options->control, options->kill,
				 reterr_why);
}

#else

bool unmount_is_dm(const char *mountpoint)
{
	(void)mountpoint;
	return false;
}

static int detach_dm(const char *mountpoint,
		     const struct unmount_options *options,
		     struct errmsg *reterr_why)
{
	(void)options;
	errmsg_set(reterr_why, "'%s': built without the dm backend",
		   mountpoint);
	return -ENOTSUP;
}

#endif

static int kill_users(const char *mountpoint, struct errmsg *reterr_why)
{
	int r;

	(void)chdir("/"); /* as above */
	r = occupants_kill(mountpoint, KILL_DEADLINE_MS);
	if (r < 0)
		errmsg_set(reterr_why,
			   "cannot end all programs that use '%s': %s",
			   mountpoint, strerrordesc_np(-r));
	return r;
}

/* Who waits by a fault rule in a call without a file, rename(2) say, keeps the
 * mount busy and is not found. */
static void wake_sleepers(const char *mountpoint, const char *control)
{
	struct client *client;
	struct errmsg why;

	if (client_open(mountpoint, control, &client, &why) < 0)
		return;
	(void)client_command(client, "fault clear", NULL, &why);
	client_close(client); /* which would keep it busy as well */
}

static int detach_fuse(const char *mountpoint,
		       const struct unmount_options *options,
		       struct errmsg *reterr_why)
{
	int r = 0;

	if (options->kill)
		r = kill_users(mountpoint, reterr_why);
	if (r == 0)
		r = unmount_path(mountpoint, options->lazy, reterr_why);
	if (r != -EBUSY || !options->kill)
		return r;
	wake_sleepers(mountpoint, options->control);
	r = kill_users(mountpoint, reterr_why);
	return r < 0 ? r : unmount_path(mountpoint, options->lazy, reterr_why);
}

int unmount_clean(const char *mountpoint, const struct unmount_options *options,
		  struct errmsg *reterr_why)
{
	cleanup_fd int pidfd = -1;
	bool dm = unmount_is_dm(mountpoint);
	struct client *client;
	int r;

	r = client_open(mountpoint, options->control, &client, reterr_why);
	if (r == 0) {
		r = commit(client, options, &pidfd, reterr_why);
		client_close(client);
		if (r < 0)
			return r;
	} else if (dm) {
		/* It was left half done: what is there goes. */
		return detach_dm(mountpoint, options, reterr_why);
	} else if (r == -ENOTCONN) {
		/* Dead: nothing is left to commit or wait for. */
		return unmount_path(mountpoint, true, reterr_why);
	} else {
		return r;
	}
	r = dm ? detach_dm(mountpoint, options, reterr_why)
	       : detach_fuse(mountpoint, options, reterr_why);
	if (r < 0 || pidfd < 0 || options->lazy)
		return r;
	if (wait_end(pidfd, END_DEADLINE_MS) != 1) {
		errmsg_set(reterr_why,
			   "'%s' is unmounted, but its server has not ended "
			   "after %d s",
			   mountpoint, END_DEADLINE_MS / 1000);
		return -ETIMEDOUT;
	}
	return 0;
}

int unmount_whatever(const char *mountpoint, struct errmsg *reterr_why)
{
	const struct unmount_options options = {.force = true};
	cleanup_fd int pidfd = -1;
	struct client *client;
	bool aborted;
	int r;

	r = client_open(mountpoint, NULL, &client, reterr_why);
	if (r == 0) {
		r = server_pid(client, &aborted, reterr_why);
		if (r > 0)
			pidfd = pidfd_open(r, 0);
		client_close(client);
	}
	if (r == -ENOTTY) /* not mounted at all */
		return 0;
	r = unmount_clean(mountpoint, &options, reterr_why);
	if (r == 0)
		return 0;
	r = unmount_path(mountpoint, true, reterr_why);
	/* The server lives on for those who still hold files open. */
	if (pidfd >= 0) {
		(void)pidfd_send_signal(pidfd, SIGTERM, NULL, 0);
		if (wait_end(pidfd, END_DEADLINE_MS / 10) != 1)
			(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		(void)wait_end(pidfd, END_DEADLINE_MS); /* it is killed */
	}
	return r;
}
