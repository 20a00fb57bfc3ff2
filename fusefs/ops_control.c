/* SPDX-License-Identifier: MIT */
/*
 * The control directory. What its files say is common/control.c's; here they
 * are found by name only, never listed with the root, and belong to the user
 * who mounted. Verbs run on a thread of their own, so that a crash never waits
 * for a thread that it needs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/control.h"
#include "fusefs/loop.h"
#include "fusefs/ops.h"
#include "fusefs/scratch.h"
#include "fusefs/volume.h"

struct job {
	struct list link;
	fuse_req_t req;
	struct control_handle *handle;
	size_t size;
	char data[];
};

bool ops_is_control(fuse_ino_t nodeid)
{
	return nodeid >= OPS_NODE_CONTROL &&
	       nodeid <= OPS_NODE_CONTROL_FILE + control_file_count();
}

/* Behind the files comes the file that only the probe of the mount uses. */
static fuse_ino_t probe_node(void)
{
	return OPS_NODE_CONTROL_FILE + control_file_count();
}

fuse_ino_t ops_control_find(const struct fusefs *fusefs, fuse_ino_t parent,
			    const char *name)
{
	if (parent == FUSE_ROOT_ID && fusefs->probe.active &&
	    strcmp(name, fusefs->probe.name) == 0)
		return probe_node();
	if (parent == FUSE_ROOT_ID && fusefs->control_name != NULL &&
	    strcmp(name, fusefs->control_name) == 0)
		return OPS_NODE_CONTROL;
	if (parent != OPS_NODE_CONTROL)
		return 0;
	int index = control_file_find(name);
	return index < 0 ? 0 : OPS_NODE_CONTROL_FILE + (fuse_ino_t)index;
}

static void fill(struct fusefs *fusefs, fuse_ino_t nodeid, struct stat *st)
{
	*st = (struct stat){
		/* Above all numbers of files; the kernel wants them unique. */
		.st_ino = UINT64_MAX - nodeid,
		.st_mode = S_IFDIR | 0700,
		.st_nlink = 2,
		.st_uid = fusefs->uid,
		.st_gid = fusefs->gid,
		.st_blksize = 4096,
	};
	if (nodeid == OPS_NODE_CONTROL)
		return;
	size_t index = nodeid - OPS_NODE_CONTROL_FILE;
	bool writable = nodeid == probe_node() || control_file_writable(index);
	st->st_mode = S_IFREG | (writable ? 0600 : 0400);
	st->st_nlink = 1;
	if (nodeid != probe_node())
		st->st_size = control_file_size(fusefs->control, index);
}

void ops_control_lookup(fuse_req_t req, struct fusefs *fusefs,
			fuse_ino_t nodeid)
{
	struct fuse_entry_param entry = {.ino = nodeid};
	fill(fusefs, nodeid, &entry.attr);
	fuse_reply_entry(req, &entry);
}

void ops_control_getattr(fuse_req_t req, struct fusefs *fusefs,
			 fuse_ino_t nodeid)
{
	struct stat st;
	fill(fusefs, nodeid, &st);
	fuse_reply_attr(req, &st, 0);
}

void ops_control_open(fuse_req_t req, struct fusefs *fusefs, fuse_ino_t nodeid,
		      struct fuse_file_info *fi)
{
	struct control_handle *handle = NULL;
	int r = 0;
	if (nodeid != probe_node()) {
		/* Making the content may wait for a commit. */
		loop_step_aside(fusefs->loop);
		r = control_open(fusefs->control,
				 nodeid - OPS_NODE_CONTROL_FILE, &handle);
	}
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)handle;
	/* The probe must take the path of ordinary files. */
	fi->direct_io = nodeid != probe_node();
	if (fuse_reply_open(req, fi) == -ENOENT)
		control_close(handle);
}

static struct control_handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct control_handle *)(uintptr_t)fi->fh;
}

void ops_control_release(struct fuse_file_info *fi)
{
	control_close(handle_of(fi));
}

void ops_control_read(fuse_req_t req, struct fuse_file_info *fi, size_t size,
		      off_t offset)
{
	char *buffer = malloc(size);
	ssize_t n = -ENOMEM;
	if (buffer != NULL)
		n = handle_of(fi) == NULL
			    ? 0
			    : control_read(handle_of(fi), buffer, size, offset);
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, buffer, (size_t)n);
	free(buffer);
}

static void reply_written(fuse_req_t req, ssize_t n)
{
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_write(req, (size_t)n);
}

/* A line behind the first byte is the rest of one that was too long. */
void ops_control_write(fuse_req_t req, struct fusefs *fusefs,
		       struct fuse_file_info *fi, const char *data, size_t size,
		       off_t offset)
{
	(void)offset; /* echo >> and a second write begin a new line */
	struct control_handle *handle = handle_of(fi);
	if (handle == NULL || !control_write_blocks(handle)) {
		reply_written(req, handle == NULL
					   ? (ssize_t)size
					   : control_write(handle, data, size));
		return;
	}
	if (size > CONTROL_LINE_MAX)
		size = CONTROL_LINE_MAX + 1; /* refused for its length */
	struct job *job = malloc(sizeof(*job) + size);
	if (job == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	job->req = req;
	job->handle = handle;
	job->size = size;
	memcpy(job->data, data, size);
	pthread_mutex_lock(&fusefs->control_lock);
	list_append(&fusefs->control_jobs, &job->link);
	pthread_cond_signal(&fusefs->control_wake);
	pthread_mutex_unlock(&fusefs->control_lock);
}

void ops_control_readdir(fuse_req_t req, size_t size, off_t offset)
{
	char *buffer = malloc(size);
	if (buffer == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	size_t used = 0;
	size_t count = control_file_count() + 2;
	for (size_t i = (size_t)offset; i < count; i++) {
		struct stat st = {.st_ino = UINT64_MAX - i,
				  .st_mode = i < 2 ? S_IFDIR : S_IFREG};
		const char *name = i == 0 ? "." : "..";
		if (i >= 2)
			name = control_file_name(i - 2);
		size_t n = fuse_add_direntry(req, buffer + used, size - used,
					     name, &st, (off_t)i + 1);
		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, buffer, used);
	free(buffer);
}

static struct job *next_job(struct fusefs *fusefs)
{
	struct job *job = NULL;
	pthread_mutex_lock(&fusefs->control_lock);
	while (list_empty(&fusefs->control_jobs) && !fusefs->control_stop)
		pthread_cond_wait(&fusefs->control_wake, &fusefs->control_lock);
	if (!list_empty(&fusefs->control_jobs)) {
		job = list_entry(fusefs->control_jobs.next, struct job, link);
		list_remove(&job->link);
	}
	pthread_mutex_unlock(&fusefs->control_lock);
	return job;
}

static void *run(void *user)
{
	struct fusefs *fusefs = user;
	struct job *job;
	while ((job = next_job(fusefs)) != NULL) {
		reply_written(job->req,
			      control_write(job->handle, job->data, job->size));
		/* What a crash has left for later. */
		scratch_trim(fusefs->volume->scratch);
		free(job);
	}
	return NULL;
}

int ops_control_start(struct fusefs *fusefs)
{
	pthread_mutex_init(&fusefs->control_lock, NULL);
	pthread_cond_init(&fusefs->control_wake, NULL);
	list_init(&fusefs->control_jobs);
	int r = pthread_create(&fusefs->control_thread, NULL, run, fusefs);
	fusefs->control_running = r == 0;
	return -r;
}

/* Jobs that came are done first. */
void ops_control_stop(struct fusefs *fusefs)
{
	if (!fusefs->control_running)
		return;
	fusefs->control_running = false;
	pthread_mutex_lock(&fusefs->control_lock);
	fusefs->control_stop = true;
	pthread_cond_signal(&fusefs->control_wake);
	pthread_mutex_unlock(&fusefs->control_lock);
	pthread_join(fusefs->control_thread, NULL);
	pthread_mutex_destroy(&fusefs->control_lock);
	pthread_cond_destroy(&fusefs->control_wake);
}
