/* SPDX-License-Identifier: MIT */
#include "fusefs/fault_request.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>

#include "common/text.h"
#include "fusefs/inode.h"
#include "fusefs/ops.h"
#include "fusefs/volume.h"

/* Newer than the kernel headers of Debian 12. */
#define OPCODE_TMPFILE 51

/* How a request is laid out behind its header: some bytes, then names. */
struct form {
	size_t fixed_bytes;
	enum rule_point point;
	bool known;
	bool named; /* about a name in the node, not the node */
};

#define NODE(point, type)                                                      \
	{                                                                      \
		sizeof(type), point, true, false                               \
	}
#define NAME(point, type)                                                      \
	{                                                                      \
		sizeof(type), point, true, true                                \
	}
#define BARE(point, named)                                                     \
	{                                                                      \
		0, point, true, named                                          \
	}

static const struct form forms[] = {
	[FUSE_LOOKUP] = BARE(RULE_FS_LOOKUP, true),
	[FUSE_GETATTR] = NODE(RULE_FS_GETATTR, struct fuse_getattr_in),
	/* Which of its points it is at is seen later. */
	[FUSE_SETATTR] = NODE(RULE_FS_CHMOD, struct fuse_setattr_in),
	[FUSE_READLINK] = BARE(RULE_FS_READLINK, false),
	[FUSE_SYMLINK] = BARE(RULE_FS_SYMLINK, true),
	[FUSE_MKNOD] = NAME(RULE_FS_MKNOD, struct fuse_mknod_in),
	[FUSE_MKDIR] = NAME(RULE_FS_MKDIR, struct fuse_mkdir_in),
	[FUSE_UNLINK] = BARE(RULE_FS_UNLINK, true),
	[FUSE_RMDIR] = BARE(RULE_FS_RMDIR, true),
	[FUSE_RENAME] = NAME(RULE_FS_RENAME, struct fuse_rename_in),
	[FUSE_RENAME2] = NAME(RULE_FS_RENAME, struct fuse_rename2_in),
	[FUSE_LINK] = NAME(RULE_FS_LINK, struct fuse_link_in),
	[FUSE_OPEN] = NODE(RULE_FS_OPEN, struct fuse_open_in),
	[FUSE_READ] = NODE(RULE_FS_READ, struct fuse_read_in),
	[FUSE_WRITE] = NODE(RULE_FS_WRITE, struct fuse_write_in),
	[FUSE_STATFS] = BARE(RULE_FS_STATFS, false),
	[FUSE_RELEASE] = NODE(RULE_FS_CLOSE, struct fuse_release_in),
	[FUSE_FSYNC] = NODE(RULE_FS_FSYNC, struct fuse_fsync_in),
	[FUSE_SETXATTR] = BARE(RULE_FS_SETXATTR, false),
	[FUSE_GETXATTR] = NODE(RULE_FS_GETXATTR, struct fuse_getxattr_in),
	[FUSE_LISTXATTR] = NODE(RULE_FS_LISTXATTR, struct fuse_getxattr_in),
	[FUSE_REMOVEXATTR] = BARE(RULE_FS_REMOVEXATTR, false),
	[FUSE_OPENDIR] = NODE(RULE_FS_OPENDIR, struct fuse_open_in),
	[FUSE_READDIR] = NODE(RULE_FS_READDIR, struct fuse_read_in),
	[FUSE_FSYNCDIR] = NODE(RULE_FS_FSYNCDIR, struct fuse_fsync_in),
	[FUSE_CREATE] = NAME(RULE_FS_CREATE, struct fuse_create_in),
	[FUSE_FALLOCATE] = NODE(RULE_FS_FALLOCATE, struct fuse_fallocate_in),
	[FUSE_LSEEK] = NODE(RULE_FS_SEEK, struct fuse_lseek_in),
	[OPCODE_TMPFILE] = NODE(RULE_FS_TMPFILE, struct fuse_create_in),
};

static const struct form *form_of(const struct fuse_buf *buffer)
{
	const struct fuse_in_header *header = buffer->mem;
	if (buffer->size < sizeof(*header) ||
	    header->opcode >= sizeof(forms) / sizeof(forms[0]))
		return NULL;
	const struct form *form = &forms[header->opcode];
	if (!form->known || buffer->size < sizeof(*header) + form->fixed_bytes)
		return NULL;
	return form;
}

static const void *fixed(const struct fuse_buf *buffer)
{
	return (const char *)buffer->mem + sizeof(struct fuse_in_header);
}

/* Takes the name at *at, and goes behind it. */
static void take_name(const struct fuse_buf *buffer, size_t *at,
		      char ret_name[static DENTRY_NAME_MAX + 1])
{
	const char *name = (const char *)buffer->mem + *at;
	size_t length = strnlen(name, buffer->size - *at);
	size_t copied = length < DENTRY_NAME_MAX ? length : DENTRY_NAME_MAX;
	memcpy(ret_name, name, copied);
	ret_name[copied] = '\0';
	*at += length < buffer->size - *at ? length + 1 : length;
}

static void read_names(const struct form *form, const struct fuse_buf *buffer,
		       struct fault_request *request)
{
	const struct fuse_in_header *header = buffer->mem;
	size_t at = sizeof(*header) + form->fixed_bytes;
	if (!form->named) {
		request->node = header->nodeid;
	} else if (request->opcode == FUSE_LINK) {
		const struct fuse_link_in *in = fixed(buffer);
		request->node = in->oldnodeid;
		request->to.parent = header->nodeid;
		take_name(buffer, &at, request->to.name);
	} else {
		request->name.parent = header->nodeid;
		take_name(buffer, &at, request->name.name);
	}
	if (request->opcode == FUSE_RENAME || request->opcode == FUSE_RENAME2) {
		/* Where the two forms agree. */
		const struct fuse_rename_in *in = fixed(buffer);
		request->to.parent = in->newdir;
		take_name(buffer, &at, request->to.name);
	}
}

static int handle_flags(uint64_t fh)
{
	const struct ops_handle *handle = (void *)(uintptr_t)fh;
	return handle->flags;
}

/* Which of its points, and the range that changes. */
static void read_setattr(const struct fuse_setattr_in *in, struct rule_hit *hit)
{
	if (in->valid & FATTR_FH)
		hit->flags = handle_flags(in->fh);
	if (in->valid & FATTR_SIZE) {
		hit->point = RULE_FS_TRUNCATE;
		hit->offset_bytes = (int64_t)in->size;
		hit->length_bytes = INT64_MAX - hit->offset_bytes;
	} else if (in->valid & FATTR_MODE) {
		hit->point = RULE_FS_CHMOD;
	} else if (in->valid & (FATTR_ATIME | FATTR_MTIME) &&
		   !(in->valid & (FATTR_UID | FATTR_GID))) {
		hit->point = RULE_FS_UTIMES;
	} else {
		hit->point = RULE_FS_CHOWN;
	}
}

static void set_range(struct rule_hit *hit, uint64_t offset, uint64_t length)
{
	hit->offset_bytes = (int64_t)offset;
	hit->length_bytes = (int64_t)length;
}

/* What stands in the fixed part. False: not to be seen by rules. */
static bool read_fixed(const struct fuse_buf *buffer,
		       struct fault_request *request)
{
	struct rule_hit *hit = &request->hit;
	const void *in = fixed(buffer);
	switch (request->opcode) {
	case FUSE_SETATTR:
		read_setattr(in, hit);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		hit->flags = (int)((const struct fuse_open_in *)in)->flags;
		break;
	case FUSE_CREATE:
	case OPCODE_TMPFILE:
		hit->flags = (int)((const struct fuse_create_in *)in)->flags;
		break;
	case FUSE_RELEASE:
		hit->flags = (int)((const struct fuse_release_in *)in)->flags;
		break;
	case FUSE_READ: {
		const struct fuse_read_in *read = in;
		hit->flags = (int)read->flags;
		set_range(hit, read->offset, read->size);
		break;
	}
	case FUSE_WRITE: {
		const struct fuse_write_in *write = in;
		hit->flags = (int)write->flags;
		set_range(hit, write->offset, write->size);
		request->written_back = write->write_flags & FUSE_WRITE_CACHE;
		break;
	}
	case FUSE_FSYNC: {
		const struct fuse_fsync_in *fsync = in;
		const struct ops_handle *handle = (void *)(uintptr_t)fsync->fh;
		hit->flags = handle->flags;
		if (fsync->fsync_flags & 1)
			hit->point = RULE_FS_FDATASYNC;
		/* The kernel's own, behind an O_DSYNC write: that was one. */
		return hit->pid == 0 || handle->synced_by != hit->pid;
	}
	case FUSE_FSYNCDIR:
		hit->flags =
			handle_flags(((const struct fuse_fsync_in *)in)->fh);
		break;
	case FUSE_FALLOCATE: {
		const struct fuse_fallocate_in *fallocate = in;
		hit->flags = handle_flags(fallocate->fh);
		set_range(hit, fallocate->offset, fallocate->length);
		break;
	}
	case FUSE_LSEEK: {
		const struct fuse_lseek_in *seek = in;
		hit->flags = handle_flags(seek->fh);
		set_range(hit, seek->offset, INT64_MAX - seek->offset);
		break;
	}
	default:
		break;
	}
	return true;
}

/* The way to the control files leads through the root, and through what the
 * kernel asks of it on the way: no rule must be able to close it. */
static bool is_way_to_control(const struct fault_request *request)
{
	if (ops_is_control(request->node) ||
	    ops_is_control(request->name.parent) ||
	    ops_is_control(request->to.parent))
		return true;
	if (request->node == FUSE_ROOT_ID && (request->opcode == FUSE_GETATTR ||
					      request->opcode == FUSE_GETXATTR))
		return true;
	return request->name.parent != 0 &&
	       ops_control_find(request->fusefs, request->name.parent,
				request->name.name) != 0;
}

bool fault_request_read(struct fusefs *fusefs, const struct fuse_buf *buffer,
			struct fault_request *ret_request)
{
	const struct form *form = form_of(buffer);
	if (form == NULL)
		return false;
	const struct fuse_in_header *header = buffer->mem;
	ret_request->fusefs = fusefs;
	ret_request->unique = header->unique;
	ret_request->opcode = header->opcode;
	ret_request->written_back = false;
	ret_request->node = 0;
	ret_request->name.parent = 0;
	ret_request->to.parent = 0;
	ret_request->hit = (struct rule_hit){
		.point = form->point,
		.pid = (pid_t)header->pid,
		.uid = header->uid,
		.flags = -1,
		.offset_bytes = -1,
		.length_bytes = -1,
	};
	read_names(form, buffer, ret_request);
	/* First: a handle of a control file is none of ours. */
	if (is_way_to_control(ret_request) || !read_fixed(buffer, ret_request))
		return false;
	if (ret_request->written_back) {
		ret_request->hit.pid = 0;
		ret_request->hit.uid = (uid_t)-1;
	}
	return true;
}

static int add_name_locked(struct fusefs *fusefs, const struct fault_name *name,
			   struct text *text)
{
	dentry_path_locked(fusefs->volume, ops_inode(fusefs, name->parent),
			   name->name, text);
	return 0;
}

/* The index-th of the names that lead to a node. */
static int add_node_locked(struct fusefs *fusefs, uint64_t node, size_t index,
			   struct text *text)
{
	struct inode *inode = ops_inode(fusefs, node);
	if (inode == fusefs->volume->root && index == 0) {
		dentry_inode_path_locked(fusefs->volume, inode, text);
		return 0;
	}
	list_for_each(link, following, &inode->live) {
		struct dentry *dentry =
			list_entry(link, struct dentry, live_link);
		if (index-- > 0)
			continue;
		dentry_path_locked(fusefs->volume, dentry->directory,
				   dentry->name, text);
		return 0;
	}
	return -ENOENT;
}

static int add_path(void *data, size_t index, struct text *text)
{
	const struct fault_request *request = data;
	struct fusefs *fusefs = request->fusefs;
	int r = -ENOENT;
	pthread_mutex_lock(&fusefs->volume->lock);
	if (request->node != 0)
		r = add_node_locked(fusefs, request->node, index, text);
	else if (index == 0)
		r = add_name_locked(fusefs, &request->name, text);
	pthread_mutex_unlock(&fusefs->volume->lock);
	return r;
}

static int add_to(void *data, size_t index, struct text *text)
{
	const struct fault_request *request = data;
	if (index > 0)
		return -ENOENT;
	pthread_mutex_lock(&request->fusefs->volume->lock);
	int r = add_name_locked(request->fusefs, &request->to, text);
	pthread_mutex_unlock(&request->fusefs->volume->lock);
	return r;
}

const struct rule_hit *fault_request_hit(struct fault_request *request)
{
	request->hit.path = add_path;
	request->hit.to = request->to.parent != 0 ? add_to : NULL;
	request->hit.data = request;
	return &request->hit;
}

bool fault_request_syncs(const struct fault_request *request)
{
	return request->opcode == FUSE_FSYNC ||
	       request->opcode == FUSE_FSYNCDIR;
}

size_t fault_request_bytes(const struct fault_request *request)
{
	if (request->opcode != FUSE_READ && request->opcode != FUSE_WRITE)
		return 0;
	return (size_t)request->hit.length_bytes;
}

void fault_request_shorten(struct fault_request *request,
			   struct fuse_buf *buffer, size_t size_bytes)
{
	struct fuse_in_header *header = buffer->mem;
	char *in = (char *)buffer->mem + sizeof(*header);
	if (request->opcode == FUSE_READ) {
		((struct fuse_read_in *)in)->size = (uint32_t)size_bytes;
	} else {
		((struct fuse_write_in *)in)->size = (uint32_t)size_bytes;
		buffer->size = sizeof(*header) + sizeof(struct fuse_write_in) +
			       size_bytes;
		header->len = (uint32_t)buffer->size;
	}
	request->hit.length_bytes = (int64_t)size_bytes;
}

void *fault_request_data(struct fuse_buf *buffer)
{
	return (char *)buffer->mem + sizeof(struct fuse_in_header) +
	       sizeof(struct fuse_write_in);
}

uint64_t fault_request_interrupted(const struct fuse_buf *buffer)
{
	const struct fuse_in_header *header = buffer->mem;
	if (buffer->size < sizeof(*header) + sizeof(struct fuse_interrupt_in) ||
	    header->opcode != FUSE_INTERRUPT)
		return 0;
	return ((const struct fuse_interrupt_in *)fixed(buffer))->unique;
}
