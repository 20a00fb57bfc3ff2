/* SPDX-License-Identifier: MIT */
#include "tests/unit/fusefs/image.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <xxhash.h>
#include <cmocka.h>

#include "common/text.h"
#include "fusefs/access.h"
#include "fusefs/attrs.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/listing.h"
#include "fusefs/names.h"
#include "fusefs/surface.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"

#define PATH_BYTES 4096
#define LIST_BYTES 4096
#define VALUE_BYTES 1024

/* Directories still to be read: a queue instead of a recursion. */
struct todo {
	char **paths;
	size_t count;
	size_t next;
	size_t capacity;
};

static void *grow(void *list, size_t *capacity, size_t count, size_t size)
{
	if (count < *capacity)
		return list;
	*capacity = *capacity ? *capacity * 2 : 64;
	list = reallocarray(list, *capacity, size);
	assert_non_null(list);
	return list;
}

static char *copy(const char *string)
{
	char *result = strdup(string);

	assert_non_null(result);
	return result;
}

static void todo_add(struct todo *todo, const char *path)
{
	todo->paths =
		grow(todo->paths, &todo->capacity, todo->count, sizeof(char *));
	todo->paths[todo->count++] = copy(path);
}

static void todo_done(struct todo *todo)
{
	for (size_t i = 0; i < todo->count; i++)
		free(todo->paths[i]);
	free(todo->paths);
}

void image_init(struct image *image, int parts)
{
	*image = (struct image){.parts = parts};
}

void image_done(struct image *image)
{
	for (size_t i = 0; i < image->count; i++)
		free(image->lines[i]);
	free(image->lines);
	*image = (struct image){.parts = image->parts};
}

void image_add(struct image *image, const struct image_entry *entry)
{
	const struct stat *st = &entry->st;
	struct text line;

	text_init(&line);
	text_printf(&line, "%s %o %u:%u", entry->path, st->st_mode, st->st_uid,
		    st->st_gid);
	if (!S_ISDIR(st->st_mode) || image->parts & IMAGE_DIRECTORY_LINKS)
		text_printf(&line, " n%llu", (unsigned long long)st->st_nlink);
	if (S_ISREG(st->st_mode) && image->parts & IMAGE_CONTENT)
		text_printf(&line, " %lld %016llx", (long long)st->st_size,
			    (unsigned long long)XXH3_64bits(
				    entry->data, (size_t)st->st_size));
	if (entry->target != NULL)
		text_printf(&line, " -> %s", entry->target);
	if (entry->xattrs != NULL)
		text_printf(&line, " %s", entry->xattrs);
	if (image->parts & IMAGE_TIMES && !S_ISLNK(st->st_mode))
		text_printf(&line, " %lld.%09ld", (long long)st->st_mtim.tv_sec,
			    st->st_mtim.tv_nsec);
	assert_int_equal(text_result(&line), 0);
	image->lines = grow(image->lines, &image->capacity, image->count,
			    sizeof(char *));
	image->lines[image->count++] = copy(line.data);
	text_done(&line);
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void image_finish(struct image *image)
{
	if (image->count > 0)
		qsort(image->lines, image->count, sizeof(char *),
		      compare_strings);
}

void image_expect_equal(const struct image *got, const struct image *want,
			const char *what)
{
	size_t i = 0;

	while (i < got->count && i < want->count &&
	       strcmp(got->lines[i], want->lines[i]) == 0)
		i++;
	if (i < got->count || i < want->count)
		fail_msg("%s: got\n# %s\n# but want\n# %s", what,
			 i < got->count ? got->lines[i] : "(no more)",
			 i < want->count ? want->lines[i] : "(no more)");
}

/* A list as of listxattr(2), as text in order; values through get. */
typedef ssize_t get_fn(void *user, const char *name, void *value, size_t size);

static char *describe_xattrs(const char *list, ssize_t size, get_fn *get,
			     void *user)
{
	const char *names[64];
	size_t count = 0;
	struct text text;

	assert_true(size >= 0);
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(list + at) + 1)
		if (strncmp(list + at, "user.", 5) == 0)
			names[count++] = list + at;
	if (count == 0)
		return NULL;
	qsort(names, count, sizeof(names[0]), compare_strings);
	text_init(&text);
	for (size_t i = 0; i < count; i++) {
		char value[VALUE_BYTES];
		ssize_t n = get(user, names[i], value, sizeof(value));
		if (n < 0)
			fail_msg("xattr %s is listed and not there", names[i]);
		text_printf(&text, "%s%s=", i > 0 ? " " : "", names[i]);
		text_append(&text, value, (size_t)n);
	}
	assert_int_equal(text_result(&text), 0);
	return text.data;
}

/* The store */

static ssize_t get_stored(void *user, const char *name, void *value,
			  size_t size)
{
	return lgetxattr(user, name, value, size);
}

static void *read_file(const char *path, size_t size)
{
	char *data = malloc(size + 1);
	size_t done = 0;
	ssize_t n;

	assert_non_null(data);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("cannot open '%s': %s", path, strerror(errno));
	while ((n = read(fd, data + done, size + 1 - done)) > 0)
		done += (size_t)n;
	close(fd);
	assert_int_equal(done, size);
	return data;
}

static mode_t add_stored(struct image *image, const char *root,
			 const char *path)
{
	struct image_entry entry = {.path = path};
	char full[PATH_BYTES];
	char target[PATH_MAX];
	char list[LIST_BYTES];
	void *data = NULL;

	snprintf(full, sizeof(full), "%s%s", root, path);
	assert_int_equal(lstat(full, &entry.st), 0);
	if (S_ISREG(entry.st.st_mode) && image->parts & IMAGE_CONTENT)
		data = read_file(full, (size_t)entry.st.st_size);
	entry.data = data;
	if (S_ISLNK(entry.st.st_mode)) {
		ssize_t n = readlink(full, target, sizeof(target) - 1);
		assert_true(n >= 0);
		target[n] = '\0';
		entry.target = target;
	}
	ssize_t n = llistxattr(full, list, sizeof(list));
	char *xattrs =
		n > 0 ? describe_xattrs(list, n, get_stored, full) : NULL;
	entry.xattrs = xattrs;
	image_add(image, &entry);
	free(xattrs);
	free(data);
	return entry.st.st_mode;
}

static void read_stored(struct image *image, struct todo *todo,
			const char *root, const char *path)
{
	char full[PATH_BYTES];
	char child[PATH_BYTES];
	const struct dirent *entry;

	snprintf(full, sizeof(full), "%s%s", root, path);
	DIR *stream = opendir(full);
	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		/* What a failing disk does not let us remove (surface.h). */
		if (strcmp(path, "/") == 0 &&
		    strcmp(entry->d_name, SURFACE_NAME) == 0)
			continue;
		snprintf(child, sizeof(child), "%s/%s",
			 strcmp(path, "/") == 0 ? "" : path, entry->d_name);
		if (S_ISDIR(add_stored(image, root, child)))
			todo_add(todo, child);
	}
	closedir(stream);
}

void image_of_store(struct image *image, const char *directory, int parts)
{
	struct todo todo = {0};

	image_init(image, parts);
	add_stored(image, directory, "/");
	todo_add(&todo, "/");
	while (todo.next < todo.count)
		read_stored(image, &todo, directory, todo.paths[todo.next++]);
	todo_done(&todo);
	image_finish(image);
}

int image_parts_of(const char *directory)
{
	struct stat st;

	assert_int_equal(stat(directory, &st), 0);
	return st.st_nlink >= 2 ? IMAGE_DIRECTORY_LINKS : 0;
}

/* The live image */

struct live {
	struct volume *volume;
	struct inode *inode;
};

static ssize_t get_live(void *user, const char *name, void *value, size_t size)
{
	struct live *live = user;

	if (access_is_list(name))
		return access_get(live->volume, live->inode, name, value, size);
	return xattrs_get(live->volume, live->inode, name, value, size);
}

static void add_live(struct image *image, struct live *live, const char *path)
{
	struct image_entry entry = {.path = path};
	char list[LIST_BYTES];
	char *target = NULL;
	char *data = NULL;

	assert_int_equal(attrs_refresh(live->volume, live->inode), 0);
	inode_stat(live->inode, &entry.st);
	size_t size = (size_t)entry.st.st_size;
	if (S_ISREG(entry.st.st_mode) && image->parts & IMAGE_CONTENT) {
		data = malloc(size + 1);
		assert_non_null(data);
		assert_int_equal(
			data_read(live->volume, live->inode, data, size + 1, 0),
			size);
	}
	entry.data = data;
	if (S_ISLNK(entry.st.st_mode))
		assert_int_equal(
			names_readlink(live->volume, live->inode, &target), 0);
	entry.target = target;
	ssize_t n = xattrs_list(live->volume, live->inode, true, list,
				sizeof(list));
	char *xattrs = n > 0 ? describe_xattrs(list, n, get_live, live) : NULL;
	entry.xattrs = xattrs;
	image_add(image, &entry);
	free(xattrs);
	free(target);
	free(data);
}

/* A directory by its path, as the kernel would: name after name. */
static struct inode *look_up(struct volume *volume, const char *path)
{
	struct inode *inode = volume->root;
	char copied[PATH_BYTES];
	char *rest = NULL;

	inode->nlookup++;
	snprintf(copied, sizeof(copied), "%s", path);
	for (char *name = strtok_r(copied, "/", &rest); name != NULL;
	     name = strtok_r(NULL, "/", &rest)) {
		struct inode *next = NULL;
		assert_int_equal(names_lookup(volume, inode, name, &next), 0);
		names_forget(volume, inode, 1);
		inode = next;
	}
	return inode;
}

static void read_live(struct image *image, struct todo *todo,
		      struct volume *volume, const char *path)
{
	struct inode *directory = look_up(volume, path);
	struct listing *listing = NULL;
	char child[PATH_BYTES];

	assert_int_equal(listing_new(volume, directory, &listing), 0);
	for (size_t i = 0; i < listing_count(listing); i++) {
		struct listing_entry entry = listing_at(listing, i);
		struct live live = {.volume = volume};
		snprintf(child, sizeof(child), "%s/%s",
			 strcmp(path, "/") == 0 ? "" : path, entry.name);
		int r = names_lookup(volume, directory, entry.name,
				     &live.inode);
		if (r != 0)
			fail_msg("'%s' is listed, its lookup gives %d", child,
				 r);
		assert_int_equal(entry.type, live.inode->mode & S_IFMT);
		assert_int_equal(entry.number, live.inode->number);
		add_live(image, &live, child);
		names_forget(volume, live.inode, 1);
		if (S_ISDIR(entry.type))
			todo_add(todo, child);
	}
	listing_free(listing);
	names_forget(volume, directory, 1);
}

void image_of_volume(struct image *image, struct volume *volume, int parts)
{
	struct live root = {.volume = volume, .inode = volume->root};
	struct todo todo = {0};

	image_init(image, parts);
	add_live(image, &root, "/");
	todo_add(&todo, "/");
	while (todo.next < todo.count)
		read_live(image, &todo, volume, todo.paths[todo.next++]);
	todo_done(&todo);
	image_finish(image);
}
