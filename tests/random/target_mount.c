/* SPDX-License-Identifier: MIT */
/* A mount, through system calls alone. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"
#include "tests/random/model.h"
#include "tests/random/target.h"

enum description {
	PLAIN,
	DSYNC,
	SYNC,
	DESCRIPTIONS
};

struct mount_file {
	int fds[DESCRIPTIONS]; /* -1: not open */
	uint8_t *map;	       /* MODEL_BYTES, or NULL */
};

struct mount_target {
	struct target target;
	const char *below; /* or NULL */
	char store[PATH_MAX];
	int root;
	struct mount_file files[MODEL_FILES];
};

static struct mount_target *self_of(struct target *target)
{
	return (struct mount_target *)target;
}

static int result(long n)
{
	return n < 0 ? -errno : (int)n;
}

static int fd_of(struct target *target, int file)
{
	return self_of(target)->files[file].fds[PLAIN];
}

/* Another description of the same file, also of one without a name. */
static int description(struct target *target, int file, enum description which)
{
	struct mount_file *it = &self_of(target)->files[file];
	char path[32];

	if (it->fds[which] >= 0)
		return it->fds[which];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", it->fds[PLAIN]);
	it->fds[which] = open(path, O_RDWR | O_CLOEXEC |
					    (which == SYNC ? O_SYNC : O_DSYNC));
	return it->fds[which];
}

static int open_file(struct target *target, int file, const char *name,
		     int flags)
{
	struct mount_target *self = self_of(target);
	int fd = openat(self->root, name,
			O_RDWR | O_CLOEXEC | flags |
				(flags & O_CREAT ? O_EXCL : 0),
			0644);

	if (fd < 0)
		return -errno;
	self->files[file].fds[PLAIN] = fd;
	/* One that is opened when the power has failed is of the new world. */
	if (self->below != NULL && (description(target, file, DSYNC) < 0 ||
				    description(target, file, SYNC) < 0))
		return -errno;
	return 0;
}

static void close_file(struct target *target, int file)
{
	struct mount_file *it = &self_of(target)->files[file];

	if (it->map != NULL)
		munmap(it->map, MODEL_BYTES);
	it->map = NULL;
	for (int i = 0; i < DESCRIPTIONS; i++) {
		if (it->fds[i] >= 0)
			close(it->fds[i]);
		it->fds[i] = -1;
	}
}

static ssize_t read_file(struct target *target, int file, void *buffer,
			 size_t size, int64_t offset)
{
	ssize_t n = pread(fd_of(target, file), buffer, size, offset);

	return n < 0 ? -errno : n;
}

static int write_all(int fd, const void *data, size_t size, int64_t offset)
{
	ssize_t n = offset < 0 ? write(fd, data, size)
			       : pwrite(fd, data, size, offset);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

static int write_file(struct target *target, int file, enum act_kind how,
		      const void *data, size_t size, int64_t offset)
{
	int fd = fd_of(target, file);
	int flag = 0;

	if (how == ACT_DSYNC || how == ACT_SYNC)
		fd = description(target, file, how == ACT_SYNC ? SYNC : DSYNC);
	if (fd < 0)
		return -errno;
	if (how == ACT_APPEND)
		flag = O_APPEND;
	if (how == ACT_DIRECT)
		flag = O_DIRECT;
	if (flag != 0 && fcntl(fd, F_SETFL, flag) < 0)
		return -errno;
	int r = write_all(fd, data, size, how == ACT_APPEND ? -1 : offset);
	if (flag != 0 && fcntl(fd, F_SETFL, 0) < 0)
		return -errno;
	/* When the kernel would write the pages is its own affair. */
	if (r == 0 && target->by_pages && how != ACT_DIRECT)
		r = result(sync_file_range(fd, 0, 0,
					   SYNC_FILE_RANGE_WRITE_AND_WAIT));
	return r;
}

static int truncate_file(struct target *target, int file, int64_t size)
{
	return result(ftruncate(fd_of(target, file), size));
}

static int space(struct target *target, int file, int mode, int64_t offset,
		 int64_t length)
{
	return result(fallocate(fd_of(target, file), mode, offset, length));
}

static int copy(struct target *target, const struct act *act)
{
	int64_t from = act->offset2;
	int64_t to = act->offset;
	size_t rest = (size_t)act->length;

	while (rest > 0) {
		ssize_t n =
			copy_file_range(fd_of(target, act->file2), &from,
					fd_of(target, act->file), &to, rest, 0);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		rest -= (size_t)n;
	}
	if (!target->by_pages)
		return 0;
	return result(sync_file_range(fd_of(target, act->file), 0, 0,
				      SYNC_FILE_RANGE_WRITE_AND_WAIT));
}

static int64_t seek(struct target *target, int file, int64_t offset, bool hole)
{
	off_t found = lseek(fd_of(target, file), offset,
			    hole ? SEEK_HOLE : SEEK_DATA);

	return found < 0 ? -errno : found;
}

static int sync_file(struct target *target, int file, bool datasync)
{
	int fd = fd_of(target, file);

	return result(datasync ? fdatasync(fd) : fsync(fd));
}

static int sync_directory(struct target *target, int directory)
{
	int fd = openat(self_of(target)->root, directory == 0 ? "." : "d",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = result(fsync(fd));
	close(fd);
	return r;
}

static int sync_all(struct target *target)
{
	return controlfile_verb(self_of(target)->root, "sync");
}

static int rename_file(struct target *target, const char *from, const char *to)
{
	int root = self_of(target)->root;

	return result(renameat(root, from, root, to));
}

static int unlink_file(struct target *target, const char *name)
{
	return result(unlinkat(self_of(target)->root, name, 0));
}

/* A descriptor of the past is dead, and stays so; but with cache=back the kernel may
 * have a page of its own to answer with. */
static int check_dead(struct target *target, int file)
{
	char byte;

	if (fd_of(target, file) < 0 ||
	    ((target->by_pages ||
	      pread(fd_of(target, file), &byte, 1, 0) <= 0) &&
	     fsync(fd_of(target, file)) < 0 && errno == EIO))
		return 0;
	printf("# file %d can still be used after the crash\n", file);
	return -EBADF;
}

static int open_root(struct mount_target *self)
{
	char path[PATH_MAX];

	if (self->root >= 0)
		close(self->root);
	snprintf(path, sizeof(path), "%s/%s", getenv("MNT"),
		 self->below != NULL ? self->below : ".");
	self->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return self->root < 0 ? -errno : 0;
}

static int make_directory(struct mount_target *self)
{
	if (self->below != NULL)
		return 0;
	if (mkdirat(self->root, "d", 0755) < 0)
		return -errno;
	return sync_all(&self->target);
}

static int come_back(struct target *target)
{
	int r = open_root(self_of(target));

	for (int i = 0; i < MODEL_FILES; i++) {
		if (r == 0)
			r = check_dead(target, i);
		close_file(target, i);
	}
	return r;
}

static int crash(struct target *target)
{
	int r = controlfile_verb(self_of(target)->root, "crash");

	return r < 0 ? r : come_back(target);
}

static int64_t size_of(struct target *target, int file)
{
	struct stat st;

	return fstat(fd_of(target, file), &st) < 0 ? -errno : st.st_size;
}

static uint8_t *map(struct target *target, int file)
{
	struct mount_file *it = &self_of(target)->files[file];

	if (it->map != NULL)
		return it->map;
	void *memory = mmap(NULL, MODEL_BYTES, PROT_READ | PROT_WRITE,
			    MAP_SHARED, it->fds[PLAIN], 0);
	if (memory == MAP_FAILED)
		return NULL;
	it->map = memory;
	return it->map;
}

static int map_sync(struct target *target, int file)
{
	return result(
		msync(self_of(target)->files[file].map, MODEL_BYTES, MS_SYNC));
}

static void stop(struct target *target)
{
	struct mount_target *self = self_of(target);

	for (int i = 0; i < MODEL_FILES; i++)
		close_file(target, i);
	close(self->root);
	free(self);
}

static const struct target_table table = {
	.open = open_file,
	.close = close_file,
	.read = read_file,
	.write = write_file,
	.truncate = truncate_file,
	.space = space,
	.copy = copy,
	.seek = seek,
	.sync = sync_file,
	.sync_directory = sync_directory,
	.sync_all = sync_all,
	.rename = rename_file,
	.unlink = unlink_file,
	.crash = crash,
	.come_back = come_back,
	.size = size_of,
	.map = map,
	.map_sync = map_sync,
	.stop = stop,
};

struct target *target_mount_start(const char *cache, const char *below)
{
	struct mount_target *self = calloc(1, sizeof(*self));

	if (self == NULL || getenv("MNT") == NULL)
		return NULL;
	self->target = (struct target){
		.table = &table,
		.store = self->store,
		.by_pages = strcmp(cache, "back") == 0,
	};
	for (int i = 0; i < MODEL_FILES; i++)
		self->files[i] = (struct mount_file){.fds = {-1, -1, -1}};
	self->root = -1;
	self->below = below;
	snprintf(self->store, sizeof(self->store), "%s/%s", getenv("STORE"),
		 below != NULL ? below : ".");
	if (open_root(self) < 0 || make_directory(self) < 0) {
		printf("# cannot begin in '%s'\n", getenv("MNT"));
		free(self);
		return NULL;
	}
	return &self->target;
}
