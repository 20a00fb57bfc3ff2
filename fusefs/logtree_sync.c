/* SPDX-License-Identifier: MIT */
/*
 * What a sync logs: fs/btrfs/tree-log.c of Linux 6.1, as far as it shows. The
 * names of its functions stand above those that do what they do.
 */
#include <stdlib.h>

#include "fusefs/dentry.h"
#include "fusefs/inode.h"
#include "fusefs/logtree.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

/* MAX_CONFLICT_INODES */
#define CONFLICTS_MAX 10

enum extent_of_logging {
	LOG_EXISTS,
	LOG_ALL
};

/* BTRFS_LOG_FORCE_COMMIT */
#define FORCES_COMMIT 1

/* One logging: btrfs_log_ctx. */
struct logging {
	struct volume *volume;
	struct logtree *tree;
	const struct logtree_inode *about;
	bool new_name;
	bool found_entries; /* log_new_dentries */
	bool in_conflicts;
	bool in_entries;
	int conflict_count;
	int conflicts_done;
	struct conflict {
		struct logtree_inode *inode;
		struct logtree_inode *parent;
	} conflicts[CONFLICTS_MAX];
};

static int log_inode(struct logging *logging, struct logtree_inode *inode,
		     enum extent_of_logging extent);

static int refuse(const struct logging *logging)
{
	logging->tree->refuses = true;
	return FORCES_COMMIT;
}

static bool is_gone(const struct logtree_inode *inode)
{
	return inode->inode->nlink == 0;
}

/* It changed since the last full commit. */
static bool has_changed(const struct logging *logging,
			const struct inode *inode)
{
	return inode->sync_seq > logging->volume->journal.committed;
}

/* need_log_inode() */
static bool needs_logging(const struct logging *logging,
			  const struct logtree_inode *inode)
{
	if (inode->is_directory && !has_changed(logging, inode->inode))
		return false;
	return !inode->logged || inode->copy_anew || inode->inode->log_anew;
}

/* can_log_conflicting_inode(), btrfs_log_inode() */
static bool was_moved_directory(const struct logtree_inode *inode)
{
	return inode->is_directory && inode->moved;
}

/* add_conflicting_inode() */
static int add_conflict(struct logging *logging, struct logtree_inode *other,
			struct logtree_inode *parent)
{
	if (logging->conflict_count == CONFLICTS_MAX)
		return refuse(logging);
	if (is_gone(other) && !other->is_directory)
		return 0;
	if (!is_gone(other) && !needs_logging(logging, other))
		return 0;
	if (!is_gone(other) && was_moved_directory(other))
		return FORCES_COMMIT;
	logging->conflicts[logging->conflict_count++] =
		(struct conflict){other, parent};
	return 0;
}

/* log_conflicting_inodes() */
static int log_conflicts(struct logging *logging)
{
	if (logging->in_conflicts)
		return 0;
	logging->in_conflicts = true;
	int r = 0;
	while (logging->conflicts_done < logging->conflict_count && r == 0) {
		struct conflict *conflict =
			&logging->conflicts[logging->conflicts_done++];
		if (!is_gone(conflict->inode)) {
			if (needs_logging(logging, conflict->inode))
				r = log_inode(logging, conflict->inode,
					      LOG_EXISTS);
		} else if (is_gone(conflict->parent)) {
			r = refuse(logging);
		} else if (was_moved_directory(conflict->parent)) {
			r = FORCES_COMMIT;
		} else {
			r = log_inode(logging, conflict->parent, LOG_ALL);
		}
	}
	logging->in_conflicts = false;
	return r;
}

/* All names that the inode has now. */
static int know_names(const struct logging *logging,
		      const struct logtree_inode *inode)
{
	list_for_each(node, following, &inode->inode->live) {
		const struct dentry *dentry =
			list_entry(node, struct dentry, live_link);
		if (logtree_name_locked(logging->volume, dentry,
					inode->inode) == NULL)
			return refuse(logging);
	}
	return 0;
}

static void drop_references(struct logtree *tree, struct logtree_inode *inode)
{
	while (!list_empty(&inode->references))
		logtree_refer(tree,
			      list_entry(inode->references.next,
					 struct logtree_name, of_reference),
			      NULL);
	/* A name that is not said any more to be there is one that is said to
	 * be away. */
	list_for_each(node, following, &inode->committed_names)
		logtree_replay_later(tree, list_entry(node, struct logtree_name,
						      of_committed));
}

/* btrfs_check_ref_name_override(): the first of the inode's names in a directory
 * that the last commit has, too, decides for all of them there. */
static const struct logtree_name *
first_committed(const struct logtree_inode *inode,
		const struct logtree_inode *directory)
{
	list_for_each(node, following, &inode->live_names) {
		const struct logtree_name *name =
			list_entry(node, struct logtree_name, of_live);
		if (name->directory == directory && name->committed != NULL)
			return name;
	}
	return NULL;
}

static int log_references(struct logging *logging, struct logtree_inode *inode)
{
	int r = know_names(logging, inode);
	drop_references(logging->tree, inode);
	list_for_each(node, following, &inode->live_names) {
		struct logtree_name *name =
			list_entry(node, struct logtree_name, of_live);
		logtree_refer(logging->tree, name, inode);
		if (r != 0 || first_committed(inode, name->directory) != name)
			continue;
		if (name->committed != inode &&
		    name->committed != logging->about)
			r = add_conflict(logging, name->committed,
					 name->directory);
	}
	return r;
}

/* log_directory_changes(), log_delayed_deletion_items() and the like. */
static void log_entries(struct logging *logging,
			struct logtree_inode *directory)
{
	uint64_t newest = directory->logged_index;
	list_for_each(node, following, &directory->names) {
		struct logtree_name *name =
			list_entry(node, struct logtree_name, in_directory);
		bool stays = name->live == name->committed && name->index == 0;
		if (name->committed != NULL && !stays && !name->removed) {
			name->removed = true;
			logtree_replay_later(logging->tree, name);
		}
		if (name->live == NULL ||
		    name->index <= directory->logged_index)
			continue;
		name->entry = name->live;
		logtree_replay_later(logging->tree, name);
		logging->found_entries = true;
		if (name->index > newest)
			newest = name->index;
	}
	directory->logged_index = newest;
}

/* log_new_dir_dentries(), and the body of log_new_delayed_dentries(): of the
 * entries behind index `since`, which earlier syncs have not logged. */
static int log_children(struct logging *logging,
			const struct logtree_inode *directory, uint64_t since)
{
	int r = 0;
	list_for_each(node, following, &directory->names) {
		const struct logtree_name *name =
			list_entry(node, struct logtree_name, in_directory);
		if (r != 0 || name->live == NULL || name->index <= since ||
		    !needs_logging(logging, name->live))
			continue;
		uint64_t before = name->live->logged_index;
		logging->found_entries = false;
		r = log_inode(logging, name->live,
			      name->live->is_directory ? LOG_ALL : LOG_EXISTS);
		if (r == 0 && logging->found_entries)
			r = log_children(logging, name->live, before);
	}
	return r;
}

static int log_new_entries(struct logging *logging,
			   const struct logtree_inode *directory,
			   uint64_t since)
{
	if (logging->in_entries)
		return 0;
	bool found = logging->found_entries;
	logging->in_entries = true;
	int r = log_children(logging, directory, since);
	logging->in_entries = false;
	logging->found_entries = found;
	return r;
}

/* Logged as a whole, and then only to be there, an inode of an earlier
 * transaction has the attributes of that one again after a replay. */
static void note_committed(struct logging *logging, struct logtree_inode *inode)
{
	struct stat st;
	if (inode->fresh || inode->knows_committed ||
	    store_inode_stat_locked(logging->volume, inode->inode, &st) < 0)
		return;
	inode->knows_committed = true;
	inode->committed_bytes = st.st_size;
	inode->committed_mode = st.st_mode;
	inode->committed_uid = st.st_uid;
	inode->committed_gid = st.st_gid;
}

/* Which records of the inode the log has. */
static void note_logged(struct logging *logging, struct logtree_inode *inode,
			bool all)
{
	uint64_t seq = logging->volume->journal.seq;
	inode->exists_seq = seq;
	if (all)
		note_committed(logging, inode);
	if (all)
		inode->all_seq = seq;
	/* logged_inode_size(): 0 leaves the size of the last commit alone. */
	int64_t size = inode->inode->size_bytes;
	bool cut = !all && inode->all_seq > 0 && size < inode->logged_bytes;
	if (cut && (size > 0 || inode->fresh || inode->knows_committed)) {
		bool leaves = size == 0 && !inode->fresh;
		inode->was_cut = true;
		inode->cut_bytes = leaves ? inode->committed_bytes : size;
	}
	if (all)
		inode->was_cut = false;
	if (all || cut)
		inode->logged_bytes = size;
	inode->logged_all = all;
	inode->logged = true;
	if (all && !logging->new_name)
		inode->clean_seq = inode->inode->sync_seq;
	list_remove(&inode->to_take);
	list_append(&logging->tree->to_take, &inode->to_take);
}

/* btrfs_log_inode() */
static int log_inode(struct logging *logging, struct logtree_inode *inode,
		     enum extent_of_logging extent)
{
	if (S_ISLNK(inode->inode->type))
		extent = LOG_ALL;
	bool all = extent == LOG_ALL;
	bool entries = all && inode->is_directory;
	uint64_t since = inode->logged_index;
	if (entries && inode->moved)
		return refuse(logging);
	inode->copy_anew = false;
	inode->inode->log_anew = false;
	int r = log_references(logging, inode);
	if (r != 0)
		return r;
	if (entries)
		log_entries(logging, inode);
	note_logged(logging, inode, all);
	r = log_conflicts(logging);
	if (r == 0 && entries)
		r = log_new_entries(logging, inode, since);
	return r;
}

static int log_directory_and_below(struct logging *logging,
				   struct logtree_inode *directory)
{
	uint64_t since = directory->logged_index;
	logging->found_entries = false;
	int r = log_inode(logging, directory, LOG_ALL);
	if (r == 0 && logging->found_entries)
		r = log_children(logging, directory, since);
	return r;
}

/* btrfs_log_all_parents(): those of the last commit. */
static int log_old_parents(struct logging *logging,
			   const struct logtree_inode *inode)
{
	int r = know_names(logging, inode);
	list_for_each(node, following, &inode->committed_names) {
		struct logtree_inode *directory =
			list_entry(node, struct logtree_name, of_committed)
				->directory;
		if (r == 0 && is_gone(directory))
			r = refuse(logging);
		if (r == 0 && needs_logging(logging, directory))
			r = log_directory_and_below(logging, directory);
	}
	return r;
}

/* log_new_ancestors() */
static int log_way(struct logging *logging, struct inode *directory)
{
	int r = 0;
	while (r == 0) {
		struct logtree_inode *log = directory->log;
		if (log != NULL && log->fresh && needs_logging(logging, log))
			r = log_inode(logging, log, LOG_EXISTS);
		const struct dentry *name = dentry_live_of(directory);
		if (name == NULL)
			break;
		directory = name->directory;
	}
	return r;
}

/* log_all_new_ancestors() */
static int log_ancestors(struct logging *logging, const struct inode *inode)
{
	int r = 0;
	list_for_each(node, following, &inode->live)
		if (r == 0)
			r = log_way(logging,
				    list_entry(node, struct dentry, live_link)
					    ->directory);
	return r;
}

/* btrfs_log_inode_parent() */
static int log_with_parents(struct logging *logging,
			    struct logtree_inode *inode,
			    enum extent_of_logging extent)
{
	if (logging->tree->exists && logging->tree->refuses)
		return FORCES_COMMIT;
	logging->tree->exists = true;
	uint64_t since = inode->logged_index;
	int r = log_inode(logging, inode, extent);
	if (r != 0 ||
	    (inode_is_regular(inode->inode) && !inode->fresh && !inode->moved))
		return r;
	bool below = inode->is_directory && logging->found_entries;
	if (inode->moved)
		r = log_old_parents(logging, inode);
	if (r == 0)
		r = log_ancestors(logging, inode->inode);
	if (r == 0 && below)
		r = log_children(logging, inode, since);
	return r;
}

static bool has_dirty_data(struct inode *inode)
{
	slimlock_read(&inode->lock);
	bool dirty = inode->extents != NULL && inode->extents->dirty_bytes > 0;
	slimlock_unlock(&inode->lock);
	return dirty;
}

enum logtree_verdict logtree_sync_locked(struct volume *volume,
					 struct inode *inode)
{
	struct logtree *tree = volume->logtree;
	struct logging logging = {.volume = volume, .tree = tree};
	if (inode->nlink == 0)
		return LOGTREE_NOTHING;
	/* btrfs_inode_in_log(), skip_inode_logging() */
	bool clean = inode->log != NULL && inode->log->logged &&
		     inode->log->clean_seq == inode->sync_seq;
	if (!has_dirty_data(inode) && (clean || !has_changed(&logging, inode)))
		return LOGTREE_NOTHING;
	struct logtree_inode *node = logtree_inode_locked(volume, inode);
	if (node == NULL || tree->refuses)
		return LOGTREE_COMMITS;
	logging.about = node;
	int r = log_with_parents(&logging, node, LOG_ALL);
	return r != 0 || tree->refuses ? LOGTREE_COMMITS : LOGTREE_SYNCS;
}

/* btrfs_log_new_name() */
void logtree_new_name_locked(struct volume *volume,
			     const struct logtree_move *move)
{
	struct logtree *tree = volume->logtree;
	struct logtree_inode *inode = move->inode;
	struct logtree_name *from = move->from;
	bool from_logged = from != NULL && from->directory->logged;
	if (!inode->is_directory)
		inode->moved = true;
	if (!inode->logged && !from_logged)
		return;
	if (from_logged && from->entry == inode)
		from->entry = NULL;
	else if (from_logged && move->was_committed)
		from->removed = true;
	if (from != NULL)
		logtree_replay_later(tree, from);
	struct logging logging = {.volume = volume,
				  .tree = tree,
				  .about = inode,
				  .new_name = true};
	/* What it cannot log is not in the log, and nobody is told. */
	(void)log_with_parents(&logging, inode, LOG_EXISTS);
}
