/* SPDX-License-Identifier: MIT */
/* Requests that open and close files and directories. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "fusefs/attrs.h"
#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/errseq.h"
#include "fusefs/inode.h"
#include "fusefs/listing.h"
#include "fusefs/loop.h"
#include "fusefs/names.h"
#include "fusefs/ops.h"
#include "fusefs/profile.h"
#include "fusefs/release.h"
#include "fusefs/tail.h"
#include "fusefs/volume.h"
#include "fusefs/wire.h"

/* The rest of a new handle; it cannot fail. */
static void open_handle(struct fusefs *fusefs, struct ops_handle *handle,
			struct inode *inode, int flags)
{
	handle->inode = inode;
	handle->flags = flags;
	handle->incarnation = fusefs->volume->incarnation;
	slimlock_read(&inode->lock);
	handle->error_since = errseq_sample(inode->write_error);
	slimlock_unlock(&inode->lock);
	pthread_mutex_lock(&fusefs->volume->lock);
	if (inode->open_count++ == 0) {
		list_append(&fusefs->volume->open, &inode->open_link);
		fusefs->volume->open_count++;
	}
	pthread_mutex_unlock(&fusefs->volume->lock);
}

static struct ops_handle *new_handle(struct fusefs *fusefs, struct inode *inode,
				     int flags)
{
	struct ops_handle *handle = calloc(1, sizeof(*handle));
	if (handle != NULL)
		open_handle(fusefs, handle, inode, flags);
	return handle;
}

static void free_handle(struct fusefs *fusefs, struct ops_handle *handle)
{
	struct inode *inode = handle->inode;
	listing_free(handle->listing);
	free(handle);
	pthread_mutex_lock(&fusefs->volume->lock);
	if (--inode->open_count == 0) {
		list_remove(&inode->open_link);
		fusefs->volume->open_count--;
	}
	inode_release_locked(fusefs->volume, inode);
	pthread_mutex_unlock(&fusefs->volume->lock);
}

static void describe(const struct fusefs *fusefs, struct ops_handle *handle,
		     struct fuse_file_info *fi)
{
	fi->fh = (uint64_t)(uintptr_t)handle;
	if (fusefs->config.cache == FUSEFS_CACHE_NONE)
		fi->direct_io = 1;
	else
		fi->keep_cache = 1; /* nobody else writes */
}

/* What opening does to the file: last of all, for it cannot be undone. */
static int cut_off(fuse_req_t req, struct fusefs *fusefs, struct inode *inode)
{
	int r = attrs_clear_privileges(fusefs->volume, inode,
				       ops_set_id(req, inode));
	return r < 0 ? r : tail_truncate(fusefs->volume, inode, 0);
}

/* Takes the handle over, also if it fails. */
static int open_inode(fuse_req_t req, struct fusefs *fusefs,
		      struct inode *inode, struct ops_handle *handle,
		      struct fuse_file_info *fi)
{
	int r = -ops_check_inode(inode);
	if (r == 0 && handle == NULL)
		r = -ENOMEM;
	if (r < 0) {
		free(handle);
		return r;
	}
	open_handle(fusefs, handle, inode, fi->flags);
	if (r == 0 && (fi->flags & O_ACCMODE) != O_RDONLY)
		r = data_learn_blocks(fusefs->volume, inode);
	if (r == 0 && (fi->flags & O_ACCMODE) != O_RDONLY)
		attrs_learn_capability(fusefs->volume, inode);
	if (r == 0 && fi->flags & O_TRUNC)
		r = cut_off(req, fusefs, inode);
	if (r < 0) {
		free_handle(fusefs, handle);
		return r;
	}
	describe(fusefs, handle, fi);
	return 0;
}

void ops_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	if (ops_is_control(nodeid)) {
		ops_control_open(req, fusefs, nodeid, fi);
		ops_leave(fusefs);
		return;
	}
	int r = open_inode(req, fusefs, ops_inode(fusefs, nodeid),
			   calloc(1, sizeof(struct ops_handle)), fi);
	if (r < 0)
		fuse_reply_err(req, -r);
	else if (fuse_reply_open(req, fi) == -ENOENT)
		free_handle(fusefs, ops_handle_of(fi)); /* interrupted */
	ops_leave(fusefs);
}

static void reply_create(fuse_req_t req, struct fusefs *fusefs,
			 struct inode *inode, struct ops_handle *handle,
			 struct fuse_file_info *fi)
{
	struct fuse_entry_param entry = {
		.ino = inode_nodeid(fusefs->volume, inode),
		.attr_timeout = OPS_TIMEOUT_S,
		.entry_timeout = OPS_TIMEOUT_S,
	};
	int r = -ops_fill_attr(fusefs, inode, &entry.attr);
	if (r == 0)
		r = open_inode(req, fusefs, inode, handle, fi);
	else
		free(handle);
	if (r < 0) {
		fuse_reply_err(req, -r);
		names_forget(fusefs->volume, inode, 1);
		return;
	}
	if (fuse_reply_create(req, &entry, fi) == -ENOENT) {
		free_handle(fusefs, ops_handle_of(fi));
		names_forget(fusefs->volume, inode, 1);
	}
}

void ops_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		 struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	const struct fuse_ctx *context = fuse_req_ctx(req);
	struct names_new what = {
		.mode = S_IFREG | (mode & 07777),
		.uid = context->uid,
		.gid = context->gid,
		.umask = context->umask,
	};
	struct inode *inode;
	/* All memory first: a file that was made and cannot be opened would
	 * stay. */
	struct ops_handle *handle = calloc(1, sizeof(*handle));
	int r = handle == NULL ? -ENOMEM : 0;
	if (r == 0 && ops_is_control(parent))
		r = -EPERM;
	if (r == 0)
		r = names_create_unnamed(fusefs->volume,
					 ops_inode(fusefs, parent), &what,
					 &inode);
	if (r == 0) {
		reply_create(req, fusefs, inode, handle, fi);
	} else {
		free(handle);
		fuse_reply_err(req, -r);
	}
	ops_leave(fusefs);
}

/* Anything but a regular file cannot answer a CREATE: the kernel shall look. */
static int lookup_regular(struct volume *volume, struct inode *directory,
			  const char *name, struct inode **ret_inode)
{
	struct inode *inode;
	int r = names_lookup(volume, directory, name, &inode);
	if (r < 0)
		return r;
	if (!inode_is_regular(inode)) {
		names_forget(volume, inode, 1);
		return -ESTALE;
	}
	*ret_inode = inode;
	return 0;
}

void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode, struct fuse_file_info *fi)
{
	if (wire_is_tmpfile()) {
		ops_tmpfile(req, parent, mode, fi);
		return;
	}
	struct fusefs *fusefs = ops_enter(req);
	const struct fuse_ctx *context = fuse_req_ctx(req);
	struct names_new what = {
		.mode = S_IFREG | (mode & 07777),
		.uid = context->uid,
		.gid = context->gid,
		.umask = context->umask,
	};
	struct inode *inode;
	struct ops_handle *handle = calloc(1, sizeof(*handle));
	int r = handle == NULL ? -ENOMEM : 0;
	if (r == 0 && (ops_is_control(parent) ||
		       ops_control_find(fusefs, parent, name) != 0))
		r = -EPERM;
	if (r == 0)
		r = names_create(fusefs->volume, ops_inode(fusefs, parent),
				 name, &what, &inode);
	if (r == 0)
		fi->flags &= ~O_TRUNC; /* there is nothing to cut off */
	/* Somebody else was faster: then it is just opened. */
	if (r == -EEXIST && !(fi->flags & O_EXCL))
		r = lookup_regular(fusefs->volume, ops_inode(fusefs, parent),
				   name, &inode);
	if (r == 0) {
		reply_create(req, fusefs, inode, handle, fi);
	} else {
		free(handle);
		fuse_reply_err(req, -r);
	}
	ops_leave(fusefs);
}

/* Nothing is lost at a close: the kernel need not ask again. */
void ops_flush(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	(void)nodeid;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

static void close_inode(struct volume *volume, struct inode *inode)
{
	slimlock_write(&inode->lock);
	bool push = release_pushes(volume, inode);
	slimlock_unlock(&inode->lock);
	if (push)
		commit_push(volume, inode, NULL, true);
}

/* The last close of a description. The kernel queues it before close(2)
 * returns, and the loop is done with it before it takes what was queued behind:
 * so a profile may decide by it. */
void ops_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	if (ops_is_control(nodeid)) {
		ops_control_release(fi);
	} else {
		if (ops_check_handle(fusefs, fi) == 0)
			close_inode(fusefs->volume, ops_inode(fusefs, nodeid));
		free_handle(fusefs, ops_handle_of(fi));
	}
	fuse_reply_err(req, 0);
	ops_leave(fusefs);
}

void ops_opendir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	if (ops_is_control(nodeid)) {
		fi->fh = 0;
		fuse_reply_open(req, fi);
		ops_leave(fusefs);
		return;
	}
	struct inode *inode = ops_inode(fusefs, nodeid);
	int r = ops_check_inode(inode);
	struct ops_handle *handle = NULL;
	if (r == 0)
		handle = new_handle(fusefs, inode, fi->flags);
	if (r == 0 && handle == NULL)
		r = ENOMEM;
	if (r == 0) {
		fi->fh = (uint64_t)(uintptr_t)handle;
		if (fuse_reply_open(req, fi) == -ENOENT)
			free_handle(fusefs, handle);
	} else {
		fuse_reply_err(req, r);
	}
	ops_leave(fusefs);
}

/* Positions: 0 and 1 are "." and "..", then the entries of the listing. */
static size_t add_entries(fuse_req_t req, struct ops_handle *handle,
			  char *buffer, size_t size, off_t offset)
{
	size_t used = 0;
	off_t end = (off_t)listing_count(handle->listing) + 2;
	for (; offset < end; offset++) {
		struct stat st = {.st_ino = handle->inode->number,
				  .st_mode = S_IFDIR};
		const char *name = offset == 0 ? "." : "..";
		if (offset == 1)
			st.st_ino = listing_parent(handle->listing);
		if (offset >= 2) {
			struct listing_entry entry =
				listing_at(handle->listing, (size_t)offset - 2);
			name = entry.name;
			st.st_ino = entry.number;
			st.st_mode = entry.type;
		}
		size_t n = fuse_add_direntry(req, buffer + used, size - used,
					     name, &st, offset + 1);
		if (n > size - used)
			break;
		used += n;
	}
	return used;
}

static int list(struct fusefs *fusefs, struct fuse_file_info *fi, off_t offset)
{
	int r = ops_check_handle(fusefs, fi);
	if (r != 0)
		return r;
	struct ops_handle *handle = ops_handle_of(fi);
	if (offset != 0 && handle->listing != NULL)
		return 0;
	listing_free(handle->listing); /* rewound: it is read anew */
	handle->listing = NULL;
	return -listing_new(fusefs->volume, handle->inode, &handle->listing);
}

void ops_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t offset,
		 struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	if (ops_is_control(nodeid)) {
		ops_control_readdir(req, size, offset);
		ops_leave(fusefs);
		return;
	}
	int r = list(fusefs, fi, offset);
	char *buffer = NULL;
	if (r == 0)
		buffer = loop_room(size);
	if (r == 0 && buffer == NULL)
		r = ENOMEM;
	if (r == 0)
		fuse_reply_buf(req, buffer,
			       add_entries(req, ops_handle_of(fi), buffer, size,
					   offset));
	else
		fuse_reply_err(req, r);
	ops_leave(fusefs);
}

void ops_releasedir(fuse_req_t req, fuse_ino_t nodeid,
		    struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	if (!ops_is_control(nodeid))
		free_handle(fusefs, ops_handle_of(fi));
	fuse_reply_err(req, 0);
	ops_leave(fusefs);
}
