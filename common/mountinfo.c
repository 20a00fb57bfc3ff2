/* SPDX-License-Identifier: MIT */
#include "common/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/escape.h"
#include "common/text.h"

#define MOUNTINFO_PATH "/proc/self/mountinfo"
/* Fields of a line: five, any number of optional ones up to "-", then two. */
#define MOUNTPOINT_FIELD 4

void mountinfo_done(struct mountinfo *mount)
{
	free(mount->mountpoint);
	free(mount->type);
	free(mount->source);
	*mount = (struct mountinfo){0};
}

struct line {
	char *mountpoint;
	char *type;
	char *source;
};

static bool parse_line(char *text, struct line *ret_line)
{
	char *position = NULL;
	char *field = strtok_r(text, " ", &position);
	struct line line = {0};

	for (int i = 0; field && strcmp(field, "-") != 0; i++) {
		if (i == MOUNTPOINT_FIELD)
			line.mountpoint = field;
		field = strtok_r(NULL, " ", &position);
	}
	line.type = strtok_r(NULL, " ", &position);
	line.source = line.type ? strtok_r(NULL, " ", &position) : NULL;
	if (!field || !line.mountpoint || !line.source)
		return false;
	escape_decode(line.mountpoint);
	escape_decode(line.type);
	escape_decode(line.source);
	*ret_line = line;
	return true;
}

/* Bytes of the mountpoint if path lies in it, else 0. */
static size_t covers(const char *mountpoint, const char *path)
{
	size_t length = strlen(mountpoint);

	if (strcmp(mountpoint, "/") == 0)
		return 1;
	if (strncmp(mountpoint, path, length) != 0 ||
	    (path[length] != '/' && path[length] != '\0'))
		return 0;
	return length;
}

int mountinfo_search(char *text, const char *path, struct mountinfo *ret_mount)
{
	struct mountinfo mount;
	struct line best = {0};
	size_t best_length = 0;

	while (text && *text) {
		char *next = strchr(text, '\n');
		struct line line;

		if (next)
			*next++ = '\0';
		if (parse_line(text, &line)) {
			size_t length = covers(line.mountpoint, path);

			if (length > 0 && length >= best_length) {
				best = line;
				best_length = length;
			}
		}
		text = next;
	}
	if (best_length == 0)
		return -ENOENT;
	mount.mountpoint = strdup(best.mountpoint);
	mount.type = strdup(best.type);
	mount.source = strdup(best.source);
	if (!mount.mountpoint || !mount.type || !mount.source) {
		mountinfo_done(&mount);
		return -ENOMEM;
	}
	*ret_mount = mount;
	return 0;
}

/* The whole file of this process. */
static int read_all(struct text *text)
{
	cleanup_fd int fd = open(MOUNTINFO_PATH, O_RDONLY | O_CLOEXEC);
	ssize_t size = 1;

	if (fd < 0)
		return -errno;
	while (size != 0) {
		char buffer[4096];

		size = read(fd, buffer, sizeof(buffer));
		if (size >= 0)
			text_append(text, buffer, (size_t)size);
		else if (errno != EINTR)
			return -errno;
	}
	return text_result(text);
}

int mountinfo_find(const char *path, struct mountinfo *ret_mount)
{
	struct text text;
	int r;

	text_init(&text);
	r = read_all(&text);
	if (r == 0)
		r = mountinfo_search(text.data, path, ret_mount);
	text_done(&text);
	return r;
}

int mountinfo_each(mountinfo_fn *each, void *user)
{
	struct text text;
	char *rest;
	char *next;
	int r;

	text_init(&text);
	r = read_all(&text);
	rest = text.data;
	while (r == 0 && (next = strsep(&rest, "\n"))) {
		struct line line;
		struct mountinfo mount;

		if (!parse_line(next, &line))
			continue;
		mount = (struct mountinfo){line.mountpoint, line.type,
					   line.source};
		each(user, &mount);
	}
	text_done(&text);
	return r;
}

/* realpath() of a dead mountpoint fails, but that of its parent does not. */
static int resolve_dead(const char *path, char **ret_path)
{
	cleanup_free char *copy = strdup(path);
	cleanup_free char *parent = NULL;
	char *name;
	size_t length;

	if (!copy)
		return -ENOMEM;
	length = strlen(copy);
	while (length > 1 && copy[length - 1] == '/')
		copy[--length] = '\0';
	name = strrchr(copy, '/');
	if (name)
		*name++ = '\0';
	else
		name = copy;
	if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
		return -ENOTCONN;
	parent = realpath(name == copy ? "." : *copy ? copy : "/", NULL);
	if (!parent)
		return -errno;
	if (asprintf(ret_path, "%s/%s", strcmp(parent, "/") ? parent : "",
		     name) < 0)
		return -ENOMEM;
	return 0;
}

/* stat() may be answered from the kernel's cache for long after the server's
 * death; statfs() always asks it. */
static int look(const char *path)
{
	struct statfs fs;
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	return statfs(path, &fs) < 0 ? -errno : 0;
}

int mountinfo_resolve(const char *path, char **ret_path, bool *ret_dead)
{
	int r = look(path);
	char *resolved;

	if (r == 0) {
		resolved = realpath(path, NULL);
		if (!resolved)
			return -errno;
		*ret_path = resolved;
		*ret_dead = false;
		return 0;
	}
	/* ECONNABORTED: the connection was cut through fusectl. */
	if (r != -ENOTCONN && r != -ECONNABORTED)
		return r;
	r = resolve_dead(path, ret_path);
	if (r == 0)
		*ret_dead = true;
	return r;
}
