/* SPDX-License-Identifier: MIT */
/*
 * File data in the live image: journal extents where there are any, the store
 * elsewhere, zeros behind both. Functions take the inode's lock themselves
 * unless they say otherwise; none holds the volume's lock.
 */
#ifndef FLAKEY_FUSEFS_DATA_H
#define FLAKEY_FUSEFS_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inode;
struct record;
struct volume;

/* As ext4 with blocks of 4 KiB has it; also keeps sums of offsets in range. */
#define DATA_SIZE_MAX ((INT64_C(16) << 40) - 4096)

/* What the kernel's page cache is made of, bytes. */
#define DATA_PAGE INT64_C(4096)

/* Stands for "to the end" in ranges. */
#define DATA_END INT64_MAX

ssize_t data_read(struct volume *volume, struct inode *inode, void *buffer,
		  size_t size, int64_t offset);

struct data_write {
	const void *data;
	size_t size_bytes;
	int64_t offset_bytes;
	/* So many of the first bytes are not in data, but at this place of the
	 * scratch file; data_write() takes their hold over in any case. */
	size_t landed_bytes;
	uint64_t landed_at;
	bool dropped; /* shown, and never to be stored */
	bool direct;  /* O_DIRECT: commit_direct() follows */
	bool timed;   /* elsewhere: mtime stays as it is */
};
int data_write(struct volume *volume, struct inode *inode,
	       const struct data_write *write);

int data_truncate(struct volume *volume, struct inode *inode, int64_t size);

/* All unsynced data in a range goes out with the next commit of names. Lock held
 * for writing. */
int data_push_all_locked(struct volume *volume, struct inode *inode,
			 int64_t from, int64_t to);

/* Where the unsynced pages of a range end, with those that follow without a gap, or
 * `to`. Lock held. */
int64_t data_dirty_run(const struct inode *inode, int64_t from, int64_t to);

/* Unsynced data in a range whose blocks the store does not have yet goes out with
 * the next commit of names. fd as for data_is_allocated(). Lock held for
 * writing. */
int data_push_locked(struct volume *volume, struct inode *inode, int fd,
		     int64_t from, int64_t to);

/* These bytes go out with the next commit of names. Lock held for writing. */
void data_order_bytes(struct volume *volume, struct inode *inode, int64_t from,
		      int64_t to);
/* A part of the block at offset was zeroed: the block goes out with the next
 * commit of names. Lock held for writing. */
void data_order(struct volume *volume, struct inode *inode, int64_t offset);
/* Blocks that ext4 allocates for O_DIRECT behind the end are ordered: what is written
 * to their pages later goes out with the next commit of names. */
void data_order_direct(struct volume *volume, struct inode *inode, int64_t from,
		       int64_t to);

/* A write behind the end zeroes what is left of the block with the end, if that is
 * there, in the page cache: up to where. xfs_file_write_checks(). Lock held. */
int64_t data_gap_end(struct volume *volume, struct inode *inode,
		     int64_t offset);

/* Whether a page is dirty because a truncation zeroed a part of it: it is not
 * any more. If error is not 0, that is what the file's descriptors are told. No
 * lock held. */
bool data_forget_zeroed(struct inode *inode, int error);

/* Appends a record that writes its pieces, at least one: of a size that is in the
 * file. Lock held for writing. */
void data_append_record(struct volume *volume, struct inode *inode,
			struct record *record);

/* A sync of a file without a name: its data is paid for, and goes with the name
 * that it may get. Lock held for writing. */
void data_pay(struct inode *inode);
/* The first name: records that data. Lock held for writing. */
int data_record_paid(struct volume *volume, struct inode *inode);

/* Records for all of a file in limbo (limbo.h): cut off to nothing, then written
 * anew. Lock held for writing. */
int data_record_anew(struct volume *volume, struct inode *inode);

/* SEEK_DATA, SEEK_HOLE. */
int64_t data_seek(struct volume *volume, struct inode *inode, int64_t offset,
		  bool hole);

/* The file's extents, made when first needed. NULL: out of memory. Lock held. */
struct extents *data_extents(struct volume *volume, struct inode *inode);
/* Forgets an empty map. Lock held. */
void data_trim(struct volume *volume, struct inode *inode);

/* Locks the inode for reading together with what the store has of it: a
 * descriptor in *ret_fd, -1 if it has nothing. data_leave() undoes both. */
int data_enter(struct volume *volume, struct inode *inode, int *ret_fd);
void data_leave(struct volume *volume, struct inode *inode, int fd);

/* What data_read() would give, read for ourselves, whatever the disk does: with
 * the lock held and a descriptor of the store's file, or -1 for none. */
int data_read_locked(struct volume *volume, struct inode *inode, int fd,
		     void *buffer, size_t size, int64_t offset);

/* Whether the block that begins at offset has been given space that holds data,
 * once the journal is committed. fd as above, and then the answer is exact; -1:
 * from memory, unknown is no. Lock held. */
bool data_is_allocated(struct volume *volume, struct inode *inode, int fd,
		       int64_t block);
/* Whether the store's own map has that block now, whatever the journal is going to
 * do. 1, 0, or an error of the store. Lock held. */
int data_store_has_block(struct volume *volume, struct inode *inode, int fd,
			 int64_t block);
/* Walks over dirty data by whether the store has its blocks. */
struct data_blocks {
	struct volume *volume;
	struct inode *inode;
	int fd;
	int64_t stored_bytes; /* size of the store's file */
	int error; /* of the store, then what is told is worth nothing */
};

struct data_run {
	int64_t from;
	int64_t to;
	/* The bytes are within a block and the size of the store, and no record
	 * changes the block. */
	bool stored;
	struct extent *extent; /* that they are a part of */
};

void data_blocks_init(struct data_blocks *blocks, struct volume *volume,
		      struct inode *inode, int fd);
/* Whether the store has the block of this byte, and no record changes it. */
bool data_is_stored(struct data_blocks *blocks, int64_t offset_bytes);
/* The next dirty bytes in [from, to): of one extent and, if asked for, all
 * stored or all not. Lock held. */
bool data_next_run(struct data_blocks *blocks, int64_t from, int64_t to,
		   bool by_stored, struct data_run *ret_run);

struct data_range {
	int64_t from;
	int64_t to;
};

/* Whether any dirty data in the range lies in blocks without space. */
bool data_allocates(struct volume *volume, struct inode *inode, int fd,
		    int64_t from, int64_t to);
/* The same, where what the journal allocates ahead is space, too: for those the
 * file system has not reserved any. */
bool data_reserves(struct volume *volume, struct inode *inode, int fd,
		   int64_t from, int64_t to);
/* Learns from the store what data_is_allocated() then knows. Lock not held. 0 or
 * -ENOMEM. */
int data_learn_blocks(struct volume *volume, struct inode *inode);
/* The same of a file that is about to end there, if not before. */
int data_learn_blocks_below(struct volume *volume, struct inode *inode,
			    int64_t end);

#endif
