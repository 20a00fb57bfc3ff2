/* SPDX-License-Identifier: MIT */
/* Requests on file data. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fusefs/attrs.h"
#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/errseq.h"
#include "fusefs/extents.h"
#include "fusefs/fault.h"
#include "fusefs/fault_commit.h"
#include "fusefs/inode.h"
#include "fusefs/landing.h"
#include "fusefs/loop.h"
#include "fusefs/ops.h"
#include "fusefs/profile.h"
#include "fusefs/shutdown.h"
#include "fusefs/tail.h"
#include "fusefs/volume.h"
#include "fusefs/wire.h"

/* A commit of more than this lets another thread take requests meanwhile. */
#define LONG_COMMIT_BYTES (1 << 20)
#define LONG_COMMIT_RECORDS 256

void ops_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t offset,
	      struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	if (ops_is_control(nodeid)) {
		ops_control_read(req, fi, size, offset);
		ops_leave(fusefs);
		return;
	}
	ssize_t n = -ops_check_handle(fusefs, fi);
	char *buffer = NULL;
	if (n == 0) {
		buffer = loop_room(size);
		n = buffer == NULL ? -ENOMEM
				   : data_read(fusefs->volume,
					       ops_inode(fusefs, nodeid),
					       buffer, size, offset);
	}
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, buffer, (size_t)n);
	ops_leave(fusefs);
}

/* A sync that an operation asks for. */
struct ops_sync {
	bool datasync;
	const struct commit_range *range; /* NULL: all */
};

static bool is_long(struct volume *volume, struct inode *inode)
{
	slimlock_read(&inode->lock);
	int64_t dirty =
		inode->extents != NULL ? inode->extents->dirty_bytes : 0;
	slimlock_unlock(&inode->lock);
	pthread_mutex_lock(&volume->journal.lock);
	uint64_t records = volume->journal.count;
	pthread_mutex_unlock(&volume->journal.lock);
	return dirty > LONG_COMMIT_BYTES || records > LONG_COMMIT_RECORDS;
}

/* What the handle has not been told yet. */
static int check_error(struct ops_handle *handle)
{
	struct inode *inode = handle->inode;
	slimlock_write(&inode->lock);
	int told = errseq_check(&inode->write_error, &handle->error_since);
	slimlock_unlock(&inode->lock);
	return told;
}

/* The handle is told of its own failure here, and of earlier ones. */
static int sync_handle(struct fusefs *fusefs, struct fuse_file_info *fi,
		       const struct ops_sync *sync)
{
	struct ops_handle *handle = ops_handle_of(fi);
	struct inode *inode = handle->inode;
	struct volume *volume = fusefs->volume;
	if (profile_failure(volume->profile)->tells_first) {
		int told = check_error(handle);
		if (told < 0)
			return told;
	}
	/* A snapshot that copies the store lets it wait. */
	if (volume->copying || is_long(volume, inode))
		loop_step_aside(fusefs->loop);
	struct fault_commit asked;
	int r = fault_commit_begin(&asked, volume, inode);
	if (r == 0 && asked.error < 0)
		r = fault_commit_end(
			&asked,
			commit_fail(volume, inode, sync->range, asked.error));
	else if (r == 0)
		r = fault_commit_end(&asked,
				     commit_sync(volume, inode, sync->datasync,
						 sync->range));
	int told = check_error(handle);
	shutdown_tell(fusefs, inode);
	return r < 0 ? r : told;
}

static int commit_written(struct volume *volume, struct inode *inode,
			  const struct commit_range *range)
{
	struct fault_commit asked;
	int r = fault_commit_begin(&asked, volume, inode);
	if (r == 0)
		r = fault_commit_end(&asked,
				     commit_direct(volume, inode, range));
	return r;
}

/* What an O_DIRECT or O_(D)SYNC write owes before it returns. */
static int settle_write(fuse_req_t req, struct fusefs *fusefs,
			struct fuse_file_info *fi,
			const struct commit_range *range)
{
	struct ops_handle *handle = ops_handle_of(fi);
	int r = 0;
	if (fi->flags & O_DIRECT)
		r = commit_written(fusefs->volume, handle->inode, range);
	if (r < 0 || !(fi->flags & O_DSYNC))
		return r;
	const struct ops_sync sync = {
		.datasync = (fi->flags & O_SYNC) != O_SYNC,
		.range = range,
	};
	r = sync_handle(fusefs, fi, &sync);
	bool follows = fi->flags & O_DIRECT ? fusefs->probe.direct
					    : fusefs->probe.buffered;
	if (r == 0 && follows)
		handle->synced_by = fuse_req_ctx(req)->pid;
	return r;
}

static int write_handle(fuse_req_t req, struct fusefs *fusefs,
			struct data_write *write, struct fuse_file_info *fi)
{
	struct inode *inode = ops_handle_of(fi)->inode;
	int r = 0;
	/* First, as other file systems do it: a write that failed in the end may
	 * have taken the privileges, but none goes through and leaves them. A
	 * page of a mapping takes none. */
	if (!fi->writepage && (wire_clears_set_id() || inode->has_capability))
		r = attrs_clear_privileges(fusefs->volume, inode,
					   ops_set_id(req, inode));
	const struct commit_range range = {
		write->offset_bytes,
		write->offset_bytes + (int64_t)write->size_bytes,
	};
	if (r == 0 && fi->flags & O_DIRECT && !fi->writepage)
		r = commit_direct_check(fusefs->volume, inode, &range);
	/* What waits for the store is not written again after it. */
	if (r == 0 && !fault_is_repeated()) {
		write->landed_bytes = landing_take(&write->landed_at);
		write->dropped = fault_drops();
		r = data_write(fusefs->volume, inode, write);
	}
	if (r < 0 || fi->writepage)
		return r;
	return settle_write(req, fusefs, fi, &range);
}

void ops_write(fuse_req_t req, fuse_ino_t nodeid, const char *data, size_t size,
	       off_t offset, struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	if (ops_is_control(nodeid)) {
		ops_control_write(req, fusefs, fi, data, size);
		ops_leave(fusefs);
		return;
	}
	struct data_write write = {
		.data = data,
		.size_bytes = size,
		.offset_bytes = offset,
		.direct = fi->flags & O_DIRECT,
		/* The kernel tells the time that it was written; it may do so
		 * before we have stored these bytes. */
		.timed = fi->writepage &&
			 fusefs->config.cache == FUSEFS_CACHE_BACK,
	};
	int r = -ops_check_handle(fusefs, fi);
	if (r < 0 && fi->writepage)
		r = 0; /* a late page of the lost past: thrown away */
	else if (r == 0)
		r = write_handle(req, fusefs, &write, fi);
	landing_drop();
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_write(req, size);
	ops_leave(fusefs);
}

void ops_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync,
	       struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	if (ops_is_control(nodeid)) {
		fusefs->probe.seen = true;
		fuse_reply_err(req, 0);
		ops_leave(fusefs);
		return;
	}
	struct ops_handle *handle = ops_handle_of(fi);
	int r = -ops_check_handle(fusefs, fi);
	/* The kernel's own after an O_DSYNC write, which has paid for its
	 * range; this one would take the whole file. */
	const struct ops_sync sync = {.datasync = datasync};
	pid_t thread = fuse_req_ctx(req)->pid;
	bool done = thread != 0 && atomic_compare_exchange_strong(
					   &handle->synced_by, &thread, 0);
	if (r == 0 && !done)
		r = sync_handle(fusefs, fi, &sync);
	fuse_reply_err(req, -r);
	ops_leave(fusefs);
}

void ops_fsyncdir(fuse_req_t req, fuse_ino_t nodeid, int datasync,
		  struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	const struct ops_sync sync = {.datasync = datasync};
	int r = 0;
	if (!ops_is_control(nodeid))
		r = -ops_check_handle(fusefs, fi);
	if (r == 0 && !ops_is_control(nodeid))
		r = sync_handle(fusefs, fi, &sync);
	fuse_reply_err(req, -r);
	ops_leave(fusefs);
}

void ops_fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t offset,
		   off_t length, struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	int r = ops_is_control(nodeid) ? -EPERM : -ops_check_handle(fusefs, fi);
	if (r == 0)
		r = tail_allocate(fusefs->volume, ops_inode(fusefs, nodeid),
				  mode, offset, length);
	fuse_reply_err(req, -r);
	ops_leave(fusefs);
}

void ops_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t offset, int whence,
	       struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	int64_t found = -EINVAL;
	if (!ops_is_control(nodeid) &&
	    (whence == SEEK_DATA || whence == SEEK_HOLE))
		found = -ops_check_handle(fusefs, fi);
	if (found == 0)
		found = data_seek(fusefs->volume, ops_inode(fusefs, nodeid),
				  offset, whence == SEEK_HOLE);
	if (found < 0)
		fuse_reply_err(req, (int)-found);
	else
		fuse_reply_lseek(req, found);
	ops_leave(fusefs);
}
