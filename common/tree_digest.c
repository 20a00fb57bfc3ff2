/* SPDX-License-Identifier: MIT */
/*
 * Each object is hashed with the hash of its path, and the hashes are added up,
 * so no order is needed. One directory is open at a time: the way back up is
 * "..", which is where we came from, since nothing else moves directories.
 */
#include "common/tree_digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/cleanup.h"
#include "common/list.h"
#include "common/subdirs.h"

#define READ_BYTES (1 << 20)
#define XATTRS_BYTES 65536

/* A directory on the way from the root to where the walk is. */
struct frame {
	struct list link;
	uint64_t path_hash;
	struct subdirs subdirs; /* to be visited */
};

struct walk {
	const struct tree_digest_way *way;
	int fd; /* of the innermost frame's directory */
	struct list frames;
	char *buffer;
	uint64_t sum;
};

static int open_in(const struct walk *walk, const char *name, int flags)
{
	if (walk->way->open)
		return walk->way->open(walk->way->user, walk->fd, name, flags);
	int fd = openat(walk->fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
	return XXH3_64bits_withSeed(data, size, hash);
}

/* A piece of READ_BYTES, or what the file has of it; without a trace if it is zeros,
 * as it would be in a hole. */
static int hash_piece(struct walk *walk, int fd, off_t offset, uint64_t *hash)
{
	size_t size = 0;
	while (size < READ_BYTES) {
		ssize_t n = pread(fd, walk->buffer + size, READ_BYTES - size,
				  offset + (off_t)size);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
	}
	if (size == 0 ||
	    (walk->buffer[0] == '\0' &&
	     memcmp(walk->buffer, walk->buffer + 1, size - 1) == 0))
		return 0;
	*hash = mix(*hash, &offset, sizeof(offset));
	*hash = mix(*hash, walk->buffer, size);
	return 0;
}

/* Holes are not read: there may be far more of them than of data. */
static int hash_data(struct walk *walk, int fd, uint64_t *hash)
{
	int64_t offset = 0;
	int r = 0;
	while (r == 0) {
		int64_t data = lseek(fd, offset, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		data -= data % READ_BYTES;
		r = hash_piece(walk, fd, data, hash);
		offset = data + READ_BYTES;
	}
	return r;
}

/* A file system without xattrs has none. */
static void hash_xattrs(struct walk *walk, int fd, uint64_t *hash)
{
	cleanup_free char *names = malloc(XATTRS_BYTES);
	ssize_t size = names ? flistxattr(fd, names, XATTRS_BYTES) : 0;
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(names + at) + 1) {
		const char *name = names + at;
		if (strncmp(name, "user.", 5) != 0)
			continue;
		ssize_t n = fgetxattr(fd, name, walk->buffer, READ_BYTES);
		uint64_t one = mix(0, name, strlen(name));
		if (n > 0)
			one = mix(one, walk->buffer, (size_t)n);
		*hash += one;
	}
}

static int hash_content(struct walk *walk, const char *name,
			const struct stat *st, uint64_t *hash)
{
	if (S_ISLNK(st->st_mode)) {
		ssize_t n =
			readlinkat(walk->fd, name, walk->buffer, READ_BYTES);
		if (n < 0)
			return -errno;
		*hash = mix(*hash, walk->buffer, (size_t)n);
		return 0;
	}
	if (!S_ISREG(st->st_mode))
		return 0;
	cleanup_fd int fd = open_in(walk, name, O_RDONLY);
	if (fd < 0)
		return fd;
	hash_xattrs(walk, fd, hash);
	return hash_data(walk, fd, hash);
}

static bool is_ignored(const struct walk *walk, const struct frame *frame,
		       const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	const char *const *ignored = walk->way->ignored;
	if (walk->frames.next != &frame->link)
		return false; /* not in the root */
	while (ignored && *ignored && strcmp(*ignored, name) != 0)
		ignored++;
	return ignored && *ignored;
}

static int visit(struct walk *walk, struct frame *frame, const char *name)
{
	struct stat st;
	if (fstatat(walk->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	uint64_t hash = mix(frame->path_hash, name, strlen(name));
	const uint64_t facts[4] = {
		st.st_mode,
		S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0,
		S_ISREG(st.st_mode) ? st.st_nlink : 0,
		st.st_rdev,
	};
	hash = mix(hash, facts, sizeof(facts));
	int r = hash_content(walk, name, &st, &hash);
	walk->sum += hash;
	if (r == 0 && S_ISDIR(st.st_mode))
		r = subdirs_add(&frame->subdirs, name);
	return r;
}

static int visit_all(struct walk *walk, struct frame *frame, DIR *stream)
{
	int r = 0;
	while (r == 0) {
		/* Whatever was done before, even a malloc(3) that succeeded,
		 * may have set it. */
		errno = 0;
		const struct dirent *entry = readdir(stream);
		if (entry == NULL)
			return -errno; /* 0 at the end */
		if (!is_ignored(walk, frame, entry->d_name))
			r = visit(walk, frame, entry->d_name);
	}
	return r;
}

/* Visits all entries of the open directory, and makes its frame. */
static int enter(struct walk *walk, uint64_t path_hash)
{
	struct frame *frame = calloc(1, sizeof(*frame));
	if (frame == NULL)
		return -ENOMEM;
	frame->path_hash = path_hash;
	list_append(&walk->frames, &frame->link);
	int fd = openat(walk->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	DIR *stream = fdopendir(fd);
	if (stream == NULL) {
		int r = -errno;
		close(fd);
		return r;
	}
	int r = visit_all(walk, frame, stream);
	closedir(stream);
	return r;
}

static int move_to(struct walk *walk, const char *name)
{
	int fd = open_in(walk, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	close(walk->fd);
	walk->fd = fd;
	return 0;
}

static void leave(struct frame *frame)
{
	list_remove(&frame->link);
	subdirs_done(&frame->subdirs);
	free(frame);
}

static int walk_all(struct walk *walk)
{
	int r = enter(walk, 0);
	while (r == 0 && !list_empty(&walk->frames)) {
		struct frame *frame =
			list_entry(walk->frames.prev, struct frame, link);
		const char *name = subdirs_next(&frame->subdirs);
		if (name == NULL) {
			leave(frame);
			if (!list_empty(&walk->frames))
				r = move_to(walk, "..");
			continue;
		}
		r = move_to(walk, name);
		if (r == 0)
			r = enter(walk,
				  mix(frame->path_hash, name, strlen(name)));
	}
	return r;
}

int tree_digest(int root_fd, const struct tree_digest_way *way,
		uint64_t *ret_digest)
{
	struct walk walk = {
		.way = way,
		.fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0),
	};
	list_init(&walk.frames);
	walk.buffer = malloc(READ_BYTES);
	int r = walk.fd < 0 ? -errno : 0;
	if (walk.buffer == NULL)
		r = -ENOMEM;
	if (r == 0)
		r = walk_all(&walk);
	while (!list_empty(&walk.frames))
		leave(list_entry(walk.frames.prev, struct frame, link));
	if (walk.fd >= 0)
		close(walk.fd);
	free(walk.buffer);
	if (r == 0)
		*ret_digest = walk.sum;
	return r;
}
