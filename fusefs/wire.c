/* SPDX-License-Identifier: MIT */
#include "fusefs/wire.h"

#include <linux/fuse.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "fusefs/fault.h"
#include "fusefs/landing.h"
#include "fusefs/ops.h"
#include "fusefs/volume.h"

/* Newer than the kernel headers of Debian 12; the protocol never changes a
 * number. */
#define OPCODE_TMPFILE 51

#ifdef FUSE_CAP_SETXATTR_EXT /* asked for in ops.c */
#define INIT_ADDS FUSE_HANDLE_KILLPRIV_V2
#else
#define INIT_ADDS (FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT)
#endif

/* Shared mappings of files that are read and written directly (cache=none):
 * newer than the headers, too, and in the second word of flags. */
#define INIT_DIRECT_IO_ALLOW_MMAP (UINT32_C(1) << 4)

static _Thread_local struct {
	bool ordered;
	bool tmpfile;
	bool clears_set_id;
	uint32_t init_adds; /* INIT, and the kernel offers these */
	uint32_t init_adds_2;
	int64_t begin_ns;
	int64_t reply_ns;
} current;

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static ssize_t wire_read(int fd, void *buffer, size_t size, void *user)
{
	const struct fusefs *fusefs = user;
	return landing_read(fusefs->volume->scratch, fd, buffer, size);
}

static ssize_t wire_writev(int fd, struct iovec *iov, int count, void *user)
{
	(void)user;
	current.reply_ns = now_ns();
	if (fault_is_here())
		return fault_reply(fd, iov, count);
	if (current.init_adds == 0 || count < 2 ||
	    iov[1].iov_len < offsetof(struct fuse_init_out, unused))
		return writev(fd, iov, count);
	struct fuse_init_out *out = iov[1].iov_base;
	out->flags |= current.init_adds;
	if (current.init_adds_2 != 0) {
		out->flags |= FUSE_INIT_EXT;
		out->flags2 |= current.init_adds_2;
	}
	current.init_adds = 0;
	return writev(fd, iov, count);
}

int wire_attach(struct fuse_session *session)
{
	static const struct fuse_custom_io io = {
		.read = wire_read,
		.writev = wire_writev,
	};
	return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}

/* The arguments behind the header, if all of them have come. */
static const void *arguments(const struct fuse_buf *buffer, size_t size)
{
	if (buffer->size < sizeof(struct fuse_in_header) + size)
		return NULL;
	return (const char *)buffer->mem + sizeof(struct fuse_in_header);
}

static bool clears_set_id(const struct fuse_buf *buffer, uint32_t opcode)
{
	if (opcode == FUSE_WRITE) {
		const struct fuse_write_in *in = arguments(buffer, sizeof(*in));
		return in && in->write_flags & FUSE_WRITE_KILL_SUIDGID;
	}
	if (opcode == FUSE_SETATTR) {
		const struct fuse_setattr_in *in =
			arguments(buffer, sizeof(*in));
		return in && in->valid & FATTR_KILL_SUIDGID;
	}
	if (opcode == FUSE_OPEN) {
		const struct fuse_open_in *in = arguments(buffer, sizeof(*in));
		return in && in->open_flags & FUSE_OPEN_KILL_SUIDGID;
	}
	return false;
}

/* Only its length tells which form a SETXATTR has: where the name begins in the
 * short one, the long one has flags, of which just the lowest may be set. */
static bool is_extended(const struct fuse_buf *buffer)
{
	const char *in = arguments(buffer, sizeof(struct fuse_setxattr_in));
	if (in == NULL)
		return false;
	uint32_t value_bytes;
	memcpy(&value_bytes, in, sizeof(value_bytes));
	size_t room = buffer->size - sizeof(struct fuse_in_header) -
		      FUSE_COMPAT_SETXATTR_IN_SIZE;
	size_t name_bytes =
		strnlen(in + FUSE_COMPAT_SETXATTR_IN_SIZE, room) + 1;
	return name_bytes + value_bytes != room;
}

/* libfuse shall see the form that it knows; the flag is noted. */
static void shorten(struct fuse_buf *buffer)
{
	struct fuse_in_header *header = buffer->mem;
	char *in = (char *)buffer->mem + sizeof(*header);
	struct fuse_setxattr_in full;
	memcpy(&full, in, sizeof(full));
	current.clears_set_id =
		full.setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID;
#ifndef FUSE_CAP_SETXATTR_EXT
	const size_t less = sizeof(full) - FUSE_COMPAT_SETXATTR_IN_SIZE;
	memmove(in + FUSE_COMPAT_SETXATTR_IN_SIZE, in + sizeof(full),
		buffer->size - sizeof(*header) - sizeof(full));
	buffer->size -= less;
	header->len -= (uint32_t)less;
#endif
}

void wire_note(struct fuse_buf *buffer)
{
	struct fuse_in_header *header = buffer->mem;
	current.begin_ns = now_ns();
	current.reply_ns = current.begin_ns;
	current.clears_set_id = clears_set_id(buffer, header->opcode);
	current.ordered = header->opcode == FUSE_RELEASE;
	current.init_adds = 0;
	if (header->opcode == FUSE_INIT) {
		const struct fuse_init_in *in =
			arguments(buffer, offsetof(struct fuse_init_in, flags) +
						  sizeof(in->flags));
		if (in != NULL)
			current.init_adds = in->flags & INIT_ADDS;
		current.init_adds_2 = 0;
		in = arguments(buffer, sizeof(*in));
		if (in != NULL && in->flags & FUSE_INIT_EXT)
			current.init_adds_2 =
				in->flags2 & INIT_DIRECT_IO_ALLOW_MMAP;
	}
	if (header->opcode == FUSE_SETXATTR && is_extended(buffer))
		shorten(buffer);
	current.tmpfile = false;
#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 17)
	if (header->opcode == OPCODE_TMPFILE) {
		header->opcode = FUSE_CREATE;
		current.tmpfile = true;
	}
#endif
}

bool wire_is_ordered(void)
{
	return current.ordered;
}

bool wire_is_tmpfile(void)
{
	return current.tmpfile;
}

bool wire_clears_set_id(void)
{
	return current.clears_set_id;
}

int64_t wire_duration_ns(void)
{
	return current.reply_ns - current.begin_ns;
}
