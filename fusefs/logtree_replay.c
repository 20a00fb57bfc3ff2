/* SPDX-License-Identifier: MIT */
/*
 * What a replay of the log makes of a name: replay_one_buffer() and what it
 * calls, in fs/btrfs/tree-log.c of Linux 6.1. First the entries go that the
 * directory was logged without, then those come that it was logged with, then
 * each logged inode takes the names that it was logged with and gives up the
 * others that it had in the same directory.
 */
#include "fusefs/logtree.h"

#include <stddef.h>

static bool is_there(const struct logtree_inode *inode)
{
	return !inode->fresh || inode->logged;
}

static bool is_logged_in(const struct logtree_inode *inode,
			 const struct logtree_inode *directory)
{
	list_for_each(node, following, &inode->references)
		if (list_entry(node, struct logtree_name, of_reference)
			    ->directory == directory)
			return true;
	return false;
}

struct logtree_inode *logtree_replay(const struct logtree_name *name)
{
	const struct logtree_inode *directory = name->directory;
	struct logtree_inode *means = name->committed;
	if (name->removed)
		means = NULL;
	if (name->entry != NULL && is_there(name->entry))
		means = name->entry;
	if (name->reference != NULL && is_there(directory))
		return name->reference;
	if (means != NULL && means->logged && is_logged_in(means, directory))
		return NULL;
	return means;
}
