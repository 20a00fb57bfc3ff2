/* SPDX-License-Identifier: MIT */
#include "fusefs/inode.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fusefs/dentry.h"
#include "fusefs/disk.h"
#include "fusefs/extents.h"
#include "fusefs/limbo.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"

struct timespec inode_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now;
}

uint64_t inode_nodeid(const struct volume *volume, const struct inode *inode)
{
	return inode == volume->root ? 1 : (uint64_t)(uintptr_t)inode;
}

static struct inode **slot_of(const struct volume *volume, uint64_t key)
{
	size_t hash = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 20;
	return &volume->inodes[hash & (volume->inode_slots - 1)];
}

/* One table has them all. The two kinds of numbers may be the same for two
 * inodes, so whoever searches looks at the kind, too. */
static struct inode **slot_of_inode(const struct volume *volume,
				    const struct inode *inode)
{
	return slot_of(volume,
		       inode->in_store ? inode->store_number : inode->number);
}

static void hash(struct volume *volume, struct inode *inode)
{
	struct inode **slot = slot_of_inode(volume, inode);
	inode->hash_next = *slot;
	*slot = inode;
}

static void unhash(struct volume *volume, struct inode *inode)
{
	struct inode **link = slot_of_inode(volume, inode);
	while (*link != inode)
		link = &(*link)->hash_next;
	*link = inode->hash_next;
}

/* Doubles the table when it is full. Without memory it stays as it is, only
 * slower. */
static void grow_table(struct volume *volume)
{
	if (volume->inode_count < volume->inode_slots)
		return;
	size_t slots = volume->inode_slots * 2;
	struct inode **old = volume->inodes;
	struct inode **table = calloc(slots, sizeof(struct inode *));
	if (table == NULL)
		return;
	size_t old_slots = volume->inode_slots;
	volume->inodes = table;
	volume->inode_slots = slots;
	for (size_t i = 0; i < old_slots; i++) {
		struct inode *next;
		for (struct inode *inode = old[i]; inode; inode = next) {
			next = inode->hash_next;
			hash(volume, inode);
		}
	}
	free(old);
}

/* number 0: it is not in the store yet and gets one. */
static struct inode *make(struct volume *volume, mode_t mode, uint64_t number)
{
	struct inode *inode = calloc(1, sizeof(*inode));
	if (inode == NULL)
		return NULL;
	if (S_ISDIR(mode)) {
		inode->directory = calloc(1, sizeof(*inode->directory));
		if (inode->directory == NULL) {
			free(inode);
			return NULL;
		}
		list_init(&inode->directory->overlay);
		list_init(&inode->directory->named);
	}
	list_init(&inode->live);
	list_init(&inode->durable);
	list_init(&inode->records);
	list_init(&inode->times_link);
	list_init(&inode->open_link);
	inode->mode = mode;
	inode->type = mode & S_IFMT;
	inode->nlink = S_ISDIR(mode) ? 2 : 1;
	if (S_ISDIR(mode)) {
		inode->size_bytes = 4096;
		inode->blocks = 8;
	}
	inode->in_store = number != 0;
	if (S_ISDIR(mode) && number == 0)
		disk_looked_locked(volume, inode);
	inode->store_number = number;
	inode->number = number != 0 ? number : volume->next_number++;
	inode->atime = inode->mtime = inode->ctime = inode_now();
	grow_table(volume);
	hash(volume, inode);
	volume->inode_count++;
	return inode;
}

struct inode *inode_new(struct volume *volume, mode_t mode)
{
	return make(volume, mode, 0);
}

struct inode *inode_find_store_locked(struct volume *volume, uint64_t number)
{
	struct inode *inode = *slot_of(volume, number);
	while (inode != NULL &&
	       (!inode->in_store || inode->store_number != number))
		inode = inode->hash_next;
	return inode;
}

void inode_enter_store_locked(struct volume *volume, struct inode *inode,
			      const struct stat *st)
{
	assert(!inode->in_store);
	unhash(volume, inode);
	inode->in_store = true;
	inode->store_number = st->st_ino;
	hash(volume, inode);
}

void inode_leave_store_locked(struct volume *volume, struct inode *inode)
{
	if (!inode->in_store)
		return;
	unhash(volume, inode);
	inode->in_store = false;
	hash(volume, inode);
}

void inode_load(struct inode *inode, const struct stat *st)
{
	inode->mode = st->st_mode;
	inode->uid = st->st_uid;
	inode->gid = st->st_gid;
	inode->nlink = st->st_nlink;
	inode->rdev = st->st_rdev;
	inode->size_bytes = st->st_size;
	inode->blocks = (uint64_t)st->st_blocks;
	inode->atime = st->st_atim;
	inode->mtime = st->st_mtim;
	inode->ctime = st->st_ctim;
	inode->touched = false;
	inode->attributes_stale = false;
}

struct inode *inode_of_store_locked(struct volume *volume,
				    const struct stat *st)
{
	struct inode *inode = inode_find_store_locked(volume, st->st_ino);
	if (inode != NULL)
		return inode;
	inode = make(volume, st->st_mode, st->st_ino);
	if (inode == NULL)
		return NULL;
	inode_load(inode, st);
	struct recall_entry shown;
	if (recall_take(&volume->recall, st->st_ino, &shown)) {
		inode->number = shown.number;
		inode->ctime = shown.ctime;
		inode->touched = true;
	}
	return inode;
}

/* A name that records touch stays in memory, and with it what it means: after a
 * drop these may be records of other inodes. So does a name that is nowhere else,
 * in a directory that the store does not have. */
static bool is_kept(const struct dentry *dentry)
{
	return dentry->pending > 0 || dentry->directory->limbo != NULL;
}

static bool has_kept_name(const struct inode *inode)
{
	list_for_each(node, following, &inode->live)
		if (is_kept(list_entry(node, struct dentry, live_link)))
			return true;
	list_for_each(node, following, &inode->durable)
		if (is_kept(list_entry(node, struct dentry, durable_link)))
			return true;
	return false;
}

static bool is_needed(const struct inode *inode)
{
	if (inode->nlookup > 0 || inode->open_count > 0 || inode->pins > 0 ||
	    has_kept_name(inode))
		return true;
	/* What a name still leads to must be stored first. */
	return inode->nlink > 0 && !inode->dead &&
	       (inode->limbo != NULL || inode->extents != NULL ||
		inode->times_dirty || inode->times_dropped);
}

void inode_destroy(struct volume *volume, struct inode *inode)
{
	unhash(volume, inode);
	limbo_free(volume, inode);
	store_forget_fd(volume->store, inode);
	pthread_mutex_lock(&volume->times_lock);
	list_remove(&inode->times_link);
	if (inode->written != NULL) {
		list_remove(&inode->written->dirty_link);
		list_remove(&inode->written->ordered_link);
	}
	pthread_mutex_unlock(&volume->times_lock);
	free(inode->written);
	extents_free(inode->extents);
	xattrs_free(inode->xattrs);
	free(inode->directory);
	free(inode->target);
	free(inode);
	volume->inode_count--;
}

struct inode_written *inode_written(struct inode *inode)
{
	if (inode->written != NULL)
		return inode->written;
	struct inode_written *written = calloc(1, sizeof(*written));
	if (written == NULL)
		return NULL;
	list_init(&written->dirty_link);
	list_init(&written->ordered_link);
	written->inode = inode;
	written->journal_size_bytes = inode->size_bytes;
	written->tail_block = -1;
	inode->written = written;
	return written;
}

/* Nobody can read them any more: the journal only waits to remove the file, and
 * the room is needed. */
static void forget_extents(struct volume *volume, struct inode *inode)
{
	extents_free(inode->extents);
	inode->extents = NULL;
	pthread_mutex_lock(&volume->times_lock);
	list_remove(&inode->written->dirty_link);
	pthread_mutex_unlock(&volume->times_lock);
}

/* Whoever has the lock looks at it right now, and it can wait until the next
 * time: the caller may be the one. */
static void rest(struct volume *volume, struct inode *inode)
{
	if (inode->open_count > 0 || inode->unnamed ||
	    !inode_is_regular(inode) || !slimlock_try_write(&inode->lock))
		return;
	const struct inode_written *written = inode->written;
	/* Closed is not enough: an O_PATH descriptor, which is no handle here,
	 * may open or link it again. */
	if (inode->nlink == 0 && inode->nlookup == 0 &&
	    inode->extents != NULL && written->flushing == 0)
		forget_extents(volume, inode);
	pthread_mutex_lock(&volume->journal.lock);
	bool records = !list_empty(&inode->records);
	pthread_mutex_unlock(&volume->journal.lock);
	/* It may still get its first name, and a record of its size with it. */
	bool unnamed = inode->nlink == 0 && !inode->in_store;
	if (written != NULL && inode->extents == NULL && !records && !unnamed &&
	    written->flushing == 0 && written->ordered_to == 0) {
		free(inode->written);
		inode->written = NULL;
	}
	slimlock_unlock(&inode->lock);
}

static struct dentry *any_name(struct inode *inode)
{
	struct dentry *dentry = dentry_live_of(inode);
	if (dentry == NULL && !list_empty(&inode->durable))
		dentry = list_entry(inode->durable.next, struct dentry,
				    durable_link);
	return dentry;
}

/* What the store cannot tell again. */
static void remember(struct volume *volume, const struct inode *inode)
{
	if (!inode->in_store || inode->dead || inode->nlink == 0 ||
	    (!inode->touched && inode->number == inode->store_number))
		return;
	const struct recall_entry shown = {
		.store_number = inode->store_number,
		.number = inode->number,
		.ctime = inode->ctime,
	};
	recall_put(&volume->recall, &shown);
}

/*
 * Freeing its clean names may make parents unneeded, and theirs in turn: a work
 * list instead of a recursion. Its links are those of the list of open inodes,
 * which an unneeded inode is not on.
 */
void inode_release_locked(struct volume *volume, struct inode *inode)
{
	struct list *work = &volume->reap;
	if (!is_needed(inode))
		list_append(work, &inode->open_link);
	else
		rest(volume, inode);
	while (!list_empty(work)) {
		inode = list_entry(work->next, struct inode, open_link);
		list_remove(&inode->open_link);
		struct dentry *dentry;
		while ((dentry = any_name(inode)) != NULL) {
			struct inode *directory = dentry->directory;
			dentry_free_locked(volume, dentry);
			if (!is_needed(directory) &&
			    list_empty(&directory->open_link))
				list_append(work, &directory->open_link);
		}
		remember(volume, inode);
		inode_destroy(volume, inode);
	}
}

void inode_unpin_locked(struct volume *volume, struct inode *inode)
{
	assert(inode->pins > 0);
	inode->pins--;
	inode_release_locked(volume, inode);
}

void inode_stat(struct inode *inode, struct stat *ret_st)
{
	slimlock_read(&inode->lock);
	*ret_st = (struct stat){
		.st_ino = inode->number,
		.st_mode = inode->mode,
		.st_nlink = inode->nlink,
		.st_uid = inode->uid,
		.st_gid = inode->gid,
		.st_rdev = inode->rdev,
		.st_size = inode->size_bytes,
		.st_blksize = 4096,
		.st_atim = inode->atime,
		.st_mtim = inode->mtime,
		.st_ctim = inode->ctime,
	};
	uint64_t unsynced = 0;
	if (inode->extents != NULL)
		unsynced = (uint64_t)(inode->extents->dirty_bytes +
				      inode->extents->clean_bytes);
	/* An estimate, as delayed allocation gives one: programs use it to
	 * find holes, so a dense file must not look sparse. */
	uint64_t blocks = inode->blocks + (unsynced + 4095) / 4096 * 8;
	uint64_t dense = ((uint64_t)inode->size_bytes + 4095) / 4096 * 8;
	if (unsynced > 0 && blocks > dense)
		blocks = dense;
	ret_st->st_blocks = (blkcnt_t)blocks;
	slimlock_unlock(&inode->lock);
}

void inode_touch(struct volume *volume, struct inode *inode, int change)
{
	struct timespec now = inode_now();
	inode->ctime = now;
	inode->touched = true;
	if (change & (INODE_CHANGE_CONTENT | INODE_CHANGE_WRITE))
		inode->mtime = now;
	if (change != INODE_CHANGE_WRITE)
		inode->status_owed = true;
	inode->sync_seq = journal_tick(&volume->journal);
	if (change & INODE_CHANGE_DATASYNC)
		inode->datasync_seq = inode->sync_seq;
	inode_note_times(volume, inode);
}

void inode_note_times(struct volume *volume, struct inode *inode)
{
	if (inode->times_dirty)
		return;
	inode->times_dirty = true;
	pthread_mutex_lock(&volume->times_lock);
	if (list_empty(&volume->times))
		volume->times_since_ns = inode_nanoseconds(inode_now());
	list_remove(&inode->times_link);
	list_append(&volume->times, &inode->times_link);
	pthread_mutex_unlock(&volume->times_lock);
}

int inode_list_dirty_locked(struct volume *volume, struct inode ***ret_inodes,
			    size_t *ret_count)
{
	size_t count = 0;
	pthread_mutex_lock(&volume->times_lock);
	list_for_each(node, following, &volume->dirty)
		count++;
	struct inode **inodes = calloc(count + 1, sizeof(struct inode *));
	count = 0;
	if (inodes != NULL)
		list_for_each(node, following, &volume->dirty)
			inodes[count++] = list_entry(node, struct inode_written,
						     dirty_link)
						  ->inode;
	pthread_mutex_unlock(&volume->times_lock);
	if (inodes == NULL)
		return -ENOMEM;
	*ret_inodes = inodes;
	*ret_count = count;
	return 0;
}
