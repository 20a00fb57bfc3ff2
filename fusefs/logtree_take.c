/* SPDX-License-Identifier: MIT */
/*
 * The log becomes durable: of the journal, the records are stored that bring
 * each name to what a replay makes of it, and of what was logged of the inodes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "fusefs/apply.h"
#include "fusefs/dentry.h"
#include "fusefs/extents.h"
#include "fusefs/fault.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/logtree.h"
#include "fusefs/partial.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

/* Whether the record gives the name a meaning, and which. */
static bool gives(const struct record *record, const struct dentry *name,
		  struct inode **ret_meaning)
{
	if (record->to == name) {
		*ret_meaning = record->inode;
		return true;
	}
	if (record->from != name)
		return false;
	*ret_meaning =
		record->kind == RECORD_EXCHANGE ? record->replaced : NULL;
	return true;
}

static int choose_inside(struct partial_chosen *chosen,
			 const struct inode *directory)
{
	int r = 0;
	list_for_each(node, following, &directory->directory->named)
		if (r == 0)
			r = partial_choose(
				chosen,
				list_entry(node, struct record_place, link)
					->record);
	return r;
}

/* The newest record after which the name means that. What came before it on the
 * name is taken along. */
static int choose_for(struct partial_chosen *chosen, const struct dentry *name,
		      const struct inode *meaning)
{
	struct record *found = NULL;
	list_for_each(node, following, &name->directory->directory->named) {
		struct record *record =
			list_entry(node, struct record_place, link)->record;
		struct inode *given;
		if (gives(record, name, &given) && given == meaning)
			found = record;
	}
	if (found != NULL)
		return partial_choose(chosen, found);
	/* leave_replaced_locked() removes it: emptied. */
	return meaning == NULL && inode_is_directory(name->durable)
		       ? choose_inside(chosen, name->durable)
		       : 0;
}

static int choose_names(struct partial_chosen *chosen, struct volume *volume)
{
	int r = 0;
	list_for_each(node, following, &volume->logtree->to_replay) {
		const struct logtree_name *name =
			list_entry(node, struct logtree_name, to_replay);
		const struct logtree_inode *replayed = logtree_replay(name);
		struct inode *meaning = replayed ? replayed->inode : NULL;
		const struct dentry *dentry = dentry_find_locked(
			volume, name->directory->inode, name->name);
		if (r == 0 && dentry != NULL && dentry->durable != meaning)
			r = choose_for(chosen, dentry, meaning);
	}
	return r;
}

/* Of a directory that is logged with its entries nothing stays that has gone, even
 * if the log never spoke of it. */
static int choose_gone(struct partial_chosen *chosen,
		       const struct logtree_inode *directory)
{
	const struct logtree *tree = chosen->partial->volume->logtree;
	int r = 0;
	list_for_each(node, following, &directory->inode->directory->named) {
		const struct dentry *gone =
			list_entry(node, struct record_place, link)
				->record->from;
		if (r != 0 || gone == NULL || gone->live != NULL ||
		    gone->durable == NULL ||
		    gone->directory != directory->inode)
			continue;
		const struct logtree_name *name =
			logtree_find(directory, tree, gone->name);
		if (name == NULL || logtree_replay(name) == NULL)
			r = choose_for(chosen, gone, NULL);
	}
	return r;
}

/* What is logged of an inode beside its names. The content of a file is stored
 * before, by its own sync. */
static bool is_logged(const struct logtree_inode *inode,
		      const struct record *record)
{
	if (record->kind == RECORD_XATTR)
		return record->seq <= inode->exists_seq;
	return record->kind == RECORD_ATTRIBUTES &&
	       record->seq <=
		       (inode->fresh ? inode->exists_seq : inode->all_seq);
}

static int choose_status(struct partial_chosen *chosen,
			 const struct logtree_inode *inode)
{
	struct journal *journal = &chosen->partial->volume->journal;
	int r = 0;
	pthread_mutex_lock(&journal->lock);
	list_for_each(node, following, &inode->inode->records) {
		struct record *record =
			list_entry(node, struct record, inode_link);
		if (r == 0 && is_logged(inode, record))
			r = partial_choose(chosen, record);
	}
	pthread_mutex_unlock(&journal->lock);
	return r;
}

struct taking {
	struct volume *volume;
	bool any; /* records were chosen */
};

static int choose_all(struct partial_chosen *chosen, void *user)
{
	struct taking *taking = user;
	struct volume *volume = taking->volume;
	int r = choose_names(chosen, volume);
	list_for_each(node, following, &volume->logtree->to_take) {
		const struct logtree_inode *logged =
			list_entry(node, struct logtree_inode, to_take);
		if (r == 0)
			r = choose_status(chosen, logged);
		if (r == 0 && logged->is_directory && logged->logged_all)
			r = choose_gone(chosen, logged);
	}
	taking->any = chosen->count > 0;
	return r;
}

/* What records cannot do without may give a name back that has gone. Then once
 * more, which ends as each time there are fewer records. */
static int take_records(struct partial *partial)
{
	struct taking taking = {.volume = partial->volume};
	int r;
	do {
		r = partial_take(partial, choose_all, &taking);
	} while (r == 0 && taking.any && partial->mode == MODE_ALLOW_WRITES);
	return r;
}

static void empty(struct list *list)
{
	while (!list_empty(list))
		list_remove(list->next);
}

/* A record of the journal replaces what the name means in the store. An exchange
 * needs it there. */
static bool is_to_be_replaced(const struct dentry *name)
{
	list_for_each(node, following, &name->directory->directory->named) {
		const struct record *record =
			list_entry(node, struct record_place, link)->record;
		if (record->to == name && record->replaced == name->durable &&
		    record->kind != RECORD_EXCHANGE)
			return true;
	}
	return false;
}

/* A name of which the log says that it is gone, and the journal only that it was
 * replaced: the log of the replaced inode lost it, what replaced it was not
 * logged. The record that replaces it finds it free. */
static int leave_replaced_locked(struct volume *volume)
{
	int r = 0;
	list_for_each(node, following, &volume->logtree->to_replay) {
		const struct logtree_name *name =
			list_entry(node, struct logtree_name, to_replay);
		struct dentry *dentry = dentry_find_locked(
			volume, name->directory->inode, name->name);
		if (r == 0 && dentry != NULL && dentry->durable != NULL &&
		    logtree_replay(name) == NULL && is_to_be_replaced(dentry))
			r = apply_leave_locked(volume, dentry);
	}
	return r;
}

/* The store has the attributes of the last full commit again (note_committed() of
 * logtree_sync.c); those of now are one more record. */
static int revert_locked(struct volume *volume, struct logtree_inode *node)
{
	struct inode *inode = node->inode;
	struct record_attributes before = {
		.set = RECORD_MODE | RECORD_UID | RECORD_GID,
		.mode = node->committed_mode,
		.uid = node->committed_uid,
		.gid = node->committed_gid,
	};
	struct stat st;
	if (node->logged_all || !node->knows_committed || !inode->in_store ||
	    store_inode_stat_locked(volume, inode, &st) < 0 ||
	    (st.st_mode == before.mode && st.st_uid == before.uid &&
	     st.st_gid == before.gid))
		return 0;
	struct record *record = journal_record_new(RECORD_ATTRIBUTES, inode);
	if (record == NULL)
		return -ENOMEM;
	int r = store_set_attributes_locked(volume, inode, &before);
	if (r < 0) {
		journal_record_discard(volume, record);
		return r;
	}
	slimlock_write(&inode->lock);
	record->attributes = (struct record_attributes){
		.set = before.set,
		.mode = inode->mode,
		.uid = inode->uid,
		.gid = inode->gid,
	};
	journal_append(&volume->journal, record);
	slimlock_unlock(&inode->lock);
	return 0;
}

/* Its content is to be moved as a whole: no mount asks for that, but the model
 * does. */
static bool is_to_be_moved(struct volume *volume, const struct inode *inode)
{
	bool moves = false;
	pthread_mutex_lock(&volume->journal.lock);
	list_for_each(node, following, &inode->records) {
		const struct record *record =
			list_entry(node, struct record, inode_link);
		if (record->kind == RECORD_SPACE &&
		    record->space.mode &
			    (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
			moves = true;
	}
	pthread_mutex_unlock(&volume->journal.lock);
	return moves;
}

/* Logged again only to be there, when it was shorter: the store's bytes are those
 * that were logged first, up to that size. What the journal has of its content
 * begins by cutting it, and so follows as if this were not. */
static int cut_locked(struct volume *volume, struct logtree_inode *node)
{
	struct inode *inode = node->inode;
	struct stat st;
	int fd;
	if (!node->was_cut || !inode->in_store || is_to_be_moved(volume, inode))
		return 0;
	int r = store_get_fd_locked(volume, inode, true, &fd);
	if (r < 0)
		return r;
	r = store_file_stat(fd, &st);
	if (r == 0 && st.st_size > node->cut_bytes)
		r = store_truncate(fd, node->cut_bytes);
	store_put_fd(volume->store, inode);
	if (r == 0)
		node->was_cut = false;
	return r;
}

static int revert_all_locked(struct volume *volume)
{
	int r = 0;
	list_for_each(node, following, &volume->logtree->to_take) {
		struct logtree_inode *logged =
			list_entry(node, struct logtree_inode, to_take);
		if (r == 0)
			r = revert_locked(volume, logged);
		if (r == 0)
			r = cut_locked(volume, logged);
	}
	return r;
}

static int take(struct partial *partial)
{
	struct volume *volume = partial->volume;
	int r = take_records(partial);
	if (r != 0)
		return r;
	pthread_mutex_lock(&volume->lock);
	if (partial->mode == MODE_ALLOW_WRITES)
		r = leave_replaced_locked(volume);
	if (r == 0 && partial->mode == MODE_ALLOW_WRITES)
		r = revert_all_locked(volume);
	empty(&volume->logtree->to_replay);
	empty(&volume->logtree->to_take);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

/* Records that the log had no need of will change the store's directory again. */
static int sync_times(struct partial *partial, struct inode *inode)
{
	struct volume *volume = partial->volume;
	int r = partial_sync_times(partial, inode);
	pthread_mutex_lock(&volume->lock);
	if (inode_is_directory(inode) && inode->directory->records > 0) {
		slimlock_write(&inode->lock);
		inode_note_times(volume, inode);
		slimlock_unlock(&inode->lock);
	}
	pthread_mutex_unlock(&volume->lock);
	return r;
}

static bool is_dirty(struct inode *inode)
{
	slimlock_read(&inode->lock);
	bool dirty = inode->extents != NULL && inode->extents->dirty_bytes > 0;
	slimlock_unlock(&inode->lock);
	return dirty;
}

int logtree_sync(struct partial *partial, struct inode *inode,
		 const struct commit_range *range)
{
	struct volume *volume = partial->volume;
	pthread_mutex_lock(&volume->lock);
	enum logtree_verdict verdict = logtree_sync_locked(volume, inode);
	partial->target = volume->journal.seq;
	pthread_mutex_lock(&volume->journal.lock);
	/* It was logged by a sync that failed. */
	if (verdict == LOGTREE_NOTHING && volume->logtree != NULL &&
	    volume->logtree->refuses && !list_empty(&inode->records))
		verdict = LOGTREE_COMMITS;
	pthread_mutex_unlock(&volume->journal.lock);
	pthread_mutex_unlock(&volume->lock);
	if (verdict == LOGTREE_NOTHING)
		return 0;
	if (verdict == LOGTREE_COMMITS)
		return PARTIAL_TAKES_ALL;
	int r = partial_sync_content(partial, inode, false, range);
	if (r == 0)
		r = take(partial);
	if (r == 0)
		r = sync_times(partial, inode);
	/* What the log says is not all there: the next one commits. One that
	 * goes on with its data later logs all again. */
	if (r != 0 && !(r == -FAULT_AGAIN && is_dirty(inode)))
		logtree_refuse(volume);
	return r;
}

void logtree_refuse(struct volume *volume)
{
	pthread_mutex_lock(&volume->lock);
	if (volume->logtree != NULL)
		volume->logtree->refuses = true;
	pthread_mutex_unlock(&volume->lock);
}
