/* SPDX-License-Identifier: MIT */
/*
 * One number for a directory with all below it: names, types, modes, sizes, link
 * counts, symbolic links, user xattrs and data; not times, owners and inode
 * numbers, which differ between two runs of the same test. Trees that are equal in
 * these have it in common, whatever file system they are on.
 *
 * Nothing else may move directories of the tree meanwhile.
 */
#ifndef FLAKEY_COMMON_TREE_DIGEST_H
#define FLAKEY_COMMON_TREE_DIGEST_H

#include <stdint.h>

/* How the tree is walked. */
struct tree_digest_way {
	/* As openat(2), but -errno for an error; NULL: that is good enough. */
	int (*open)(void *user, int dir_fd, const char *name, int flags);
	void *user;
	/* Names in the root that do not count, up to a NULL; NULL: none. */
	const char *const *ignored;
};

/* Reads everything. The descriptor stays the caller's. */
int tree_digest(int root_fd, const struct tree_digest_way *way,
		uint64_t *ret_digest);

#endif
