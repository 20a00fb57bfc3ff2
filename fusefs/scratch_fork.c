/* SPDX-License-Identifier: MIT */
/*
 * The scratch file in two processes: the one that has it, and one born of it for
 * a snapshot, which has a copy of what is in memory and shares the file. The
 * first keeps what the second may read, and the second writes elsewhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fusefs/scratch.h"
#include "fusefs/scratch_chunks.h"

void scratch_pin(struct scratch *scratch)
{
	pthread_mutex_lock(&scratch->lock);
	scratch->pinned = true;
	pthread_mutex_unlock(&scratch->lock);
}

void scratch_drop_later(struct scratch *scratch, uint64_t offset,
			uint64_t bytes)
{
	if (scratch->late_count == scratch->late_capacity) {
		size_t capacity = scratch->late_capacity
					  ? scratch->late_capacity * 2
					  : 64;
		struct late_drop *late =
			reallocarray(scratch->late, capacity, sizeof(*late));
		/* Then the space stays taken as long as the mount lives. */
		if (late == NULL)
			return;
		scratch->late = late;
		scratch->late_capacity = capacity;
	}
	scratch->late[scratch->late_count++] =
		(struct late_drop){.offset = offset, .bytes = bytes};
}

void scratch_unpin(struct scratch *scratch)
{
	pthread_mutex_lock(&scratch->lock);
	struct late_drop *late = scratch->late;
	size_t count = scratch->late_count;
	scratch->pinned = false;
	scratch->late = NULL;
	scratch->late_count = 0;
	scratch->late_capacity = 0;
	pthread_mutex_unlock(&scratch->lock);
	for (size_t i = 0; i < count; i++)
		scratch_drop(scratch, late[i].offset, late[i].bytes);
	free(late);
}

void scratch_freeze(struct scratch *scratch)
{
	pthread_mutex_lock(&scratch->lock);
}

void scratch_thaw(struct scratch *scratch)
{
	pthread_mutex_unlock(&scratch->lock);
}

int scratch_part(struct scratch *scratch)
{
	int fd = memfd_create("flakey-snapshot", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	pthread_mutex_lock(&scratch->lock);
	scratch->own_fd = fd;
	scratch->foreign_count = scratch->count;
	scratch->current = NO_CHUNK;
	scratch->landing = NO_CHUNK;
	scratch->limit_bytes = 0;
	scratch->pinned = false;
	scratch->has_mover = false;
	scratch->free_count = 0;
	/* The thread that moves chunks has stayed behind. */
	scratch->memory_chunks = 0;
	for (size_t i = 0; i < scratch->count; i++)
		scratch->chunks[i].moving = false;
	pthread_mutex_unlock(&scratch->lock);
	return 0;
}

int scratch_fd(const struct scratch *scratch)
{
	return scratch->fd;
}
