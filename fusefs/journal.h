/* SPDX-License-Identifier: MIT */
/*
 * The journal: changes that were acknowledged and are not durable yet, as
 * records in reply order. A record is self-contained: it says what it does to
 * which inode under which name, and what it expects to find there. File data
 * that belongs to no record yet (a dirty page cache) is in the inodes' extents;
 * a record that carries data shares it with them by reference.
 *
 * Appending is done with the lock of whatever is changed held (the volume's for
 * names, the inode's for the others); the journal's own lock is innermost and
 * orders them. Only a commit or a crash takes records away, one at a time.
 */
#ifndef FLAKEY_FUSEFS_JOURNAL_H
#define FLAKEY_FUSEFS_JOURNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "common/list.h"

struct acl;
struct dentry;
struct inode;
struct volume;

/* About 2 GB of memory, with posix up to three times that; the operation that would exceed it gets ENOSPC. */
#define JOURNAL_RECORDS_MAX (UINT64_C(8) << 20)

enum record_kind {
	RECORD_CREATE,	 /* inode appears at `to`, which was free */
	RECORD_LINK,	 /* one more name, `to` */
	RECORD_UNLINK,	 /* `from` goes away; also of a directory */
	RECORD_RENAME,	 /* from -> to, replacing `replaced` if not NULL */
	RECORD_EXCHANGE, /* from <-> to; replaced is what `to` was */
	RECORD_ATTRIBUTES,
	RECORD_XATTR,
	RECORD_SIZE,  /* the size becomes size_bytes: cut off or zeros */
	RECORD_DATA,  /* pieces are written; the size grows with them */
	RECORD_SPACE, /* fallocate(2) with mode, offset, length */
};

enum record_attribute {
	RECORD_MODE = 1,
	RECORD_UID = 2,
	RECORD_GID = 4,
	RECORD_ACCESS_LIST = 8,
	RECORD_DEFAULT_LIST = 16,
};

struct record_attributes {
	int set; /* enum record_attribute */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	/* Owned; NULL in a set one: removed. */
	struct acl *access_list;
	struct acl *default_list;
};

struct record_piece {
	int64_t offset_bytes;
	int64_t length_bytes;
	uint64_t source; /* scratch offset, held */
};

struct record_pieces {
	struct record_piece *list; /* owned; in order of offset */
	size_t count;
	/* How many bytes of them, from the first on, are dealt with already, by
	 * a commit that had to wait then. */
	int64_t done_bytes;
};

struct record_space {
	int mode;
	int64_t offset_bytes;
	int64_t length_bytes;
	/* How far the store came with moving bytes; the size before, 0: not
	 * begun. */
	int64_t moved_bytes;
	int64_t size_bytes;
};

struct record_xattr {
	char *name;  /* owned */
	void *value; /* owned; NULL: removed */
	size_t size_bytes;
};

/* A directory that a record names, and its place in that one's list. */
struct record_place {
	struct list link; /* inode_directory->named, in order */
	struct record *record;
};

struct record {
	struct list link;	/* the journal, in order */
	struct list inode_link; /* inode->records */
	uint64_t seq;
	int64_t time_ns; /* CLOCK_REALTIME */
	enum record_kind kind;
	bool maps_only;		/* zeros for blocks without data: no transfer */
	struct inode *inode;	/* pinned */
	struct inode *replaced; /* pinned, or NULL */
	struct dentry *from;	/* pending, or NULL */
	struct dentry *to;	/* pending, or NULL */
	struct record_place from_place;
	struct record_place to_place;
	uint64_t group; /* of records that are one change; 0: of no other */
	bool selected;	/* by the commit that is on its way (partial.c) */
	bool moved;	/* half of a rename between directories */
	bool grows;	/* a size: one that is larger already stays */
	bool same;	/* a size: the one that the file had before, too */
	bool dropped; /* a commit that comes to it drops it, whatever the mode */
	bool late;    /* data: nobody waits for the disk to have the bytes */
	bool unwritten; /* ... and a power failure comes before they do */
	union {
		struct record_attributes attributes; /* CREATE too */
		int64_t size_bytes;
		struct record_pieces pieces;
		struct record_space space;
		struct record_xattr xattr;
	};
};

/* Changes from one on up to another took themselves back, and left no records: a
 * moment in between is not to be had any more. */
struct journal_gap {
	uint64_t from;
	uint64_t to;
};

struct journal {
	pthread_mutex_t lock;	  /* guards all but the numbers */
	struct journal_gap *gaps; /* in order of their ends */
	size_t gap_count;
	size_t gap_capacity;
	bool one_gap; /* there was no memory for them: all is one */
	struct list records;
	uint64_t count;
	uint64_t data_bytes;	    /* of all RECORD_DATA on it */
	_Atomic uint64_t seq;	    /* of the newest change */
	_Atomic uint64_t committed; /* all names up to it are settled */
	/* Records that a sync acknowledged without storing them (drop-writes,
	 * or something they need was dropped): shown until the crash. */
	struct list dropped;
	uint64_t dropped_count;
};

void journal_init(struct journal *journal);
void journal_done(struct journal *journal); /* must be empty */

/* The next number in reply order, for a change that needs no record. */
uint64_t journal_tick(struct journal *journal);

/* A record for inode, not yet in the journal. NULL: out of memory. */
struct record *journal_record_new(enum record_kind kind, struct inode *inode);
/* Frees a record that was never appended. Takes NULL. */
void journal_record_discard(struct volume *volume, struct record *record);

/* One piece more, to a list that began as {0} with a capacity of 0. Its hold is
 * the caller's business. 0 or -ENOMEM. */
int journal_add_piece(struct record_pieces *pieces, size_t *capacity,
		      const struct record_piece *piece);

/* Appends: pins the inodes, pends the names; returns the record's seq. From here
 * on a commit may free the record at any time. */
uint64_t journal_append(struct journal *journal, struct record *record);

/* The inode's records after seq, of which there may be several, are one change: a
 * crash keeps all of them or none. With the volume's lock. */
void journal_group_locked(struct journal *journal, struct inode *inode,
			  uint64_t seq);

/* The data that the inode's records after seq bring was given to the disk, and nobody
 * waits for it. With the volume's lock or commit_lock. */
void journal_note_late(struct journal *journal, struct inode *inode,
		       uint64_t seq);

/* Whether a selected record gives the inode a name. */
bool journal_awaits_name(struct journal *journal, const struct inode *inode);

/* What was recorded of something from seq on until now takes itself back. */
void journal_add_gap(struct journal *journal, uint64_t seq);
/* Whether there is a moment after the record with one number and before the one
 * with the next. The journal's lock is held. */
bool journal_has_moment_locked(const struct journal *journal, uint64_t seq,
			       uint64_t next_seq);

/* The last moment before a record. The journal's lock is held. */
uint64_t journal_moment_before_locked(const struct journal *journal,
				      uint64_t seq);

/* From where on, and up to where, a record changes what a file contains; 0 and 0
 * for one that does not. */
void journal_range(const struct record *record, int64_t *ret_from,
		   int64_t *ret_to);

/* Whether what this thread appends from here on is never to be stored. */
void journal_drop_appended(bool drop);

/* Whether one more record may be appended. */
int journal_has_room(struct journal *journal);

/* The oldest record up to seq, or NULL. It stays in the journal. */
struct record *journal_first(struct journal *journal, uint64_t seq);

/* The record is settled: stored, cancelled or forgotten. Frees it, with the
 * volume's lock held. */
void journal_settle_locked(struct volume *volume, struct record *record);

/* The record was acknowledged and will never be stored. */
void journal_drop_locked(struct volume *volume, struct record *record);

#endif
