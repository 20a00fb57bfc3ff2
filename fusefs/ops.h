/* SPDX-License-Identifier: MIT */
/*
 * The FUSE side of a mount: from requests of the kernel to calls on the volume,
 * and nothing else. Node ids are addresses of inodes, which live as long as the
 * kernel remembers them; 1 is the root; small numbers are the control files.
 */
#ifndef FLAKEY_FUSEFS_OPS_H
#define FLAKEY_FUSEFS_OPS_H

#define FUSE_USE_VERSION 314

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"
#include "fusefs/attrs.h"
#include "fusefs/crash.h"
#include "fusefs/fusefs.h"

struct background;
struct control;
struct controlfs;
struct event_log;
struct faults;
struct inode;
struct listing;
struct loop;
struct rules;
struct rules_http;
struct volume;

/* We are the only writer of the live image, so the kernel may remember; a crash
 * makes it forget. */
#define OPS_TIMEOUT_S 86400.0

#define OPS_NODE_CONTROL 2 /* the directory .flakey; its files follow */

/* What one kernel does with O_DSYNC after the WRITE: learned when mounting. */
struct ops_probe {
	_Atomic bool active;
	char name[40];
	_Atomic bool seen; /* an FSYNC came that nobody had called for */
	bool buffered;	   /* results: the kernel adds an FSYNC to a write */
	bool direct;
};

/* A thread of a program that has looked up a fading name anew, and whether it
 * did so to repeat a request that was refused; or (stale is NULL) has to do so. */
struct ops_look {
	const struct crash_stale *stale;
	pid_t thread;
	bool repeats;
};

/* The last of them; a thread has a few. */
#define OPS_LOOKS 1024

/* One mount. */
struct fusefs {
	struct fusefs_config config; /* strings are ours */
	struct volume *volume;
	struct event_log *events;
	struct rules *rules;
	struct rules_http *http; /* NULL: they are not served */
	struct control *control;
	struct controlfs *controlfs;
	char *control_name; /* NULL: no control files */
	struct fuse_session *session;
	struct loop *loop;
	struct warden *warden;
	struct background *background; /* or NULL */
	struct faults *faults;
	bool mounted;
	uint64_t mount_device; /* st_dev of what is mounted, then */
	int signal_fd;
	struct ops_probe probe;
	uid_t uid; /* owner of the control files */
	gid_t gid;

	/* While a crash makes the kernel forget: the names that it may take for
	 * what they were (written with the gate closed, then guarded by
	 * late_lock), or NULL; and those that were renamed meanwhile, for what
	 * it moved may be of the past. */
	pthread_mutex_t late_lock;
	struct crash_stales *fading;
	struct ops_look looks[OPS_LOOKS];
	size_t look_count;
	struct crash_stales late;
};

/* An open file or directory. */
struct ops_handle {
	struct inode *inode;
	uint64_t incarnation;
	int flags;
	uint32_t error_since; /* errseq.h; the inode's lock */
	/* The thread whose O_DSYNC write was paid for, and for which the kernel
	 * will add an FSYNC that owes nothing more. 0: none. */
	_Atomic pid_t synced_by;
	struct listing *listing;
};

extern const struct fuse_lowlevel_ops ops_table;

/* Each handler runs between these: the gate of the volume. */
struct fusefs *ops_enter(fuse_req_t req);
void ops_leave(struct fusefs *fusefs);

/* The inode of a node id that is no control file. */
struct inode *ops_inode(struct fusefs *fusefs, fuse_ino_t nodeid);
static inline struct ops_handle *ops_handle_of(const struct fuse_file_info *fi)
{
	return (struct ops_handle *)(uintptr_t)fi->fh;
}
/* 0, or EIO (positive) for a handle of an earlier incarnation. */
int ops_check_handle(const struct fusefs *fusefs,
		     const struct fuse_file_info *fi);
/* 0, or ESTALE (positive) for an inode that a crash took away: it makes the
 * kernel look a path up again, for the case that it came by an old name. */
int ops_check_inode(const struct inode *inode);
/*
 * What a request without a handle means for an inode that a crash took away. It
 * came by a descriptor of the past, or by a name that the kernel has not
 * forgotten yet; it does not say which.
 *
 * While the kernel is still forgetting, both can be told that they were in time:
 * the crash was not answered yet, so what they see, or change, is the past that
 * it takes away. Later a name leads there only if the request was long under
 * way, and ESTALE makes the kernel look again; where somebody has the file open,
 * a descriptor is the better guess, and that shall hear EIO.
 */
enum ops_bare {
	OPS_BARE_ALIVE,
	OPS_BARE_JUST_IN_TIME,
	OPS_BARE_STALE,
	OPS_BARE_DEAD,
};
enum ops_bare ops_check_bare(const struct fusefs *fusefs,
			     const struct inode *inode);
bool ops_is_open(const struct fusefs *fusefs, const struct inode *inode);
/* The errno (positive) for what is not alive. */
int ops_bare_error(enum ops_bare bare);
/* Whether the caller's groups forbid them to have set-group-ID on it. */
bool ops_is_outsider(fuse_req_t req, struct inode *inode);
/* What the request, which changes the content, does to set-id bits. */
enum attrs_set_id ops_set_id(fuse_req_t req, struct inode *inode);
/* Replies with an entry, and gives its lookup back if the kernel is gone. */
void ops_reply_entry(fuse_req_t req, struct fusefs *fusefs,
		     struct inode *inode);
int ops_fill_attr(struct fusefs *fusefs, struct inode *inode,
		  struct stat *ret_st);

/* Handlers, by file. */
void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup);
void ops_forget_multi(fuse_req_t req, size_t count,
		      struct fuse_forget_data *forgets);
void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       dev_t rdev);
void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
	       mode_t mode);
void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		 const char *name);
void ops_readlink(fuse_req_t req, fuse_ino_t nodeid);
void ops_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent,
	      const char *name);
void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		fuse_ino_t new_parent, const char *new_name,
		unsigned int flags);

void ops_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode, struct fuse_file_info *fi);
void ops_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		 struct fuse_file_info *fi);
void ops_flush(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void ops_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void ops_opendir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void ops_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t offset,
		 struct fuse_file_info *fi);
void ops_releasedir(fuse_req_t req, fuse_ino_t nodeid,
		    struct fuse_file_info *fi);

void ops_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t offset,
	      struct fuse_file_info *fi);
void ops_write(fuse_req_t req, fuse_ino_t nodeid, const char *data, size_t size,
	       off_t offset, struct fuse_file_info *fi);
void ops_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync,
	       struct fuse_file_info *fi);
void ops_fsyncdir(fuse_req_t req, fuse_ino_t nodeid, int datasync,
		  struct fuse_file_info *fi);
void ops_fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t offset,
		   off_t length, struct fuse_file_info *fi);
void ops_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t offset, int whence,
	       struct fuse_file_info *fi);

void ops_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void ops_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *attr,
		 int to_set, struct fuse_file_info *fi);
void ops_statfs(fuse_req_t req, fuse_ino_t nodeid);
void ops_setxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
		  const char *value, size_t size, int flags);
void ops_getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
		  size_t size);
void ops_listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size);
void ops_removexattr(fuse_req_t req, fuse_ino_t nodeid, const char *name);

/* The control files. */
bool ops_is_control(fuse_ino_t nodeid);
void ops_control_lookup(fuse_req_t req, struct fusefs *fusefs,
			fuse_ino_t nodeid);
/* The node of name in parent if it is a control file, or 0. */
fuse_ino_t ops_control_find(const struct fusefs *fusefs, fuse_ino_t parent,
			    const char *name);
void ops_control_getattr(fuse_req_t req, struct fusefs *fusefs,
			 fuse_ino_t nodeid);
void ops_control_open(fuse_req_t req, struct fusefs *fusefs, fuse_ino_t nodeid,
		      struct fuse_file_info *fi);
void ops_control_release(struct fuse_file_info *fi);
void ops_control_read(fuse_req_t req, struct fuse_file_info *fi, size_t size,
		      off_t offset);
void ops_control_write(fuse_req_t req, struct fusefs *fusefs,
		       struct fuse_file_info *fi, const char *data,
		       size_t size);
void ops_control_truncate(struct fusefs *fusefs, fuse_ino_t nodeid);
void ops_control_readdir(fuse_req_t req, size_t size, off_t offset);
/* Makes controlfs. 0 or -ENOMEM. */
int ops_control_new(struct fusefs *fusefs);

#endif
