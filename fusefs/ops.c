/* SPDX-License-Identifier: MIT */
#include "fusefs/ops.h"

#include <errno.h>

#include "fusefs/inode.h"
#include "fusefs/loop.h"
#include "fusefs/names.h"
#include "fusefs/volume.h"
#include "fusefs/wire.h"

#define GROUPS_MAX 1024

struct fusefs *ops_enter(fuse_req_t req)
{
	struct fusefs *fusefs = fuse_req_userdata(req);
	pthread_rwlock_rdlock(&fusefs->volume->gate);
	fusefs->volume->requests++;
	return fusefs;
}

void ops_leave(struct fusefs *fusefs)
{
	pthread_rwlock_unlock(&fusefs->volume->gate);
}

struct inode *ops_inode(struct fusefs *fusefs, fuse_ino_t nodeid)
{
	if (nodeid == FUSE_ROOT_ID)
		return fusefs->volume->root;
	return (struct inode *)(uintptr_t)nodeid;
}

int ops_check_handle(const struct fusefs *fusefs,
		     const struct fuse_file_info *fi)
{
	const struct ops_handle *handle = ops_handle_of(fi);
	return handle->incarnation == fusefs->volume->incarnation ? 0 : EIO;
}

int ops_check_inode(const struct inode *inode)
{
	return inode->dead ? ESTALE : 0;
}

bool ops_is_open(const struct fusefs *fusefs, const struct inode *inode)
{
	struct volume *volume = fusefs->volume;
	pthread_mutex_lock(&volume->lock);
	bool open = inode->open_count > 0;
	pthread_mutex_unlock(&volume->lock);
	return open;
}

enum ops_bare ops_check_bare(const struct fusefs *fusefs,
			     const struct inode *inode)
{
	if (!inode->dead)
		return OPS_BARE_ALIVE;
	/* No name led to it any more, so this is a descriptor. */
	if (inode->nlink == 0 && !inode_is_directory(inode))
		return OPS_BARE_DEAD;
	if (fusefs->volume->invalidating)
		return OPS_BARE_JUST_IN_TIME;
	return ops_is_open(fusefs, inode) ? OPS_BARE_DEAD : OPS_BARE_STALE;
}

int ops_bare_error(enum ops_bare bare)
{
	return bare == OPS_BARE_DEAD ? EIO : ESTALE;
}

bool ops_is_outsider(fuse_req_t req, struct inode *inode)
{
	slimlock_read(&inode->lock);
	mode_t mode = inode->mode;
	gid_t gid = inode->gid;
	slimlock_unlock(&inode->lock);
	/* Only then it matters, and the groups are asked for in vain. */
	if ((mode & (S_ISGID | S_IXGRP)) != S_ISGID)
		return false;
	const struct fuse_ctx *context = fuse_req_ctx(req);
	if (context->uid == 0 || context->gid == gid)
		return false;
	gid_t groups[GROUPS_MAX];
	int count = fuse_req_getgroups(req, GROUPS_MAX, groups);
	for (int i = 0; i < count && i < GROUPS_MAX; i++)
		if (groups[i] == gid)
			return false;
	/* Of a process that cannot be looked at nothing is known. */
	return count >= 0;
}

enum attrs_set_id ops_set_id(fuse_req_t req, struct inode *inode)
{
	if (!wire_clears_set_id())
		return ATTRS_SET_ID_KEPT;
	return ops_is_outsider(req, inode) ? ATTRS_SET_ID_CLEARED_FOR_OUTSIDER
					   : ATTRS_SET_ID_CLEARED;
}

int ops_fill_attr(struct fusefs *fusefs, struct inode *inode,
		  struct stat *ret_st)
{
	int r = ops_check_inode(inode);
	if (r != 0)
		return r;
	if (inode->attributes_stale) {
		r = attrs_refresh(fusefs->volume, inode);
		if (r < 0)
			return -r;
	}
	inode_stat(inode, ret_st);
	return 0;
}

void ops_reply_entry(fuse_req_t req, struct fusefs *fusefs, struct inode *inode)
{
	struct fuse_entry_param entry = {
		.ino = inode_nodeid(fusefs->volume, inode),
		.attr_timeout = OPS_TIMEOUT_S,
		.entry_timeout = OPS_TIMEOUT_S,
	};
	int r = ops_fill_attr(fusefs, inode, &entry.attr);
	if (r != 0) {
		names_forget(fusefs->volume, inode, 1);
		fuse_reply_err(req, r);
		return;
	}
	if (fuse_reply_entry(req, &entry) == -ENOENT)
		names_forget(fusefs->volume, inode, 1);
}

static void init(void *userdata, struct fuse_conn_info *connection)
{
	struct fusefs *fusefs = userdata;
	/* Made reads of own writes stale, and is not needed: nobody else
	 * changes the data. */
	connection->want &= ~(unsigned int)FUSE_CAP_AUTO_INVAL_DATA;
	/* Splicing costs more than it saves on requests of this size. */
	connection->want &=
		~(unsigned int)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				FUSE_CAP_SPLICE_MOVE);
	connection->want &= ~(unsigned int)FUSE_CAP_READDIRPLUS;
	if (fusefs->config.cache == FUSEFS_CACHE_BACK)
		connection->want |=
			connection->capable & FUSE_CAP_WRITEBACK_CACHE;
	/* A default list takes the place of the umask, so we must see it. */
	connection->want |= connection->capable & FUSE_CAP_DONT_MASK;
	/* Without lists in the store the kernel must not ask for them: any error
	 * would forbid what a mode allows. */
	if (fusefs->volume->has_lists)
		connection->want |= connection->capable & FUSE_CAP_POSIX_ACL;
	fusefs->volume->has_lists = connection->want & FUSE_CAP_POSIX_ACL;
#ifdef FUSE_CAP_SETXATTR_EXT
	connection->want |= connection->capable & FUSE_CAP_SETXATTR_EXT;
#endif
	connection->max_write = 1 << 20;
	/* So that no RELEASE is held back behind others: see ops_release(). */
	connection->max_background = UINT16_MAX;
}

static void retrieve_reply(fuse_req_t req, void *cookie, fuse_ino_t nodeid,
			   off_t offset, struct fuse_bufvec *pages)
{
	(void)cookie;
	(void)nodeid;
	(void)offset;
	(void)pages;
	const struct fusefs *fusefs = fuse_req_userdata(req);
	loop_caught_up(fusefs->loop);
	fuse_reply_none(req);
}

const struct fuse_lowlevel_ops ops_table = {
	.init = init,
	.lookup = ops_lookup,
	.forget = ops_forget,
	.forget_multi = ops_forget_multi,
	.getattr = ops_getattr,
	.setattr = ops_setattr,
	.readlink = ops_readlink,
	.mknod = ops_mknod,
	.mkdir = ops_mkdir,
	.unlink = ops_unlink,
	.rmdir = ops_rmdir,
	.symlink = ops_symlink,
	.rename = ops_rename,
	.link = ops_link,
	.open = ops_open,
	.read = ops_read,
	.write = ops_write,
	.flush = ops_flush,
	.release = ops_release,
	.fsync = ops_fsync,
	.opendir = ops_opendir,
	.readdir = ops_readdir,
	.releasedir = ops_releasedir,
	.fsyncdir = ops_fsyncdir,
	.statfs = ops_statfs,
	.setxattr = ops_setxattr,
	.getxattr = ops_getxattr,
	.listxattr = ops_listxattr,
	.removexattr = ops_removexattr,
	.create = ops_create,
	.fallocate = ops_fallocate,
	.lseek = ops_lseek,
	.retrieve_reply = retrieve_reply,
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	.tmpfile = ops_tmpfile,
#endif
};
