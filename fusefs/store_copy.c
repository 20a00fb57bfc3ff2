/* SPDX-License-Identifier: MIT */
/*
 * A copy of all that the store holds in another directory: names, hard links,
 * content with its holes, owners, modes, xattrs and times.
 *
 * Source and copy are walked side by side, with one directory of each open at a
 * time; the way back up is "..". What has several names is kept by one more, its
 * number, in a directory of the copy that is removed at the end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/list.h"
#include "fusefs/store.h"
#include "fusefs/surface.h"

#define LINKS_NAME SURFACE_NAME
#define COPY_BYTES (1 << 20)
#define XATTRS_BYTES 65536
#define LENT_PREFIX "user.flakey.lent."

struct frame {
	struct list link;
	char *names; /* of directories that are still to be visited */
	size_t names_bytes;
	size_t at;
};

struct copy {
	struct store *store;
	int from; /* the directories that are open */
	int to;
	int links; /* where what has several names is kept; -1: not yet */
	int top;   /* of the copy */
	struct list frames;
	char *buffer;
};

static int read_and_write(const struct copy *copy, int from, int to,
			  off_t offset, off_t end)
{
	while (offset < end) {
		size_t n = COPY_BYTES;
		if ((off_t)n > end - offset)
			n = (size_t)(end - offset);
		ssize_t had = store_read(from, copy->buffer, n, offset);
		if (had <= 0)
			return had < 0 ? (int)had : -EIO;
		int r = store_write(to, copy->buffer, (size_t)had, offset);
		if (r < 0)
			return r;
		offset += had;
	}
	return 0;
}

/* Shared with the source where the file system can do that. */
static int copy_range(const struct copy *copy, int from, int to, off_t offset,
		      off_t end)
{
	off_t at = offset;
	while (offset < end) {
		ssize_t n = copy_file_range(from, &offset, to, &at,
					    (size_t)(end - offset), 0);
		if (n < 0 && errno == ENOSPC)
			return -errno;
		if (n <= 0)
			return read_and_write(copy, from, to, offset, end);
	}
	return 0;
}

static int copy_data(const struct copy *copy, int from, int to, off_t size)
{
	off_t offset = 0;
	int r = ftruncate(to, size) < 0 ? -errno : 0;
	while (r == 0 && offset < size) {
		int64_t data = store_seek(from, offset, false);
		if (data == -ENXIO)
			break;
		if (data < 0)
			return (int)data;
		int64_t hole = store_seek(from, data, true);
		if (hole < 0 || hole > size)
			hole = size;
		r = copy_range(copy, from, to, data, hole);
		offset = hole;
	}
	return r;
}

/* Those that only root can set, and that nobody can, are the host's business. */
static bool is_optional(const char *name)
{
	return strncmp(name, "user.", 5) != 0 &&
	       strncmp(name, "system.posix_acl_", 17) != 0;
}

static int copy_xattr(const struct copy *copy, int from, int to,
		      const char *name)
{
	ssize_t n = fgetxattr(from, name, copy->buffer, COPY_BYTES);
	if (n < 0)
		return errno == ENODATA || is_optional(name) ? 0 : -errno;
	if (fsetxattr(to, name, copy->buffer, (size_t)n, 0) < 0 &&
	    !is_optional(name))
		return -errno;
	return 0;
}

static int copy_xattrs(const struct copy *copy, int from, int to)
{
	cleanup_free char *names = malloc(XATTRS_BYTES);
	if (names == NULL)
		return -ENOMEM;
	ssize_t size = flistxattr(from, names, XATTRS_BYTES);
	if (size < 0 && errno != EOPNOTSUPP)
		return -errno;
	int r = 0;
	for (ssize_t at = 0; at < size && r == 0;
	     at += (ssize_t)strlen(names + at) + 1)
		if (strncmp(names + at, LENT_PREFIX, strlen(LENT_PREFIX)) != 0)
			r = copy_xattr(copy, from, to, names + at);
	return r;
}

/* Owner first, which takes set-id bits away; times last. Who is not root has files
 * of his own only, and groups that he is in. */
static int dress(const struct copy *copy, int from, int to,
		 const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	if (fchown(to, st->st_uid, st->st_gid) < 0 && errno != EPERM)
		return -errno;
	int r = copy_xattrs(copy, from, to);
	if (r == 0 && fchmod(to, st->st_mode & 07777) < 0)
		r = -errno;
	if (r == 0 && futimens(to, times) < 0)
		r = -errno;
	return r;
}

static int copy_regular(const struct copy *copy, const char *name,
			const struct stat *st)
{
	cleanup_fd int from =
		store_open_owned(copy->store, copy->from, name, O_RDONLY);
	if (from < 0)
		return from;
	cleanup_fd int to = openat(
		copy->to, name,
		O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	int r = copy_data(copy, from, to, st->st_size);
	return r < 0 ? r : dress(copy, from, to, st);
}

static int copy_special(const struct copy *copy, const char *name,
			const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	ssize_t n = 0;
	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(copy->from, name, copy->buffer, PATH_MAX);
		if (n < 0)
			return -errno;
		copy->buffer[n] = '\0';
		n = symlinkat(copy->buffer, copy->to, name);
	} else {
		n = mknodat(copy->to, name, st->st_mode & (S_IFMT | 0777),
			    st->st_rdev);
	}
	if (n < 0)
		return -errno;
	if (fchownat(copy->to, name, st->st_uid, st->st_gid,
		     AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != EPERM)
		return -errno;
	if (!S_ISLNK(st->st_mode) &&
	    fchmodat(copy->to, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	if (utimensat(copy->to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

/* 1: it was copied under another name, and has this one now, too. */
static int link_known(struct copy *copy, const char *name, const char *number)
{
	if (copy->links < 0) {
		if (mkdirat(copy->top, LINKS_NAME, 0700) < 0)
			return -errno;
		copy->links =
			openat(copy->top, LINKS_NAME,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (copy->links < 0)
			return -errno;
	}
	if (linkat(copy->links, number, copy->to, name, 0) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

static int copy_file(struct copy *copy, const char *name, const struct stat *st)
{
	char number[32];
	int r = 0;
	bool linked = st->st_nlink > 1;
	snprintf(number, sizeof(number), "%llu",
		 (unsigned long long)st->st_ino);
	if (linked)
		r = link_known(copy, name, number);
	if (r != 0)
		return r < 0 ? r : 0;
	r = S_ISREG(st->st_mode) ? copy_regular(copy, name, st)
				 : copy_special(copy, name, st);
	if (r == 0 && linked &&
	    linkat(copy->to, name, copy->links, number, 0) < 0)
		r = -errno;
	return r;
}

static int add_directory(struct frame *frame, const char *name)
{
	size_t size = strlen(name) + 1;
	char *names = realloc(frame->names, frame->names_bytes + size);
	if (names == NULL)
		return -ENOMEM;
	memcpy(names + frame->names_bytes, name, size);
	frame->names = names;
	frame->names_bytes += size;
	return 0;
}

struct visit {
	struct copy *copy;
	struct frame *frame;
};

static int visit(void *user, const struct dirent *entry)
{
	const struct visit *visit = user;
	struct copy *copy = visit->copy;
	struct stat st;
	if (strcmp(entry->d_name, SURFACE_NAME) == 0 &&
	    visit->frame->link.prev == &copy->frames)
		return 0; /* no part of the image */
	if (fstatat(copy->from, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return copy_file(copy, entry->d_name, &st);
	if (mkdirat(copy->to, entry->d_name, 0700) < 0)
		return -errno;
	return add_directory(visit->frame, entry->d_name);
}

static int enter(struct copy *copy)
{
	struct frame *frame = calloc(1, sizeof(*frame));
	if (frame == NULL)
		return -ENOMEM;
	list_append(&copy->frames, &frame->link);
	int fd = store_open_owned(copy->store, copy->from, ".",
				  O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	struct visit inside = {copy, frame};
	return store_each_entry(fd, visit, &inside);
}

static int move_to(struct copy *copy, const char *name)
{
	int from = store_open_owned(copy->store, copy->from, name,
				    O_RDONLY | O_DIRECTORY);
	if (from < 0)
		return from;
	close(copy->from);
	copy->from = from;
	int to = openat(copy->to, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return -errno;
	close(copy->to);
	copy->to = to;
	return 0;
}

static void free_frame(struct frame *frame)
{
	list_remove(&frame->link);
	free(frame->names);
	free(frame);
}

/* A directory is complete: what it is like can be copied, too. */
static int leave(struct copy *copy, struct frame *frame)
{
	struct stat st;
	free_frame(frame);
	if (fstat(copy->from, &st) < 0)
		return -errno;
	/* The root is dressed when nothing more happens in it. */
	if (list_empty(&copy->frames))
		return 0;
	cleanup_fd int done = fcntl(copy->to, F_DUPFD_CLOEXEC, 0);
	cleanup_fd int source = fcntl(copy->from, F_DUPFD_CLOEXEC, 0);
	if (done < 0 || source < 0)
		return -errno;
	int r = move_to(copy, "..");
	return r < 0 ? r : dress(copy, source, done, &st);
}

static int copy_all(struct copy *copy)
{
	int r = enter(copy);
	while (r == 0 && !list_empty(&copy->frames)) {
		struct frame *frame =
			list_entry(copy->frames.prev, struct frame, link);
		if (frame->at == frame->names_bytes) {
			r = leave(copy, frame);
			continue;
		}
		const char *name = frame->names + frame->at;
		frame->at += strlen(name) + 1;
		r = move_to(copy, name);
		if (r == 0)
			r = enter(copy);
	}
	return r;
}

static int dress_root(struct copy *copy)
{
	cleanup_fd int from = store_dup_root(copy->store);
	struct stat st;
	if (from < 0)
		return from;
	if (fstat(from, &st) < 0)
		return -errno;
	int r = 0;
	if (copy->links >= 0)
		r = store_clear_at(copy->top, LINKS_NAME);
	return r < 0 ? r : dress(copy, from, copy->top, &st);
}

int store_copy(struct store *store, int directory)
{
	struct copy copy = {
		.store = store,
		.from = store_dup_root(store),
		.to = fcntl(directory, F_DUPFD_CLOEXEC, 0),
		.links = -1,
		.top = directory,
		.buffer = malloc(COPY_BYTES),
	};
	list_init(&copy.frames);
	int r = copy.from < 0 || copy.to < 0 ? -EMFILE : 0;
	if (copy.buffer == NULL)
		r = -ENOMEM;
	if (r == 0)
		r = copy_all(&copy);
	if (r == 0)
		r = dress_root(&copy);
	while (!list_empty(&copy.frames))
		free_frame(list_entry(copy.frames.prev, struct frame, link));
	const int fds[] = {copy.from, copy.to, copy.links};
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(copy.buffer);
	return r;
}
