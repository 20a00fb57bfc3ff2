/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes of the live image: those that differ from the store are
 * kept with the inode until their records are settled.
 */
#ifndef FLAKEY_FUSEFS_XATTRS_H
#define FLAKEY_FUSEFS_XATTRS_H

#include <stddef.h>
#include <sys/types.h>

struct inode;
struct record;
struct volume;
struct xattrs;

void xattrs_free(struct xattrs *xattrs);

/* setxattr(2), removexattr(2) (value NULL), getxattr(2), listxattr(2). */
int xattrs_set(struct volume *volume, struct inode *inode, const char *name,
	       const void *value, size_t size, int flags);
int xattrs_remove(struct volume *volume, struct inode *inode, const char *name);
ssize_t xattrs_get(struct volume *volume, struct inode *inode, const char *name,
		   void *value, size_t size);
ssize_t xattrs_list(struct volume *volume, struct inode *inode, char *list,
		    size_t size);

/* A record of inode was stored: what the store has now need not be kept. */
void xattrs_settle(struct inode *inode, const struct record *record);

/* Records for all that an inode without any has: a temporary file that gets
 * its first name. */
int xattrs_record_all(struct volume *volume, struct inode *inode);

#endif
