/* SPDX-License-Identifier: MIT */
#include "fusefs/dentry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "fusefs/inode.h"
#include "fusefs/volume.h"

/* Paths of reports: deeper ones are cut at the front. */
#define PATH_DEPTH_MAX 256

static uint32_t hash_name(const struct inode *directory, const char *name)
{
	uint64_t hash = (uintptr_t)directory / 64;
	while (*name != '\0')
		hash = (hash ^ (unsigned char)*name++) *
		       UINT64_C(0x100000001b3);
	return (uint32_t)(hash ^ hash >> 32);
}

static struct dentry **slot_of(struct volume *volume, uint32_t hash)
{
	return &volume->dentries[hash & (volume->dentry_slots - 1)];
}

struct dentry *dentry_find_locked(struct volume *volume,
				  struct inode *directory, const char *name)
{
	uint32_t hash = hash_name(directory, name);
	struct dentry *dentry = *slot_of(volume, hash);
	while (dentry != NULL &&
	       (dentry->hash != hash || dentry->directory != directory ||
		strcmp(dentry->name, name) != 0))
		dentry = dentry->hash_next;
	return dentry;
}

static void grow_table(struct volume *volume)
{
	if (volume->dentry_count < volume->dentry_slots)
		return;
	size_t slots = volume->dentry_slots * 2;
	struct dentry **table = calloc(slots, sizeof(struct dentry *));
	if (table == NULL)
		return;
	struct dentry **old = volume->dentries;
	size_t old_slots = volume->dentry_slots;
	volume->dentries = table;
	volume->dentry_slots = slots;
	for (size_t i = 0; i < old_slots; i++) {
		struct dentry *next;
		for (struct dentry *dentry = old[i]; dentry; dentry = next) {
			next = dentry->hash_next;
			struct dentry **slot = slot_of(volume, dentry->hash);
			dentry->hash_next = *slot;
			*slot = dentry;
		}
	}
	free(old);
}

struct dentry *dentry_get_locked(struct volume *volume, struct inode *directory,
				 const char *name, struct inode *durable)
{
	struct dentry *dentry = dentry_find_locked(volume, directory, name);
	if (dentry != NULL)
		return dentry;
	size_t length = strlen(name);
	assert(length <= DENTRY_NAME_MAX);
	dentry = calloc(1, offsetof(struct dentry, name) + length + 1);
	if (dentry == NULL)
		return NULL;
	memcpy(dentry->name, name, length + 1);
	dentry->name_length = (uint8_t)length;
	dentry->directory = directory;
	inode_pin(directory);
	list_init(&dentry->live_link);
	list_init(&dentry->durable_link);
	list_init(&dentry->overlay_link);
	dentry->hash = hash_name(directory, name);
	grow_table(volume);
	struct dentry **slot = slot_of(volume, dentry->hash);
	dentry->hash_next = *slot;
	*slot = dentry;
	volume->dentry_count++;
	dentry_set_live_locked(dentry, durable);
	dentry_set_durable_locked(dentry, durable);
	return dentry;
}

void dentry_set_live_locked(struct dentry *dentry, struct inode *inode)
{
	list_remove(&dentry->live_link);
	dentry->live = inode;
	if (inode != NULL)
		list_append(&inode->live, &dentry->live_link);
}

void dentry_set_durable_locked(struct dentry *dentry, struct inode *inode)
{
	list_remove(&dentry->durable_link);
	dentry->durable = inode;
	if (inode != NULL)
		list_append(&inode->durable, &dentry->durable_link);
}

void dentry_pend_locked(struct dentry *dentry)
{
	if (dentry->pending++ > 0)
		return;
	list_remove(&dentry->overlay_link);
	list_append(&dentry->directory->directory->overlay,
		    &dentry->overlay_link);
}

void dentry_settle_locked(struct volume *volume, struct dentry *dentry)
{
	assert(dentry->pending > 0);
	if (--dentry->pending > 0)
		return;
	bool exists = dentry->live != NULL || dentry->durable != NULL;
	if (exists && dentry->directory->limbo != NULL)
		return;
	list_remove(&dentry->overlay_link);
	if (exists) {
		/* Both mean the same now, and it may have been kept for this
		 * name only, which then goes with it. */
		if (dentry->live == dentry->durable)
			inode_release_locked(volume, dentry->live);
		return;
	}
	struct inode *directory = dentry->directory;
	inode_pin(directory);
	dentry_free_locked(volume, dentry);
	inode_unpin_locked(volume, directory);
}

void dentry_free_locked(struct volume *volume, struct dentry *dentry)
{
	assert(dentry->pending == 0);
	struct dentry **link = slot_of(volume, dentry->hash);
	while (*link != dentry)
		link = &(*link)->hash_next;
	*link = dentry->hash_next;
	list_remove(&dentry->live_link);
	list_remove(&dentry->durable_link);
	list_remove(&dentry->overlay_link);
	dentry->directory->pins--; /* the caller releases it */
	free(dentry);
	volume->dentry_count--;
}

struct dentry *dentry_durable_of(struct inode *inode)
{
	list_for_each(node, following, &inode->durable) {
		struct dentry *dentry =
			list_entry(node, struct dentry, durable_link);
		if (dentry->directory->in_store)
			return dentry;
	}
	return NULL;
}

struct dentry *dentry_live_of(struct inode *inode)
{
	if (list_empty(&inode->live))
		return NULL;
	return list_entry(inode->live.next, struct dentry, live_link);
}

void dentry_path_locked(struct volume *volume, struct inode *directory,
			const char *name, struct text *ret_path)
{
	const char *parts[PATH_DEPTH_MAX];
	int depth = 0;
	if (name != NULL)
		parts[depth++] = name;
	while (directory != volume->root && depth < PATH_DEPTH_MAX) {
		struct dentry *dentry = dentry_live_of(directory);
		parts[depth++] = dentry ? dentry->name : "(unlinked)";
		if (dentry == NULL)
			break;
		directory = dentry->directory;
	}
	if (depth == PATH_DEPTH_MAX)
		text_printf(ret_path, "/...");
	if (depth == 0)
		text_printf(ret_path, "/");
	while (depth > 0)
		text_printf(ret_path, "/%s", parts[--depth]);
}

void dentry_inode_path_locked(struct volume *volume, struct inode *inode,
			      struct text *ret_path)
{
	struct dentry *dentry = dentry_live_of(inode);
	if (inode == volume->root)
		text_printf(ret_path, "/");
	else if (dentry == NULL)
		text_printf(ret_path, "(unlinked)");
	else
		dentry_path_locked(volume, dentry->directory, dentry->name,
				   ret_path);
}
