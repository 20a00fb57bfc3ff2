/* SPDX-License-Identifier: MIT */
/*
 * Names are packed into one buffer behind each other, with an index of where
 * each begins: about 30 bytes a name.
 */
#include "fusefs/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fusefs/dentry.h"
#include "fusefs/disk.h"
#include "fusefs/inode.h"
#include "fusefs/store.h"
#include "fusefs/surface.h"
#include "fusefs/volume.h"

/* Two or more reads of a busy directory may each meet a commit. */
#define ATTEMPTS 3

struct packed {
	uint64_t number;
	size_t name; /* offset in names */
	mode_t type;
};

struct listing {
	uint64_t parent; /* number of ".." */
	struct packed *entries;
	size_t count;
	size_t capacity;
	char *names;
	size_t names_bytes;
	size_t names_capacity;
};

void listing_free(struct listing *listing)
{
	if (listing == NULL)
		return;
	free(listing->entries);
	free(listing->names);
	free(listing);
}

size_t listing_count(const struct listing *listing)
{
	return listing->count;
}

struct listing_entry listing_at(const struct listing *listing, size_t index)
{
	const struct packed *entry = &listing->entries[index];
	return (struct listing_entry){
		.name = listing->names + entry->name,
		.number = entry->number,
		.type = entry->type,
	};
}

uint64_t listing_parent(const struct listing *listing)
{
	return listing->parent;
}

static int reserve(struct listing *listing, size_t name_bytes)
{
	if (listing->count == listing->capacity) {
		size_t capacity =
			listing->capacity ? listing->capacity * 2 : 32;
		struct packed *entries = reallocarray(
			listing->entries, capacity, sizeof(*entries));
		if (entries == NULL)
			return -ENOMEM;
		listing->entries = entries;
		listing->capacity = capacity;
	}
	if (listing->names_bytes + name_bytes > listing->names_capacity) {
		size_t capacity = listing->names_capacity * 2 + 1024;
		char *names = realloc(listing->names, capacity);
		if (names == NULL)
			return -ENOMEM;
		listing->names = names;
		listing->names_capacity = capacity;
	}
	return 0;
}

static int add(struct listing *listing, const char *name, uint64_t number,
	       mode_t type)
{
	size_t bytes = strlen(name) + 1;
	int r = reserve(listing, bytes);
	if (r < 0)
		return r;
	memcpy(listing->names + listing->names_bytes, name, bytes);
	listing->entries[listing->count++] = (struct packed){
		.number = number,
		.name = listing->names_bytes,
		.type = type,
	};
	listing->names_bytes += bytes;
	return 0;
}

static int add_stored(void *user, const struct dirent *entry)
{
	return add(user, entry->d_name, entry->d_ino, DTTOIF(entry->d_type));
}

/* Takes out what the journal overrides, and gives the numbers that stat(2)
 * shows. */
static void filter_locked(struct volume *volume, struct inode *directory,
			  struct listing *listing)
{
	size_t kept = 0;
	for (size_t i = 0; i < listing->count; i++) {
		struct packed entry = listing->entries[i];
		if (directory == volume->root &&
		    strcmp(listing->names + entry.name, SURFACE_NAME) == 0)
			continue;
		struct dentry *dentry = dentry_find_locked(
			volume, directory, listing->names + entry.name);
		if (dentry != NULL && dentry->pending > 0)
			continue;
		struct inode *inode =
			inode_find_store_locked(volume, entry.number);
		entry.number = inode != NULL ? inode->number
					     : recall_number(&volume->recall,
							     entry.number);
		listing->entries[kept++] = entry;
	}
	listing->count = kept;
}

static int add_overlay_locked(struct inode *directory, struct listing *listing)
{
	int r = 0;
	list_for_each(node, following, &directory->directory->overlay) {
		struct dentry *dentry =
			list_entry(node, struct dentry, overlay_link);
		if (dentry->live != NULL && r == 0)
			r = add(listing, dentry->name, dentry->live->number,
				dentry->live->type);
	}
	return r;
}

/* Reads the store without the lock, if nothing becomes durable meanwhile; the
 * last attempt keeps the lock. */
static int read_locked(struct volume *volume, struct inode *directory,
		       struct listing *listing)
{
	for (int attempt = 1; directory->in_store; attempt++) {
		uint64_t generation = directory->directory->generation;
		int fd;
		int r = disk_look_locked(volume, directory);
		if (r == 0)
			r = store_list_locked(volume, directory, &fd);
		if (r < 0)
			return r;
		listing->count = 0;
		listing->names_bytes = 0;
		if (attempt < ATTEMPTS)
			pthread_mutex_unlock(&volume->lock);
		r = store_each_entry(fd, add_stored, listing);
		if (attempt < ATTEMPTS)
			pthread_mutex_lock(&volume->lock);
		if (r < 0)
			return r;
		if (generation == directory->directory->generation)
			break;
	}
	filter_locked(volume, directory, listing);
	return add_overlay_locked(directory, listing);
}

int listing_new(struct volume *volume, struct inode *directory,
		struct listing **ret_listing)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	if (listing == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&volume->lock);
	const struct dentry *name = dentry_live_of(directory);
	listing->parent =
		name != NULL ? name->directory->number : directory->number;
	int r = 0;
	if (!directory->dead && directory->nlink > 0)
		r = read_locked(volume, directory, listing);
	pthread_mutex_unlock(&volume->lock);
	if (r < 0) {
		listing_free(listing);
		return r;
	}
	*ret_listing = listing;
	return 0;
}
