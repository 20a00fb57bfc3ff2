/* SPDX-License-Identifier: MIT */
/*
 * POSIX access control lists as values of the xattrs that carry them, in the
 * format that acl(5) programs and the kernel exchange: a version, then entries of
 * a tag, permissions and an id, all little-endian (linux/posix_acl_xattr.h). The
 * rules are those of POSIX.1e, draft 17. Pure: no file is touched here.
 *
 * The three entries that every list has are the permission bits of the file's
 * mode, seen from the list: owner, group class (the mask if there is one, else
 * the group) and others. So a list with nothing else is no list, only a mode;
 * and what a file's list says about these three is always what its mode says.
 */
#ifndef FLAKEY_FUSEFS_ACL_H
#define FLAKEY_FUSEFS_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ACL_ACCESS_NAME "system.posix_acl_access"
#define ACL_DEFAULT_NAME "system.posix_acl_default"

/* A value of its own; never changed once others can see it. */
struct acl {
	size_t size_bytes;
	unsigned char bytes[];
};

/* 0 for a valid list; 1 for an empty one, which stands for none; -EOPNOTSUPP for
 * another version; -EINVAL for anything else. The other functions want a valid
 * list. */
int acl_check(const void *value, size_t size);

/* Copies a value; NULL: out of memory. */
struct acl *acl_new(const void *value, size_t size);
bool acl_equal(const struct acl *a, const struct acl *b);

/* Whether the list says no more than a mode can. */
bool acl_is_minimal(const struct acl *acl);

/* Its part of a mode: 0777 at most. */
mode_t acl_mode(const struct acl *acl);

/* After chmod(2), or to show a list beside the mode that goes with it. */
void acl_set_mode(struct acl *acl, mode_t mode);

/* A directory's default list becomes the access list of a new file in it, which
 * gets no more than the creator asked for. Returns the mode; its other bits stay
 * as they were. */
mode_t acl_inherit(struct acl *acl, mode_t mode);

/* Who asks for permissions on a file, and whose that is. */
struct acl_asker {
	uid_t uid;
	const gid_t *groups; /* all that the asker is in */
	size_t group_count;
	uid_t owner;
	gid_t group;
};

/* Whether all wanted bits (of 4, 2 and 1) are granted by a list, or by nothing
 * but the mode if acl is NULL. The mode goes before what the list says about
 * itself. */
bool acl_permits(const struct acl *acl, mode_t mode,
		 const struct acl_asker *asker, mode_t wanted);

/* Takes out the entries of users and groups that have no number in our user
 * namespace; nobody here could be meant. */
void acl_drop_unmapped(struct acl *acl);

#endif
