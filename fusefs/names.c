/* SPDX-License-Identifier: MIT */
#include "fusefs/names.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fusefs/abort.h"
#include "fusefs/access.h"
#include "fusefs/attrs.h"
#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/dentry.h"
#include "fusefs/disk.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/limbo.h"
#include "fusefs/logtree.h"
#include "fusefs/profile.h"
#include "fusefs/stillborn.h"
#include "fusefs/store.h"
#include "fusefs/surface.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"

/* Of ext4; a store could refuse more only when it is too late. */
#define LINKS_MAX 65000

/* A directory of the past has no names. While the kernel may still lead paths
 * there that mean another one by now, it has to look again. */
static int gone(const struct volume *volume)
{
	return volume->invalidating ? -ESTALE : -ENOENT;
}

/* What a crash left of a directory is read before it changes: read afterwards, it
 * would undo the change. */
static int settle_attributes(struct volume *volume, struct inode *inode)
{
	if (inode == NULL || !inode->attributes_stale || inode->dead)
		return 0;
	return attrs_refresh_locked(volume, inode);
}

/* The live meaning of a name, read from the store if it is not in memory. 0
 * with a dentry (whose live inode may be NULL), or with NULL if there is no
 * such name in either world. */
static int resolve_locked(struct volume *volume, struct inode *directory,
			  const char *name, struct dentry **ret_dentry)
{
	*ret_dentry = NULL;
	if (strlen(name) > DENTRY_NAME_MAX)
		return -ENAMETOOLONG;
	if (!inode_is_directory(directory))
		return -ENOTDIR;
	/* Kept free for what is not finished (surface.h). */
	if (directory == volume->root && strcmp(name, SURFACE_NAME) == 0)
		return -ENOENT;
	if (directory->dead)
		return gone(volume);
	int r = settle_attributes(volume, directory);
	if (r < 0)
		return r;
	*ret_dentry = dentry_find_locked(volume, directory, name);
	if (*ret_dentry != NULL)
		return settle_attributes(volume, (*ret_dentry)->live);
	if (!directory->in_store)
		return 0;
	struct stat st;
	r = disk_look_locked(volume, directory);
	if (r == 0)
		r = store_lookup_locked(volume, directory, name, &st);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	struct inode *inode = inode_of_store_locked(volume, &st);
	if (inode == NULL)
		return -ENOMEM;
	*ret_dentry = dentry_get_locked(volume, directory, name, inode);
	return *ret_dentry == NULL ? -ENOMEM : 0;
}

static struct inode *live_of(const struct dentry *dentry)
{
	return dentry == NULL ? NULL : dentry->live;
}

/* The kernel knows what the name means now. */
static void note_seen(const struct volume *volume, struct dentry *dentry)
{
	dentry->seen = (uint32_t)volume->incarnation;
}

/* A directory that is removed or replaced is dead for the kernel for good: the one
 * that it takes the name for. While it is still forgetting the past, that may
 * be another one than we do, which survives; so it shall look again first. */
static int check_seen(const struct volume *volume, const struct dentry *dentry)
{
	if (dentry == NULL || dentry->live == NULL ||
	    !inode_is_directory(dentry->live) || !volume->invalidating ||
	    dentry->seen == (uint32_t)volume->incarnation)
		return 0;
	return -ESTALE;
}

int names_lookup(struct volume *volume, struct inode *directory,
		 const char *name, struct inode **ret_inode)
{
	struct dentry *dentry;
	pthread_mutex_lock(&volume->lock);
	int r = resolve_locked(volume, directory, name, &dentry);
	struct inode *inode = r == 0 ? live_of(dentry) : NULL;
	if (r == 0 && inode == NULL)
		r = -ENOENT;
	if (r == 0) {
		inode->nlookup++;
		note_seen(volume, dentry);
		*ret_inode = inode;
	}
	pthread_mutex_unlock(&volume->lock);
	return r;
}

void names_forget(struct volume *volume, struct inode *inode, uint64_t count)
{
	pthread_mutex_lock(&volume->lock);
	assert(inode->nlookup >= count);
	inode->nlookup -= count;
	inode_release_locked(volume, inode);
	pthread_mutex_unlock(&volume->lock);
}

/* May entries of the directory change at all? */
static int check_changeable(struct volume *volume,
			    const struct inode *directory)
{
	if (abort_check(volume) < 0)
		return abort_check(volume);
	if (directory->dead)
		return gone(volume);
	if (directory->nlink == 0)
		return -ENOENT;
	return journal_has_room(&volume->journal);
}

static void touch(struct volume *volume, struct inode *inode, int change)
{
	slimlock_write(&inode->lock);
	inode_touch(volume, inode, change);
	slimlock_unlock(&inode->lock);
}

/* Directories count the ".." of their children, where the store does: btrfs
 * shows 1 for any directory. */
static void count_child(struct inode *directory, int delta)
{
	slimlock_write(&directory->lock);
	if (directory->nlink >= 2)
		directory->nlink += (nlink_t)delta;
	slimlock_unlock(&directory->lock);
}

static void lose_link(struct volume *volume, struct inode *inode)
{
	slimlock_write(&inode->lock);
	if (inode_is_directory(inode))
		inode->nlink = 0;
	else
		inode->nlink--;
	if (inode->nlink == 0) {
		extents_count(inode->extents, NULL);
		inode->lingers =
			profile_is_partial(volume->profile) &&
			(inode->in_store || !list_empty(&inode->durable));
	}
	inode_touch(volume, inode, INODE_CHANGE_STATUS);
	slimlock_unlock(&inode->lock);
}

/* Files of others cannot be made by a daemon that is not root. */
static int check_owner(struct volume *volume, struct inode *directory,
		       const struct names_new *what)
{
	slimlock_read(&directory->lock);
	bool inherits = directory->mode & S_ISGID;
	slimlock_unlock(&directory->lock);
	return store_may_own(volume->store, what->uid,
			     inherits ? (gid_t)-1 : what->gid)
		       ? 0
		       : -EPERM;
}

static int new_inode(struct volume *volume, struct inode *directory,
		     const struct names_new *what, struct inode **ret_inode)
{
	struct inode *inode = inode_new(volume, what->mode);
	if (inode == NULL)
		return -ENOMEM;
	inode->uid = what->uid;
	inode->gid = what->gid;
	inode->rdev = what->rdev;
	slimlock_read(&directory->lock);
	if (directory->mode & S_ISGID) {
		inode->gid = directory->gid;
		if (S_ISDIR(what->mode))
			inode->mode |= S_ISGID;
	}
	slimlock_unlock(&directory->lock);
	int r = access_begin_locked(volume, directory, inode, what->umask);
	if (r == 0 && what->target != NULL) {
		inode->target = strdup(what->target);
		inode->size_bytes = (int64_t)strlen(what->target);
		if (inode->target == NULL)
			r = -ENOMEM;
	}
	if (r < 0)
		inode_release_locked(volume, inode);
	else
		*ret_inode = inode;
	return r;
}

static int describe(struct inode *inode, struct record *record)
{
	record->attributes = (struct record_attributes){
		.set = RECORD_MODE | RECORD_UID | RECORD_GID,
		.mode = inode->mode,
		.uid = inode->uid,
		.gid = inode->gid,
	};
	return access_describe(inode, &record->attributes);
}

static void note_seq(struct inode *inode, uint64_t seq)
{
	inode->sync_seq = seq;
	inode->datasync_seq = seq;
}

/* All of a creation that can fail for want of memory. */
static int prepare_create(struct volume *volume, struct inode *directory,
			  const struct names_new *what,
			  struct inode **ret_inode, struct record **ret_record)
{
	struct inode *inode = NULL;
	int r = new_inode(volume, directory, what, &inode);
	if (r < 0)
		return r;
	struct record *record = journal_record_new(RECORD_CREATE, inode);
	r = record == NULL ? -ENOMEM : describe(inode, record);
	if (r < 0) {
		journal_record_discard(volume, record);
		inode_release_locked(volume, inode);
		return r;
	}
	*ret_inode = inode;
	*ret_record = record;
	return 0;
}

static void finish_create(struct volume *volume, struct dentry *dentry,
			  struct record *record)
{
	struct inode *inode = record->inode;
	record->to = dentry;
	dentry_set_live_locked(dentry, inode);
	note_seen(volume, dentry);
	note_seq(inode, journal_append(&volume->journal, record));
	touch(volume, inode, INODE_CHANGE_CONTENT);
	touch(volume, dentry->directory, INODE_CHANGE_CONTENT);
	logtree_created_locked(volume, dentry);
	if (inode_is_directory(inode))
		count_child(dentry->directory, 1);
}

static int create_locked(struct volume *volume, struct inode *directory,
			 const char *name, const struct names_new *what,
			 struct inode **ret_inode)
{
	int r = check_changeable(volume, directory);
	if (r < 0)
		return r;
	r = check_owner(volume, directory, what);
	struct dentry *dentry;
	if (r == 0)
		r = resolve_locked(volume, directory, name, &dentry);
	if (r < 0)
		return r;
	if (live_of(dentry) != NULL)
		return -EEXIST;
	struct inode *inode = NULL;
	struct record *record = NULL;
	r = prepare_create(volume, directory, what, &inode, &record);
	if (r < 0)
		return r;
	if (dentry == NULL)
		dentry = dentry_get_locked(volume, directory, name, NULL);
	r = dentry == NULL ? -ENOMEM : 0;
	if (r == 0 && profile_is_partial(volume->profile))
		r = limbo_begin_locked(volume, inode, &record->attributes);
	if (r < 0) {
		journal_record_discard(volume, record);
		inode_release_locked(volume, inode);
		return -ENOMEM;
	}
	inode->nlookup = 1;
	finish_create(volume, dentry, record);
	*ret_inode = inode;
	return 0;
}

int names_create(struct volume *volume, struct inode *directory,
		 const char *name, const struct names_new *what,
		 struct inode **ret_inode)
{
	pthread_mutex_lock(&volume->lock);
	int r = create_locked(volume, directory, name, what, ret_inode);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

int names_create_unnamed(struct volume *volume, struct inode *directory,
			 const struct names_new *what, struct inode **ret_inode)
{
	pthread_mutex_lock(&volume->lock);
	int r = check_changeable(volume, directory);
	/* Of ext4: there is no name here that could be missing. */
	if (r == -ENOENT)
		r = -EPERM;
	if (r == 0)
		r = check_owner(volume, directory, what);
	struct inode *inode = NULL;
	if (r == 0)
		r = new_inode(volume, directory, what, &inode);
	if (r == 0) {
		inode->nlink = 0;
		inode->unnamed = true;
		inode->nlookup = 1;
		if (profile_is_partial(volume->profile))
			r = limbo_begin_unnamed_locked(volume, inode);
	}
	if (r == 0)
		*ret_inode = inode;
	pthread_mutex_unlock(&volume->lock);
	return r;
}

/* The first name of a temporary file: it begins to exist for the journal with
 * all that it has become meanwhile. */
static int record_unnamed(struct volume *volume, struct inode *inode,
			  struct dentry *dentry)
{
	struct record *create = journal_record_new(RECORD_CREATE, inode);
	struct record *size = journal_record_new(RECORD_SIZE, inode);
	if (create == NULL || size == NULL || describe(inode, create) < 0) {
		journal_record_discard(volume, create);
		journal_record_discard(volume, size);
		return -ENOMEM;
	}
	create->to = dentry;
	note_seq(inode, journal_append(&volume->journal, create));
	if (inode->written != NULL && inode->written->journal_size_bytes > 0) {
		size->size_bytes = inode->written->journal_size_bytes;
		note_seq(inode, journal_append(&volume->journal, size));
	} else {
		journal_record_discard(volume, size);
	}
	int r = xattrs_record_all(volume, inode);
	return r < 0 ? r : data_record_paid(volume, inode);
}

/* The first name of a temporary file that is in limbo as it was when a sync paid
 * for it last. What it has become since is recorded, as if it had been emptied and
 * written anew. */
static int record_first_name(struct volume *volume, struct inode *inode,
			     struct dentry *dentry)
{
	bool changed = inode->sync_seq != inode->limbo->seq;
	struct record *create = journal_record_new(RECORD_CREATE, inode);
	struct record *status = journal_record_new(RECORD_ATTRIBUTES, inode);
	int r = create == NULL || status == NULL ? -ENOMEM : 0;
	if (r == 0 && changed)
		r = describe(inode, status);
	if (r < 0) {
		journal_record_discard(volume, create);
		journal_record_discard(volume, status);
		return r;
	}
	create->to = dentry;
	note_seq(inode, journal_append(&volume->journal, create));
	if (!changed) {
		journal_record_discard(volume, status);
		return 0;
	}
	note_seq(inode, journal_append(&volume->journal, status));
	r = data_record_anew(volume, inode);
	return r < 0 ? r : xattrs_record_all(volume, inode);
}

static int record_link(struct volume *volume, struct inode *inode,
		       struct dentry *dentry)
{
	struct record *record = journal_record_new(RECORD_LINK, inode);
	if (record == NULL)
		return -ENOMEM;
	record->to = dentry;
	journal_append(&volume->journal, record);
	return 0;
}

static int link_locked(struct volume *volume, struct inode *inode,
		       struct inode *directory, const char *name)
{
	int r = check_changeable(volume, directory);
	if (r < 0)
		return r;
	if (inode->dead)
		return -ESTALE;
	if (inode_is_directory(inode))
		return -EPERM;
	if (inode->nlink >= LINKS_MAX)
		return -EMLINK;
	bool unnamed = inode->nlink == 0;
	if (unnamed && !inode->unnamed)
		return -ENOENT;
	struct dentry *dentry;
	r = resolve_locked(volume, directory, name, &dentry);
	if (r < 0)
		return r;
	if (live_of(dentry) != NULL)
		return -EEXIST;
	if (dentry == NULL)
		dentry = dentry_get_locked(volume, directory, name, NULL);
	if (dentry == NULL)
		return -ENOMEM;
	dentry_pend_locked(dentry);
	dentry_set_live_locked(dentry, inode);
	slimlock_write(&inode->lock);
	uint64_t before = volume->journal.seq;
	inode->nlink++;
	if (!unnamed)
		r = record_link(volume, inode, dentry);
	else if (inode->limbo != NULL)
		r = record_first_name(volume, inode, dentry);
	else
		r = record_unnamed(volume, inode, dentry);
	if (r < 0)
		inode->nlink--;
	else
		inode_touch(volume, inode, INODE_CHANGE_STATUS);
	if (unnamed)
		journal_group_locked(&volume->journal, inode, before);
	if (r == 0 && unnamed) {
		inode->unnamed = false;
		extents_count(inode->extents, &volume->totals);
	}
	slimlock_unlock(&inode->lock);
	if (r < 0 && unnamed)
		stillborn_cancel_locked(volume,
					inode); /* those that it got so far */
	if (r < 0)
		dentry_set_live_locked(dentry, dentry->durable);
	else
		inode->nlookup++;
	dentry_settle_locked(volume, dentry);
	if (r < 0)
		return r;
	touch(volume, directory, INODE_CHANGE_CONTENT);
	logtree_linked_locked(volume, dentry);
	return 0;
}

int names_link(struct volume *volume, struct inode *inode,
	       struct inode *directory, const char *name)
{
	pthread_mutex_lock(&volume->lock);
	int r = link_locked(volume, inode, directory, name);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

static int unlink_locked(struct volume *volume, struct inode *directory,
			 const char *name, bool directory_wanted)
{
	int r = check_changeable(volume, directory);
	if (r < 0)
		return r;
	struct dentry *dentry;
	r = resolve_locked(volume, directory, name, &dentry);
	if (r < 0)
		return r;
	struct inode *inode = live_of(dentry);
	if (inode == NULL)
		return -ENOENT;
	if (directory_wanted != inode_is_directory(inode))
		return directory_wanted ? -ENOTDIR : -EISDIR;
	r = check_seen(volume, dentry);
	if (r == 0 && directory_wanted)
		r = names_check_empty_locked(volume, inode);
	if (r < 0)
		return r;
	struct record *record = journal_record_new(RECORD_UNLINK, inode);
	if (record == NULL)
		return -ENOMEM;
	record->from = dentry;
	journal_append(&volume->journal, record);
	dentry_set_live_locked(dentry, NULL);
	lose_link(volume, inode);
	touch(volume, directory, INODE_CHANGE_CONTENT);
	if (directory_wanted)
		count_child(directory, -1);
	logtree_unlinked_locked(volume, dentry, inode);
	if (stillborn_is_locked(volume, inode))
		stillborn_cancel_locked(volume, inode);
	return 0;
}

int names_unlink(struct volume *volume, struct inode *directory,
		 const char *name, bool directory_wanted)
{
	pthread_mutex_lock(&volume->lock);
	int r = unlink_locked(volume, directory, name, directory_wanted);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

static int check_replace(struct volume *volume, const struct inode *moved,
			 struct inode *replaced)
{
	if (inode_is_directory(moved) && !inode_is_directory(replaced))
		return -ENOTDIR;
	if (!inode_is_directory(moved) && inode_is_directory(replaced))
		return -EISDIR;
	if (!inode_is_directory(replaced))
		return 0;
	int r = names_check_empty_locked(volume, replaced);
	return r == -ENOTEMPTY ? profile_not_empty_error(volume->profile) : r;
}

static void account_rename(struct volume *volume,
			   const struct names_rename *rename,
			   struct inode *moved, struct inode *replaced)
{
	bool exchange = rename->flags & RENAME_EXCHANGE;
	int out = inode_is_directory(moved) ? -1 : 0;
	int in = -out;
	if (replaced != NULL && inode_is_directory(replaced)) {
		in--;
		out += exchange ? 1 : 0;
	}
	count_child(rename->from_directory, out);
	count_child(rename->to_directory, in);
	touch(volume, rename->from_directory, INODE_CHANGE_CONTENT);
	touch(volume, rename->to_directory, INODE_CHANGE_CONTENT);
	bool files =
		!exchange || profile_exchange_changes_files(volume->profile);
	/* Directories have to know their new parent in any case. */
	if (exchange && rename->from_directory != rename->to_directory)
		files = files || inode_is_directory(moved) ||
			inode_is_directory(replaced);
	if (files)
		touch(volume, moved, INODE_CHANGE_STATUS);
	if (exchange && files)
		touch(volume, replaced, INODE_CHANGE_STATUS);
	else if (!exchange && replaced != NULL)
		lose_link(volume, replaced);
}

/* ext4_alloc_da_blocks(): only if something waits for its blocks. What has them
 * is written at once, but not under the volume's lock: by the caller, for the
 * inode that is returned pinned. Without memory all just stays dirty. */
static void push_moved(struct volume *volume, struct inode *moved,
		       struct inode **ret_pushed)
{
	uint64_t before = atomic_load(&volume->journal.seq);
	int fd = -1;
	if (moved->in_store &&
	    store_get_fd_locked(volume, moved, false, &fd) < 0)
		return;
	slimlock_write(&moved->lock);
	if (profile_copies_on_write(volume->profile)) {
		(void)data_push_all_locked(volume, moved, 0, DATA_END);
	} else if (data_reserves(volume, moved, fd, 0, DATA_END)) {
		(void)data_push_locked(volume, moved, fd, 0, DATA_END);
		journal_note_late(&volume->journal, moved, before);
		inode_pin(moved);
		*ret_pushed = moved;
	}
	slimlock_unlock(&moved->lock);
	if (fd >= 0)
		store_put_fd(volume->store, moved);
}

static int record_move(struct volume *volume, struct dentry *from,
		       struct dentry *to, bool exchange)
{
	struct record *record = journal_record_new(
		exchange ? RECORD_EXCHANGE : RECORD_RENAME, from->live);
	if (record == NULL)
		return -ENOMEM;
	record->replaced = to->live;
	record->from = from;
	record->to = to;
	journal_append(&volume->journal, record);
	return 0;
}

/* A file between two directories, each of which is committed by itself: one more
 * name here, one less there. */
static int record_halves(struct volume *volume, struct dentry *from,
			 struct dentry *to, bool exchange)
{
	struct inode *moved = from->live;
	struct inode *replaced = to->live;
	struct record *enter = journal_record_new(RECORD_LINK, moved);
	struct record *leave =
		exchange ? journal_record_new(RECORD_LINK, replaced)
			 : journal_record_new(RECORD_UNLINK, moved);
	if (enter == NULL || leave == NULL) {
		journal_record_discard(volume, enter);
		journal_record_discard(volume, leave);
		return -ENOMEM;
	}
	enter->to = to;
	enter->replaced = replaced;
	enter->moved = true;
	leave->moved = true;
	if (exchange) {
		leave->to = from;
		leave->replaced = moved;
	} else {
		leave->from = from;
	}
	uint64_t before = volume->journal.seq;
	journal_append(&volume->journal, enter);
	journal_append(&volume->journal, leave);
	journal_group_locked(&volume->journal, moved, before);
	if (exchange)
		journal_group_locked(&volume->journal, replaced, before);
	return 0;
}

static int move_locked(struct volume *volume, const struct names_rename *rename,
		       struct dentry *from, struct dentry *to,
		       struct inode **ret_pushed)
{
	bool exchange = rename->flags & RENAME_EXCHANGE;
	struct inode *moved = from->live;
	struct inode *replaced = to->live;
	/* btrfs looks whether there is something to replace. */
	bool replaces = replaced != NULL && !exchange &&
			(replaced->size_bytes > 0 ||
			 !profile_copies_on_write(volume->profile));
	if (replaces && inode_is_regular(moved) &&
	    profile_pushes_on_replace(volume->profile))
		push_moved(volume, moved, ret_pushed);
	bool halves = profile_is_partial(volume->profile) &&
		      (from->directory != to->directory ||
		       profile_logs(volume->profile)) &&
		      !inode_is_directory(moved) &&
		      (replaced == NULL || !inode_is_directory(replaced));
	int r = halves ? record_halves(volume, from, to, exchange)
		       : record_move(volume, from, to, exchange);
	if (r < 0)
		return r;
	dentry_set_live_locked(from, exchange ? replaced : NULL);
	dentry_set_live_locked(to, moved);
	account_rename(volume, rename, moved, replaced);
	const struct logtree_rename changed = {from, to, moved, replaced,
					       exchange};
	logtree_renamed_locked(volume, &changed);
	return 0;
}

static int rename_locked(struct volume *volume,
			 const struct names_rename *rename,
			 struct inode **ret_pushed)
{
	int r = check_changeable(volume, rename->from_directory);
	if (r == 0)
		r = check_changeable(volume, rename->to_directory);
	if (r < 0)
		return r;
	struct dentry *from;
	struct dentry *to;
	if (rename->flags & RENAME_WHITEOUT)
		r = check_owner(volume, rename->from_directory,
				&rename->whiteout);
	if (r == 0)
		r = resolve_locked(volume, rename->from_directory,
				   rename->from_name, &from);
	if (r == 0)
		r = resolve_locked(volume, rename->to_directory,
				   rename->to_name, &to);
	if (r < 0)
		return r;
	struct inode *moved = live_of(from);
	struct inode *replaced = live_of(to);
	bool exchange = rename->flags & RENAME_EXCHANGE;
	if (moved == NULL || (exchange && replaced == NULL))
		return -ENOENT;
	if (replaced != NULL && rename->flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (moved == replaced)
		return 0;
	r = check_seen(volume, from);
	if (r == 0)
		r = check_seen(volume, to);
	if (r == 0 && replaced != NULL && !exchange)
		r = check_replace(volume, moved, replaced);
	if (r < 0)
		return r;
	if (to == NULL)
		to = dentry_get_locked(volume, rename->to_directory,
				       rename->to_name, NULL);
	if (to == NULL)
		return -ENOMEM;
	struct inode *inode = NULL;
	struct record *whiteout = NULL;
	if (rename->flags & RENAME_WHITEOUT)
		r = prepare_create(volume, rename->from_directory,
				   &rename->whiteout, &inode, &whiteout);
	/* Held over a failure in between: a name without meaning would stay. */
	dentry_pend_locked(to);
	uint64_t before = volume->journal.seq;
	if (r == 0)
		r = move_locked(volume, rename, from, to, ret_pushed);
	if (r == 0 && whiteout != NULL) {
		finish_create(volume, from, whiteout);
		journal_group_locked(&volume->journal, moved, before);
		journal_group_locked(&volume->journal, inode, before);
	} else if (whiteout != NULL) {
		journal_record_discard(volume, whiteout);
		inode_release_locked(volume, inode);
	}
	dentry_settle_locked(volume, to);
	return r;
}

int names_rename(struct volume *volume, const struct names_rename *rename)
{
	unsigned int known = RENAME_NOREPLACE | RENAME_EXCHANGE;
	if (!(rename->flags & RENAME_EXCHANGE))
		known |= RENAME_WHITEOUT;
	if (rename->flags & ~known)
		return -EINVAL;
	struct inode *pushed = NULL;
	pthread_mutex_lock(&volume->lock);
	int r = rename_locked(volume, rename, &pushed);
	pthread_mutex_unlock(&volume->lock);
	if (pushed == NULL)
		return r;
	commit_stored(volume, pushed);
	pthread_mutex_lock(&volume->lock);
	inode_unpin_locked(volume, pushed);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

int names_readlink(struct volume *volume, struct inode *inode,
		   char **ret_target)
{
	int r = 0;
	pthread_mutex_lock(&volume->lock);
	if (inode->target == NULL) {
		struct dentry *dentry = dentry_durable_of(inode);
		r = dentry == NULL ? -ENOENT
				   : store_readlink_locked(volume, dentry,
							   &inode->target);
	}
	if (r == 0) {
		*ret_target = strdup(inode->target);
		r = *ret_target == NULL ? -ENOMEM : 0;
	}
	pthread_mutex_unlock(&volume->lock);
	return r;
}
