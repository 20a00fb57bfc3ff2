/* SPDX-License-Identifier: MIT */
/* Requests on names. The control directory has fixed names: nothing can be made
 * in it, or take its name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fusefs/crash.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/ops.h"
#include "fusefs/volume.h"

static const struct crash_stale *
find_fading(const struct fusefs *fusefs, fuse_ino_t parent, const char *name)
{
	const struct crash_stales *fading = fusefs->fading;
	for (size_t i = 0; fading != NULL && i < fading->count; i++) {
		const struct crash_stale *stale = &fading->list[i];
		/* It may be there again, but is forgotten by the first. */
		if (stale->nodeid == parent && stale->name != NULL &&
		    strcmp(stale->name, name) == 0)
			return stale->forgotten ? NULL : stale;
	}
	return NULL;
}

static struct ops_look *find_look(struct fusefs *fusefs,
				  const struct crash_stale *stale, pid_t thread)
{
	for (size_t i = 0; i < OPS_LOOKS && i < fusefs->look_count; i++)
		if (fusefs->looks[i].stale == stale &&
		    fusefs->looks[i].thread == thread)
			return &fusefs->looks[i];
	return NULL;
}

static void add_look(struct fusefs *fusefs, const struct crash_stale *stale,
		     pid_t thread, bool repeats)
{
	struct ops_look *look = find_look(fusefs, stale, thread);
	if (look == NULL)
		look = &fusefs->looks[fusefs->look_count++ % OPS_LOOKS];
	*look = (struct ops_look){stale, thread, repeats};
}

static void drop_looks(struct fusefs *fusefs, pid_t thread)
{
	for (size_t i = 0; i < OPS_LOOKS && i < fusefs->look_count; i++)
		if (fusefs->looks[i].thread == thread)
			fusefs->looks[i].thread = -1;
}

struct place {
	fuse_ino_t parent;
	const char *name;
	bool strict;
};

/*
 * After the removal of a directory the kernel calls that one dead which it took
 * the name for, and directories keep their identity over a crash: if the name
 * was another one's in the past, a living one would be dead to programs for as
 * long as the kernel knows it. A rename, after which the kernel moves what it took
 * the name for, would hand that on to a name of the present. So a request by such
 * a name is told ESTALE, upon which the kernel looks the name up again and repeats
 * the request. It does so in the same thread, and with the directory locked. For
 * what moves or removes a directory, no lookup before that counts: the kernel may
 * have moved the name since, for a rename that was answered in the past.
 */
static int check_past(fuse_req_t req, struct fusefs *fusefs,
		      const struct place *places, size_t count)
{
	if (!fusefs->volume->invalidating)
		return 0;
	pid_t thread = fuse_req_ctx(req)->pid;
	bool past = false;
	pthread_mutex_lock(&fusefs->late_lock);
	for (size_t i = 0; i < count; i++) {
		const struct crash_stale *stale =
			find_fading(fusefs, places[i].parent, places[i].name);
		if (stale == NULL)
			continue;
		const struct ops_look *look = find_look(fusefs, stale, thread);
		past |= look == NULL || (places[i].strict && !look->repeats);
	}
	drop_looks(fusefs, thread);
	if (past)
		add_look(fusefs, NULL, thread, true);
	pthread_mutex_unlock(&fusefs->late_lock);
	return past ? -ESTALE : 0;
}

static void note_look(fuse_req_t req, struct fusefs *fusefs, fuse_ino_t parent,
		      const char *name)
{
	if (!fusefs->volume->invalidating)
		return;
	pid_t thread = fuse_req_ctx(req)->pid;
	pthread_mutex_lock(&fusefs->late_lock);
	const struct crash_stale *stale = find_fading(fusefs, parent, name);
	if (stale != NULL)
		add_look(fusefs, stale, thread,
			 find_look(fusefs, NULL, thread) != NULL);
	pthread_mutex_unlock(&fusefs->late_lock);
}

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fusefs *fusefs = ops_enter(req);
	fuse_ino_t control = ops_control_find(fusefs, parent, name);
	if (control != 0) {
		ops_control_lookup(req, fusefs, control);
		ops_leave(fusefs);
		return;
	}
	note_look(req, fusefs, parent, name);
	struct inode *inode;
	int r = -ENOENT;
	if (!ops_is_control(parent))
		r = names_lookup(fusefs->volume, ops_inode(fusefs, parent),
				 name, &inode);
	if (r == 0) {
		ops_reply_entry(req, fusefs, inode);
	} else if (r == -ENOENT) {
		/* Remembered too: a program that looks often costs nothing. */
		struct fuse_entry_param none = {.entry_timeout = OPS_TIMEOUT_S};
		fuse_reply_entry(req, &none);
	} else {
		fuse_reply_err(req, -r);
	}
	ops_leave(fusefs);
}

static void forget(struct fusefs *fusefs, fuse_ino_t nodeid, uint64_t nlookup)
{
	if (!ops_is_control(nodeid) && nodeid != FUSE_ROOT_ID)
		names_forget(fusefs->volume, ops_inode(fusefs, nodeid),
			     nlookup);
}

void ops_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup)
{
	struct fusefs *fusefs = ops_enter(req);
	forget(fusefs, nodeid, nlookup);
	fuse_reply_none(req);
	ops_leave(fusefs);
}

void ops_forget_multi(fuse_req_t req, size_t count,
		      struct fuse_forget_data *forgets)
{
	struct fusefs *fusefs = ops_enter(req);
	for (size_t i = 0; i < count; i++)
		forget(fusefs, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
	ops_leave(fusefs);
}

/* 0, or why this name may not be changed. */
static int check_name(const struct fusefs *fusefs, fuse_ino_t parent,
		      const char *name)
{
	if (ops_is_control(parent) ||
	    ops_control_find(fusefs, parent, name) != 0)
		return -EPERM;
	return 0;
}

static void create(fuse_req_t req, fuse_ino_t parent, const char *name,
		   struct names_new *what)
{
	struct fusefs *fusefs = ops_enter(req);
	const struct fuse_ctx *context = fuse_req_ctx(req);
	what->uid = context->uid;
	what->gid = context->gid;
	what->umask = context->umask;
	struct inode *inode;
	int r = check_name(fusefs, parent, name);
	if (r == 0)
		r = names_create(fusefs->volume, ops_inode(fusefs, parent),
				 name, what, &inode);
	if (r == 0)
		ops_reply_entry(req, fusefs, inode);
	else
		fuse_reply_err(req, -r);
	ops_leave(fusefs);
}

void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       dev_t rdev)
{
	struct names_new what = {.mode = mode, .rdev = rdev};
	/* The store could not make it at the commit, which is too late. A
	 * character device 0:0 is a whiteout, and free to all. */
	bool whiteout = S_ISCHR(mode) && rdev == 0;
	if ((S_ISCHR(mode) || S_ISBLK(mode)) && !whiteout && geteuid() != 0) {
		fuse_reply_err(req, EPERM);
		return;
	}
	create(req, parent, name, &what);
}

void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct names_new what = {.mode = S_IFDIR | (mode & 07777)};
	create(req, parent, name, &what);
}

void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		 const char *name)
{
	struct names_new what = {.mode = S_IFLNK | 0777, .target = target};
	create(req, parent, name, &what);
}

void ops_readlink(fuse_req_t req, fuse_ino_t nodeid)
{
	struct fusefs *fusefs = ops_enter(req);
	struct inode *inode = ops_inode(fusefs, nodeid);
	char *target = NULL;
	int r = -ops_check_inode(inode);
	if (r == 0)
		r = names_readlink(fusefs->volume, inode, &target);
	if (r == 0)
		fuse_reply_readlink(req, target);
	else
		fuse_reply_err(req, -r);
	free(target);
	ops_leave(fusefs);
}

void ops_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent,
	      const char *name)
{
	struct fusefs *fusefs = ops_enter(req);
	int r = check_name(fusefs, parent, name);
	if (r == 0 && ops_is_control(nodeid))
		r = -EPERM;
	struct inode *inode = ops_inode(fusefs, nodeid);
	if (r == 0 && inode->dead)
		r = -ops_bare_error(ops_check_bare(fusefs, inode));
	if (r == 0)
		r = names_link(fusefs->volume, inode, ops_inode(fusefs, parent),
			       name);
	if (r == 0)
		ops_reply_entry(req, fusefs, inode);
	else
		fuse_reply_err(req, -r);
	ops_leave(fusefs);
}

static void unlink_name(fuse_req_t req, fuse_ino_t parent, const char *name,
			bool directory)
{
	struct fusefs *fusefs = ops_enter(req);
	int r = check_name(fusefs, parent, name);
	const struct place place = {parent, name, true};
	if (r == 0 && directory)
		r = check_past(req, fusefs, &place, 1);
	if (r == 0)
		r = names_unlink(fusefs->volume, ops_inode(fusefs, parent),
				 name, directory);
	fuse_reply_err(req, -r);
	ops_leave(fusefs);
}

void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	unlink_name(req, parent, name, false);
}

void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	unlink_name(req, parent, name, true);
}

/* The kernel moves a name by itself after our reply, with whatever it took it
 * to mean when it asked. If that was before it forgot the past, the new name has
 * to be forgotten as well. */
static void note_late(struct fusefs *fusefs, fuse_ino_t parent,
		      const char *name)
{
	pthread_mutex_lock(&fusefs->late_lock);
	/* Without memory the name may answer ESTALE until it is evicted. */
	if (fusefs->volume->invalidating)
		(void)crash_stales_add(&fusefs->late, parent, name);
	pthread_mutex_unlock(&fusefs->late_lock);
}

/* Of a file only what it replaces matters. */
static int check_move(fuse_req_t req, struct fusefs *fusefs,
		      const struct place *from, const struct place *to)
{
	struct inode *moved;
	if (!fusefs->volume->invalidating)
		return 0;
	if (names_lookup(fusefs->volume, ops_inode(fusefs, from->parent),
			 from->name, &moved) < 0)
		return 0; /* nor will it be moved */
	bool strict = inode_is_directory(moved);
	names_forget(fusefs->volume, moved, 1);
	const struct place places[] = {{to->parent, to->name, strict},
				       {from->parent, from->name, true}};
	return check_past(req, fusefs, places, strict ? 2 : 1);
}

void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		fuse_ino_t new_parent, const char *new_name, unsigned int flags)
{
	struct fusefs *fusefs = ops_enter(req);
	int r = check_name(fusefs, parent, name);
	if (r == 0)
		r = check_name(fusefs, new_parent, new_name);
	if (r == 0)
		r = check_move(req, fusefs, &(struct place){parent, name, true},
			       &(struct place){new_parent, new_name, true});
	if (r == 0) {
		struct names_rename rename = {
			.from_directory = ops_inode(fusefs, parent),
			.from_name = name,
			.to_directory = ops_inode(fusefs, new_parent),
			.to_name = new_name,
			.flags = flags,
			.whiteout = {.mode = S_IFCHR,
				     .uid = fuse_req_ctx(req)->uid,
				     .gid = fuse_req_ctx(req)->gid},
		};
		r = names_rename(fusefs->volume, &rename);
		if (r == 0)
			note_late(fusefs, parent, name);
		if (r == 0)
			note_late(fusefs, new_parent, new_name);
	}
	fuse_reply_err(req, -r);
	ops_leave(fusefs);
}
