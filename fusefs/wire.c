/* SPDX-License-Identifier: MIT */
#include "fusefs/wire.h"

#define FUSE_USE_VERSION 314

#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <stddef.h>
#include <sys/uio.h>
#include <unistd.h>

/* Newer than the kernel headers of Debian 12; the protocol never changes a
 * number. */
#define OPCODE_TMPFILE 51

static _Thread_local struct {
	bool ordered;
	bool tmpfile;
	bool clears_set_id;
	bool init_v2; /* INIT, and the kernel offers HANDLE_KILLPRIV_V2 */
} current;

static ssize_t wire_read(int fd, void *buffer, size_t size, void *user)
{
	(void)user;
	return read(fd, buffer, size);
}

static ssize_t wire_writev(int fd, struct iovec *iov, int count, void *user)
{
	(void)user;
	if (!current.init_v2 || count < 2 ||
	    iov[1].iov_len < offsetof(struct fuse_init_out, unused))
		return writev(fd, iov, count);
	current.init_v2 = false;
	struct fuse_init_out *out = iov[1].iov_base;
	out->flags |= FUSE_HANDLE_KILLPRIV_V2;
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

void wire_note(struct fuse_buf *buffer)
{
	struct fuse_in_header *header = buffer->mem;
	current.clears_set_id = clears_set_id(buffer, header->opcode);
	current.ordered = header->opcode == FUSE_RELEASE;
	current.init_v2 = false;
	if (header->opcode == FUSE_INIT) {
		const struct fuse_init_in *in =
			arguments(buffer, offsetof(struct fuse_init_in, flags) +
						  sizeof(in->flags));
		current.init_v2 = in && in->flags & FUSE_HANDLE_KILLPRIV_V2;
	}
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
