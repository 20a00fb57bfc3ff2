/* SPDX-License-Identifier: MIT */
/*
 * A copy of all that the store holds in another directory: names, hard links,
 * content with its holes, owners, modes, xattrs and times.
 *
 * Source and copy are walked side by side, with one directory of each open at a
 * time; the way back up is "..". Each file is kept by one more name, its number,
 * in a directory of the copy that is removed at the end.
 *
 * It is made in passes. During all but the last one the store may change: what is
 * copied then may be wrong, or be gone before it is copied. The next one copies
 * again what has changed since, or may have (store_seen.h), and so the last one,
 * for which the store stands still, has little to do and makes all of it right.
 *
 * What the steps of the store have not touched since the pass before
 * (store_touched.h) is as it was, and need not even be looked at: in a directory of
 * the copy that was that directory's before, the name leads to the right file.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/list.h"
#include "common/subdirs.h"
#include "fusefs/store.h"
#include "fusefs/store_seen.h"
#include "fusefs/store_touched.h"
#include "fusefs/surface.h"

#define LINKS_NAME SURFACE_NAME
#define COPY_BYTES (1 << 20)
#define XATTRS_BYTES 65536
#define LENT_PREFIX "user.flakey.lent."

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(steal_fd(fd));
}

struct frame {
	struct list link;
	struct subdirs subdirs; /* to be visited */
	uint64_t device; /* of the directory in the store, and its number */
	uint64_t ino;
};

struct store_copy {
	struct store *store;
	struct store_seen seen;
	struct store_numbers touched; /* since the pass before began */
	struct timespec quiet;
	unsigned int pass;
	size_t looked;	   /* in this pass */
	bool times_tell;   /* what has changed; else all is copied again */
	bool entries_tell; /* the numbers of what they lead to */
	bool last;
	struct stat root; /* of the store */
	int from;	  /* the directories that are open */
	int to;
	int links; /* where every file is kept by its number; -1: not yet */
	int top;   /* of the copy; borrowed */
	struct list frames;
	char *buffer;
};

static int read_and_write(const struct store_copy *copy, int from, int to,
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
static int copy_range(const struct store_copy *copy, int from, int to,
		      off_t offset, off_t end)
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

static int copy_data(const struct store_copy *copy, int from, int to,
		     off_t size)
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

static int copy_xattr(const struct store_copy *copy, int from, int to,
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

static int copy_xattrs(const struct store_copy *copy, int from, int to)
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
static int dress(const struct store_copy *copy, int from, int to,
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

static int copy_regular(const struct store_copy *copy, const char *name,
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

static int copy_special(const struct store_copy *copy, const char *name,
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

/* The number of a file of the store, as a name. */
struct number {
	char text[48];
};

static struct number number_of(const struct stat *st)
{
	struct number number;
	snprintf(number.text, sizeof(number.text), "%llx-%llu",
		 (unsigned long long)st->st_dev,
		 (unsigned long long)st->st_ino);
	return number;
}

static int open_links(struct store_copy *copy)
{
	if (copy->links >= 0)
		return 0;
	if (mkdirat(copy->top, LINKS_NAME, 0700) < 0)
		return -errno;
	copy->links = openat(copy->top, LINKS_NAME,
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return copy->links < 0 ? -errno : 0;
}

/* The name in the copy is one of this copied file. */
static int link_known(const struct store_copy *copy, const char *name,
		      const struct seen *seen, const char *number)
{
	struct stat st;
	if (fstatat(copy->to, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (st.st_ino == seen->copy_ino)
			return 0;
		int r = store_clear_at(copy->to, name);
		if (r < 0)
			return r;
	} else if (errno != ENOENT) {
		return -errno;
	}
	return linkat(copy->links, number, copy->to, name, 0) < 0 ? -errno : 0;
}

static int copy_anew(struct store_copy *copy, const char *name,
		     const struct stat *st, struct seen *seen)
{
	const struct number number = number_of(st);
	struct stat made;
	int r = 0;
	if (copy->pass > 1) {
		r = store_clear_at(copy->to, name);
		if (r == 0)
			r = store_clear_at(copy->links, number.text);
	}
	if (r == 0)
		r = S_ISREG(st->st_mode) ? copy_regular(copy, name, st)
					 : copy_special(copy, name, st);
	if (r == 0 &&
	    (linkat(copy->to, name, copy->links, number.text, 0) < 0 ||
	     fstatat(copy->to, name, &made, AT_SYMLINK_NOFOLLOW) < 0))
		r = -errno;
	if (r < 0)
		return r;
	seen->copy_ino = made.st_ino;
	store_seen_note(seen, st, &copy->quiet, copy->pass);
	return 0;
}

/* settled: the names of this directory are those that the copy has. */
static int copy_file(struct store_copy *copy, const char *name,
		     const struct stat *st, bool settled)
{
	struct seen *seen = NULL;
	int r = store_seen_add(&copy->seen, st, &seen);
	if (r < 0)
		return r;
	bool known = copy->times_tell && store_seen_is_same(seen, st);
	if (known && settled && st->st_nlink == 1)
		return 0;
	if (known || seen->pass == copy->pass)
		r = link_known(copy, name, seen, number_of(st).text);
	else
		r = copy_anew(copy, name, st, seen);
	if (r < 0) {
		seen->shows = false;
		seen->pass = 0;
	}
	return r;
}

struct visit {
	struct store_copy *copy;
	struct frame *frame;
	bool known; /* the copy's directory was this one's in the pass before */
	bool settled; /* and has the same names */
	bool partial; /* something could not be copied */
	size_t store_names;
	size_t copy_names;
};

static int make_directory(const struct store_copy *copy, const char *name)
{
	struct stat st;
	if (mkdirat(copy->to, name, 0700) == 0)
		return 0;
	if (errno != EEXIST ||
	    fstatat(copy->to, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return 0;
	if (unlinkat(copy->to, name, 0) < 0 ||
	    mkdirat(copy->to, name, 0700) < 0)
		return -errno;
	return 0;
}

static bool is_surface(const struct store_copy *copy, const struct frame *frame,
		       const char *name)
{
	return frame->link.prev == &copy->frames &&
	       strcmp(name, SURFACE_NAME) == 0;
}

static bool is_untouched(const struct visit *visit, const struct dirent *entry)
{
	const struct store_copy *copy = visit->copy;
	if (!visit->known || !copy->entries_tell || entry->d_type == DT_DIR ||
	    entry->d_type == DT_UNKNOWN ||
	    store_numbers_have(&copy->touched, entry->d_ino))
		return false;
	const struct seen *seen = store_seen_find(
		&copy->seen, visit->frame->device, entry->d_ino);
	return seen != NULL && seen->pass != 0;
}

static int visit(void *user, const struct dirent *entry)
{
	struct visit *visit = user;
	struct store_copy *copy = visit->copy;
	struct stat st;
	if (is_surface(copy, visit->frame, entry->d_name))
		return 0; /* no part of the image */
	visit->store_names++;
	if (is_untouched(visit, entry))
		return 0;
	copy->looked++;
	if (fstatat(copy->from, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT && !copy->last ? 0 : -errno;
	int r = 0;
	if (!S_ISDIR(st.st_mode)) {
		r = copy_file(copy, entry->d_name, &st, visit->settled);
		/* The next pass finds the same or better. */
		visit->partial |= r < 0;
		return copy->last ? r : 0;
	}
	r = make_directory(copy, entry->d_name);
	return r < 0 ? r : subdirs_add(&visit->frame->subdirs, entry->d_name);
}

/* What the store has no more. */
static int remove_gone(void *user, const struct dirent *entry)
{
	const struct visit *visit = user;
	const struct store_copy *copy = visit->copy;
	struct stat st;
	if (is_surface(copy, visit->frame, entry->d_name))
		return 0;
	if (fstatat(copy->from, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return errno == ENOENT ? store_clear_at(copy->to, entry->d_name)
			       : -errno;
}

static int count_copied(void *user, const struct dirent *entry)
{
	struct visit *visit = user;
	visit->copy_names +=
		!is_surface(visit->copy, visit->frame, entry->d_name);
	return 0;
}

static int each_copied(struct visit *inside, store_entry_fn *each)
{
	int fd = openat(inside->copy->to, ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : store_each_entry(fd, each, inside);
}

/* If the copy has as many names as the store, they are the same. */
static int visit_all(struct visit *inside)
{
	const struct store_copy *copy = inside->copy;
	int fd = store_open_owned(copy->store, copy->from, ".",
				  O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	int r = store_each_entry(fd, visit, inside);
	if (r < 0 || inside->settled || copy->pass == 1)
		return r;
	r = each_copied(inside, count_copied);
	if (r < 0 || (copy->last && inside->copy_names == inside->store_names))
		return r;
	return each_copied(inside, remove_gone);
}

static int enter(struct store_copy *copy)
{
	struct stat st;
	struct seen *seen = NULL;
	struct frame *frame = calloc(1, sizeof(*frame));
	if (frame == NULL)
		return -ENOMEM;
	list_append(&copy->frames, &frame->link);
	if (fstat(copy->from, &st) < 0)
		return -errno;
	frame->device = st.st_dev;
	frame->ino = st.st_ino;
	int r = store_seen_add(&copy->seen, &st, &seen);
	if (r < 0)
		return r;
	/* The same directory may have been elsewhere. */
	struct stat copied;
	if (fstat(copy->to, &copied) < 0)
		return -errno;
	struct visit inside = {
		.copy = copy,
		.frame = frame,
		.known = copy->times_tell && seen->pass != 0 &&
			 seen->pass == copy->pass - 1 &&
			 seen->copy_ino == copied.st_ino,
	};
	inside.settled = inside.known && store_seen_is_same(seen, &st);
	seen->pass = 0; /* until all of it was visited */
	r = visit_all(&inside);
	if (r < 0)
		return r;
	r = store_seen_add(&copy->seen, &st, &seen);
	if (r < 0)
		return r;
	seen->copy_ino = copied.st_ino;
	if (!inside.partial)
		store_seen_note(seen, &st, &copy->quiet, copy->pass);
	return 0;
}

static int move_to(struct store_copy *copy, const char *name)
{
	int from = store_open_owned(copy->store, copy->from, name,
				    O_RDONLY | O_DIRECTORY);
	if (from < 0)
		return from;
	int to = openat(copy->to, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0) {
		int r = -errno;
		close(from);
		return r;
	}
	close(copy->from);
	copy->from = from;
	close(copy->to);
	copy->to = to;
	return 0;
}

/* Up, unless the directory was moved meanwhile. */
static int move_up(struct store_copy *copy)
{
	const struct frame *frame =
		list_entry(copy->frames.prev, struct frame, link);
	struct stat st = {0};
	int r = move_to(copy, "..");
	if (r == 0 && fstat(copy->from, &st) < 0)
		r = -errno;
	if (r < 0)
		return r;
	return st.st_ino == frame->ino && st.st_dev == frame->device ? 0
								     : -ESTALE;
}

static void free_frame(struct frame *frame)
{
	list_remove(&frame->link);
	subdirs_done(&frame->subdirs);
	free(frame);
}

/* A directory is complete: what it is like can be copied, too. */
static int leave(struct store_copy *copy, struct frame *frame)
{
	struct stat st;
	free_frame(frame);
	if (fstat(copy->from, &st) < 0)
		return -errno;
	/* The root is dressed when nothing more happens in it, and the others when
	 * nothing more happens in them. */
	if (list_empty(&copy->frames))
		return 0;
	cleanup_fd int done = fcntl(copy->to, F_DUPFD_CLOEXEC, 0);
	cleanup_fd int source = fcntl(copy->from, F_DUPFD_CLOEXEC, 0);
	if (done < 0 || source < 0)
		return -errno;
	int r = move_up(copy);
	return r < 0 || !copy->last ? r : dress(copy, source, done, &st);
}

static int copy_all(struct store_copy *copy)
{
	int r = enter(copy);
	while (r == 0 && !list_empty(&copy->frames)) {
		struct frame *frame =
			list_entry(copy->frames.prev, struct frame, link);
		const char *name = subdirs_next(&frame->subdirs);
		if (name == NULL) {
			r = leave(copy, frame);
			continue;
		}
		r = move_to(copy, name);
		if (r == 0)
			r = enter(copy);
		else if (!copy->last)
			r = 0; /* it is gone, or will be copied then */
	}
	return r;
}

/* Bits that its owner may lack come last, in store_copy_end(). */
static int dress_root(struct store_copy *copy)
{
	cleanup_fd int from = store_dup_root(copy->store);
	if (from < 0)
		return from;
	if (fstat(from, &copy->root) < 0)
		return -errno;
	return dress(copy, from, copy->top, &copy->root);
}

int store_copy_begin(struct store *store, int directory,
		     struct store_copy **ret)
{
	struct store_copy *copy = calloc(1, sizeof(*copy));
	if (copy == NULL)
		return -ENOMEM;
	*copy = (struct store_copy){
		.store = store,
		.from = -1,
		.to = -1,
		.links = -1,
		.top = directory,
		.times_tell = store_seen_is_possible(store_root_fd(store)),
		.entries_tell = store_seen_by_entries(store_root_fd(store)),
		.buffer = malloc(COPY_BYTES),
	};
	list_init(&copy->frames);
	int r = copy->buffer == NULL ? -ENOMEM : open_links(copy);
	store_touched_watch(store_touched_of(store));
	if (r < 0) {
		store_copy_free(copy);
		return r;
	}
	*ret = copy;
	return 0;
}

void store_copy_note(struct store_copy *copy)
{
	clock_gettime(CLOCK_REALTIME_COARSE, &copy->quiet);
	store_numbers_free(&copy->touched);
	store_touched_take(store_touched_of(copy->store), &copy->touched);
}

size_t store_copy_touched(struct store_copy *copy)
{
	return store_touched_count(store_touched_of(copy->store));
}

size_t store_copy_looked(const struct store_copy *copy)
{
	return copy->looked;
}

int store_copy_pass(struct store_copy *copy, bool last)
{
	if (!last && !copy->times_tell)
		return 0; /* it would all be done again */
	copy->last = last;
	copy->looked = 0;
	copy->pass++;
	copy->from = store_dup_root(copy->store);
	copy->to = fcntl(copy->top, F_DUPFD_CLOEXEC, 0);
	int r = copy->from < 0 || copy->to < 0 ? -EMFILE : 0;
	if (r == 0)
		r = copy_all(copy);
	if (r == 0 && last)
		r = dress_root(copy);
	while (!list_empty(&copy->frames))
		free_frame(list_entry(copy->frames.prev, struct frame, link));
	close_fd(&copy->from);
	close_fd(&copy->to);
	/* Somebody has moved what was being copied: the next one knows. */
	return last ? r : 0;
}

int store_copy_end(struct store_copy *copy)
{
	const struct timespec times[2] = {copy->root.st_atim,
					  copy->root.st_mtim};
	(void)fchmod(copy->top, 0700); /* it is ours, or we are root */
	int r = store_clear_at(copy->top, LINKS_NAME);
	if (r == 0 && (fchmod(copy->top, copy->root.st_mode & 07777) < 0 ||
		       futimens(copy->top, times) < 0))
		r = -errno;
	return r;
}

int store_copy_fd(const struct store_copy *copy)
{
	return copy->links;
}

void store_copy_free(struct store_copy *copy)
{
	if (copy == NULL)
		return;
	close_fd(&copy->links);
	store_touched_unwatch(store_touched_of(copy->store));
	store_numbers_free(&copy->touched);
	store_seen_free(&copy->seen);
	free(copy->buffer);
	free(copy);
}
