/* SPDX-License-Identifier: MIT */
/* Requests on attributes, xattrs and the file system as a whole. */
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "fusefs/access.h"
#include "fusefs/acl.h"
#include "fusefs/attrs.h"
#include "fusefs/inode.h"
#include "fusefs/ops.h"
#include "fusefs/store.h"
#include "fusefs/tail.h"
#include "fusefs/volume.h"
#include "fusefs/wire.h"
#include "fusefs/xattrs.h"

static void reply_attr(fuse_req_t req, struct fusefs *fusefs,
		       struct inode *inode)
{
	struct stat st;
	int r = ops_fill_attr(fusefs, inode, &st);
	if (r != 0)
		fuse_reply_err(req, r);
	else
		fuse_reply_attr(req, &st, OPS_TIMEOUT_S);
}

/* The last that was known of it, once. */
static void reply_past(fuse_req_t req, struct inode *inode)
{
	struct stat st;
	inode_stat(inode, &st);
	fuse_reply_attr(req, &st, 0);
}

void ops_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	(void)fi; /* not sent for fstat(2) by all kernels */
	struct fusefs *fusefs = ops_enter(req);
	if (ops_is_control(nodeid)) {
		ops_control_getattr(req, fusefs, nodeid);
		ops_leave(fusefs);
		return;
	}
	struct inode *inode = ops_inode(fusefs, nodeid);
	enum ops_bare bare = ops_check_bare(fusefs, inode);
	if (bare == OPS_BARE_ALIVE)
		reply_attr(req, fusefs, inode);
	else if (bare == OPS_BARE_JUST_IN_TIME)
		reply_past(req, inode);
	else
		fuse_reply_err(req, ops_bare_error(bare));
	ops_leave(fusefs);
}

static int translate(const struct stat *attr, int to_set, struct stat *ret_st)
{
	int set = 0;
	*ret_st = *attr;
	if (to_set & FUSE_SET_ATTR_MODE)
		set |= ATTRS_MODE;
	if (to_set & FUSE_SET_ATTR_UID)
		set |= ATTRS_UID;
	if (to_set & FUSE_SET_ATTR_GID)
		set |= ATTRS_GID;
	if (to_set & FUSE_SET_ATTR_ATIME)
		set |= ATTRS_ATIME;
	if (to_set & FUSE_SET_ATTR_MTIME)
		set |= ATTRS_MTIME;
	if (to_set & FUSE_SET_ATTR_ATIME_NOW) {
		set |= ATTRS_ATIME;
		ret_st->st_atim = inode_now();
	}
	if (to_set & FUSE_SET_ATTR_MTIME_NOW) {
		set |= ATTRS_MTIME;
		ret_st->st_mtim = inode_now();
	}
	return set;
}

/* All of the groups that the request's process is in; owned by the caller, NULL
 * without memory. */
static gid_t *groups_of(fuse_req_t req, size_t *ret_count)
{
	gid_t *groups = NULL;
	int room = 0;
	int count = 32;
	while (count > room) {
		room = count;
		free(groups);
		groups = calloc((size_t)room + 1, sizeof(gid_t));
		if (groups == NULL)
			return NULL;
		count = fuse_req_getgroups(req, room, groups);
	}
	/* Nothing may be known of the process. */
	if (count < 0)
		count = 0;
	groups[count] = fuse_req_ctx(req)->gid;
	*ret_count = (size_t)count + 1;
	return groups;
}

/* By its permissions, if it is somebody else's. */
static bool may_write(fuse_req_t req, struct fusefs *fusefs,
		      struct inode *inode, const struct stat *st)
{
	size_t count = 0;
	cleanup_free gid_t *groups = groups_of(req, &count);
	const struct acl_asker asker = {
		.uid = fuse_req_ctx(req)->uid,
		.groups = groups,
		.group_count = count,
		.owner = st->st_uid,
		.group = st->st_gid,
	};
	return groups != NULL &&
	       access_permits(fusefs->volume, inode, &asker, S_IWOTH);
}

/* A request that sets nothing: the kernel sends it for chown(path, -1, -1), and
 * before fallocate(2) and copy_file_range(2) change a file with set-id bits. We
 * cannot tell which, so it is for the owner and for who may write. */
static int give_up_privileges(fuse_req_t req, struct fusefs *fusefs,
			      struct inode *inode, const struct stat *st)
{
	uid_t uid = fuse_req_ctx(req)->uid;
	if (uid != 0 && uid != st->st_uid && !may_write(req, fusefs, inode, st))
		return 0;
	int r = attrs_clear_privileges(fusefs->volume, inode,
				       ATTRS_SET_ID_CLEARED);
	return r < 0 ? r : attrs_set(fusefs->volume, inode, 0, st);
}

static int change(fuse_req_t req, struct fusefs *fusefs, struct inode *inode,
		  const struct stat *attr, int to_set)
{
	struct stat st;
	int r = -ops_fill_attr(fusefs, inode, &st);
	if (r == 0 && to_set == 0)
		return give_up_privileges(req, fusefs, inode, &st);
	if (r == 0 && to_set & FUSE_SET_ATTR_SIZE) {
		attrs_learn_capability(fusefs->volume, inode);
		r = attrs_clear_privileges(fusefs->volume, inode,
					   ops_set_id(req, inode));
	}
	if (r == 0 && to_set & FUSE_SET_ATTR_SIZE)
		r = tail_truncate(fusefs->volume, inode, attr->st_size);
	int set = translate(attr, to_set, &st);
	if (set & (ATTRS_UID | ATTRS_GID) && ops_is_outsider(req, inode))
		set |= ATTRS_OUTSIDER;
	if (r == 0 && set != 0)
		r = attrs_set(fusefs->volume, inode, set, &st);
	return r;
}

void ops_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *attr,
		 int to_set, struct fuse_file_info *fi)
{
	struct fusefs *fusefs = ops_enter(req);
	if (ops_is_control(nodeid)) {
		/* `echo x > control` truncates first; nothing else can
		 * change. */
		if (to_set & FUSE_SET_ATTR_SIZE && attr->st_size == 0)
			ops_control_truncate(fusefs, nodeid);
		ops_control_getattr(req, fusefs, nodeid);
		ops_leave(fusefs);
		return;
	}
	struct inode *inode = ops_inode(fusefs, nodeid);
	enum ops_bare bare = OPS_BARE_ALIVE;
	int r = 0;
	if (fi != NULL)
		r = -ops_check_handle(fusefs, fi);
	else
		bare = ops_check_bare(fusefs, inode);
	if (r == 0 && bare == OPS_BARE_ALIVE)
		r = change(req, fusefs, inode, attr, to_set);
	else if (r == 0 && bare != OPS_BARE_JUST_IN_TIME)
		r = -ops_bare_error(bare);
	if (r < 0)
		fuse_reply_err(req, -r);
	else if (bare == OPS_BARE_JUST_IN_TIME)
		reply_past(req, inode);
	else
		reply_attr(req, fusefs, inode);
	ops_leave(fusefs);
}

void ops_statfs(fuse_req_t req, fuse_ino_t nodeid)
{
	(void)nodeid;
	struct fusefs *fusefs = ops_enter(req);
	struct statvfs st;
	int r = store_statvfs(fusefs->volume->store, &st);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_statfs(req, &st);
	ops_leave(fusefs);
}

/* 0, or why xattrs of this node cannot be used. */
static int check_xattr(struct fusefs *fusefs, fuse_ino_t nodeid)
{
	if (ops_is_control(nodeid))
		return -EOPNOTSUPP;
	struct inode *inode = ops_inode(fusefs, nodeid);
	enum ops_bare bare = ops_check_bare(fusefs, inode);
	/* There is nothing to be read any more. */
	if (bare == OPS_BARE_JUST_IN_TIME && ops_is_open(fusefs, inode))
		bare = OPS_BARE_DEAD;
	return bare == OPS_BARE_ALIVE ? 0 : -ops_bare_error(bare);
}

/* A change that was just in time is lost with the rest: 1, nothing to do. */

static int check_xattr_change(struct fusefs *fusefs, fuse_ino_t nodeid)
{
	if (!ops_is_control(nodeid) &&
	    ops_check_bare(fusefs, ops_inode(fusefs, nodeid)) ==
		    OPS_BARE_JUST_IN_TIME)
		return 1;
	return check_xattr(fusefs, nodeid);
}

void ops_setxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
		  const char *value, size_t size, int flags)
{
	struct fusefs *fusefs = ops_enter(req);
	int r = check_xattr_change(fusefs, nodeid);
	struct inode *inode = ops_inode(fusefs, nodeid);
	if (r == 0 && access_is_list(name))
		r = access_set(fusefs->volume, inode, name, value, size,
			       wire_clears_set_id());
	else if (r == 0)
		r = xattrs_set(fusefs->volume, inode, name, value, size, flags);
	fuse_reply_err(req, r < 0 ? -r : 0);
	ops_leave(fusefs);
}

static void reply_bytes(fuse_req_t req, ssize_t n, const char *buffer,
			size_t size)
{
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else
		fuse_reply_buf(req, buffer, (size_t)n);
}

void ops_getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
		  size_t size)
{
	struct fusefs *fusefs = ops_enter(req);
	char *buffer = malloc(size + 1);
	ssize_t n = buffer == NULL ? -ENOMEM : check_xattr(fusefs, nodeid);
	struct inode *inode = ops_inode(fusefs, nodeid);
	/* The kernel asks for them before it lets anybody in, and takes no other
	 * answer for the one that there are none. */
	if (ops_is_control(nodeid) && access_is_list(name))
		n = -ENODATA;
	else if (n == 0 && access_is_list(name))
		n = access_get(fusefs->volume, inode, name, buffer, size);
	else if (n == 0)
		n = xattrs_get(fusefs->volume, inode, name, buffer, size);
	reply_bytes(req, n, buffer, size);
	free(buffer);
	ops_leave(fusefs);
}

void ops_listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size)
{
	struct fusefs *fusefs = ops_enter(req);
	char *buffer = malloc(size + 1);
	ssize_t n = buffer == NULL ? -ENOMEM : check_xattr(fusefs, nodeid);
	if (n == 0)
		n = xattrs_list(fusefs->volume, ops_inode(fusefs, nodeid),
				fuse_req_ctx(req)->uid == 0, buffer, size);
	reply_bytes(req, n, buffer, size);
	free(buffer);
	ops_leave(fusefs);
}

void ops_removexattr(fuse_req_t req, fuse_ino_t nodeid, const char *name)
{
	struct fusefs *fusefs = ops_enter(req);
	int r = check_xattr_change(fusefs, nodeid);
	struct inode *inode = ops_inode(fusefs, nodeid);
	if (r == 0 && access_is_list(name))
		r = access_remove(fusefs->volume, inode, name);
	else if (r == 0)
		r = xattrs_remove(fusefs->volume, inode, name);
	fuse_reply_err(req, r < 0 ? -r : 0);
	ops_leave(fusefs);
}
