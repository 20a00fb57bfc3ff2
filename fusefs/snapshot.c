/* SPDX-License-Identifier: MIT */
#include "fusefs/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/backend.h"
#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/plan.h"
#include "fusefs/crash.h"
#include "fusefs/fault.h"
#include "fusefs/inode.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/store_touched.h"
#include "fusefs/volume.h"

/* A pass over the store that takes no longer is as short as the last one, which
 * syncs wait for, has to be. */
#define SHORT_US 1000
#define PASSES_MAX 12

/* So many objects that were changed are too many for the last pass, if there can be
 * another one before it. */
#define TOUCHED_MAX 16
#define RETRIES_MAX 8

#define GATE_PATIENCE_NS 4000000
#define GATE_PAUSE_NS 16000000
#define GATE_TRIES_MAX 500

/* What it says at the end; the lists follow, each of so many bytes. */
struct outcome {
	int result;
	struct errmsg why;
	struct backend_report report; /* its pointers mean nothing */
	size_t list_bytes[2];
};

/* One that is being taken. */
struct taking {
	const struct snapshot *snapshot;
	struct store_copy *copy;
	int directory;
	int pipe_fds[2]; /* from the new process */
	int told_fds
		[2]; /* to it: the end of it tells that the store is copied */
};

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)inode_nanoseconds(now) / 1000;
}

/* The directory */

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether the store is on the way up from the directory. 1, 0 or an error. */
static int is_in_store(const struct snapshot *snapshot, int directory)
{
	struct stat root;
	struct stat st;
	struct stat last = {0};
	cleanup_fd int fd = fcntl(directory, F_DUPFD_CLOEXEC, 0);
	int r = store_root_stat(snapshot->volume->store, &root);
	if (r < 0)
		return r;
	for (;;) {
		if (fd < 0 || fstat(fd, &st) < 0)
			return -errno;
		if (is_same(&st, &root))
			return 1;
		if (is_same(&st, &last))
			return 0;
		last = st;
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
	}
}

static int check_place(const struct snapshot *snapshot, int directory,
		       struct errmsg *reterr_why)
{
	struct stat st;
	if (fstat(directory, &st) < 0)
		return -errno;
	if (st.st_dev == snapshot->mount_device) {
		errmsg_set(reterr_why,
			   "a snapshot cannot lie in the mount itself, as"
			   " '%.200s' does: name a directory elsewhere",
			   snapshot->directory);
		return -EINVAL;
	}
	int r = is_in_store(snapshot, directory);
	if (r <= 0)
		return r;
	errmsg_set(reterr_why,
		   "a snapshot cannot lie in the store, as '%.200s' does: name"
		   " a directory elsewhere",
		   snapshot->directory);
	return -EINVAL;
}

static int refuse_entry(void *user, const struct dirent *entry)
{
	(void)user;
	(void)entry;
	return -ENOTEMPTY;
}

/* A descriptor of the place's own, for reading its entries. */
static int check_empty(const struct snapshot *snapshot, int directory,
		       struct errmsg *reterr_why)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = store_each_entry(fd, refuse_entry, NULL);
	if (r == -ENOTEMPTY)
		errmsg_set(reterr_why,
			   "'%.200s' is not empty: a snapshot needs a new or"
			   " empty directory",
			   snapshot->directory);
	return r;
}

static int open_existing(const struct snapshot *snapshot, int *ret_directory,
			 struct errmsg *reterr_why)
{
	cleanup_fd int fd =
		open(snapshot->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = check_place(snapshot, fd, reterr_why);
	if (r == 0)
		r = check_empty(snapshot, fd, reterr_why);
	if (r == 0)
		*ret_directory = steal_fd(&fd);
	return r;
}

/* Where it is to be made. path: the snapshot's, which is changed; ret_name: the
 * last name of it. */
static int open_parent(const struct snapshot *snapshot, char *path,
		       const char **ret_name, int *ret_parent,
		       struct errmsg *reterr_why)
{
	size_t length = strlen(path);
	while (length > 1 && path[length - 1] == '/')
		path[--length] = '\0';
	char *name = strrchr(path, '/') + 1;
	char after = *name;
	*name = '\0';
	cleanup_fd int parent = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*name = after;
	if (parent < 0)
		return -errno;
	int r = check_place(snapshot, parent, reterr_why);
	if (r < 0)
		return r;
	*ret_name = name;
	*ret_parent = steal_fd(&parent);
	return 0;
}

/* Nothing is made where nothing may be. */
static int open_new(const struct snapshot *snapshot, int *ret_directory,
		    struct errmsg *reterr_why)
{
	cleanup_free char *path = strdup(snapshot->directory);
	cleanup_fd int parent = -1;
	const char *name;
	if (path == NULL)
		return -ENOMEM;
	int r = open_parent(snapshot, path, &name, &parent, reterr_why);
	if (r < 0)
		return r;
	if (mkdirat(parent, name, 0700) < 0)
		return -errno;
	int fd = openat(parent, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_directory = fd;
	return 0;
}

static int explain(const struct snapshot *snapshot, int r,
		   struct errmsg *reterr_why)
{
	if (r < 0 && reterr_why->text[0] == '\0')
		errmsg_set(reterr_why,
			   "cannot use the directory '%.200s' for a snapshot:"
			   " %s",
			   snapshot->directory, strerror(-r));
	return r;
}

static int open_directory(const struct snapshot *snapshot, int *ret_directory,
			  bool *ret_made, struct errmsg *reterr_why)
{
	reterr_why->text[0] = '\0';
	int r = open_existing(snapshot, ret_directory, reterr_why);
	*ret_made = false;
	if (r == -ENOENT) {
		r = open_new(snapshot, ret_directory, reterr_why);
		*ret_made = r == 0;
	}
	return explain(snapshot, r, reterr_why);
}

static int check_parent(const struct snapshot *snapshot,
			struct errmsg *reterr_why)
{
	cleanup_free char *path = strdup(snapshot->directory);
	cleanup_fd int parent = -1;
	const char *name;
	if (path == NULL)
		return -ENOMEM;
	int r = open_parent(snapshot, path, &name, &parent, reterr_why);
	if (r == 0 && faccessat(parent, ".", W_OK | X_OK, AT_EACCESS) < 0)
		r = -errno;
	return r;
}

int snapshot_check(const struct snapshot *snapshot, struct errmsg *reterr_why)
{
	cleanup_fd int directory = -1;
	reterr_why->text[0] = '\0';
	int r = crash_check(snapshot->volume, snapshot->plan, reterr_why);
	if (r < 0)
		return r;
	r = open_existing(snapshot, &directory, reterr_why);
	if (r == -ENOENT)
		r = check_parent(snapshot, reterr_why);
	return explain(snapshot, r, reterr_why);
}

static int clear_entry(void *user, const struct dirent *entry)
{
	return store_clear_at(*(const int *)user, entry->d_name);
}

/* As it was. What cannot be removed stays. */
static void clear_directory(const struct snapshot *snapshot, int directory,
			    const struct stat *before, bool made)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)store_each_entry(fd, clear_entry, &directory);
	if (made) {
		(void)rmdir(snapshot->directory);
		return;
	}
	/* It may have been dressed as the root of the store. */
	const struct timespec times[2] = {before->st_atim, before->st_mtim};
	if (fchown(directory, before->st_uid, before->st_gid) == 0)
		(void)fchmod(directory, before->st_mode & 07777);
	(void)futimens(directory, times);
}

/* The new process */

static void say(int pipe_fd, const void *data, size_t size)
{
	const char *from = data;
	while (size > 0) {
		ssize_t n = write(pipe_fd, from, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		from += n;
		size -= (size_t)n;
	}
}

/* Nothing that the other process serves may depend on this one: a connection to
 * the kernel, or a port, would outlive it here. */
static void close_others(const int *keep, size_t count)
{
	DIR *fds = opendir("/proc/self/fd");
	if (fds == NULL)
		return; /* no /proc: then they stay open until the end */
	const struct dirent *entry;
	while ((entry = readdir(fds)) != NULL) {
		int fd = atoi(entry->d_name);
		bool kept = fd <= STDERR_FILENO || fd == dirfd(fds);
		for (size_t i = 0; i < count; i++)
			kept |= fd == keep[i];
		if (!kept)
			close(fd);
	}
	closedir(fds);
}

/* The volume's lock is held, and nobody else is here. */
static int move_in(struct volume *volume, int directory)
{
	struct event_log *events = event_new();
	if (events == NULL)
		return -ENOMEM;
	volume->events = events; /* the other one's lock may be taken */
	volume->copying = false;
	store_touched_unwatch(store_touched_of(volume->store));
	if (volume->faults != NULL) /* they sleep in a crash */
		fault_hold(volume->faults, FAULT_SLEEPERS_ALL);
	int r = scratch_part(volume->scratch);
	if (r == 0)
		store_move_locked(volume->store, directory);
	return r;
}

/* False at the end of the pipe. */
static bool hear(int pipe_fd, void *data, size_t size)
{
	char *to = data;
	while (size > 0) {
		ssize_t n = read(pipe_fd, to, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		size -= (size_t)n;
	}
	return true;
}

static int live_on(const struct taking *taking, struct outcome *outcome)
{
	const struct snapshot *snapshot = taking->snapshot;
	struct volume *volume = snapshot->volume;
	char none;
	(void)hear(taking->told_fds[0], &none, 1);
	int r = move_in(volume, taking->directory);
	pthread_mutex_unlock(&volume->lock);
	pthread_mutex_unlock(&volume->commit_lock);
	if (r == 0)
		r = crash_keep(volume, snapshot->plan, &outcome->report,
			       &outcome->why);
	else
		errmsg_set(&outcome->why, "no snapshot: %s", strerror(-r));
	if (r == 0)
		crash_digest(volume, snapshot->plan, &outcome->report);
	return r;
}

__attribute__((noreturn)) static void be_born(const struct taking *taking)
{
	struct volume *volume = taking->snapshot->volume;
	int pipe_fd = taking->pipe_fds[1];
	struct outcome outcome = {0};
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	store_forget_all_locked(volume->store);
	const int keep[] = {taking->directory, pipe_fd, taking->told_fds[0],
			    scratch_fd(volume->scratch),
			    store_root_fd(volume->store)};
	close_others(keep, sizeof(keep) / sizeof(keep[0]));
	outcome.result = live_on(taking, &outcome);
	const char *const lists[] = {outcome.report.lost_list,
				     outcome.report.kept_list};
	for (int i = 0; i < 2; i++)
		outcome.list_bytes[i] =
			lists[i] != NULL ? strlen(lists[i]) + 1 : 0;
	say(pipe_fd, &outcome, sizeof(outcome));
	for (int i = 0; i < 2; i++)
		if (lists[i] != NULL)
			say(pipe_fd, lists[i], outcome.list_bytes[i]);
	_exit(0);
}

/* The old process */

/* Every lock that the new one will take, and that a thread may have which does
 * not wait at the gate. */
static void hold_still(struct volume *volume)
{
	pthread_mutex_lock(&volume->lock);
	pthread_mutex_lock(&volume->times_lock);
	pthread_mutex_lock(&volume->mode_lock);
	pthread_mutex_lock(&volume->journal.lock);
	scratch_freeze(volume->scratch);
}

static void move_again(struct volume *volume)
{
	scratch_thaw(volume->scratch);
	pthread_mutex_unlock(&volume->journal.lock);
	pthread_mutex_unlock(&volume->mode_lock);
	pthread_mutex_unlock(&volume->times_lock);
}

/* Who waits for the gate holds up all requests, and those that run may be syncs of
 * much data: it is waited for in small portions, and in one only at last. */
static void close_gate(struct volume *volume)
{
	const struct timespec pause = {.tv_nsec = GATE_PAUSE_NS};
	for (int i = 0; i < GATE_TRIES_MAX; i++) {
		struct timespec end;
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_nsec += GATE_PATIENCE_NS;
		if (end.tv_nsec >= 1000000000) {
			end.tv_nsec -= 1000000000;
			end.tv_sec++;
		}
		if (pthread_rwlock_timedwrlock(&volume->gate, &end) == 0)
			return;
		(void)nanosleep(&pause, NULL);
	}
	pthread_rwlock_wrlock(&volume->gate);
}

static void pass_ahead(const struct taking *taking)
{
	struct volume *volume = taking->snapshot->volume;
	pthread_mutex_lock(&volume->commit_lock);
	store_copy_note(taking->copy);
	pthread_mutex_unlock(&volume->commit_lock);
	(void)store_copy_pass(taking->copy, false); /* the last one will tell */
}

/* What can be copied while commits go on. */
static void copy_ahead(const struct taking *taking)
{
	uint64_t before_us = UINT64_MAX;
	for (int i = 0; i < PASSES_MAX; i++) {
		uint64_t begin = now_us();
		pass_ahead(taking);
		uint64_t took_us = now_us() - begin;
		/* Or as much changes as can be copied. */
		if (took_us < SHORT_US || took_us > before_us / 4 * 3)
			return;
		before_us = took_us;
	}
}

/* Nobody is served any more, and nothing is committed. If much was changed while
 * the gate was waited for, that is copied first. */
static void stop_all(const struct taking *taking)
{
	struct volume *volume = taking->snapshot->volume;
	for (int i = 0;; i++) {
		close_gate(volume);
		pthread_mutex_lock(&volume->commit_lock);
		if (i == RETRIES_MAX ||
		    store_copy_touched(taking->copy) <= TOUCHED_MAX)
			return;
		pthread_mutex_unlock(&volume->commit_lock);
		pthread_rwlock_unlock(&volume->gate);
		pass_ahead(taking);
	}
}

/* Takes the commit lock, and keeps it. How long nobody was served is in the
 * report. */
static int give_birth(const struct taking *taking, pid_t *ret_pid,
		      struct backend_report *report)
{
	struct volume *volume = taking->snapshot->volume;
	stop_all(taking);
	uint64_t begin = now_us();
	store_copy_note(taking->copy);
	scratch_pin(volume->scratch);
	volume->copying = true;
	hold_still(volume);
	pid_t pid = fork();
	int r = pid < 0 ? -errno : 0;
	move_again(volume);
	if (pid == 0)
		be_born(taking);
	pthread_mutex_unlock(&volume->lock);
	if (r < 0)
		volume->copying = false;
	pthread_rwlock_unlock(&volume->gate);
	report->frozen_us = now_us() - begin;
	report->held_us = begin; /* until they go on */
	*ret_pid = pid;
	return r;
}

static bool hear_list(int pipe_fd, size_t bytes, char **ret_list)
{
	if (bytes == 0)
		return true;
	*ret_list = malloc(bytes);
	return *ret_list != NULL && hear(pipe_fd, *ret_list, bytes);
}

static int take_outcome(int pipe_fd, struct backend_report *report,
			struct errmsg *reterr_why)
{
	struct outcome outcome;
	const struct backend_report ours = *report;
	if (!hear(pipe_fd, &outcome, sizeof(outcome))) {
		errmsg_set(reterr_why,
			   "the process that took the snapshot is gone; the"
			   " directory is as it was, try again");
		return -EIO;
	}
	*report = outcome.report;
	report->frozen_us = ours.frozen_us;
	report->held_us = ours.held_us;
	report->lost_list = NULL;
	report->kept_list = NULL;
	report->killed_list = NULL;
	/* Without a list the numbers of the report still stand. */
	if (!hear_list(pipe_fd, outcome.list_bytes[0], &report->lost_list) ||
	    !hear_list(pipe_fd, outcome.list_bytes[1], &report->kept_list)) {
		free(report->kept_list);
		report->kept_list = NULL;
	}
	if (outcome.result < 0)
		errmsg_set(reterr_why, "%s", outcome.why.text);
	return outcome.result;
}

static int copy_last(const struct taking *taking, struct errmsg *reterr_why)
{
	int r = store_copy_pass(taking->copy, true);
	if (r < 0)
		errmsg_set(reterr_why,
			   "cannot copy the store to '%.200s': %s; the"
			   " directory is as it was",
			   taking->snapshot->directory, strerror(-r));
	return r;
}

static int watch(struct taking *taking, struct backend_report *report,
		 struct errmsg *reterr_why)
{
	struct volume *volume = taking->snapshot->volume;
	cleanup_fd int in = -1;
	cleanup_fd int out = -1;
	cleanup_fd int told = -1;
	cleanup_fd int tell = -1;
	pid_t pid = -1;
	if (pipe2(taking->pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	in = taking->pipe_fds[0];
	out = taking->pipe_fds[1];
	if (pipe2(taking->told_fds, O_CLOEXEC) < 0)
		return -errno;
	told = taking->told_fds[0];
	tell = taking->told_fds[1];
	int r = give_birth(taking, &pid, report);
	close(steal_fd(&out));
	close(steal_fd(&told));
	/* Here and not there: a new process may have to wait for a CPU. */
	if (r == 0)
		r = copy_last(taking, reterr_why);
	pthread_mutex_unlock(&volume->commit_lock);
	report->held_us = now_us() - report->held_us;
	if (r == 0)
		r = store_copy_end(taking->copy);
	if (r < 0 && pid > 0)
		(void)kill(pid, SIGKILL);
	close(steal_fd(&tell));
	if (r == 0)
		r = take_outcome(in, report, reterr_why);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0); /* it has said all there is */
	/* Without the gate, as nobody reads the bytes any more; to wait for it
	 * would hold up all behind a sync that takes long. */
	volume->copying = false;
	scratch_unpin(volume->scratch);
	return r;
}

int snapshot_take(const struct snapshot *snapshot,
		  struct backend_report *ret_report, struct errmsg *reterr_why)
{
	uint64_t begin = now_us();
	int directory = -1;
	bool made = false;
	struct stat before = {0};
	int r = crash_check(snapshot->volume, snapshot->plan, reterr_why);
	if (r == 0)
		r = open_directory(snapshot, &directory, &made, reterr_why);
	if (r < 0)
		return r;
	errmsg_set(reterr_why, "no snapshot: out of processes or memory");
	struct taking taking = {.snapshot = snapshot, .directory = directory};
	r = store_copy_begin(snapshot->volume->store, directory, &taking.copy);
	if (r == 0 && fstat(directory, &before) < 0)
		r = -errno;
	if (r == 0) {
		copy_ahead(&taking);
		r = watch(&taking, ret_report, reterr_why);
	}
	store_copy_free(taking.copy);
	if (r < 0)
		clear_directory(snapshot, directory, &before, made);
	close(directory);
	ret_report->elapsed_us = now_us() - begin;
	return r;
}
