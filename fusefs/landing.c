/* SPDX-License-Identifier: MIT */
#include "fusefs/landing.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fusefs/ops.h"
#include "fusefs/scratch.h"

/* Copying less than this costs less than what avoids it. */
#define LARGE_BYTES (16 << 10)

/* So many other requests between two large writes are part of a stream. */
#define STREAM_GAP 8

/* The payload of a write begins here. */
#define HEADER (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))

static _Thread_local struct {
	struct scratch *scratch;
	uint64_t offset;
	size_t bytes;
	int likely; /* requests for which the next large write is waited for */
} landed;

static bool is_large_write(const struct fuse_in_header *header, ssize_t size)
{
	return size >= (ssize_t)(HEADER + LARGE_BYTES) &&
	       header->opcode == FUSE_WRITE && !ops_is_control(header->nodeid);
}

static ssize_t note(const void *buffer, ssize_t n)
{
	if (n > 0 && is_large_write(buffer, n))
		landed.likely = STREAM_GAP;
	else if (landed.likely > 0)
		landed.likely--;
	return n;
}

/* The request is in buffer, but for what is in memory. */
static void settle(struct scratch *scratch, char *buffer, ssize_t n,
		   const char *memory, size_t room)
{
	size_t came = n > (ssize_t)HEADER ? (size_t)n - HEADER : 0;
	size_t inside = came < room ? came : room;
	if (came % SCRATCH_LANDING == 0 &&
	    is_large_write((const void *)buffer, n)) {
		landed.scratch = scratch;
		landed.bytes = inside;
		landed.offset = scratch_landed(scratch, inside);
		return;
	}
	memcpy(buffer + HEADER, memory, inside);
	(void)scratch_landed(scratch, 0);
}

ssize_t landing_read(struct scratch *scratch, int fd, void *buffer, size_t size)
{
	char *memory;
	size_t room = landed.likely > 0 ? scratch_land(scratch, &memory) : 0;
	landing_drop(); /* of a request that libfuse itself has answered */
	if (room == 0)
		return note(buffer, read(fd, buffer, size));
	if (room > size - HEADER)
		room = (size - HEADER) / SCRATCH_LANDING * SCRATCH_LANDING;
	char *rest = (char *)buffer + HEADER + room;
	struct iovec parts[] = {
		{.iov_base = buffer, .iov_len = HEADER},
		{.iov_base = memory, .iov_len = room},
		{.iov_base = rest, .iov_len = size - HEADER - room},
	};
	ssize_t n = readv(fd, parts, 3);
	int error = errno;
	settle(scratch, buffer, n, memory, room);
	errno = error;
	return note(buffer, n);
}

size_t landing_take(uint64_t *ret_offset)
{
	size_t bytes = landed.bytes;
	*ret_offset = landed.offset;
	landed.bytes = 0;
	return bytes;
}

void landing_give(struct scratch *scratch, uint64_t offset, size_t bytes)
{
	landing_drop();
	landed.scratch = scratch;
	landed.offset = offset;
	landed.bytes = bytes;
}

/* They were read into memory, which cannot fail to be read. */
void landing_return(void *data)
{
	if (landed.bytes > 0)
		(void)scratch_read(landed.scratch, landed.offset, data,
				   landed.bytes);
	landing_drop();
}

void landing_drop(void)
{
	if (landed.bytes > 0)
		scratch_drop(landed.scratch, landed.offset, landed.bytes);
	landed.bytes = 0;
}
