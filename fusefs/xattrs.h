/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes of the live image: those that differ from the store are
 * kept with the inode until their records are settled.
 */
#ifndef FLAKEY_FUSEFS_XATTRS_H
#define FLAKEY_FUSEFS_XATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct inode;
struct limbo;
struct volume;
struct xattrs;

void xattrs_free(struct xattrs *xattrs);

/* setxattr(2), removexattr(2) (value NULL), getxattr(2), listxattr(2). */
/* Not for the names of access lists, which only listxattr(2) knows here. */
int xattrs_set(struct volume *volume, struct inode *inode, const char *name,
	       const void *value, size_t size, int flags);
int xattrs_remove(struct volume *volume, struct inode *inode, const char *name);
ssize_t xattrs_get(struct volume *volume, struct inode *inode, const char *name,
		   void *value, size_t size);
/* trusted: whether the caller may know of such names. */
ssize_t xattrs_list(struct volume *volume, struct inode *inode, bool trusted,
		    char *list, size_t size);

/* A record of inode with that name was stored: what the store has now need not
 * be kept. */
void xattrs_settle(struct inode *inode, const char *name);

/* What the store cannot hold must not be acknowledged: whether it would take this
 * xattr beside those that the file has, tried on another file where it is not
 * sure. */
int xattrs_try_locked(struct volume *volume, struct inode *inode,
		      const char *name, const void *value, size_t size);

/* Values that access.c answers for, kept here because they come and go in the
 * same way. True with the value (NULL: removed) if it differs from the store.
 * The volume's lock is held. */
bool xattrs_find(const struct inode *inode, const char *name,
		 const void **ret_value, size_t *ret_size);
/* Takes the value over; one more record will tell of it. Inode's lock held for
 * writing, too, unless it is new. */
int xattrs_put(struct inode *inode, const char *name, void *value, size_t size);
/* The first record of the inode tells of it, and no other one. */
void xattrs_begin(struct inode *inode, const char *name);

/* The store's are kept with the inode, which is about to leave the store; and in
 * limbo, if that is not NULL. */
int xattrs_adopt_locked(struct volume *volume, struct inode *inode,
			struct limbo *limbo);

/* A record with that name was taken into limbo (limbo.h): it need not come again,
 * but the value is still nowhere else. */
void xattrs_pay(struct inode *inode, const char *name);
/* All without a record are in the store now. */
void xattrs_settle_paid(struct inode *inode);
/* Copies all but the lists of access.c; no record has to tell of them then. */
int xattrs_copy(struct inode *inode, struct limbo *limbo);

/* Records for all that an inode without any has, but for what access.c does: a
 * temporary file that gets its first name. */
int xattrs_record_all(struct volume *volume, struct inode *inode);

#endif
