/* SPDX-License-Identifier: MIT */
/*
 * Steps of the store on names and attributes. Every step is one system call
 * that takes effect or does not, so that being killed leaves a state that the
 * real file system could leave. A new object has its owner and mode from the
 * beginning; what its directory, or the system, gave it otherwise is mended.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "fusefs/dentry.h"
#include "fusefs/inode.h"
#include "fusefs/store.h"
#include "fusefs/store_touched.h"
#include "fusefs/volume.h"

static int visit_of(struct volume *volume, const struct dentry *dentry,
		    struct store_visit *ret_visit)
{
	return store_visit_locked(volume, dentry->directory, ret_visit);
}

/* Before a step changes it. */
static void touch(struct volume *volume, const struct inode *inode)
{
	if (inode != NULL)
		store_touched_add(store_touched_of(volume->store),
				  inode->store_number);
}

static void changed(struct dentry *dentry)
{
	dentry->directory->directory->generation++;
}

int store_readlink_locked(struct volume *volume, struct dentry *dentry,
			  char **ret_target)
{
	char target[PATH_MAX];
	cleanup_visit struct store_visit visit = {0};
	int r = visit_of(volume, dentry, &visit);
	if (r < 0)
		return r;
	ssize_t n =
		readlinkat(visit.fd, dentry->name, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	*ret_target = strdup(target);
	return *ret_target == NULL ? -ENOMEM : 0;
}

int store_inode_stat_locked(struct volume *volume, struct inode *inode,
			    struct stat *ret_st)
{
	if (inode == volume->root)
		return store_root_stat(volume->store, ret_st);
	struct dentry *dentry = dentry_durable_of(inode);
	if (dentry != NULL)
		return store_lookup_locked(volume, dentry->directory,
					   dentry->name, ret_st);
	if (inode->stored_fd == NULL)
		return -ENOENT;
	return fstat(store_fd_of(inode), ret_st) < 0 ? -errno : 0;
}

/* Made with its owner and mode at once: between two calls the daemon may be
 * killed, and no real creation leaves a file that is not yet its user's, or whose
 * access list is another. */
static int make(int dirfd, const struct dentry *to, const struct inode *inode,
		const struct record_attributes *attributes, int *ret_fd)
{
	mode_t mode = attributes->mode & 07777;
	*ret_fd = -1;
	if (inode_is_regular(inode)) {
		*ret_fd = openat(dirfd, to->name,
				 O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW |
					 O_CLOEXEC,
				 mode);
		return *ret_fd < 0 ? -errno : 0;
	}
	int r;
	if (inode_is_directory(inode))
		/* With its mode at once: set-gid comes from the parent, and a
		 * user who is not in its group could not set it later. */
		r = mkdirat(dirfd, to->name, attributes->mode & 01777);
	else if (S_ISLNK(inode->type))
		r = symlinkat(inode->target, dirfd, to->name);
	else
		r = mknodat(dirfd, to->name, inode->type | mode, inode->rdev);
	return r < 0 ? -errno : 0;
}

/* The object that an earlier try made, could not dress and could not remove
 * either: the step goes on from there. */
static int take_over(struct store *store, int dirfd, const struct dentry *to,
		     const struct inode *inode, int *ret_fd)
{
	struct stat st;
	if (fstatat(dirfd, to->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if ((st.st_mode & S_IFMT) != inode->type)
		return -EEXIST; /* somebody else's */
	if (!inode_is_regular(inode))
		return 0;
	*ret_fd = store_open_owned(store, dirfd, to->name, O_RDWR | O_NONBLOCK);
	return *ret_fd < 0 ? *ret_fd : 0;
}

/* Owner first: chown clears the set-id bits that the mode may bring. */
static int dress(int dirfd, const struct dentry *to,
		 const struct record_attributes *attributes, struct stat *st)
{
	if (fstatat(dirfd, to->name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if ((st->st_uid != attributes->uid || st->st_gid != attributes->gid) &&
	    fchownat(dirfd, to->name, attributes->uid, attributes->gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st->st_mode))
		return 0;
	int r = store_acl_dress(to->directory, dirfd, to->name, attributes);
	if (r < 0)
		return r;
	if (r > 0 && fstatat(dirfd, to->name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if ((st->st_mode & 07777) != (attributes->mode & 07777) &&
	    fchmodat(dirfd, to->name, attributes->mode & 07777,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

int store_create_locked(struct volume *volume, struct dentry *to,
			struct inode *inode,
			const struct record_attributes *attributes)
{
	cleanup_visit struct store_visit visit = {0};
	int r = visit_of(volume, to, &visit);
	if (r < 0)
		return r;
	cleanup_fd int fd = -1;
	store_act_for(volume->store, attributes->uid, attributes->gid);
	r = make(visit.fd, to, inode, attributes, &fd);
	store_act_for_self(volume->store);
	if (r == -EEXIST && inode->half_made)
		r = take_over(volume->store, visit.fd, to, inode, &fd);
	if (r < 0)
		return r;
	struct stat st;
	r = dress(visit.fd, to, attributes, &st);
	if (r < 0) {
		/* All or nothing, so that the record can be tried again. */
		int flags = inode_is_directory(inode) ? AT_REMOVEDIR : 0;
		inode->half_made = unlinkat(visit.fd, to->name, flags) < 0;
		return r;
	}
	inode->half_made = false;
	/* Its number may be one that another file had. */
	store_touched_add(store_touched_of(volume->store), st.st_ino);
	if (inode_is_directory(inode))
		inode->directory->stored_default =
			attributes->default_list != NULL ? 1 : -1;
	inode_enter_store_locked(volume, inode, &st);
	dentry_set_durable_locked(to, inode);
	changed(to);
	if (fd >= 0)
		store_keep_fd(volume->store, inode, steal_fd(&fd));
	return 0;
}

int store_link_locked(struct volume *volume, struct dentry *to,
		      struct inode *inode)
{
	struct dentry *from = dentry_durable_of(inode);
	cleanup_visit struct store_visit from_visit = {0};
	cleanup_visit struct store_visit to_visit = {0};
	int r = visit_of(volume, to, &to_visit);
	if (r == 0 && from != NULL)
		r = visit_of(volume, from, &from_visit);
	if (r < 0)
		return r;
	touch(volume, inode);
	char path[64];
	/* Its known names are gone, but a descriptor leads to it. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", store_fd_of(inode));
	if (from != NULL)
		r = linkat(from_visit.fd, from->name, to_visit.fd, to->name, 0);
	else
		r = linkat(AT_FDCWD, path, to_visit.fd, to->name,
			   AT_SYMLINK_FOLLOW);
	if (r < 0)
		return -errno;
	dentry_set_durable_locked(to, inode);
	changed(to);
	return 0;
}

int store_keep_special_locked(struct volume *volume, struct dentry *dentry)
{
	cleanup_visit struct store_visit visit = {0};
	int r = visit_of(volume, dentry, &visit);
	if (r < 0)
		return r;
	int fd =
		openat(visit.fd, dentry->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	store_keep_fd(volume->store, dentry->durable, fd);
	return 0;
}

void store_lose_name_locked(struct volume *volume, struct dentry *dentry)
{
	struct inode *inode = dentry->durable;
	dentry_set_durable_locked(dentry, NULL);
	changed(dentry);
	if (dentry_durable_of(inode) != NULL)
		return;
	/* With a descriptor it is still there, only without a name. */
	if (inode->stored_fd != NULL && !inode->adopted) {
		store_keep_orphan(volume->store, inode);
		return;
	}
	inode->adopted = false;
	inode_leave_store_locked(volume, inode);
	store_part_fd(volume->store, inode);
}

static bool has_other_durable(const struct inode *inode)
{
	return inode->durable.next != inode->durable.prev;
}

/* A file that loses the last name that we know, but has others in the store and
 * lives on: a descriptor tells it from a new one, when one of those is met. If
 * there is none, that is taken for a file of its own. */
static void hold_with_unknown_names(struct volume *volume,
				    const struct store_visit *visit,
				    struct dentry *dentry)
{
	struct inode *inode = dentry->durable;
	struct stat st;
	int fd;
	if (inode_is_directory(inode) || inode->nlink == 0 || inode->adopted ||
	    inode->stored_fd != NULL || has_other_durable(inode) ||
	    fstatat(visit->fd, dentry->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_nlink < 2)
		return;
	if (!inode_is_regular(inode))
		(void)store_keep_special_locked(volume, dentry); /* as above */
	else if (store_get_fd_locked(volume, inode, false, &fd) == 0)
		store_put_fd(volume->store, inode);
}

int store_unlink_locked(struct volume *volume, struct dentry *from)
{
	cleanup_visit struct store_visit visit = {0};
	int r = visit_of(volume, from, &visit);
	if (r < 0)
		return r;
	bool directory = inode_is_directory(from->durable);
	hold_with_unknown_names(volume, &visit, from);
	touch(volume, from->durable);
	if (unlinkat(visit.fd, from->name, directory ? AT_REMOVEDIR : 0) < 0)
		return -errno;
	if (directory)
		store_forget_fd(volume->store, from->durable);
	store_lose_name_locked(volume, from);
	return 0;
}

int store_rename_locked(struct volume *volume, struct dentry *from,
			struct dentry *to, bool exchange)
{
	struct inode *moved = from->durable;
	struct inode *replaced = to->durable;
	cleanup_visit struct store_visit from_visit = {0};
	cleanup_visit struct store_visit to_visit = {0};
	int r = visit_of(volume, from, &from_visit);
	if (r == 0)
		r = visit_of(volume, to, &to_visit);
	if (r < 0)
		return r;
	if (replaced != NULL && !exchange)
		hold_with_unknown_names(volume, &to_visit, to);
	touch(volume, moved);
	touch(volume, replaced);
	if (renameat2(from_visit.fd, from->name, to_visit.fd, to->name,
		      exchange ? RENAME_EXCHANGE : 0) < 0)
		return -errno;
	if (exchange) {
		dentry_set_durable_locked(from, replaced);
		dentry_set_durable_locked(to, moved);
	} else {
		if (replaced != NULL) {
			if (inode_is_directory(replaced))
				store_forget_fd(volume->store, replaced);
			store_lose_name_locked(volume, to);
		}
		dentry_set_durable_locked(from, NULL);
		dentry_set_durable_locked(to, moved);
	}
	changed(from);
	changed(to);
	return 0;
}

/* Attributes and xattrs go through a name or, for what has none any more, a
 * descriptor; "/proc/self/fd" serves both and never follows a link. */
struct place {
	struct store_visit visit;
	int dirfd;
	const char *name; /* NULL: dirfd is the object itself */
};

static void leave_place(struct place *place)
{
	store_leave(&place->visit);
}

#define cleanup_place __attribute__((cleanup(leave_place)))

static int place_of(struct volume *volume, struct inode *inode,
		    struct place *ret_place)
{
	struct dentry *dentry = dentry_durable_of(inode);
	*ret_place = (struct place){.dirfd = store_fd_of(inode)};
	touch(volume, inode);
	if (inode == volume->root)
		ret_place->dirfd = store_directory_locked(volume, inode);
	if (dentry != NULL) {
		int r = visit_of(volume, dentry, &ret_place->visit);
		if (r < 0)
			return r;
		ret_place->dirfd = ret_place->visit.fd;
		ret_place->name = dentry->name;
	}
	return ret_place->dirfd < 0 ? -ENOENT : 0;
}

int store_set_attributes_locked(struct volume *volume, struct inode *inode,
				const struct record_attributes *attributes)
{
	cleanup_place struct place at = {0};
	int r = place_of(volume, inode, &at);
	if (r < 0)
		return r;
	const char *name = at.name != NULL ? at.name : "";
	int flags = AT_SYMLINK_NOFOLLOW | (at.name != NULL ? 0 : AT_EMPTY_PATH);
	uid_t uid = attributes->set & RECORD_UID ? attributes->uid : (uid_t)-1;
	gid_t gid = attributes->set & RECORD_GID ? attributes->gid : (gid_t)-1;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) &&
	    fchownat(at.dirfd, name, uid, gid, flags) < 0)
		return -errno;
	r = store_acl_set_locked(volume, inode, attributes);
	if (r < 0 || !(attributes->set & RECORD_MODE) || S_ISLNK(inode->type))
		return r;
	mode_t mode = attributes->mode & 07777;
	char path[64];
	/* The descriptor may be one that only leads to it. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", at.dirfd);
	if (at.name == NULL)
		return chmod(path, mode) < 0 ? -errno : 0;
	return fchmodat(at.dirfd, name, mode, AT_SYMLINK_NOFOLLOW) < 0 ? -errno
								       : 0;
}

int store_set_times_locked(struct volume *volume, struct inode *inode,
			   const struct timespec times[2])
{
	if (inode->stored_fd != NULL && inode_is_regular(inode))
		return futimens(store_fd_of(inode), times) < 0 ? -errno : 0;
	cleanup_place struct place at = {0};
	int r = place_of(volume, inode, &at);
	if (r < 0)
		return r;
	if (at.name == NULL)
		return utimensat(at.dirfd, "", times, AT_EMPTY_PATH) < 0
			       ? -errno
			       : 0;
	if (utimensat(at.dirfd, at.name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

/* The *xattr calls have no at() form in Linux before 6.13: an O_PATH descriptor
 * and its name in /proc stand in. */
static int proc_path(struct volume *volume, struct inode *inode, int *ret_fd,
		     char *path, size_t size)
{
	cleanup_place struct place at = {0};
	int r = place_of(volume, inode, &at);
	if (r < 0)
		return r;
	int fd = at.name != NULL ? openat(at.dirfd, at.name,
					  O_PATH | O_NOFOLLOW | O_CLOEXEC)
				 : fcntl(at.dirfd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	snprintf(path, size, "/proc/self/fd/%d", fd);
	*ret_fd = fd;
	return 0;
}

static int change_xattr(const char *path, const char *name, const void *value,
			size_t size)
{
	if (value != NULL)
		return setxattr(path, name, value, size, 0) < 0 ? -errno : 0;
	if (removexattr(path, name) < 0 && errno != ENODATA)
		return -errno;
	return 0;
}

int store_set_xattr_locked(struct volume *volume, struct inode *inode,
			   const char *name, const void *value, size_t size)
{
	char path[64];
	cleanup_fd int fd = -1;
	int r = proc_path(volume, inode, &fd, path, sizeof(path));
	inode->stored_plain = false; /* it may be the capability */
	if (r == 0)
		r = change_xattr(path, name, value, size);
	struct stat st;
	if (r != -EACCES || fstat(fd, &st) < 0 || S_ISLNK(st.st_mode))
		return r;
	/* Only its own mode forbids it. */
	struct store_loan loan = {0};
	if (store_lend_begin(store_lender(volume->store), fd, &st, &loan))
		r = change_xattr(path, name, value, size);
	store_lend_end(&loan);
	return r;
}

ssize_t store_get_xattr_locked(struct volume *volume, struct inode *inode,
			       const char *name, void *value, size_t size)
{
	char path[64];
	cleanup_fd int fd = -1;
	int r = proc_path(volume, inode, &fd, path, sizeof(path));
	if (r < 0)
		return r;
	ssize_t n = getxattr(path, name, value, size);
	return n < 0 ? -errno : n;
}

ssize_t store_list_xattr_locked(struct volume *volume, struct inode *inode,
				char *list, size_t size)
{
	char path[64];
	cleanup_fd int fd = -1;
	int r = proc_path(volume, inode, &fd, path, sizeof(path));
	if (r < 0)
		return r;
	ssize_t n = listxattr(path, list, size);
	return n < 0 ? -errno : n;
}
