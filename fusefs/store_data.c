/* SPDX-License-Identifier: MIT */
/* Steps of the store on the data of one open file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/store.h"

#define ZEROS_BYTES 65536
#define CAPABILITY "security.capability"

int store_write(int fd, const void *data, size_t size, int64_t offset)
{
	const char *from = data;
	while (size > 0) {
		ssize_t n = pwrite(fd, from, size, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from += n;
		offset += n;
		size -= (size_t)n;
	}
	return 0;
}

ssize_t store_read(int fd, void *data, size_t size, int64_t offset)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = pread(fd, (char *)data + done, size - done,
				  offset + (int64_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int store_truncate(int fd, int64_t size)
{
	return ftruncate(fd, size) < 0 ? -errno : 0;
}

int store_set_file_times(int fd, const struct timespec times[2])
{
	return futimens(fd, times) < 0 ? -errno : 0;
}

void store_save_privileges(struct inode *inode, int fd, mode_t mode,
			   struct store_privileges *ret_privileges)
{
	ret_privileges->mode = mode & 07777;
	ret_privileges->capability_bytes = -1;
	if (inode->stored_plain)
		return;
	ret_privileges->capability_bytes =
		fgetxattr(fd, CAPABILITY, ret_privileges->capability,
			  sizeof(ret_privileges->capability));
	if (ret_privileges->capability_bytes < 0)
		inode->stored_plain = true;
}

int store_restore_privileges(int fd, const struct store_privileges *privileges)
{
	struct stat st;
	if (privileges->mode & (S_ISUID | S_ISGID) && fstat(fd, &st) == 0 &&
	    (st.st_mode & 07777) != privileges->mode &&
	    fchmod(fd, privileges->mode) < 0)
		return -errno;
	if (privileges->capability_bytes > 0 &&
	    fsetxattr(fd, CAPABILITY, privileges->capability,
		      (size_t)privileges->capability_bytes, 0) < 0)
		return -errno;
	return 0;
}

int store_file_stat(int fd, struct stat *ret_st)
{
	return fstat(fd, ret_st) < 0 ? -errno : 0;
}

static int write_zeros(int fd, int64_t offset, int64_t end)
{
	static const char zeros[ZEROS_BYTES];
	while (offset < end) {
		int64_t n = end - offset;
		if (n > ZEROS_BYTES)
			n = ZEROS_BYTES;
		int r = store_write(fd, zeros, (size_t)n, offset);
		if (r < 0)
			return r;
		offset += n;
	}
	return 0;
}

/* Zeros in the place of [offset, offset + length), within the size. */
static int zero_by_hand(int fd, int64_t offset, int64_t length)
{
	int64_t size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return -errno;
	int64_t end = offset + length < size ? offset + length : size;
	return write_zeros(fd, offset, end);
}

/* Copies bytes within the file, in an order that reads each before it is
 * overwritten, and in steps of which none overwrites what it reads: one that
 * failed can be done again. */
static int move_bytes(int fd, struct record_space *space, int64_t from,
		      int64_t to, int64_t length)
{
	char buffer[ZEROS_BYTES];
	int64_t room = space->length_bytes;
	if (room > ZEROS_BYTES)
		room = ZEROS_BYTES;
	while (space->moved_bytes < length) {
		int64_t done = space->moved_bytes;
		int64_t n = length - done < room ? length - done : room;
		int64_t at = from < to ? length - done - n : done;
		ssize_t had = store_read(fd, buffer, (size_t)n, from + at);
		if (had < 0)
			return (int)had;
		int r = store_write(fd, buffer, (size_t)had, to + at);
		if (r < 0)
			return r;
		space->moved_bytes += n;
	}
	return 0;
}

/* -EINVAL, as fallocate(2) has it, if the file does not reach so far. */
static int move_by_hand(int fd, struct record_space *space)
{
	bool insert = space->mode & FALLOC_FL_INSERT_RANGE;
	int64_t offset = space->offset_bytes;
	int64_t end = offset + space->length_bytes;
	if (space->size_bytes == 0) {
		int64_t size = lseek(fd, 0, SEEK_END);
		if (size < 0)
			return -errno;
		if ((insert ? offset : end) >= size)
			return -EINVAL;
		space->size_bytes = size;
	}
	int64_t size = space->size_bytes;
	int r = insert ? move_bytes(fd, space, offset, end, size - offset)
		       : move_bytes(fd, space, end, offset, size - end);
	if (r < 0)
		return r;
	return insert ? write_zeros(fd, offset, end)
		      : store_truncate(fd, size - space->length_bytes);
}

/* By other means, after fallocate(2) said no. */
static int change_by_hand(int fd, struct record_space *space)
{
	int64_t offset = space->offset_bytes;
	int64_t length = space->length_bytes;
	if (space->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
		int r = zero_by_hand(fd, offset, length);
		if (r < 0 || space->mode & FALLOC_FL_KEEP_SIZE)
			return r;
	} else if (space->mode & FALLOC_FL_KEEP_SIZE) {
		return 0; /* a promise of space that the store cannot give */
	}
	int64_t size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return -errno;
	if (size >= offset + length)
		return 0;
	return store_truncate(fd, offset + length);
}

int store_space(int fd, struct record_space *space)
{
	bool moves = space->mode &
		     (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE);
	if (space->size_bytes > 0) /* begun, and failed */
		return move_by_hand(fd, space);
	if (fallocate(fd, space->mode, space->offset_bytes,
		      space->length_bytes) == 0)
		return 0;
	/* EINVAL: the store's blocks may be larger than the profile's. */
	if (moves &&
	    (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL))
		return move_by_hand(fd, space);
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	return change_by_hand(fd, space);
}

int64_t store_seek(int fd, int64_t offset, bool hole)
{
	off_t found = lseek(fd, offset, hole ? SEEK_HOLE : SEEK_DATA);
	return found < 0 ? -errno : found;
}
