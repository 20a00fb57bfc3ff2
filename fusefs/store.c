/* SPDX-License-Identifier: MIT */
/*
 * The descriptor cache holds at most `limit` descriptors, of directories and of
 * files, in order of last use; whoever needs one more closes the oldest that
 * nobody is using. A file without a durable name (unlinked, still open) is only
 * reachable through its descriptor, which is therefore never closed: an orphan.
 * Those are kept apart, and beyond a share of the cache their files are adopted
 * instead (adopt.h).
 */
#include "fusefs/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/list.h"
#include "common/mountinfo.h"
#include "fusefs/dentry.h"
#include "fusefs/inode.h"
#include "fusefs/store_touched.h"
#include "fusefs/volume.h"

#define FDS_MIN 16
#define FDS_MAX 4096
#define ORPHANS_SHARE 4 /* of the cache, at most */
/* Of a user in more groups, the others are unknown. */
#define GROUPS_MAX 1024
/* A server that is unmounted is waited for. */
#define ENDING_MS 3000
#define ENDING_PAUSE_MS 10

/* An open descriptor of a stored file or directory. Only few inodes have one. */
struct store_fd {
	struct list link; /* store->fds, or store->orphans */
	struct inode *inode;
	int fd;
	uint32_t users;
	bool writable;
	bool orphan;
};

struct store {
	int root_fd;
	dev_t device;
	struct store_lend lend;
	struct store_touched touched;
	bool acts_for; /* store_act_for() works */
	bool sync;
	uid_t uid; /* ours: asking costs a system call each time */
	gid_t gid;
	gid_t groups[GROUPS_MAX]; /* that we are in */
	int group_count;
	pthread_mutex_t lock; /* guards the cache, and inode->stored_fd */
	struct list fds;      /* struct store_fd, oldest use first */
	struct list orphans;  /* those that are the last way to a file */
	size_t fd_count;      /* of both */
	size_t orphan_count;
	size_t fd_limit;
};

/* Half of what the process may open: the rest is for /dev/fuse and libraries. */
static size_t fd_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return FDS_MIN;
	/* Unlinked files that are open need one each. */
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return FDS_MIN;
	size_t half = limit.rlim_cur / 2;
	if (half < FDS_MIN)
		return FDS_MIN;
	return half > FDS_MAX ? FDS_MAX : half;
}

struct use {
	const char *source;
	bool found;
};

static void find_use(void *user, const struct mountinfo *mount)
{
	struct use *use = user;
	use->found |= strcmp(mount->type, MOUNTINFO_TYPE_FUSE) == 0 &&
		      strcmp(mount->source, use->source) == 0;
}

/* Whoever unmounts with another command does not wait for the server, which stores
 * what is left before it ends. */
static int lock_source(const char *source, int fd)
{
	const struct timespec pause = {.tv_nsec = ENDING_PAUSE_MS * 1000000L};
	struct use use = {.source = source};
	int waited_ms = 0;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (waited_ms >= ENDING_MS ||
		    mountinfo_each(find_use, &use) < 0 || use.found)
			return -EBUSY;
		(void)nanosleep(&pause, NULL); /* a signal may shorten it */
		waited_ms += ENDING_PAUSE_MS;
	}
	return 0;
}

static int check_source(const char *source, int fd, struct errmsg *reterr_why)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0) {
		int r = -errno;
		errmsg_set(reterr_why,
			   "the source '%s' is not writable (%s); choose a"
			   " directory of your own",
			   source, strerror(-r));
		return r;
	}
	int r = lock_source(source, fd);
	if (r < 0) {
		errmsg_set(reterr_why,
			   "the source '%s' is in use by another flakey mount;"
			   " unmount that first",
			   source);
		return r;
	}
	return 0;
}

int store_open(const char *source, bool sync, struct store **ret_store,
	       struct errmsg *reterr_why)
{
	cleanup_fd int fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		int r = -errno;
		errmsg_set(reterr_why,
			   "cannot open the source '%s': %s; it must be an"
			   " existing directory",
			   source, strerror(-r));
		return r;
	}
	int r = check_source(source, fd, reterr_why);
	if (r < 0)
		return r;
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	struct store *store = calloc(1, sizeof(*store));
	if (store == NULL)
		return -ENOMEM;
	store->root_fd = steal_fd(&fd);
	store->device = st.st_dev;
	store->lend.root_fd = store->root_fd;
	store->lend.touched = &store->touched;
	store->sync = sync;
	store->uid = geteuid();
	store->gid = getegid();
	store->group_count = getgroups(GROUPS_MAX, store->groups);
	store->fd_limit = fd_limit();
	list_init(&store->fds);
	list_init(&store->orphans);
	pthread_mutex_init(&store->lock, NULL);
	store_touched_init(&store->touched);
	/* Threads that come later have it, too: acting for a user, they keep
	 * their capabilities. */
	store->acts_for =
		store->uid == 0 &&
		prctl(PR_SET_SECUREBITS,
		      prctl(PR_GET_SECUREBITS) | SECBIT_NO_SETUID_FIXUP) == 0;
	store_lend_recover(&store->lend);
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	assert(list_empty(&store->fds) && list_empty(&store->orphans));
	close(store->root_fd); /* lets go of the lock, too */
	pthread_mutex_destroy(&store->lock);
	store_touched_done(&store->touched);
	free(store);
}

void store_act_for(const struct store *store, uid_t uid, gid_t gid)
{
	if (!store->acts_for)
		return;
	(void)setfsgid(gid); /* what it did not change is mended later */
	(void)setfsuid(uid);
}

void store_act_for_self(const struct store *store)
{
	store_act_for(store, store->uid, store->gid);
}

struct store_lend *store_lender(struct store *store)
{
	return &store->lend;
}

struct store_touched *store_touched_of(struct store *store)
{
	return &store->touched;
}

int store_root_stat(struct store *store, struct stat *ret_st)
{
	return fstat(store->root_fd, ret_st) < 0 ? -errno : 0;
}

bool store_may_own(const struct store *store, uid_t uid, gid_t gid)
{
	if (store->uid == 0)
		return true;
	if (uid != (uid_t)-1 && uid != store->uid)
		return false;
	bool known = gid == (gid_t)-1 || gid == store->gid;
	for (int i = 0; i < store->group_count && !known; i++)
		known = store->groups[i] == gid;
	return known;
}

int store_dup_root(struct store *store)
{
	int fd = fcntl(store->root_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int store_statvfs(struct store *store, struct statvfs *ret_st)
{
	return fstatvfs(store->root_fd, ret_st) < 0 ? -errno : 0;
}

int store_barrier(struct store *store)
{
	if (!store->sync)
		return 0;
	return syncfs(store->root_fd) < 0 ? -errno : 0;
}

/* The descriptor cache */

int store_fd_of(const struct inode *inode)
{
	return inode->stored_fd == NULL ? -1 : inode->stored_fd->fd;
}

static void drop_fd(struct store *store, struct inode *inode)
{
	if (inode->stored_fd->orphan)
		store->orphan_count--;
	list_remove(&inode->stored_fd->link);
	close(inode->stored_fd->fd);
	free(inode->stored_fd);
	inode->stored_fd = NULL;
	store->fd_count--;
}

/* Closes the oldest descriptor that is not in use, if there are too many. Called with the volume's lock, which is what a
 * user of a directory's descriptor holds; keep is spared. */
static void evict_fd(struct store *store, const struct inode *keep)
{
	if (store->fd_count < store->fd_limit)
		return;
	list_for_each(node, following, &store->fds) {
		struct store_fd *fd = list_entry(node, struct store_fd, link);
		if (fd->inode == keep || fd->users > 0)
			continue;
		drop_fd(store, fd->inode);
		return;
	}
}

void store_look_again_locked(struct store *store)
{
	pthread_mutex_lock(&store->lock);
	list_for_each(node, following, &store->fds) {
		struct store_fd *cached =
			list_entry(node, struct store_fd, link);
		if (cached->users == 0 && !list_empty(&cached->inode->durable))
			drop_fd(store, cached->inode);
	}
	pthread_mutex_unlock(&store->lock);
}

void store_forget_all_locked(struct store *store)
{
	struct list *const lists[] = {&store->fds, &store->orphans};
	pthread_mutex_lock(&store->lock);
	for (int i = 0; i < 2; i++)
		while (!list_empty(lists[i]))
			drop_fd(store, list_entry(lists[i]->next,
						  struct store_fd, link)
					       ->inode);
	pthread_mutex_unlock(&store->lock);
}

int store_root_fd(const struct store *store)
{
	return store->root_fd;
}

void store_move_locked(struct store *store, int directory)
{
	struct stat st;
	store_forget_all_locked(store);
	pthread_mutex_lock(&store->lock);
	close(store->root_fd);
	store->root_fd = directory;
	store->lend.root_fd = directory;
	if (fstat(directory, &st) == 0)
		store->device = st.st_dev;
	pthread_mutex_unlock(&store->lock);
}

/* Takes fd over, also if it fails. */
static int cache_fd(struct store *store, struct inode *inode, int fd,
		    bool writable)
{
	struct store_fd *cached = calloc(1, sizeof(*cached));
	if (cached == NULL) {
		close(fd);
		return -ENOMEM;
	}
	evict_fd(store, inode);
	cached->inode = inode;
	cached->fd = fd;
	cached->writable = writable;
	inode->stored_fd = cached;
	list_append(&store->fds, &cached->link);
	store->fd_count++;
	return 0;
}

static void used_fd(struct store *store, struct inode *inode)
{
	if (inode->stored_fd->orphan)
		return;
	list_remove(&inode->stored_fd->link);
	list_append(&store->fds, &inode->stored_fd->link);
}

/* Somebody uses the descriptor right now: it keeps the number, and the file
 * description behind it is exchanged. Takes fd over. */
static void exchange_fd(struct inode *inode, int fd)
{
	/* It cannot fail between two open descriptors of ours; if it did, the
	 * next writer tries again. */
	inode->stored_fd->writable =
		dup3(fd, inode->stored_fd->fd, O_CLOEXEC) >= 0;
	close(fd);
}

void store_keep_fd(struct store *store, struct inode *inode, int fd)
{
	pthread_mutex_lock(&store->lock);
	/* Without memory it is opened again by its name. */
	if (inode->stored_fd == NULL)
		(void)cache_fd(store, inode, fd, true);
	else
		/* A reader still has that of the file that it was before it
		 * left the store. */
		exchange_fd(inode, fd);
	pthread_mutex_unlock(&store->lock);
}

void store_keep_orphan(struct store *store, struct inode *inode)
{
	pthread_mutex_lock(&store->lock);
	struct store_fd *fd = inode->stored_fd;
	if (fd != NULL && !fd->orphan) {
		list_remove(&fd->link);
		list_append(&store->orphans, &fd->link);
		fd->orphan = true;
		store->orphan_count++;
	}
	pthread_mutex_unlock(&store->lock);
}

/* Some may have a name again: another link that was looked up since. */
static void release_orphans(struct store *store)
{
	list_for_each(node, following, &store->orphans) {
		struct store_fd *fd = list_entry(node, struct store_fd, link);
		if (dentry_durable_of(fd->inode) == NULL)
			continue;
		fd->orphan = false;
		store->orphan_count--;
		used_fd(store, fd->inode);
	}
}

bool store_has_many_orphans_locked(struct store *store)
{
	pthread_mutex_lock(&store->lock);
	size_t limit = store->fd_limit / ORPHANS_SHARE;
	if (store->orphan_count >= limit)
		release_orphans(store);
	bool many = store->orphan_count >= limit;
	pthread_mutex_unlock(&store->lock);
	return many;
}

void store_part_fd(struct store *store, struct inode *inode)
{
	pthread_mutex_lock(&store->lock);
	if (inode->stored_fd != NULL && inode->stored_fd->users == 0)
		drop_fd(store, inode);
	pthread_mutex_unlock(&store->lock);
}

void store_forget_fd(struct store *store, struct inode *inode)
{
	pthread_mutex_lock(&store->lock);
	if (inode->stored_fd != NULL)
		drop_fd(store, inode);
	pthread_mutex_unlock(&store->lock);
}

/* The object that fd, which is O_PATH, stands for, opened. Without /proc by its
 * name; then somebody else may have exchanged it. */
static int reopen(int fd, int dirfd, const char *name, int flags)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int opened = openat(AT_FDCWD, path, flags | O_CLOEXEC);
	if (opened < 0 && errno == ENOENT)
		opened = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	return opened < 0 ? -errno : opened;
}

/* A name is looked at before it is opened: what somebody else has put there may
 * be a device, which does things when it is opened, or a fifo. */
static int open_looking(struct store *store, int dirfd, const char *name,
			int flags, bool lend)
{
	cleanup_fd int fd =
		openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!(flags & O_DIRECTORY ? S_ISDIR(st.st_mode)
				  : S_ISREG(st.st_mode)) ||
	    st.st_dev != store->device)
		return -ESTALE;
	int r = reopen(fd, dirfd, name, flags);
	struct store_loan loan = {0};
	if (r == -EACCES && lend &&
	    store_lend_begin(&store->lend, fd, &st, &loan))
		r = reopen(fd, dirfd, name, flags);
	store_lend_end(&loan);
	return r;
}

/* Opens what only its owner's permission bits forbid, also those of the directory
 * that it is in. */
int store_open_owned(struct store *store, int dirfd, const char *name,
		     int flags)
{
	int r = open_looking(store, dirfd, name, flags, true);
	struct stat st;
	struct store_loan loan = {0};
	if (r != -EACCES || fstat(dirfd, &st) < 0 ||
	    !store_lend_begin(&store->lend, dirfd, &st, &loan))
		return r;
	r = open_looking(store, dirfd, name, flags, true);
	store_lend_end(&loan);
	return r;
}

/* The nearest ancestors whose descriptor is not open, innermost first. */
static int missing_ancestors(struct volume *volume, struct inode *directory,
			     struct inode ***ret_chain, size_t *ret_count)
{
	size_t count = 0;
	size_t capacity = 0;
	cleanup_free struct inode **chain = NULL;
	while (directory != volume->root && directory->stored_fd == NULL) {
		struct dentry *dentry = dentry_durable_of(directory);
		if (dentry == NULL)
			return -ENOENT;
		if (count == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			struct inode **grown = reallocarray(
				chain, capacity, sizeof(struct inode *));
			if (grown == NULL)
				return -ENOMEM;
			chain = grown;
		}
		chain[count++] = directory;
		directory = dentry->directory;
	}
	*ret_chain = steal(chain);
	*ret_count = count;
	return 0;
}

static int parent_fd(struct volume *volume, struct inode *directory)
{
	return directory == volume->root ? volume->store->root_fd
					 : store_fd_of(directory);
}

int store_directory_locked(struct volume *volume, struct inode *directory)
{
	struct store *store = volume->store;
	if (directory == volume->root)
		return store->root_fd;
	cleanup_free struct inode **chain = NULL;
	size_t count = 0;
	pthread_mutex_lock(&store->lock);
	int r = missing_ancestors(volume, directory, &chain, &count);
	while (r == 0 && count > 0) {
		struct inode *inode = chain[--count];
		struct dentry *dentry = dentry_durable_of(inode);
		/* Just opened or just used, so not the oldest: it is there. */
		int fd = store_open_owned(store,
					  parent_fd(volume, dentry->directory),
					  dentry->name, O_RDONLY | O_DIRECTORY);
		r = fd < 0 ? fd : cache_fd(store, inode, fd, false);
	}
	if (r == 0)
		used_fd(store, directory);
	pthread_mutex_unlock(&store->lock);
	return r < 0 ? r : store_fd_of(directory);
}

int store_visit_locked(struct volume *volume, struct inode *directory,
		       struct store_visit *ret_visit)
{
	int fd = store_directory_locked(volume, directory);
	if (fd < 0)
		return fd;
	*ret_visit = (struct store_visit){
		.volume = volume, .directory = directory, .fd = fd};
	pthread_mutex_lock(&volume->store->lock);
	if (directory->stored_fd != NULL)
		directory->stored_fd->users++;
	pthread_mutex_unlock(&volume->store->lock);
	struct stat st;
	/* If it is refused, the step itself will say so. */
	if (volume->store->uid != 0 && fstat(fd, &st) == 0)
		(void)store_lend_begin(&volume->store->lend, fd, &st,
				       &ret_visit->loan);
	return 0;
}

void store_leave(struct store_visit *visit)
{
	if (visit->directory == NULL)
		return;
	store_lend_end(&visit->loan);
	pthread_mutex_lock(&visit->volume->store->lock);
	if (visit->directory->stored_fd != NULL)
		visit->directory->stored_fd->users--;
	pthread_mutex_unlock(&visit->volume->store->lock);
}

int store_list_locked(struct volume *volume, struct inode *directory,
		      int *ret_fd)
{
	cleanup_visit struct store_visit visit = {0};
	int r = store_visit_locked(volume, directory, &visit);
	if (r < 0)
		return r;
	int fd = openat(visit.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* Opens the file through its durable name, for writing if we may at all. */
static int open_file_locked(struct volume *volume, struct inode *inode,
			    bool writable, bool *ret_writable)
{
	struct dentry *dentry = dentry_durable_of(inode);
	if (dentry == NULL)
		return -ENOENT;
	cleanup_visit struct store_visit visit = {0};
	int r = store_visit_locked(volume, dentry->directory, &visit);
	if (r < 0)
		return r;
	struct store *store = volume->store;
	int fd = -EACCES;
	*ret_writable = writable;
	/* The mode of a file that is only read need not be touched for more. */
	if (!writable)
		fd = open_looking(store, visit.fd, dentry->name,
				  O_RDWR | O_NONBLOCK, false);
	if (fd >= 0)
		*ret_writable = true;
	else
		fd = store_open_owned(store, visit.fd, dentry->name,
				      (writable ? O_RDWR : O_RDONLY) |
					      O_NONBLOCK);
	return fd;
}

/* True with a use more, if the descriptor is open and good enough. */
static bool take_fd(struct store *store, struct inode *inode, bool writable,
		    int *ret_fd)
{
	pthread_mutex_lock(&store->lock);
	struct store_fd *cached = inode->stored_fd;
	bool good = cached != NULL && (cached->writable || !writable);
	if (good) {
		cached->users++;
		used_fd(store, inode);
		*ret_fd = cached->fd;
	}
	pthread_mutex_unlock(&store->lock);
	return good;
}

int store_get_fd_locked(struct volume *volume, struct inode *inode,
			bool writable, int *ret_fd)
{
	struct store *store = volume->store;
	if (writable)
		store_touched_add(&volume->store->touched, inode->store_number);
	if (take_fd(store, inode, writable, ret_fd))
		return 0;
	bool is_writable = false;
	int fd = open_file_locked(volume, inode, writable, &is_writable);
	if (fd < 0)
		return fd;
	int r = 0;
	pthread_mutex_lock(&store->lock);
	if (inode->stored_fd != NULL && inode->stored_fd->users == 0)
		drop_fd(store, inode);
	if (inode->stored_fd == NULL) {
		r = cache_fd(store, inode, fd, is_writable);
	} else {
		/* A reader uses the read-only one right now: it keeps the
		 * number, and the file description behind it is exchanged. */
		if (dup3(fd, inode->stored_fd->fd, O_CLOEXEC) < 0)
			r = -errno;
		close(fd);
	}
	if (r == 0) {
		inode->stored_fd->writable = is_writable;
		inode->stored_fd->users++;
		*ret_fd = inode->stored_fd->fd;
	}
	pthread_mutex_unlock(&store->lock);
	return r;
}

int store_get_fd(struct volume *volume, struct inode *inode, bool writable,
		 int *ret_fd)
{
	if (writable)
		store_touched_add(&volume->store->touched, inode->store_number);
	if (take_fd(volume->store, inode, writable, ret_fd))
		return 0;
	pthread_mutex_lock(&volume->lock);
	int r = store_get_fd_locked(volume, inode, writable, ret_fd);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

void store_put_fd(struct store *store, struct inode *inode)
{
	pthread_mutex_lock(&store->lock);
	if (--inode->stored_fd->users == 0 && !inode->in_store)
		drop_fd(store, inode);
	pthread_mutex_unlock(&store->lock);
}

int store_lookup_locked(struct volume *volume, struct inode *directory,
			const char *name, struct stat *ret_st)
{
	cleanup_visit struct store_visit visit = {0};
	int r = store_visit_locked(volume, directory, &visit);
	if (r < 0)
		return r;
	if (fstatat(visit.fd, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* Another file system mounted inside the store could not take part
	 * in renames and would escape the store's lock. */
	return ret_st->st_dev == volume->store->device ? 0 : -EXDEV;
}
