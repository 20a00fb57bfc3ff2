/* SPDX-License-Identifier: MIT */
/*
 * Limbo: the durable image of a file or directory to which no name in the store
 * leads. Only profiles that commit by parts have it (profile_is_partial()): there
 * the fsync of a new file pays for its content, and not for its name, which its
 * directory's fsync makes durable later, with all that was paid for until then.
 * A file whose last durable name is gone while a newer one is not durable yet
 * comes here from the store, with its content.
 *
 * With such a profile a file or directory is either in the store or in limbo, or
 * nothing can lead to it any more. The names in a directory in limbo are in
 * memory, with their durable meaning (dentry.h). The bytes are in the scratch
 * file; the live image shows them from there, in extents with the state pushed
 * and the number LIMBO_PAID, as long as they are the newest. A power failure
 * forgets all of it.
 *
 * Guarded by the volume's lock, and changed only by commits and crashes.
 */
#ifndef FLAKEY_FUSEFS_LIMBO_H
#define FLAKEY_FUSEFS_LIMBO_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "common/list.h"
#include "fusefs/journal.h"

struct extents;
struct inode;
struct volume;

/* The seq of extents of the live image that are the same in limbo. */
#define LIMBO_PAID UINT64_C(0)

struct limbo_xattr {
	struct limbo_xattr *next;
	struct record_xattr xattr; /* owned; its value is not NULL */
};

struct limbo {
	struct list link; /* volume->limbo */
	struct inode *inode;
	struct record_attributes attributes; /* all of them */
	struct timespec times[2];
	int64_t size_bytes;
	struct extents *extents; /* what is not here is zeros; or NULL */
	struct limbo_xattr *xattrs;
	uint64_t seq; /* of the newest change when it was last paid for */
	/* Its creation was acknowledged and dropped: it will never appear. */
	bool dropped;
};

/* A new inode is in limbo, as it is now; takes over the lists of attributes. 0 or
 * -ENOMEM. */
int limbo_begin_locked(struct volume *volume, struct inode *inode,
		       struct record_attributes *attributes);
/* The same for one that has no name; its nlookup is 1, and if it fails, it is
 * freed. */
int limbo_begin_unnamed_locked(struct volume *volume, struct inode *inode);
void limbo_free(struct volume *volume, struct inode *inode);

/* One record of the inode's content or attributes further. 0 or -ENOMEM: the
 * same record can be tried again. */
int limbo_take_record_locked(struct volume *volume, struct record *record);

/* The unsynced data in a range is paid for. The inode's lock is held, too, for
 * writing. */
int limbo_take_data_locked(struct volume *volume, struct inode *inode,
			   int64_t from, int64_t to);
/* Bytes that the live image does not have; takes a hold of its own. */
int limbo_put_locked(struct volume *volume, struct inode *inode,
		     const struct record_piece *piece);
/* It is at least so long. */
void limbo_reach_locked(struct inode *inode, int64_t size_bytes);
void limbo_take_times_locked(struct inode *inode);

/* A file without any name is paid for as it is: there are no records. */
int limbo_take_unnamed_locked(struct volume *volume, struct inode *inode);

/* A copy of a value of the inode; 0 or -ENOMEM. */
int limbo_add_xattr(struct limbo *limbo, const char *name, const void *value,
		    size_t size);

/* Nothing but a creation with attributes brings it about. */
bool limbo_is_plain(const struct limbo *limbo);

/* The store has all of it now. */
void limbo_leave_locked(struct volume *volume, struct inode *inode);

/* No name leads to the inode any more, neither live nor durable: what was kept
 * for one goes. */
void limbo_bury_locked(struct volume *volume, struct inode *inode);

#endif
