/* SPDX-License-Identifier: MIT */
/*
 * The name under which things are made is an ordinary name of the root, so that
 * the steps of the store work on it as on any other. It is pending meanwhile,
 * which hides it from those who list the root.
 */
#include "fusefs/surface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "fusefs/apply.h"
#include "fusefs/dentry.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/limbo.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/writeback.h"

/* One name that was made, and what it means. */
struct made {
	struct dentry *dentry;
	struct inode *inode; /* pinned */
	bool created;	     /* or else linked */
};

struct surfacing {
	struct volume *volume;
	struct made *list;
	size_t count;
	size_t capacity;
};

static int add(struct surfacing *surfacing, struct dentry *dentry,
	       struct inode *inode)
{
	if (surfacing->count == surfacing->capacity) {
		size_t capacity =
			surfacing->capacity ? surfacing->capacity * 2 : 4;
		struct made *list =
			reallocarray(surfacing->list, capacity, sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		surfacing->list = list;
		surfacing->capacity = capacity;
	}
	inode_pin(inode);
	surfacing->list[surfacing->count++] =
		(struct made){.dentry = dentry, .inode = inode};
	return 0;
}

static int list_pieces(const struct limbo *limbo,
		       struct record_pieces *ret_pieces)
{
	size_t capacity = 0;
	int r = 0;
	for (const struct extent *extent = extents_at(limbo->extents, 0);
	     extent != NULL && r == 0; extent = extents_next(extent)) {
		const struct record_piece piece = {
			.offset_bytes = extent->offset_bytes,
			.length_bytes = extent->length_bytes,
			.source = extent->source,
		};
		r = journal_add_piece(ret_pieces, &capacity, &piece);
	}
	return r;
}

static int write_content_locked(struct volume *volume, struct inode *inode)
{
	const struct limbo *limbo = inode->limbo;
	struct record_pieces pieces = {0};
	int fd;
	int r = store_get_fd_locked(volume, inode, true, &fd);
	if (r < 0)
		return r;
	r = list_pieces(limbo, &pieces);
	pthread_mutex_unlock(&volume->lock);
	if (r == 0)
		r = store_truncate(fd, limbo->size_bytes);
	if (r == 0)
		r = apply_pieces(volume, inode, fd, &pieces, NULL);
	struct stat st;
	if (r == 0)
		r = store_file_stat(fd, &st);
	pthread_mutex_lock(&volume->lock);
	store_put_fd(volume->store, inode);
	free(pieces.list);
	if (r == 0) {
		slimlock_write(&inode->lock);
		inode->blocks = (uint64_t)st.st_blocks;
		slimlock_unlock(&inode->lock);
	}
	return r;
}

/* A value that no store of this kind takes must not stop the file. */
static int write_xattrs_locked(struct volume *volume, struct inode *inode)
{
	for (const struct limbo_xattr *entry = inode->limbo->xattrs;
	     entry != NULL; entry = entry->next) {
		int r = store_set_xattr_locked(volume, inode, entry->xattr.name,
					       entry->xattr.value,
					       entry->xattr.size_bytes);
		if (r < 0 && store_error_passes(r))
			return r;
		if (r < 0)
			writeback_log_lost_locked(volume, inode,
						  "the store refuses it");
	}
	return 0;
}

static int dress_locked(struct volume *volume, struct inode *inode)
{
	const struct limbo *limbo = inode->limbo;
	int r = 0;
	if (inode_is_regular(inode) && limbo->size_bytes > 0)
		r = write_content_locked(volume, inode);
	if (r == 0)
		r = write_xattrs_locked(volume, inode);
	/* Writing has taken the set-id bits away. */
	if (r == 0 && limbo->attributes.mode & (S_ISUID | S_ISGID) &&
	    !S_ISLNK(inode->type)) {
		const struct record_attributes mode = {
			.set = RECORD_MODE, .mode = limbo->attributes.mode};
		r = store_set_attributes_locked(volume, inode, &mode);
	}
	return r;
}

/* Until they are made, these names mean nothing: a way to the inode that is not
 * there must not be taken for one. */
static int add_children(struct surfacing *surfacing, struct inode *directory)
{
	list_for_each(node, following, &directory->directory->overlay) {
		struct dentry *dentry =
			list_entry(node, struct dentry, overlay_link);
		if (dentry->durable == NULL)
			continue;
		int r = add(surfacing, dentry, dentry->durable);
		if (r < 0)
			return r;
		dentry_set_durable_locked(dentry, NULL);
	}
	return 0;
}

static int make_locked(struct surfacing *surfacing, size_t index)
{
	struct volume *volume = surfacing->volume;
	struct made *made = &surfacing->list[index];
	struct inode *inode = made->inode;
	if (inode->in_store)
		return store_link_locked(volume, made->dentry, inode);
	int r = store_create_locked(volume, made->dentry, inode,
				    &inode->limbo->attributes);
	if (r < 0)
		return r;
	made->created = true;
	if (inode_is_directory(inode))
		return add_children(surfacing, inode);
	return 0;
}

/* From the last to the first: a directory after what is in it. What was not the
 * first is paid for as before, once none of them is in the store any more: until
 * then it would be taken for one more name there. What cannot be removed now stays under its name,
 * which is not shown, until the next time. */
static void unmake_locked(struct surfacing *surfacing, size_t made_count)
{
	struct volume *volume = surfacing->volume;
	for (size_t i = surfacing->count; i > 0; i--) {
		struct made *made = &surfacing->list[i - 1];
		made->inode->adopted = made->created;
		int r = 0;
		if (i <= made_count)
			r = store_unlink_locked(volume, made->dentry);
		if (r < 0) {
			writeback_log_locked(volume, made->inode, "store-error",
					     strerror(-r));
			store_lose_name_locked(volume, made->dentry);
			made->inode->half_made = i == 1 && made->created;
			volume->unfinished = true;
		}
		made->inode->adopted = false;
	}
	for (size_t i = 1; i < surfacing->count; i++)
		dentry_set_durable_locked(surfacing->list[i].dentry,
					  surfacing->list[i].inode);
}

/* Their mtime is that of the last entry made, until now. Times that no store of
 * this kind takes must not stop the rest. */
static int set_times_locked(struct surfacing *surfacing)
{
	for (size_t i = surfacing->count; i > 0; i--) {
		struct made *made = &surfacing->list[i - 1];
		if (!made->created)
			continue;
		int r = store_set_times_locked(surfacing->volume, made->inode,
					       made->inode->limbo->times);
		if (r < 0 && store_error_passes(r))
			return r;
	}
	return 0;
}

static int make_all_locked(struct surfacing *surfacing, struct dentry *first,
			   struct inode *inode, size_t *ret_made)
{
	*ret_made = 0;
	int r = add(surfacing, first, inode);
	for (size_t i = 0; i < surfacing->count && r == 0; i++) {
		r = make_locked(surfacing, i);
		if (r == 0 || surfacing->list[i].created)
			*ret_made = i + 1;
		if (r == 0 && surfacing->list[i].created)
			r = dress_locked(surfacing->volume,
					 surfacing->list[i].inode);
	}
	return r < 0 ? r : set_times_locked(surfacing);
}

/* The names that are the same in both worlds are the store's now. */
static void clean_overlay_locked(struct volume *volume, struct inode *directory)
{
	struct list clean;
	list_init(&clean);
	list_for_each(node, following, &directory->directory->overlay) {
		if (list_entry(node, struct dentry, overlay_link)->pending > 0)
			continue;
		list_remove(node);
		list_append(&clean, node);
	}
	while (!list_empty(&clean)) {
		struct dentry *dentry =
			list_entry(clean.next, struct dentry, overlay_link);
		list_remove(&dentry->overlay_link);
		inode_release_locked(volume, dentry->live);
	}
}

static void leave_limbo_locked(struct surfacing *surfacing)
{
	for (size_t i = surfacing->count; i > 0; i--) {
		struct made *made = &surfacing->list[i - 1];
		if (!made->created)
			continue;
		limbo_leave_locked(surfacing->volume, made->inode);
		if (inode_is_directory(made->inode))
			clean_overlay_locked(surfacing->volume, made->inode);
	}
}

int surface_clean_locked(struct volume *volume)
{
	int r = 0;
	if (volume->unfinished)
		r = store_clear(volume->store, SURFACE_NAME);
	if (r == 0)
		volume->unfinished = false;
	return r;
}

/* The root is the place of it only in passing. What fails here is mended by the
 * next commit of the root. */
static void restore_root_times_locked(struct volume *volume,
				      const struct stat *before)
{
	const struct timespec times[2] = {before->st_atim, before->st_mtim};
	if (store_set_times_locked(volume, volume->root, times) == 0)
		return;
	slimlock_write(&volume->root->lock);
	inode_note_times(volume, volume->root);
	slimlock_unlock(&volume->root->lock);
}

static int stage_locked(struct surfacing *surfacing, struct dentry *to,
			struct inode *inode)
{
	struct volume *volume = surfacing->volume;
	int r = surface_clean_locked(volume);
	struct stat root;
	if (r == 0)
		r = store_root_stat(volume->store, &root);
	if (r < 0)
		return r;
	struct dentry *stage =
		dentry_get_locked(volume, volume->root, SURFACE_NAME, NULL);
	if (stage == NULL)
		return -ENOMEM;
	dentry_pend_locked(stage);
	size_t made = 0;
	r = make_all_locked(surfacing, stage, inode, &made);
	if (r == 0)
		r = store_rename_locked(volume, stage, to, false);
	if (r < 0)
		unmake_locked(surfacing, made);
	restore_root_times_locked(volume, &root);
	dentry_settle_locked(volume, stage);
	return r;
}

static int in_place_locked(struct surfacing *surfacing, struct dentry *to,
			   struct inode *inode)
{
	size_t made = 0;
	int r = make_all_locked(surfacing, to, inode, &made);
	if (r < 0)
		unmake_locked(surfacing, made);
	return r;
}

static bool is_one_step(const struct dentry *to, const struct inode *inode)
{
	if (to->durable != NULL)
		return false;
	if (inode->in_store)
		return true;
	if (!limbo_is_plain(inode->limbo))
		return false;
	if (!inode_is_directory(inode))
		return true;
	list_for_each(node, following, &inode->directory->overlay)
		if (list_entry(node, struct dentry, overlay_link)->durable !=
		    NULL)
			return false;
	return true;
}

int surface_locked(struct volume *volume, struct dentry *to,
		   struct inode *inode)
{
	struct surfacing surfacing = {.volume = volume};
	int r = is_one_step(to, inode) ? in_place_locked(&surfacing, to, inode)
				       : stage_locked(&surfacing, to, inode);
	if (r == 0)
		leave_limbo_locked(&surfacing);
	for (size_t i = surfacing.count; i > 0; i--)
		inode_unpin_locked(volume, surfacing.list[i - 1].inode);
	free(surfacing.list);
	return r;
}
