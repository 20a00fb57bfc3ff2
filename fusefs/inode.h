/* SPDX-License-Identifier: MIT */
/*
 * An inode of the live image. It is in memory while the kernel knows it, a
 * handle is open, the journal needs it, or a known name of a child hangs on it
 * (pins). All else is only in the store and is read again when asked for.
 *
 * The same object stands for the live and for the durable file: what differs
 * is in the pending records, the extents and the names (dentry.h).
 */
#ifndef FLAKEY_FUSEFS_INODE_H
#define FLAKEY_FUSEFS_INODE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "common/list.h"
#include "fusefs/slimlock.h"

struct dentry;
struct extents;
struct limbo;
struct logtree_inode;
struct store_fd;
struct volume;
struct xattrs;

/* Numbers shown for files that began in the journal: above any that a store's
 * file system gives out in practice, so that the two never meet. */
#define INODE_NUMBER_BASE (UINT64_C(1) << 60)

/* What only directories have. */
struct inode_directory {
	struct list overlay; /* dentries with pending > 0 */
	uint64_t generation; /* grows with each durable change of it */
	uint64_t records;    /* pending records that name it as a place */
	struct list named;   /* those of the journal: struct record_place */
	/* Whether new entries of the store's directory inherit an access
	 * list: 0 unknown, 1 yes, -1 no. */
	int8_t stored_default;
	uint32_t looked; /* disk_look_locked() */
};

/* What only a file has that is written to. It exists while there is unsynced
 * data or a record, or the file is open; a clean file has none. The lock of the
 * inode guards it, except for the two links. */
struct inode_written {
	struct inode *inode;
	struct list dirty_link; /* on volume->dirty while it has extents */
	struct list ordered_link;
	/* The size that a commit of names gives it: i_disksize of ext4. */
	int64_t journal_size_bytes;
	int64_t dirty_since_ns;
	/* Blocks below it are known to be allocated in the store, and so is
	 * the one that begins at tail_block; -1 for none. */
	int64_t allocated_bytes;
	int64_t tail_block;
	/* Bytes that the next commit of names writes out (data_order()). */
	int64_t ordered_from;
	int64_t ordered_to; /* 0: none */
	bool tail_zeroed;   /* the page of the end is dirty by a truncation */
	uint32_t flushing;  /* commits that copy its extents right now */
};

struct inode {
	/* Guarded by the volume's lock. */
	struct inode *hash_next;
	uint64_t store_number;
	uint64_t nlookup; /* the kernel's references */
	uint32_t open_count;
	_Atomic uint32_t pins;
	_Atomic bool in_store; /* has an inode there, with a name or not */
	bool times_dropped;    /* acknowledged, never stored (volume.h) */
	bool diverged;	/* shows what the store will never have (refuse.h) */
	bool half_made; /* the store has a try at it (store_names.c) */
	bool doomed;	/* during a crash: it is on the list already */
	bool adopted;	/* and about to leave the store (adopt.h) */
	_Atomic bool has_capability;   /* may have security.capability */
	_Atomic bool knows_capability; /* whether it has */
	_Atomic uint8_t lists_absent;  /* access.h: that it surely has not */
	_Atomic bool stored_plain;     /* the store's file has no capability */
	_Atomic bool log_anew;	       /* its xattrs changed (logtree.h) */
	_Atomic bool pages_stale; /* they fail to show the store (refuse.h) */
	_Atomic bool dead;   /* of an earlier incarnation, or lost in a crash */
	struct list live;    /* dentries whose live inode it is */
	struct list durable; /* dentries whose durable inode it is */
	struct list records; /* pending, oldest first; the journal's lock */
	struct inode_directory *directory;
	char *target;		   /* of a symbolic link; NULL until read */
	struct limbo *limbo;	   /* or NULL (limbo.h) */
	struct logtree_inode *log; /* or NULL (logtree.h) */

	struct store_fd *stored_fd; /* or NULL; guarded by the fd cache */

	/* Guarded by lock, except that reading takes no lock where only one
	 * thread can have the inode. */
	struct slimlock lock;
	uint64_t number; /* st_ino, never 0; constant */
	mode_t type;	 /* S_IFMT of mode; constant */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	nlink_t nlink;
	dev_t rdev; /* constant */
	int64_t size_bytes;
	uint64_t blocks; /* of 512 bytes, without unsynced data */
	struct timespec atime, mtime, ctime;
	uint64_t sync_seq;     /* the newest change that fsync waits for */
	uint64_t datasync_seq; /* the newest one that fdatasync waits for */
	uint32_t write_error;  /* errseq.h */
	int place_error;       /* of data in the journal only; commit_lock */
	_Atomic bool attributes_stale; /* of a directory after a crash */
	bool times_dirty;	       /* on volume->times */
	bool touched;		       /* ctime is not what the store has */
	bool unnamed;	  /* by O_TMPFILE, and without a name ever since */
	bool unplaced;	  /* its data is in the journal only (commit.c) */
	bool lingers;	  /* unlinked, and not so in the durable image */
	bool status_owed; /* more than times changed since its last own sync */
	bool truncated;	  /* and not closed since (release.h) */
	uint32_t truncated_at; /* both by volume->syncs_of_all (release.h) */
	uint32_t dirtied_at;
	struct list times_link;
	struct list open_link;
	struct extents *extents;       /* NULL: all as in the store */
	struct inode_written *written; /* not NULL while extents is not */
	struct xattrs *xattrs;	       /* NULL: all as in the store */
};

/* A new live inode without a name, not in the store; number is chosen here.
 * NULL: out of memory. */
struct inode *inode_new(struct volume *volume, mode_t mode);

/* The inode of a stored file, by what fstatat() said: the known one, or a new
 * one. Called with the volume's lock. */
struct inode *inode_of_store_locked(struct volume *volume,
				    const struct stat *st);
/* The known inode with this number in the store, or NULL. */
struct inode *inode_find_store_locked(struct volume *volume, uint64_t number);

/* The file of inode now is the one that st describes; or it left the store. */
void inode_enter_store_locked(struct volume *volume, struct inode *inode,
			      const struct stat *st);
void inode_leave_store_locked(struct volume *volume, struct inode *inode);

/* One reason less to keep it: frees it with its clean names once there is
 * none, and then parents for which that was the last. */
void inode_unpin_locked(struct volume *volume, struct inode *inode);
static inline void inode_pin(struct inode *inode)
{
	inode->pins++;
}

/* The part of a file that is written to, made when first needed. The caller
 * holds its lock for writing. NULL: out of memory. */
struct inode_written *inode_written(struct inode *inode);

/* Called whenever nlookup, open_count or pins went down. */
void inode_release_locked(struct volume *volume, struct inode *inode);

/* Frees it whatever still counts on it: when the volume is closed. */
void inode_destroy(struct volume *volume, struct inode *inode);

/* What the kernel knows it by. */
uint64_t inode_nodeid(const struct volume *volume, const struct inode *inode);

/* Live attributes, as stat(2) shows them. Takes the inode's lock. */
void inode_stat(struct inode *inode, struct stat *ret_st);

/* All inodes with extents now, for free(). 0 or -ENOMEM. */
int inode_list_dirty_locked(struct volume *volume, struct inode ***ret_inodes,
			    size_t *ret_count);

/* Takes over what the store says; used on loading and after a crash. */
void inode_load(struct inode *inode, const struct stat *st);

static inline bool inode_is_directory(const struct inode *inode)
{
	return inode->directory != NULL;
}

static inline bool inode_is_regular(const struct inode *inode)
{
	return inode->type == S_IFREG;
}

/* Whether its changes are recorded: some name leads to it, or will again after a
 * power failure. Inode's lock held. */
static inline bool inode_is_recorded(const struct inode *inode)
{
	return inode->nlink > 0 || inode->lingers;
}

/* The time that the file system stamps: coarse like the kernel's own. */
struct timespec inode_now(void);
static inline int64_t inode_nanoseconds(struct timespec time)
{
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Notes that an attribute changed now: mtime if data or entries did, ctime
 * always; the journal's next commit of names takes the times along. The caller
 * holds the inode's lock for writing. */
enum inode_change {
	INODE_CHANGE_STATUS = 1,
	INODE_CHANGE_CONTENT = 2,
	INODE_CHANGE_DATASYNC = 4, /* size or allocation: fdatasync cares */
	INODE_CHANGE_WRITE = 8,	   /* of content, and of nothing else */
};
void inode_touch(struct volume *volume, struct inode *inode, int change);
/* The next commit of names stores its times. The lock as above. */
void inode_note_times(struct volume *volume, struct inode *inode);

#endif
