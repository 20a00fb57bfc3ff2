/* SPDX-License-Identifier: MIT */
/*
 * The control directory as nodes of a FUSE file system: its files belong to the
 * user who mounted. What they say is common/control.c's. A file system that
 * shows the directory gives it a range of node ids and passes requests for
 * those on.
 *
 * Lines that are written are done one after the other by a thread of its own,
 * so that a verb never waits for a thread that it needs. A verb that waits for
 * something has a thread to itself, and others go on. All else is answered by
 * the caller's.
 */
#ifndef FLAKEY_CONTROLFS_CONTROLFS_H
#define FLAKEY_CONTROLFS_CONTROLFS_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 314
#endif

#include <fuse_lowlevel.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct control;
struct controlfs;

/* More verbs do not wait at once: they are told EAGAIN. */
#define CONTROLFS_WAITS_MAX 64

struct controlfs_config {
	struct control *control; /* borrowed */
	fuse_ino_t first_node;	 /* the directory; its files follow */
	uid_t uid;		 /* whose they are */
	gid_t gid;
	/* Called by the thread of the lines after each write; may be NULL. */
	void (*after_write)(void *user);
	void *user;
};

/* NULL: out of memory. */
struct controlfs *controlfs_new(const struct controlfs_config *config);
/* Stops first, if that was forgotten. Takes NULL. */
void controlfs_free(struct controlfs *controlfs);

/* Between these two, lines that are written are done. Stopping does what has
 * come first. 0 or a negative errno. */
int controlfs_start(struct controlfs *controlfs);
void controlfs_stop(struct controlfs *controlfs);

/* Node ids behind the first that are the directory's and its files'. */
size_t controlfs_node_count(void);
/* The file of that name, or 0. The kernel must not remember which it was. */
fuse_ino_t controlfs_find(struct controlfs *controlfs, const char *name);
void controlfs_fill(const struct controlfs *controlfs, fuse_ino_t nodeid,
		    struct stat *ret_st);

/* Has that thread call work(user) when what came before is done: for verbs that
 * nobody has written. 0 or -ENOMEM. */
int controlfs_do(struct controlfs *controlfs, void (*work)(void *user),
		 void *user);

/* The thread whose line is being done, for that verb only; or 0. */
pid_t controlfs_writer(const struct controlfs *controlfs);

/* Each answers the request. */
void controlfs_open(struct controlfs *controlfs, fuse_req_t req,
		    fuse_ino_t nodeid, struct fuse_file_info *fi);
void controlfs_read(fuse_req_t req, const struct fuse_file_info *fi,
		    size_t size_bytes, off_t offset_bytes);
void controlfs_write(struct controlfs *controlfs, fuse_req_t req,
		     const struct fuse_file_info *fi, const char *data,
		     size_t size_bytes);
void controlfs_readdir(fuse_req_t req, size_t size_bytes, off_t offset);
/* truncate(2) of a file, which the caller answers. */
void controlfs_truncate(struct controlfs *controlfs, fuse_ino_t nodeid);
/* Lets go of what open made; the caller answers. */
void controlfs_release(const struct fuse_file_info *fi);

#endif
