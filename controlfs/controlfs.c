/* SPDX-License-Identifier: MIT */
#include "controlfs/controlfs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/control.h"
#include "common/list.h"

/* The file of verbs, and how many nodes it has. */
#define VERBS "control"
#define ALIASES 4096

/* A write that waits for its turn, a verb that waits, or other work. */
struct job {
	struct list link;
	void (*work)(void *user); /* NULL: it is a write */
	void *user;
	struct controlfs *controlfs;
	atomic_bool cancelled;
	fuse_req_t req;
	struct control_handle *handle;
	size_t size_bytes;
	char data[];
};

struct controlfs {
	struct controlfs_config config;
	atomic_uint next_alias;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	struct list jobs;
	bool stop;
	struct list waits; /* jobs with a thread of their own */
	size_t wait_count;
	pthread_cond_t waited; /* there are fewer of them */
	pid_t writer;	       /* only the thread of the lines uses it */
};

struct controlfs *controlfs_new(const struct controlfs_config *config)
{
	struct controlfs *controlfs = calloc(1, sizeof(*controlfs));

	if (!controlfs)
		return NULL;
	controlfs->config = *config;
	pthread_mutex_init(&controlfs->lock, NULL);
	pthread_cond_init(&controlfs->wake, NULL);
	pthread_cond_init(&controlfs->waited, NULL);
	list_init(&controlfs->jobs);
	list_init(&controlfs->waits);
	return controlfs;
}

void controlfs_free(struct controlfs *controlfs)
{
	if (!controlfs)
		return;
	controlfs_stop(controlfs);
	pthread_mutex_destroy(&controlfs->lock);
	pthread_cond_destroy(&controlfs->wake);
	pthread_cond_destroy(&controlfs->waited);
	free(controlfs);
}

size_t controlfs_node_count(void)
{
	return control_file_count() + 1 + ALIASES;
}

/* The number of a file, of a node that is not the directory's. */
static size_t index_of(const struct controlfs *controlfs, fuse_ino_t nodeid)
{
	size_t index = nodeid - controlfs->config.first_node - 1;

	return index < control_file_count() ? index
					    : (size_t)control_file_find(VERBS);
}

/* The kernel lets only one write at a time into a file: a verb that waits would
 * stop all others. So the file of verbs is another one each time it is looked
 * up. */
fuse_ino_t controlfs_find(struct controlfs *controlfs, const char *name)
{
	int index = control_file_find(name);

	if (index < 0)
		return 0;
	if (strcmp(name, VERBS) == 0)
		index = (int)control_file_count() +
			(int)(atomic_fetch_add(&controlfs->next_alias, 1) %
			      ALIASES);
	return controlfs->config.first_node + 1 + (fuse_ino_t)index;
}

void controlfs_fill(const struct controlfs *controlfs, fuse_ino_t nodeid,
		    struct stat *ret_st)
{
	size_t index = index_of(controlfs, nodeid);

	*ret_st = (struct stat){
		/* Above all numbers of files; the kernel wants them unique. */
		.st_ino = UINT64_MAX - nodeid,
		.st_mode = S_IFDIR | 0700,
		.st_nlink = 2,
		.st_uid = controlfs->config.uid,
		.st_gid = controlfs->config.gid,
		.st_blksize = 4096,
	};
	if (nodeid == controlfs->config.first_node)
		return;
	ret_st->st_mode =
		S_IFREG | (control_file_writable(index) ? 0600 : 0400);
	ret_st->st_nlink = 1;
	ret_st->st_size = control_file_size(controlfs->config.control, index);
}

void controlfs_open(struct controlfs *controlfs, fuse_req_t req,
		    fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct control_handle *handle;
	int r = control_open(controlfs->config.control,
			     index_of(controlfs, nodeid), &handle);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	if (fi->flags & O_TRUNC)
		control_truncate_open(handle);
	fi->fh = (uint64_t)(uintptr_t)handle;
	fi->direct_io = 1;
	if (fuse_reply_open(req, fi) == -ENOENT)
		control_close(handle);
}

static struct control_handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct control_handle *)(uintptr_t)fi->fh;
}

void controlfs_truncate(struct controlfs *controlfs, fuse_ino_t nodeid)
{
	if (nodeid > controlfs->config.first_node)
		control_truncate(controlfs->config.control,
				 index_of(controlfs, nodeid));
}

void controlfs_release(const struct fuse_file_info *fi)
{
	control_close(handle_of(fi));
}

void controlfs_read(fuse_req_t req, const struct fuse_file_info *fi,
		    size_t size_bytes, off_t offset_bytes)
{
	char *buffer = malloc(size_bytes);
	ssize_t size = -ENOMEM;

	if (buffer)
		size = control_read(handle_of(fi), buffer, size_bytes,
				    offset_bytes);
	if (size < 0)
		fuse_reply_err(req, (int)-size);
	else
		fuse_reply_buf(req, buffer, (size_t)size);
	free(buffer);
}

static void reply_written(fuse_req_t req, ssize_t size)
{
	if (size < 0)
		fuse_reply_err(req, (int)-size);
	else
		fuse_reply_write(req, (size_t)size);
}

static void add_job(struct controlfs *controlfs, struct job *job)
{
	pthread_mutex_lock(&controlfs->lock);
	list_append(&controlfs->jobs, &job->link);
	pthread_cond_signal(&controlfs->wake);
	pthread_mutex_unlock(&controlfs->lock);
}

int controlfs_do(struct controlfs *controlfs, void (*work)(void *user),
		 void *user)
{
	struct job *job = malloc(sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->work = work;
	job->user = user;
	add_job(controlfs, job);
	return 0;
}

static void cancel(struct job *job)
{
	atomic_store(&job->cancelled, true);
	control_cancel(job->controlfs->config.control);
}

/* The program that waits got a signal. */
static void interrupt(fuse_req_t req, void *user)
{
	(void)req;
	cancel(user);
}

static void *run_wait(void *user)
{
	struct job *job = user;
	struct controlfs *controlfs = job->controlfs;
	ssize_t size = control_wait(job->handle, job->data, job->size_bytes,
				    &job->cancelled);

	/* Returns when nobody is in interrupt() any more. */
	fuse_req_interrupt_func(job->req, NULL, NULL);
	reply_written(job->req, size == -ECANCELED ? -EINTR : size);
	pthread_mutex_lock(&controlfs->lock);
	list_remove(&job->link);
	controlfs->wait_count--;
	pthread_cond_signal(&controlfs->waited);
	pthread_mutex_unlock(&controlfs->lock);
	free(job);
	return NULL;
}

/* Takes the job over. */
static void start_wait(struct controlfs *controlfs, struct job *job)
{
	pthread_attr_t detached;
	pthread_t thread;
	bool full;

	pthread_mutex_lock(&controlfs->lock);
	full = controlfs->stop || controlfs->wait_count == CONTROLFS_WAITS_MAX;
	if (!full) {
		list_append(&controlfs->waits, &job->link);
		controlfs->wait_count++;
	}
	pthread_mutex_unlock(&controlfs->lock);
	if (full) {
		fuse_reply_err(job->req, EAGAIN);
		free(job);
		return;
	}
	fuse_req_interrupt_func(job->req, interrupt, job);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &detached, run_wait, job) != 0) {
		/* Then it is answered as things are. */
		atomic_store(&job->cancelled, true);
		run_wait(job);
	}
	pthread_attr_destroy(&detached);
}

/* The offset means nothing: echo >> and a second write begin a new line. */
void controlfs_write(struct controlfs *controlfs, fuse_req_t req,
		     const struct fuse_file_info *fi, const char *data,
		     size_t size_bytes)
{
	struct control_handle *handle = handle_of(fi);
	struct job *job;

	if (!control_write_blocks(handle)) {
		reply_written(req, control_write(handle, data, size_bytes));
		return;
	}
	if (size_bytes > control_write_max(handle))
		size_bytes = control_write_max(handle) + 1; /* is refused */
	job = malloc(sizeof(*job) + size_bytes);
	if (!job) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	job->work = NULL;
	job->req = req;
	job->handle = handle;
	job->size_bytes = size_bytes;
	memcpy(job->data, data, size_bytes);
	job->controlfs = controlfs;
	atomic_init(&job->cancelled, false);
	if (control_write_waits(handle, data, size_bytes))
		start_wait(controlfs, job);
	else
		add_job(controlfs, job);
}

void controlfs_readdir(fuse_req_t req, size_t size_bytes, off_t offset)
{
	size_t count = control_file_count() + 2;
	char *buffer = malloc(size_bytes);
	size_t used = 0;

	if (!buffer) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (size_t i = (size_t)offset; i < count; i++) {
		struct stat st = {
			.st_ino = UINT64_MAX - i,
			.st_mode = i < 2 ? S_IFDIR : S_IFREG,
		};
		const char *name = i == 0 ? "." : "..";
		size_t size;

		if (i >= 2)
			name = control_file_name(i - 2);
		size = fuse_add_direntry(req, buffer + used, size_bytes - used,
					 name, &st, (off_t)i + 1);
		if (size > size_bytes - used)
			break;
		used += size;
	}
	fuse_reply_buf(req, buffer, used);
	free(buffer);
}

pid_t controlfs_writer(const struct controlfs *controlfs)
{
	return controlfs->writer;
}

static struct job *next_job(struct controlfs *controlfs)
{
	struct job *job = NULL;

	pthread_mutex_lock(&controlfs->lock);
	while (list_empty(&controlfs->jobs) && !controlfs->stop)
		pthread_cond_wait(&controlfs->wake, &controlfs->lock);
	if (!list_empty(&controlfs->jobs)) {
		job = list_entry(controlfs->jobs.next, struct job, link);
		list_remove(&job->link);
	}
	pthread_mutex_unlock(&controlfs->lock);
	return job;
}

static void *run(void *user)
{
	struct controlfs *controlfs = user;
	struct job *job;

	while ((job = next_job(controlfs))) {
		controlfs->writer = job->work ? 0 : fuse_req_ctx(job->req)->pid;
		if (job->work)
			job->work(job->user);
		else
			reply_written(job->req,
				      control_write(job->handle, job->data,
						    job->size_bytes));
		if (controlfs->config.after_write)
			controlfs->config.after_write(controlfs->config.user);
		free(job);
	}
	return NULL;
}

int controlfs_start(struct controlfs *controlfs)
{
	int r;

	controlfs->stop = false;
	r = pthread_create(&controlfs->thread, NULL, run, controlfs);
	controlfs->running = r == 0;
	return -r;
}

static void end_waits(struct controlfs *controlfs)
{
	pthread_mutex_lock(&controlfs->lock);
	list_for_each(node, following, &controlfs->waits)
		cancel(list_entry(node, struct job, link));
	while (controlfs->wait_count > 0)
		pthread_cond_wait(&controlfs->waited, &controlfs->lock);
	pthread_mutex_unlock(&controlfs->lock);
}

void controlfs_stop(struct controlfs *controlfs)
{
	if (!controlfs->running)
		return;
	controlfs->running = false;
	pthread_mutex_lock(&controlfs->lock);
	controlfs->stop = true;
	pthread_cond_signal(&controlfs->wake);
	pthread_mutex_unlock(&controlfs->lock);
	pthread_join(controlfs->thread, NULL);
	end_waits(controlfs);
}
