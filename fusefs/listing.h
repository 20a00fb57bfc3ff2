/* SPDX-License-Identifier: MIT */
/*
 * The live entries of a directory at one moment, for one open directory. The
 * position of an entry is its index, so it survives whatever changes meanwhile:
 * commits move entries from the journal to the store, and a merge on the fly
 * would show them twice or never.
 */
#ifndef FLAKEY_FUSEFS_LISTING_H
#define FLAKEY_FUSEFS_LISTING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inode;
struct listing;
struct volume;

struct listing_entry {
	const char *name;
	uint64_t number;
	mode_t type; /* as S_IFMT of st_mode */
};

int listing_new(struct volume *volume, struct inode *directory,
		struct listing **ret_listing);
void listing_free(struct listing *listing);

size_t listing_count(const struct listing *listing);
/* What ".." leads to. */
uint64_t listing_parent(const struct listing *listing);
struct listing_entry listing_at(const struct listing *listing, size_t index);

#endif
