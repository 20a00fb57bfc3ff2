/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"

static int failed(int error, const char *what, struct errmsg *reterr_why)
{
	errmsg_set(reterr_why, "%s: %s", what, strerrordesc_np(error));
	return -error;
}

static int read_all(int fd, struct replacement *replacement)
{
	size_t size = (size_t)replacement->before.st_size;

	replacement->text = malloc(size + 1);
	if (!replacement->text)
		return -ENOMEM;
	while (replacement->length_bytes < size) {
		ssize_t got =
			read(fd, replacement->text + replacement->length_bytes,
			     size - replacement->length_bytes);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		replacement->length_bytes += (size_t)got;
	}
	replacement->text[replacement->length_bytes] = '\0';
	return 0;
}

int replacement_open(struct replacement *replacement, const char *path,
		     struct errmsg *reterr_why)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY |
					       O_NONBLOCK | O_NOFOLLOW);
	int r;

	*replacement = (struct replacement){0};
	if (fd < 0)
		return failed(errno, "cannot open it", reterr_why);
	if (fstat(fd, &replacement->before) < 0)
		return failed(errno, "cannot look at it", reterr_why);
	if (!S_ISREG(replacement->before.st_mode))
		return failed(EINVAL, "it is no file", reterr_why);
	if ((uint64_t)replacement->before.st_size > REPLACEMENT_BYTES_MAX)
		return failed(EFBIG, "it is longer than 64 MiB", reterr_why);
	r = read_all(fd, replacement);
	if (r < 0)
		return failed(-r, "cannot read it", reterr_why);
	replacement->path = strdup(path);
	return replacement->path ? 0 : failed(ENOMEM, path, reterr_why);
}

void replacement_close(struct replacement *replacement)
{
	if (replacement->temporary)
		/* That it stays is the worst that can happen. */
		(void)unlink(replacement->temporary);
	free(replacement->temporary);
	free(replacement->path);
	free(replacement->text);
	*replacement = (struct replacement){0};
}

static int write_all(int fd, const char *text, size_t length_bytes)
{
	while (length_bytes > 0) {
		ssize_t put = write(fd, text, length_bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		text += put;
		length_bytes -= (size_t)put;
	}
	return 0;
}

static int copy_attribute(int from, int to, const char *name)
{
	ssize_t size = fgetxattr(from, name, NULL, 0);
	cleanup_free char *value = NULL;

	if (size < 0)
		return -errno;
	value = malloc((size_t)size + 1);
	if (!value)
		return -ENOMEM;
	size = fgetxattr(from, name, value, (size_t)size);
	if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) < 0)
		return -errno;
	return 0;
}

/* What the system gives to each file itself, and lets nobody set. */
static bool is_systems(const char *name)
{
	return strncmp(name, "security.", 9) == 0 ||
	       strncmp(name, "trusted.", 8) == 0;
}

static int copy_attributes(int from, int to)
{
	ssize_t size = flistxattr(from, NULL, 0);
	cleanup_free char *names = NULL;

	if (size <= 0)
		return size == 0 || errno == ENOTSUP ? 0 : -errno;
	names = malloc((size_t)size + 1);
	if (!names)
		return -ENOMEM;
	size = flistxattr(from, names, (size_t)size);
	if (size < 0)
		return -errno;
	names[size] = '\0';
	for (char *name = names; name < names + size;
	     name += strlen(name) + 1) {
		int r = copy_attribute(from, to, name);

		if (r < 0 && !is_systems(name))
			return r;
	}
	return 0;
}

static int copy_owner(int to, const struct stat *before)
{
	struct stat now;

	if (fstat(to, &now) < 0)
		return -errno;
	if ((now.st_uid != before->st_uid || now.st_gid != before->st_gid) &&
	    fchown(to, before->st_uid, before->st_gid) < 0)
		return -errno;
	return 0;
}

/* The mode last: a change of the owner takes bits away. */
static int copy_rights(const struct replacement *replacement, int to)
{
	cleanup_fd int from =
		open(replacement->path,
		     O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int r;

	if (from < 0)
		return -errno;
	r = copy_owner(to, &replacement->before);
	if (r == 0)
		r = copy_attributes(from, to);
	if (r == 0 && fchmod(to, replacement->before.st_mode & 07777) < 0)
		r = -errno;
	return r;
}

int replacement_prepare(struct replacement *replacement, const char *text,
			size_t length_bytes, struct errmsg *reterr_why)
{
	const char *name = strrchr(replacement->path, '/');
	int folder = name ? (int)(name + 1 - replacement->path) : 0;
	cleanup_free char *temporary = NULL;
	cleanup_fd int fd = -1;
	int r;

	if (asprintf(&temporary, "%.*s.failpoint-XXXXXX", folder,
		     replacement->path) < 0) {
		temporary = NULL;
		return failed(ENOMEM, "cannot replace it", reterr_why);
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return failed(errno, "cannot make a file beside it",
			      reterr_why);
	replacement->temporary = steal(temporary);
	r = write_all(fd, text, length_bytes);
	if (r < 0)
		return failed(-r, "cannot write a file beside it", reterr_why);
	r = copy_rights(replacement, fd);
	if (r < 0)
		return failed(-r, "cannot keep its owner, mode and attributes",
			      reterr_why);
	if (fsync(fd) < 0)
		return failed(errno, "cannot sync a file beside it",
			      reterr_why);
	return 0;
}

static bool is_unchanged(const struct replacement *replacement)
{
	const struct stat *before = &replacement->before;
	struct stat now;

	return lstat(replacement->path, &now) == 0 &&
	       now.st_dev == before->st_dev && now.st_ino == before->st_ino &&
	       now.st_size == before->st_size &&
	       now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

int replacement_commit(struct replacement *replacement,
		       struct errmsg *reterr_why)
{
	if (!is_unchanged(replacement)) {
		errmsg_set(reterr_why, "somebody else has just changed it");
		return -EBUSY;
	}
	if (rename(replacement->temporary, replacement->path) < 0)
		return failed(errno, "cannot replace it", reterr_why);
	free(replacement->temporary);
	replacement->temporary = NULL;
	return 0;
}
