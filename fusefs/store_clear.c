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

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A stream of the entries, which the caller closes; NULL with errno. */
static DIR *open_entries(int dirfd, const char *name)
{
	/* Ours, or opening fails. */
	(void)fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW);
	int fd = openat(dirfd, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	DIR *stream = fdopendir(fd);
	if (stream == NULL)
		close(fd);
	return stream;
}

/* Moves what is in the directory up to where it is. */
static int flatten(int top, const char *name, unsigned long *next)
{
	DIR *stream = open_entries(top, name);
	if (stream == NULL)
		return -errno;
	int r = 0;
	const struct dirent *entry;
	while (r == 0 && (entry = readdir(stream)) != NULL) {
		char moved[32];
		if (is_dots(entry->d_name))
			continue;
		snprintf(moved, sizeof(moved), "/%lu", (*next)++);
		moved[0] = '-';
		if (renameat2(dirfd(stream), entry->d_name, top, moved,
			      RENAME_NOREPLACE) < 0 &&
		    errno != EEXIST)
			r = -errno;
	}
	closedir(stream);
	return r;
}

static int remove_entry(int top, const char *name, unsigned long *next)
{
	if (unlinkat(top, name, 0) == 0 || errno == ENOENT ||
	    unlinkat(top, name, AT_REMOVEDIR) == 0)
		return 0;
	return errno == ENOTEMPTY ? flatten(top, name, next) : -errno;
}

/* 1 if anything was there. */
static int clear_once(int root, const char *name, unsigned long *next)
{
	DIR *stream = open_entries(root, name);
	if (stream == NULL)
		return -errno;
	int r = 0;
	bool any = false;
	const struct dirent *entry;
	while (r == 0 && (entry = readdir(stream)) != NULL) {
		if (is_dots(entry->d_name))
			continue;
		any = true;
		r = remove_entry(dirfd(stream), entry->d_name, next);
	}
	closedir(stream);
	return r < 0 ? r : any;
}

int store_clear(struct store *store, const char *name)
{
	cleanup_fd int root = store_dup_root(store);
	if (root < 0)
		return root;
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
