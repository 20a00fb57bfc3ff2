/* SPDX-License-Identifier: MIT */
#include "tests/unit/fusefs/twin.h"

#include <assert.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#define PATH_BYTES 512

const char *const twin_names[TWIN_NAMES] = {"a", "b", "c", "d", "e", "f", "g"};
const char *const twin_xattrs[TWIN_XATTRS] = {"user.1", "user.2", "user.3"};

void twin_init(struct twin *twin)
{
	*twin = (struct twin){.count = 0};
	struct twin_node *root = twin_new(twin, S_IFDIR | 0755);
	root->names = 1;
}

void twin_done(struct twin *twin)
{
	for (int i = 0; i < TWIN_NODES; i++)
		free(twin->nodes[i].bytes);
	*twin = (struct twin){.count = 0};
}

struct twin_node *twin_new(struct twin *twin, mode_t mode)
{
	for (int i = 0; i < TWIN_NODES; i++) {
		struct twin_node *node = &twin->nodes[i];
		if (node->mode != 0)
			continue;
		*node = (struct twin_node){
			.mode = mode, .id = ++twin->made, .changed = true};
		if (S_ISREG(mode)) {
			node->bytes = calloc(TWIN_BYTES, 1);
			assert_non_null(node->bytes);
		}
		twin->count++;
		return node;
	}
	return NULL;
}

void twin_release(struct twin *twin, struct twin_node *node)
{
	if (node->names > 0 || node->lookups > 0 || node->mode == 0)
		return;
	free(node->bytes);
	*node = (struct twin_node){.mode = 0};
	twin->count--;
}

void twin_enter(struct twin_place place, struct twin_node *node)
{
	assert_null(place.directory->entries[place.name]);
	place.directory->entries[place.name] = node;
	node->names++;
	node->unnamed = false;
}

struct twin_node *twin_remove(struct twin_place place)
{
	struct twin_node *node = place.directory->entries[place.name];

	place.directory->entries[place.name] = NULL;
	node->names--;
	return node;
}

struct twin_place twin_place_of(struct twin *twin, const struct twin_node *node)
{
	for (int i = 0; i < TWIN_NODES; i++) {
		struct twin_node *directory = &twin->nodes[i];
		if (!S_ISDIR(directory->mode) || directory->names == 0)
			continue;
		for (unsigned int name = 0; name < TWIN_NAMES; name++)
			if (directory->entries[name] == node)
				return (struct twin_place){directory, name};
	}
	return (struct twin_place){NULL, 0};
}

bool twin_is_inside(struct twin *twin, const struct twin_node *directory,
		    const struct twin_node *node)
{
	while (directory != NULL && directory != node)
		directory = twin_place_of(twin, directory).directory;
	return directory != NULL;
}

bool twin_is_empty(const struct twin_node *directory)
{
	for (int i = 0; i < TWIN_NAMES; i++)
		if (directory->entries[i] != NULL)
			return false;
	return true;
}

unsigned int twin_depth(struct twin *twin, const struct twin_node *node)
{
	unsigned int depth = 0;

	while ((node = twin_place_of(twin, node).directory) != NULL)
		depth++;
	return depth;
}

/* Recursive, but never deeper than TWIN_DEPTH. */
unsigned int twin_height(const struct twin_node *node)
{
	unsigned int height = 0;

	for (int i = 0; i < TWIN_NAMES; i++) {
		if (node->entries[i] == NULL)
			continue;
		unsigned int below = 1 + twin_height(node->entries[i]);
		if (below > height)
			height = below;
	}
	return height;
}

nlink_t twin_links(const struct twin_node *node)
{
	nlink_t links = node->names;

	if (!S_ISDIR(node->mode) || links == 0)
		return links;
	links++;
	for (int i = 0; i < TWIN_NAMES; i++)
		if (node->entries[i] != NULL && S_ISDIR(node->entries[i]->mode))
			links++;
	return links;
}

void twin_path(struct twin *twin, const struct twin_node *node, char *path,
	       size_t size)
{
	char *at = path + size - 1;
	struct twin_place place;

	*at = '\0';
	while ((place = twin_place_of(twin, node)).directory != NULL) {
		at -= 2;
		at[0] = '/';
		at[1] = twin_names[place.name][0];
		node = place.directory;
	}
	if (*at == '\0')
		*--at = '/';
	memmove(path, at, strlen(at) + 1);
}

void twin_write(struct twin_node *node, int64_t offset, const uint8_t *data,
		size_t size)
{
	assert_true(offset + (int64_t)size <= TWIN_BYTES);
	memcpy(node->bytes + offset, data, size);
	if (offset + (int64_t)size > node->size)
		node->size = offset + (int64_t)size;
}

void twin_truncate(struct twin_node *node, int64_t size)
{
	assert_true(size <= TWIN_BYTES);
	if (size < node->size)
		memset(node->bytes + size, 0, (size_t)(node->size - size));
	node->size = size;
}

void twin_zero(struct twin_node *node, int64_t offset, int64_t length)
{
	if (offset + length > node->size)
		length = node->size - offset;
	if (length > 0)
		memset(node->bytes + offset, 0, (size_t)length);
}

void twin_collapse(struct twin_node *node, int64_t offset, int64_t length)
{
	int64_t end = offset + length;

	memmove(node->bytes + offset, node->bytes + end,
		(size_t)(node->size - end));
	twin_truncate(node, node->size - length);
}

void twin_insert(struct twin_node *node, int64_t offset, int64_t length)
{
	memmove(node->bytes + offset + length, node->bytes + offset,
		(size_t)(node->size - offset));
	memset(node->bytes + offset, 0, (size_t)length);
	node->size += length;
}

static void load_content(struct twin_node *node, const char *path,
			 const struct stat *st)
{
	assert_true(st->st_size <= TWIN_BYTES);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, node->bytes, TWIN_BYTES), st->st_size);
	close(fd);
	node->size = st->st_size;
}

static void load_xattrs(struct twin_node *node, const char *path)
{
	for (int i = 0; i < TWIN_XATTRS; i++) {
		ssize_t n = lgetxattr(path, twin_xattrs[i], node->xattrs[i],
				      TWIN_VALUE_BYTES - 1);
		node->xattrs[i][n > 0 ? n : 0] = '\0';
	}
}

/* One name of a directory, and for a directory what is below. seen: the number
 * of each node on the host. */
static void load_entry(struct twin *twin, struct twin_place place,
		       const char *path, ino_t *seen)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return;
	struct twin_node *node = NULL;
	for (int i = 0; i < TWIN_NODES; i++)
		if (twin->nodes[i].mode != 0 && seen[i] == st.st_ino)
			node = &twin->nodes[i];
	if (node != NULL) {
		twin_enter(place, node);
		return;
	}
	node = twin_new(twin, st.st_mode);
	assert_non_null(node);
	node->changed = false;
	seen[node - twin->nodes] = st.st_ino;
	twin_enter(place, node);
	if (S_ISREG(st.st_mode))
		load_content(node, path, &st);
	if (!S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode))
		load_xattrs(node, path);
}

void twin_load(struct twin *twin, const char *directory)
{
	ino_t seen[TWIN_NODES] = {0};
	bool done[TWIN_NODES] = {false};
	struct stat st;
	int next = 0;

	twin_done(twin);
	twin_init(twin);
	assert_int_equal(stat(directory, &st), 0);
	twin->nodes[0].mode = st.st_mode;
	twin->nodes[0].changed = false;
	load_xattrs(&twin->nodes[0], directory);
	seen[0] = st.st_ino;
	/* A new node may take any slot, so until there is no more to do. */
	for (next = 0; next < TWIN_NODES; next++) {
		struct twin_node *node = &twin->nodes[next];
		if (!S_ISDIR(node->mode) || done[next])
			continue;
		done[next] = true;
		for (unsigned int name = 0; name < TWIN_NAMES; name++) {
			char inside[PATH_BYTES];
			char path[PATH_BYTES * 2];
			twin_path(twin, node, inside, sizeof(inside));
			snprintf(path, sizeof(path), "%s%s/%s", directory,
				 inside, twin_names[name]);
			load_entry(twin, (struct twin_place){node, name}, path,
				   seen);
		}
		next = -1;
	}
}

static void describe_xattrs(const struct twin_node *node, char *text,
			    size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (int i = 0; i < TWIN_XATTRS; i++)
		if (node->xattrs[i][0] != '\0')
			used += (size_t)snprintf(text + used, size - used,
						 "%s%s=%s", used > 0 ? " " : "",
						 twin_xattrs[i],
						 node->xattrs[i]);
}

static void add_node(struct image *image, const struct twin_node *node,
		     const char *path)
{
	char xattrs[128];

	describe_xattrs(node, xattrs, sizeof(xattrs));
	const struct image_entry entry = {
		.path = path,
		.st = {.st_mode = node->mode,
		       .st_uid = geteuid(),
		       .st_gid = getegid(),
		       .st_nlink = twin_links(node),
		       .st_size = node->size},
		.data = node->bytes,
		.target = S_ISLNK(node->mode) ? "target" : NULL,
		.xattrs = *xattrs != '\0' ? xattrs : NULL,
	};
	image_add(image, &entry);
}

void twin_image(struct twin *twin, struct image *image, int parts)
{
	image_init(image, parts);
	add_node(image, &twin->nodes[0], "/");
	for (int i = 0; i < TWIN_NODES; i++) {
		const struct twin_node *directory = &twin->nodes[i];
		char path[PATH_BYTES];
		if (!S_ISDIR(directory->mode) || directory->names == 0)
			continue;
		twin_path(twin, directory, path, sizeof(path) - 2);
		size_t end = i == 0 ? 0 : strlen(path);
		for (unsigned int name = 0; name < TWIN_NAMES; name++) {
			if (directory->entries[name] == NULL)
				continue;
			path[end] = '/';
			path[end + 1] = twin_names[name][0];
			path[end + 2] = '\0';
			add_node(image, directory->entries[name], path);
		}
	}
	image_finish(image);
}
