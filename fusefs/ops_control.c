/* SPDX-License-Identifier: MIT */
/*
 * Where the control directory is in this file system: found in the root by name
 * only, never listed with it. Its files are served by controlfs/.
 */
#include <errno.h>
#include <string.h>

#include "common/control.h"
#include "controlfs/controlfs.h"
#include "fusefs/loop.h"
#include "fusefs/ops.h"
#include "fusefs/scratch.h"
#include "fusefs/volume.h"

/* Behind the files comes the file that only the probe of the mount uses. */
static fuse_ino_t probe_node(void)
{
	return OPS_NODE_CONTROL + controlfs_node_count();
}

bool ops_is_control(fuse_ino_t nodeid)
{
	return nodeid >= OPS_NODE_CONTROL && nodeid <= probe_node();
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
	return controlfs_find(fusefs->controlfs, name);
}

static void fill(struct fusefs *fusefs, fuse_ino_t nodeid, struct stat *st)
{
	if (nodeid != probe_node()) {
		controlfs_fill(fusefs->controlfs, nodeid, st);
		return;
	}
	*st = (struct stat){
		.st_ino = UINT64_MAX - nodeid,
		.st_mode = S_IFREG | 0600,
		.st_nlink = 1,
		.st_uid = fusefs->uid,
		.st_gid = fusefs->gid,
		.st_blksize = 4096,
	};
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
	if (nodeid == probe_node()) {
		/* Without a handle, on the path of ordinary files. */
		fi->fh = 0;
		fuse_reply_open(req, fi);
		return;
	}
	/* Making the content may wait for a commit. */
	loop_step_aside(fusefs->loop);
	controlfs_open(fusefs->controlfs, req, nodeid, fi);
}

void ops_control_release(struct fuse_file_info *fi)
{
	controlfs_release(fi);
}

void ops_control_read(fuse_req_t req, struct fuse_file_info *fi, size_t size,
		      off_t offset)
{
	if (fi->fh == 0)
		fuse_reply_buf(req, NULL, 0);
	else
		controlfs_read(req, fi, size, offset);
}

void ops_control_write(fuse_req_t req, struct fusefs *fusefs,
		       struct fuse_file_info *fi, const char *data, size_t size)
{
	if (fi->fh == 0)
		fuse_reply_write(req, size);
	else
		controlfs_write(fusefs->controlfs, req, fi, data, size);
}

void ops_control_truncate(struct fusefs *fusefs, fuse_ino_t nodeid)
{
	if (nodeid != probe_node())
		controlfs_truncate(fusefs->controlfs, nodeid);
}

void ops_control_readdir(fuse_req_t req, size_t size, off_t offset)
{
	controlfs_readdir(req, size, offset);
}

/* What a crash has left for later. */
static void trim(void *user)
{
	scratch_trim(((struct fusefs *)user)->volume->scratch);
}

int ops_control_new(struct fusefs *fusefs)
{
	const struct controlfs_config config = {
		.control = fusefs->control,
		.first_node = OPS_NODE_CONTROL,
		.uid = fusefs->uid,
		.gid = fusefs->gid,
		.after_write = trim,
		.user = fusefs,
	};
	fusefs->controlfs = controlfs_new(&config);
	return fusefs->controlfs == NULL ? -ENOMEM : 0;
}
