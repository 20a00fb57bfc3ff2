/* SPDX-License-Identifier: MIT */
/*
 * The disk: the one boundary between the volume and its store that the bytes of
 * files pass. Here they fail or become others, as the mode says.
 *
 * A transfer is a run of pages of one file, each next to the other, that come
 * from the store for one request, or go to it in one commit; at most
 * DISK_TRANSFER_MAX, then the next one begins. Its bytes are counted from the
 * beginning of its first page. A page of which a part is unsynced, or a hole, is
 * one of them for the sake of the other part; that part itself is not read.
 *
 * What has to do with it is bracketed:
 *
 *	disk_begin(&io, ...);		no lock is held
 *	disk_read(&io, fd, ...);	any number, in the order of the file
 *	r = disk_end(&io);		no lock is held; the buffers still are
 *
 * While no mode has to do with transfers, this costs one load.
 */
#ifndef FLAKEY_FUSEFS_DISK_H
#define FLAKEY_FUSEFS_DISK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fault_store;
struct inode;
struct mode;
struct volume;

#define DISK_TRANSFER_MAX (1 << 20)

enum disk_direction {
	DISK_READ = 1,
	DISK_WRITE = 2,
};

/* A part of the volume. */
struct disk {
	/* Directions (bits) in which the mode that was set last does something,
	 * whether it is in force now or not. */
	_Atomic unsigned int armed;
	_Atomic uint64_t transfers;   /* since that was set */
	_Atomic uint64_t read_errors; /* since the mount, as is the next */
	_Atomic uint64_t corruptions;
	/* Directories that were looked into since this number was new are in
	 * the cache; the volume's lock. */
	uint32_t epoch;
};

/* Bytes that came from the store, and where they are. */
struct disk_piece {
	int64_t from;
	int64_t to;
	uint8_t *data;
};

struct disk_io {
	struct volume *volume;
	struct inode *inode;
	enum disk_direction direction;
	bool armed;
	char *path;		   /* as a JSON string; NULL: it is not known */
	struct fault_store *rules; /* that look at what is read, or NULL */
	/* Of reads: all that were done. */
	struct disk_piece *pieces;
	size_t count;
	size_t capacity;
	/* Of writes: the transfer on its way; from == to: none. */
	int fd;
	int64_t from;
	int64_t to;
};

/* Called whenever a mode is set. */
void disk_set_mode(struct disk *disk, const struct mode *mode);

void disk_arm(struct disk_io *io);
static inline void disk_begin(struct disk_io *io, struct volume *volume,
			      const struct disk *disk, struct inode *inode,
			      enum disk_direction direction)
{
	*io = (struct disk_io){
		.volume = volume, .inode = inode, .direction = direction};
	if (atomic_load_explicit(&disk->armed, memory_order_relaxed) &
	    direction)
		disk_arm(io);
}
/* As store_read(). */
ssize_t disk_read(struct disk_io *io, int fd, void *data, size_t size_bytes,
		  int64_t offset_bytes);
/* As store_write(). */
int disk_write(struct disk_io *io, int fd, const void *data, size_t size_bytes,
	       int64_t offset_bytes);
/* Only now what was read or written is what it is to be, and 0; or -EIO, or an
 * error of the store. The descriptor of writes is still open. In any case needed
 * after disk_begin(). */
int disk_end(struct disk_io *io);

/* The directory is read to look for a name, or to list it: -EIO if it would have
 * to come from a disk that cannot be read, else 0, and it is in the cache. Names
 * and attributes are not files' bytes, so nothing else happens to them. The
 * volume's lock is held. */
int disk_look_locked(struct volume *volume, struct inode *directory);
/* A directory that is made is in the cache. */
void disk_looked_locked(struct volume *volume, struct inode *directory);
/* The cache of directories is lost. */
void disk_forget_locked(struct volume *volume);

#endif
