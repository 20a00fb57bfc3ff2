/* SPDX-License-Identifier: MIT */
/*
 * Access lists in the store. Its own file system applies the default list of the
 * backing directory to all that is made there; that is the right one unless its
 * record was dropped, and it is looked at where a directory has one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "fusefs/acl.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

#define PATH_BYTES 64

/* A list that is valid for us, or NULL. */
static int adopt(void *value, size_t size, struct acl **ret_acl)
{
	cleanup_free struct acl *acl = acl_new(value, size);
	if (acl == NULL)
		return -ENOMEM;
	acl_drop_unmapped(acl);
	int r = acl_check(acl->bytes, acl->size_bytes);
	if (r < 0)
		return -EIO;
	*ret_acl = r == 0 ? steal(acl) : NULL;
	return 0;
}

static int read_path(const char *path, const char *name, struct acl **ret_acl)
{
	*ret_acl = NULL;
	ssize_t n = getxattr(path, name, NULL, 0);
	if (n < 0)
		return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
	cleanup_free char *value = malloc((size_t)n + 1);
	if (value == NULL)
		return -ENOMEM;
	n = getxattr(path, name, value, (size_t)n);
	return n < 0 ? -errno : adopt(value, (size_t)n, ret_acl);
}

/* Makes it the one of the object at path; 1 if that changed anything. */
static int replace(const char *path, const char *name, const struct acl *acl)
{
	cleanup_free struct acl *now = NULL;
	int r = read_path(path, name, &now);
	if (r < 0 || acl_equal(now, acl))
		return r;
	if (acl == NULL)
		r = removexattr(path, name);
	else
		r = setxattr(path, name, acl->bytes, acl->size_bytes, 0);
	return r < 0 ? -errno : 1;
}

/* 1 if new entries of the directory inherit a list, 0 if not. */
static int inherits(struct inode *directory, int dirfd)
{
	int8_t *stored = &directory->directory->stored_default;
	if (*stored == 0) {
		ssize_t n = fgetxattr(dirfd, ACL_DEFAULT_NAME, NULL, 0);
		if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
			return -errno;
		*stored = n < 0 ? -1 : 1;
	}
	return *stored > 0;
}

int store_acl_dress(struct inode *directory, int dirfd, const char *name,
		    const struct record_attributes *attributes)
{
	int inherited = inherits(directory, dirfd);
	if (inherited < 0)
		return inherited;
	if (attributes->access_list == NULL &&
	    attributes->default_list == NULL && !inherited)
		return 0;
	cleanup_fd int fd =
		openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int r = S_ISDIR(attributes->mode) ? replace(path, ACL_DEFAULT_NAME,
						    attributes->default_list)
					  : 0;
	if (r < 0)
		return r;
	int access = replace(path, ACL_ACCESS_NAME, attributes->access_list);
	return access < 0 ? access : r | access;
}

int store_acl_get_locked(struct volume *volume, struct inode *inode,
			 const char *name, struct acl **ret_acl)
{
	*ret_acl = NULL;
	ssize_t n = store_get_xattr_locked(volume, inode, name, NULL, 0);
	if (n == -ENODATA || n == -EOPNOTSUPP || n == -ENOENT)
		return 0;
	if (n < 0)
		return (int)n;
	cleanup_free char *value = malloc((size_t)n + 1);
	if (value == NULL)
		return -ENOMEM;
	n = store_get_xattr_locked(volume, inode, name, value, (size_t)n);
	return n < 0 ? (int)n : adopt(value, (size_t)n, ret_acl);
}

static int set_one(struct volume *volume, struct inode *inode, const char *name,
		   const struct acl *acl)
{
	return store_set_xattr_locked(volume, inode, name,
				      acl != NULL ? acl->bytes : NULL,
				      acl != NULL ? acl->size_bytes : 0);
}

int store_acl_set_locked(struct volume *volume, struct inode *inode,
			 const struct record_attributes *attributes)
{
	int r = 0;
	if (attributes->set & RECORD_ACCESS_LIST)
		r = set_one(volume, inode, ACL_ACCESS_NAME,
			    attributes->access_list);
	if (r == 0 && attributes->set & RECORD_DEFAULT_LIST) {
		r = set_one(volume, inode, ACL_DEFAULT_NAME,
			    attributes->default_list);
		inode->directory->stored_default =
			attributes->default_list != NULL ? 1 : -1;
	}
	return r;
}
