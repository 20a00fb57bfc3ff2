/* SPDX-License-Identifier: MIT */
#include "dmbackend/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"

/* FNV-1a, 64 bits. */
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

void runtime_name(const char *mountpoint, struct runtime *ret_runtime)
{
	uint64_t hash = HASH_BASIS;

	for (const char *c = mountpoint; *c; c++)
		hash = (hash ^ (unsigned char)*c) * HASH_PRIME;
	*ret_runtime = (struct runtime){.fd = -1};
	(void)snprintf(ret_runtime->id, sizeof(ret_runtime->id), "%016" PRIx64,
		       hash);
	(void)snprintf(ret_runtime->uuid, sizeof(ret_runtime->uuid),
		       "FLAKEY-%s", ret_runtime->id);
	(void)snprintf(ret_runtime->directory, sizeof(ret_runtime->directory),
		       RUNTIME_ROOT "/%s", ret_runtime->id);
	(void)snprintf(ret_runtime->control, sizeof(ret_runtime->control),
		       RUNTIME_ROOT "/%s/control", ret_runtime->id);
}

bool runtime_exists(const struct runtime *runtime)
{
	struct stat st;

	return lstat(runtime->directory, &st) == 0;
}

static int explain(int r, const struct runtime *runtime,
		   struct errmsg *reterr_why)
{
	if (r == -EBUSY)
		errmsg_set(reterr_why,
			   "another flakey works on this mountpoint (it holds "
			   "'%s'): wait for it, or say 'flakey umount'",
			   runtime->directory);
	else
		errmsg_set(reterr_why, "cannot use '%s': %s",
			   runtime->directory, strerrordesc_np(-r));
	return r;
}

/* The lock of a directory that was removed meanwhile is worth nothing. */
static int try_lock(struct runtime *runtime)
{
	cleanup_fd int fd =
		open(runtime->directory,
		     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat ours;
	struct stat theirs;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (fstat(fd, &ours) < 0 || lstat(runtime->directory, &theirs) < 0)
		return -errno;
	if (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev)
		return -ENOENT;
	runtime->fd = steal_fd(&fd);
	return 0;
}

int runtime_lock(struct runtime *runtime, struct errmsg *reterr_why)
{
	int r = try_lock(runtime);

	return r < 0 ? explain(r, runtime, reterr_why) : 0;
}

static int note(const struct runtime *runtime, const char *name,
		const char *value)
{
	if (unlinkat(runtime->fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	if (value && symlinkat(value, runtime->fd, name) < 0)
		return -errno;
	return 0;
}

int runtime_create(struct runtime *runtime, const char *mountpoint,
		   struct errmsg *reterr_why)
{
	int r;

	if (mkdir(RUNTIME_ROOT, 0755) < 0 && errno != EEXIST)
		return explain(-errno, runtime, reterr_why);
	if (mkdir(runtime->directory, 0700) < 0 && errno != EEXIST)
		return explain(-errno, runtime, reterr_why);
	r = try_lock(runtime);
	if (r < 0)
		return explain(r, runtime, reterr_why);
	if (mkdirat(runtime->fd, "control", 0700) < 0 && errno != EEXIST)
		r = -errno;
	else
		r = note(runtime, "mountpoint", mountpoint);
	if (r < 0) {
		(void)explain(r, runtime, reterr_why);
		runtime_remove(runtime);
	}
	return r;
}

int runtime_set_unfinished(const struct runtime *runtime, const char *path,
			   struct errmsg *reterr_why)
{
	int r = note(runtime, "unfinished", path);

	return r < 0 ? explain(r, runtime, reterr_why) : 0;
}

char *runtime_unfinished(const struct runtime *runtime)
{
	char path[PATH_MAX];
	ssize_t size =
		readlinkat(runtime->fd, "unfinished", path, sizeof(path) - 1);

	if (size < 0)
		return NULL;
	path[size] = '\0';
	return strdup(path);
}

void runtime_unlock(struct runtime *runtime)
{
	if (runtime->fd >= 0)
		(void)close(runtime->fd); /* nothing to flush */
	runtime->fd = -1;
}

void runtime_remove(struct runtime *runtime)
{
	if (runtime->fd < 0)
		return;
	/* What cannot be removed is found, and removed, by the next mount. */
	(void)unlinkat(runtime->fd, "unfinished", 0);
	(void)unlinkat(runtime->fd, "mountpoint", 0);
	(void)unlinkat(runtime->fd, "control", AT_REMOVEDIR);
	(void)rmdir(runtime->directory);
	runtime_unlock(runtime);
}
