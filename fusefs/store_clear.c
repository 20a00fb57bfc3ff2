/* SPDX-License-Identifier: MIT */
/*
 * Removal of a tree that an earlier mount left unfinished, without recursion:
 * what is in a directory of the tree is moved up into its top, and what is in the
 * top is removed, until nothing is left.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "fusefs/store.h"

/* What entries are moved out of, and into. */
struct move {
	int from;
	int top;
	unsigned long *next; /* a name that is free in top, probably */
};

static int open_directory(int dirfd, const char *name)
{
	/* Ours, or opening fails. */
	(void)fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW);
	int fd = openat(dirfd, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool move_name(const struct move *move, const char *from, const char *to)
{
	return renameat2(move->from, from, move->top, to, RENAME_NOREPLACE) ==
		       0 ||
	       errno == EEXIST;
}

static int move_entry(void *user, const struct dirent *entry)
{
	const struct move *move = user;
	char moved[32];
	snprintf(moved, sizeof(moved), "-%lu", (*move->next)++);
	if (move_name(move, entry->d_name, moved))
		return 0;
	/* Only who may write to a directory may give it another parent. */
	if (errno == EACCES &&
	    fchmodat(move->from, entry->d_name, 0700, AT_SYMLINK_NOFOLLOW) ==
		    0 &&
	    move_name(move, entry->d_name, moved))
		return 0;
	return -errno;
}

/* Moves what is in the directory up to where it is. */
static int flatten(int top, const char *name, unsigned long *next)
{
	struct move move = {open_directory(top, name), top, next};
	if (move.from < 0)
		return move.from;
	return store_each_entry(move.from, move_entry, &move);
}

struct clearing {
	int top;
	unsigned long *next;
	bool any; /* there was something */
};

static int remove_entry(void *user, const struct dirent *entry)
{
	struct clearing *clearing = user;
	const char *name = entry->d_name;
	clearing->any = true;
	if (unlinkat(clearing->top, name, 0) == 0 || errno == ENOENT ||
	    unlinkat(clearing->top, name, AT_REMOVEDIR) == 0)
		return 0;
	return errno == ENOTEMPTY ? flatten(clearing->top, name, clearing->next)
				  : -errno;
}

/* 1 if anything was there. */
static int clear_once(int root, const char *name, unsigned long *next)
{
	struct clearing clearing = {.top = open_directory(root, name),
				    .next = next};
	if (clearing.top < 0)
		return clearing.top;
	int r = store_each_entry(clearing.top, remove_entry, &clearing);
	return r < 0 ? r : clearing.any;
}

int store_clear_at(int root, const char *name)
{
	unsigned long next = 0;
	if (unlinkat(root, name, 0) == 0 || errno == ENOENT)
		return 0;
	int r = 1;
	while (r > 0)
		r = clear_once(root, name, &next);
	if (r == 0 && unlinkat(root, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

int store_clear(struct store *store, const char *name)
{
	cleanup_fd int root = store_dup_root(store);
	return root < 0 ? root : store_clear_at(root, name);
}
