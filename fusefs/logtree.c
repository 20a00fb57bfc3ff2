/* SPDX-License-Identifier: MIT */
#include "fusefs/logtree.h"

#include <stdlib.h>
#include <string.h>

#include "fusefs/dentry.h"
#include "fusefs/inode.h"
#include "fusefs/volume.h"

#define SLOTS_MIN 256

struct logtree *logtree_new(void)
{
	struct logtree *tree = calloc(1, sizeof(*tree));
	if (tree == NULL)
		return NULL;
	list_init(&tree->inodes);
	list_init(&tree->to_replay);
	list_init(&tree->to_take);
	return tree;
}

static void free_name(struct logtree_name *name)
{
	list_remove(&name->in_directory);
	list_remove(&name->of_live);
	list_remove(&name->of_committed);
	list_remove(&name->of_reference);
	list_remove(&name->to_replay);
	free(name);
}

static void free_inode(struct volume *volume, struct logtree_inode *node)
{
	struct inode *inode = node->inode;
	list_remove(&node->link);
	list_remove(&node->to_take);
	inode->log = NULL;
	free(node);
	inode_unpin_locked(volume, inode);
}

void logtree_reset_locked(struct volume *volume)
{
	struct logtree *tree = volume->logtree;
	if (tree == NULL)
		return;
	for (uint64_t i = 0; i < tree->slot_count; i++)
		while (tree->slots[i] != NULL) {
			struct logtree_name *name = tree->slots[i];
			tree->slots[i] = name->hash_next;
			free_name(name);
		}
	while (!list_empty(&tree->inodes))
		free_inode(volume, list_entry(tree->inodes.next,
					      struct logtree_inode, link));
	free(tree->slots);
	tree->slots = NULL;
	tree->slot_count = 0;
	tree->name_count = 0;
	tree->inode_count = 0;
	tree->exists = false;
	tree->refuses = false;
}

void logtree_free(struct volume *volume)
{
	logtree_reset_locked(volume);
	free(volume->logtree);
	volume->logtree = NULL;
}

static struct logtree_inode *no_memory(struct logtree *tree)
{
	tree->refuses = true;
	return NULL;
}

struct logtree_inode *logtree_inode_locked(struct volume *volume,
					   struct inode *inode)
{
	struct logtree *tree = volume->logtree;
	if (inode->log != NULL)
		return inode->log;
	if (tree->inode_count >= LOGTREE_PARTS_MAX)
		return no_memory(tree);
	struct logtree_inode *node = calloc(1, sizeof(*node));
	if (node == NULL)
		return no_memory(tree);
	node->inode = inode;
	node->is_directory = inode_is_directory(inode);
	list_init(&node->to_take);
	list_init(&node->names);
	list_init(&node->live_names);
	list_init(&node->committed_names);
	list_init(&node->references);
	list_append(&tree->inodes, &node->link);
	tree->inode_count++;
	inode_pin(inode);
	inode->log = node;
	return node;
}

static uint32_t hash_name(const struct logtree_inode *directory,
			  const char *name)
{
	uint32_t hash = 2166136261U ^ (uint32_t)((uintptr_t)directory >> 4);
	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	return hash;
}

static int grow(struct logtree *tree)
{
	uint64_t count = tree->slot_count ? tree->slot_count * 2 : SLOTS_MIN;
	struct logtree_name **slots = calloc(count, sizeof(*slots));
	if (slots == NULL)
		return -1;
	for (uint64_t i = 0; i < tree->slot_count; i++)
		while (tree->slots[i] != NULL) {
			struct logtree_name *name = tree->slots[i];
			tree->slots[i] = name->hash_next;
			name->hash_next = slots[name->hash % count];
			slots[name->hash % count] = name;
		}
	free(tree->slots);
	tree->slots = slots;
	tree->slot_count = count;
	return 0;
}

static struct logtree_name *find(const struct logtree *tree,
				 const struct logtree_inode *directory,
				 const char *text, uint32_t hash)
{
	struct logtree_name *name =
		tree->slot_count ? tree->slots[hash % tree->slot_count] : NULL;
	while (name != NULL &&
	       (name->directory != directory || strcmp(name->name, text) != 0))
		name = name->hash_next;
	return name;
}

struct logtree_name *logtree_find(const struct logtree_inode *directory,
				  const struct logtree *tree, const char *text)
{
	return find(tree, directory, text, hash_name(directory, text));
}

static struct logtree_name *new_name(struct logtree *tree,
				     struct logtree_inode *directory,
				     const char *text, uint32_t hash)
{
	if (tree->name_count >= LOGTREE_PARTS_MAX)
		return NULL;
	if (tree->name_count >= tree->slot_count && grow(tree) < 0)
		return NULL;
	size_t size = strlen(text) + 1;
	struct logtree_name *name = calloc(1, sizeof(*name) + size);
	if (name == NULL)
		return NULL;
	memcpy(name->name, text, size);
	name->hash = hash;
	name->directory = directory;
	list_init(&name->of_live);
	list_init(&name->of_committed);
	list_init(&name->of_reference);
	list_init(&name->to_replay);
	list_init(&name->in_directory);
	list_append(&directory->names, &name->in_directory);
	name->hash_next = tree->slots[hash % tree->slot_count];
	tree->slots[hash % tree->slot_count] = name;
	tree->name_count++;
	return name;
}

static void set_live(struct logtree_name *name, struct logtree_inode *inode,
		     uint64_t index)
{
	list_remove(&name->of_live);
	name->live = inode;
	name->index = index;
	if (inode != NULL)
		list_append(&inode->live_names, &name->of_live);
}

struct logtree_name *logtree_name_locked(struct volume *volume,
					 const struct dentry *dentry,
					 struct inode *committed)
{
	struct logtree *tree = volume->logtree;
	struct logtree_inode *directory =
		logtree_inode_locked(volume, dentry->directory);
	if (directory == NULL)
		return NULL;
	uint32_t hash = hash_name(directory, dentry->name);
	struct logtree_name *name = find(tree, directory, dentry->name, hash);
	if (name != NULL)
		return name;
	struct logtree_inode *meant = NULL;
	if (committed != NULL &&
	    (meant = logtree_inode_locked(volume, committed)) == NULL)
		return NULL;
	name = new_name(tree, directory, dentry->name, hash);
	if (name == NULL) {
		(void)no_memory(tree);
		return NULL;
	}
	name->committed = meant;
	if (meant != NULL)
		list_append(&meant->committed_names, &name->of_committed);
	set_live(name, meant, 0);
	return name;
}

void logtree_replay_later(struct logtree *tree, struct logtree_name *name)
{
	list_remove(&name->to_replay);
	list_append(&tree->to_replay, &name->to_replay);
}

void logtree_refer(struct logtree *tree, struct logtree_name *name,
		   struct logtree_inode *inode)
{
	list_remove(&name->of_reference);
	name->reference = inode;
	if (inode != NULL)
		list_append(&inode->references, &name->of_reference);
	logtree_replay_later(tree, name);
}

/* btrfs_record_unlink_dir() */
static void note_leaving(struct logtree_inode *directory,
			 struct logtree_inode *inode, bool to_elsewhere)
{
	inode->moved = true;
	if (!directory->logged && !inode->logged && to_elsewhere)
		directory->moved = true;
}

static void enter(struct logtree_name *name, struct logtree_inode *inode)
{
	set_live(name, inode, ++name->directory->next_index);
}

/* The log forgets a name that goes away, if it was in it: of the directory, and
 * of the inode. */
static void forget(struct logtree *tree, struct logtree_name *name)
{
	if (name->entry == name->live && name->entry != NULL) {
		name->entry = NULL;
		logtree_replay_later(tree, name);
	}
	if (name->reference == name->live && name->reference != NULL)
		logtree_refer(tree, name, NULL);
}

void logtree_created_locked(struct volume *volume, const struct dentry *to)
{
	if (volume->logtree == NULL)
		return;
	struct logtree_inode *node = logtree_inode_locked(volume, to->live);
	struct logtree_name *name = logtree_name_locked(volume, to, NULL);
	if (node == NULL || name == NULL)
		return;
	node->fresh = true;
	enter(name, node);
}

void logtree_linked_locked(struct volume *volume, const struct dentry *to)
{
	if (volume->logtree == NULL)
		return;
	struct logtree_inode *node = logtree_inode_locked(volume, to->live);
	struct logtree_name *name = logtree_name_locked(volume, to, NULL);
	if (node == NULL || name == NULL)
		return;
	/* The first name of a temporary file. */
	if (!to->live->in_store && list_empty(&node->live_names) &&
	    list_empty(&node->committed_names))
		node->fresh = true;
	enter(name, node);
	node->copy_anew = true;
	const struct logtree_move move = {.inode = node,
					  .directory = name->directory};
	logtree_new_name_locked(volume, &move);
}

/* A record that a sync needed for others has stored more of the name than the log
 * says; the next sync brings it there. */
static void note_stored(struct logtree *tree, struct logtree_name *name,
			const struct dentry *dentry)
{
	if (name->committed == NULL && dentry->durable != NULL)
		logtree_replay_later(tree, name);
}

/* What came and went without the log's having heard of it leaves nothing. That an
 * earlier meaning of the name is gone may be what the next sync has to store. */
static void drop(struct volume *volume, struct logtree_name *name,
		 struct logtree_inode *node)
{
	struct logtree *tree = volume->logtree;
	if (name->committed != NULL || name->removed || node->logged ||
	    name->entry != NULL || name->reference != NULL ||
	    !list_empty(&name->to_replay))
		return;
	struct logtree_name **link =
		&tree->slots[name->hash % tree->slot_count];
	while (*link != name)
		link = &(*link)->hash_next;
	*link = name->hash_next;
	free_name(name);
	tree->name_count--;
	if (!node->fresh || !list_empty(&node->live_names) ||
	    !list_empty(&node->committed_names) || !list_empty(&node->names))
		return;
	free_inode(volume, node);
	tree->inode_count--;
}

void logtree_unlinked_locked(struct volume *volume, const struct dentry *from,
			     struct inode *inode)
{
	if (volume->logtree == NULL)
		return;
	struct logtree_name *name = logtree_name_locked(volume, from, inode);
	if (name == NULL || name->live == NULL)
		return;
	note_leaving(name->directory, name->live, false);
	/* btrfs_rmdir() takes a directory for one that may have been moved. */
	if (name->live->is_directory)
		name->directory->moved = true;
	struct logtree_inode *node = name->live;
	forget(volume->logtree, name);
	set_live(name, NULL, 0);
	note_stored(volume->logtree, name, from);
	drop(volume, name, node);
}

static void exchange(struct volume *volume, struct logtree_name *from,
		     struct logtree_name *to)
{
	struct logtree_inode *moved = from->live;
	struct logtree_inode *other = to->live;
	const struct logtree_move moves[] = {
		{moved, to->directory, from, from->index == 0},
		{other, from->directory, to, to->index == 0},
	};
	if (from->directory != to->directory) {
		note_leaving(from->directory, moved, true);
		note_leaving(to->directory, other, true);
	}
	enter(to, moved);
	enter(from, other);
	logtree_new_name_locked(volume, &moves[0]);
	logtree_new_name_locked(volume, &moves[1]);
}

void logtree_renamed_locked(struct volume *volume,
			    const struct logtree_rename *rename)
{
	if (volume->logtree == NULL)
		return;
	struct logtree_name *from =
		logtree_name_locked(volume, rename->from, rename->moved);
	struct logtree_name *to =
		logtree_name_locked(volume, rename->to, rename->replaced);
	if (from == NULL || to == NULL || from->live == NULL)
		return;
	if (rename->exchange) {
		exchange(volume, from, to);
		return;
	}
	struct logtree_inode *moved = from->live;
	const struct logtree_move move = {moved, to->directory, from,
					  from->index == 0};
	if (from->directory != to->directory)
		note_leaving(from->directory, moved, true);
	set_live(from, NULL, 0);
	note_stored(volume->logtree, from, rename->from);
	note_stored(volume->logtree, to, rename->to);
	forget(volume->logtree, to);
	enter(to, moved);
	logtree_new_name_locked(volume, &move);
}
