/* SPDX-License-Identifier: MIT */
/* The volume without FUSE, called as the request handlers do. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/backend.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/plan.h"
#include "fusefs/commit.h"
#include "fusefs/crash.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/profile.h"
#include "fusefs/scratch.h"
#include "fusefs/slimlock.h"
#include "fusefs/space.h"
#include "fusefs/volume.h"
#include "tests/random/model.h"
#include "tests/random/target.h"

struct volume_target {
	struct target target;
	char directory[256];
	char store[300];
	struct event_log *events;
	struct volume *volume;
	struct inode *inodes[MODEL_FILES]; /* one reference each, or NULL */
	struct inode *directory_inode;	   /* 'd', likewise */
};

static struct volume_target *self_of(struct target *target)
{
	return (struct volume_target *)target;
}

/* One handle more, or one less, as the handlers of OPEN and RELEASE have it. */
static void count_open(struct volume *volume, struct inode *inode, bool more)
{
	pthread_mutex_lock(&volume->lock);
	if (more && inode->open_count++ == 0) {
		list_append(&volume->open, &inode->open_link);
		volume->open_count++;
	} else if (!more && --inode->open_count == 0) {
		list_remove(&inode->open_link);
		volume->open_count--;
	}
	if (!more)
		inode_release_locked(volume, inode);
	pthread_mutex_unlock(&volume->lock);
}

/* The directory of a path of the model, and the name in it. */
static struct inode *parent_of(struct volume_target *self, const char **path)
{
	const char *slash = strchr(*path, '/');

	if (slash == NULL)
		return self->volume->root;
	*path = slash + 1;
	return self->directory_inode;
}

static void release(struct volume_target *self, int file)
{
	struct inode *inode = self->inodes[file];

	if (inode == NULL)
		return;
	count_open(self->volume, inode, false);
	names_forget(self->volume, inode, 1);
	self->inodes[file] = NULL;
}

static int open_file(struct target *target, int file, const char *name,
		     int flags)
{
	struct volume_target *self = self_of(target);
	struct volume *volume = self->volume;
	const struct names_new what = {
		.mode = S_IFREG | 0644, .uid = geteuid(), .gid = getegid()};
	struct inode *inode = NULL;
	struct inode *parent = parent_of(self, &name);
	int r = flags & O_CREAT
			? names_create(volume, parent, name, &what, &inode)
			: names_lookup(volume, parent, name, &inode);

	if (r == 0 && flags & O_TRUNC)
		r = data_truncate(volume, inode, 0);
	if (r < 0)
		return r;
	count_open(volume, inode, true);
	self->inodes[file] = inode;
	return data_learn_blocks(volume, inode);
}

static void close_file(struct target *target, int file)
{
	struct volume_target *self = self_of(target);
	struct inode *inode = self->inodes[file];

	slimlock_write(&inode->lock);
	bool push = inode->truncated;
	if (push)
		inode->truncated = false;
	slimlock_unlock(&inode->lock);
	if (push && profile_pushes_on_close(self->volume->profile))
		commit_push(self->volume, inode, NULL, true);
	release(self, file);
}

static ssize_t read_file(struct target *target, int file, void *buffer,
			 size_t size, int64_t offset)
{
	struct volume_target *self = self_of(target);

	return data_read(self->volume, self->inodes[file], buffer, size,
			 offset);
}

/* As the daemon does it with large writes: what is in the scratch file already is
 * not where the data should be. */
static void land(struct scratch *scratch, struct data_write *write)
{
	static char rest[MODEL_BYTES];
	char *memory;
	size_t room;

	if (write->size_bytes == 0 || write->size_bytes % SCRATCH_LANDING != 0)
		return;
	room = scratch_land(scratch, &memory);
	if (room == 0)
		return;
	/* Sometimes there is no more room, and the rest is where it should be. */
	if (write->offset_bytes % 2 == 0)
		room = SCRATCH_LANDING;
	if (room > write->size_bytes)
		room = write->size_bytes;
	memcpy(memory, write->data, room);
	memcpy(rest + room, (const char *)write->data + room,
	       write->size_bytes - room);
	memset(rest, 0x5a, room);
	write->data = rest;
	write->landed_bytes = room;
	write->landed_at = scratch_landed(scratch, room);
}

static int write_file(struct target *target, int file, enum act_kind how,
		      const void *data, size_t size, int64_t offset)
{
	struct volume_target *self = self_of(target);
	struct inode *inode = self->inodes[file];
	struct data_write write = {
		.data = data,
		.size_bytes = size,
		.offset_bytes = offset,
		.direct = how == ACT_DIRECT,
	};
	const struct commit_range range = {offset, offset + (int64_t)size};

	land(self->volume->scratch, &write);
	int r = data_write(self->volume, inode, &write);

	if (r == 0 && how == ACT_DIRECT)
		r = commit_direct(self->volume, inode, &range);
	if (r == 0 && (how == ACT_DSYNC || how == ACT_SYNC))
		r = commit_sync(self->volume, inode, how == ACT_DSYNC, &range);
	return r;
}

static int truncate_file(struct target *target, int file, int64_t size)
{
	struct volume_target *self = self_of(target);

	return data_truncate(self->volume, self->inodes[file], size);
}

static int space(struct target *target, int file, int mode, int64_t offset,
		 int64_t length)
{
	struct volume_target *self = self_of(target);

	return space_allocate(self->volume, self->inodes[file], mode, offset,
			      length);
}

static int copy(struct target *target, const struct act *act)
{
	char *buffer = malloc((size_t)act->length);

	if (buffer == NULL)
		return -ENOMEM;
	ssize_t n = read_file(target, act->file2, buffer, (size_t)act->length,
			      act->offset2);
	int r = n < 0 ? (int)n : 0;
	if (n > 0)
		r = write_file(target, act->file, ACT_WRITE, buffer, (size_t)n,
			       act->offset);
	free(buffer);
	return r;
}

static int64_t seek(struct target *target, int file, int64_t offset, bool hole)
{
	struct volume_target *self = self_of(target);

	return data_seek(self->volume, self->inodes[file], offset, hole);
}

static int sync_file(struct target *target, int file, bool datasync)
{
	struct volume_target *self = self_of(target);

	return commit_sync(self->volume, self->inodes[file], datasync, NULL);
}

static int sync_directory(struct target *target, int directory)
{
	struct volume_target *self = self_of(target);

	return commit_sync(self->volume,
			   directory == 0 ? self->volume->root
					  : self->directory_inode,
			   false, NULL);
}

static int sync_all(struct target *target)
{
	return commit_all(self_of(target)->volume);
}

static int rename_file(struct target *target, const char *from, const char *to)
{
	struct volume_target *self = self_of(target);
	struct names_rename rename = {.flags = 0};

	rename.from_directory = parent_of(self, &from);
	rename.from_name = from;
	rename.to_directory = parent_of(self, &to);
	rename.to_name = to;
	return names_rename(self->volume, &rename);
}

static int unlink_file(struct target *target, const char *name)
{
	struct volume_target *self = self_of(target);
	struct inode *parent = parent_of(self, &name);

	return names_unlink(self->volume, parent, name, false);
}

static int crash(struct target *target)
{
	struct volume_target *self = self_of(target);
	const struct plan plan = {.keep = PLAN_KEEP_NONE};
	struct crash_stales stales = {0};
	struct backend_report report = {0};
	struct errmsg why = {""};
	int r = crash_power(self->volume, &plan, &stales, &report, &why);

	self->volume->invalidating = false;
	crash_stales_done(&stales);
	free(report.lost_list);
	for (int i = 0; i < MODEL_FILES; i++)
		release(self, i);
	names_forget(self->volume, self->directory_inode, 1);
	return r < 0 ? r
		     : names_lookup(self->volume, self->volume->root, "d",
				    &self->directory_inode);
}

static int64_t size_of(struct target *target, int file)
{
	struct stat st;

	inode_stat(self_of(target)->inodes[file], &st);
	return st.st_size;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void stop(struct target *target)
{
	struct volume_target *self = self_of(target);

	volume_close(self->volume);
	event_free(self->events);
	if (nftw(self->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		printf("# cannot remove '%s'\n", self->directory);
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
	.size = size_of,
	.stop = stop,
};

static int make_directory(struct volume_target *self)
{
	const struct names_new what = {
		.mode = S_IFDIR | 0755, .uid = geteuid(), .gid = getegid()};
	int r = names_create(self->volume, self->volume->root, "d", &what,
			     &self->directory_inode);

	return r < 0 ? r : commit_all(self->volume);
}

struct target *target_volume_start(const char *profile)
{
	const char *tmp = getenv("TMPDIR");
	struct errmsg why = {""};
	struct volume_target *self = calloc(1, sizeof(*self));

	if (self == NULL)
		return NULL;
	self->target = (struct target){
		.table = &table, .store = self->store, .moves = true};
	snprintf(self->directory, sizeof(self->directory),
		 "%.200s/flakey-random-XXXXXX",
		 tmp != NULL && *tmp != '\0' ? tmp : "/var/tmp");
	self->events = event_new();
	if (self->events == NULL || mkdtemp(self->directory) == NULL) {
		printf("# cannot make '%s'\n", self->directory);
		free(self);
		return NULL;
	}
	snprintf(self->store, sizeof(self->store), "%s/store", self->directory);
	const struct volume_config config = {
		.source = self->store,
		.scratch_directory = self->directory,
		.profile = profile,
		.memory_chunks = 2,
	};
	if (mkdir(self->store, 0755) < 0 ||
	    volume_open(&config, self->events, &self->volume, &why) < 0) {
		printf("# cannot open a volume: %s\n", why.text);
		return NULL;
	}
	if (make_directory(self) < 0) {
		printf("# cannot make a directory\n");
		return NULL;
	}
	return &self->target;
}
