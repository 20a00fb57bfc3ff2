/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of the scratch file are. A chunk that begins to be used gets
 * memory while there is some; when half of all is used, a thread writes the next
 * chunk that nobody touches to the file and gives its memory back. Whoever reads
 * or writes in memory counts as its user meanwhile; a chunk on its way waits for
 * its users, and its writers for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fusefs/scratch_chunks.h"

void scratch_use_memory(struct scratch *scratch, size_t chunks)
{
	char **list = reallocarray(NULL, chunks, sizeof(char *));
	if (list == NULL)
		return;
	size_t size = chunks * SCRATCH_CHUNK;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		free(list);
		return;
	}
	(void)madvise(memory, size, MADV_HUGEPAGE); /* only faster */
	/* The first on top: what is never needed is never touched. */
	for (size_t i = 0; i < chunks; i++)
		list[i] = memory + (chunks - 1 - i) * SCRATCH_CHUNK;
	scratch->memory = memory;
	scratch->memory_chunks = chunks;
	scratch->free_memory = list;
	scratch->free_count = chunks;
}

static int write_file(struct scratch *scratch, uint64_t offset,
		      const char *from, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = pwrite(scratch_file_of(scratch, offset), from,
				   bytes, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			/* Quotas and file size limits are a full disk too. */
			return errno == EDQUOT || errno == EFBIG ? -ENOSPC
								 : -errno;
		from += n;
		offset += (uint64_t)n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int read_file(struct scratch *scratch, uint64_t offset, char *to,
		     size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = pread(scratch_file_of(scratch, offset), to, bytes,
				  (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		to += n;
		offset += (uint64_t)n;
		bytes -= (size_t)n;
	}
	return 0;
}

void scratch_give_memory(struct scratch *scratch, struct chunk *chunk)
{
	scratch->free_memory[scratch->free_count++] = chunk->memory;
	chunk->memory = NULL;
}

static bool is_short(const struct scratch *scratch)
{
	return scratch->free_count < scratch->memory_chunks / 2;
}

/* The next chunk in memory that nobody uses right now, or NO_CHUNK. */
static size_t next_to_move(struct scratch *scratch)
{
	for (size_t i = 0; i < scratch->count; i++) {
		size_t index = (scratch->next_moved + i) % scratch->count;
		const struct chunk *chunk = &scratch->chunks[index];
		if (chunk->memory != NULL && chunk->users == 0 &&
		    chunk->used > 0 && index != scratch->current &&
		    index != scratch->landing)
			return index;
	}
	return NO_CHUNK;
}

/* False if the disk does not take it. */
static bool move_chunk(struct scratch *scratch, size_t index)
{
	const char *memory = scratch->chunks[index].memory;
	scratch->chunks[index].moving = true;
	scratch->next_moved = index + 1;
	pthread_mutex_unlock(&scratch->lock);
	int r = write_file(scratch, (uint64_t)index * SCRATCH_CHUNK, memory,
			   SCRATCH_CHUNK);
	pthread_mutex_lock(&scratch->lock);
	/* Readers that came meanwhile; the table may move while we wait. */
	while (scratch->chunks[index].users > 0)
		pthread_cond_wait(&scratch->moved, &scratch->lock);
	struct chunk *chunk = &scratch->chunks[index];
	chunk->moving = false;
	bool dropped = chunk->touched == NULL;
	if (r == 0 || dropped)
		scratch_give_memory(scratch, chunk);
	if (dropped)
		scratch_release(scratch, index);
	pthread_cond_broadcast(&scratch->moved);
	return r == 0;
}

static void *move_chunks(void *user)
{
	struct scratch *scratch = user;
	pthread_mutex_lock(&scratch->lock);
	while (!scratch->stop) {
		size_t index =
			is_short(scratch) ? next_to_move(scratch) : NO_CHUNK;
		/* With a full disk, tried again when more is wanted. */
		bool go = index != NO_CHUNK && move_chunk(scratch, index);
		if (!go && !scratch->stop)
			pthread_cond_wait(&scratch->wanted, &scratch->lock);
	}
	pthread_mutex_unlock(&scratch->lock);
	return NULL;
}

static void want_memory(struct scratch *scratch)
{
	if (!is_short(scratch))
		return;
	if (!scratch->has_mover)
		scratch->has_mover = pthread_create(&scratch->mover, NULL,
						    move_chunks, scratch) == 0;
	pthread_cond_signal(&scratch->wanted);
}

void scratch_settle_in(struct scratch *scratch, struct chunk *chunk)
{
	if (chunk->memory == NULL && scratch->free_count > 0)
		chunk->memory = scratch->free_memory[--scratch->free_count];
	want_memory(scratch);
}

void scratch_stop_mover(struct scratch *scratch)
{
	pthread_mutex_lock(&scratch->lock);
	scratch->stop = true;
	pthread_cond_signal(&scratch->wanted);
	pthread_mutex_unlock(&scratch->lock);
	if (scratch->has_mover)
		pthread_join(scratch->mover, NULL);
	free(scratch->free_memory);
	if (scratch->memory != NULL)
		(void)munmap(scratch->memory,
			     scratch->memory_chunks * SCRATCH_CHUNK);
}

/* Where a byte is in memory, until leave(), and how many follow in its chunk;
 * NULL: it is in the file. */
static char *enter(struct scratch *scratch, uint64_t offset, bool write,
		   size_t *ret_bytes)
{
	size_t index = offset / SCRATCH_CHUNK;
	size_t inside = offset % SCRATCH_CHUNK;
	*ret_bytes = SCRATCH_CHUNK - inside;
	pthread_mutex_lock(&scratch->lock);
	while (write && scratch->chunks[index].moving)
		pthread_cond_wait(&scratch->moved, &scratch->lock);
	struct chunk *chunk = &scratch->chunks[index];
	char *memory = chunk->memory;
	if (memory != NULL)
		chunk->users++;
	pthread_mutex_unlock(&scratch->lock);
	return memory == NULL ? NULL : memory + inside;
}

static void leave(struct scratch *scratch, uint64_t offset)
{
	pthread_mutex_lock(&scratch->lock);
	struct chunk *chunk = &scratch->chunks[offset / SCRATCH_CHUNK];
	if (--chunk->users == 0 && chunk->moving)
		pthread_cond_broadcast(&scratch->moved);
	pthread_mutex_unlock(&scratch->lock);
}

const void *scratch_peek(struct scratch *scratch, uint64_t offset,
			 size_t *ret_bytes)
{
	return enter(scratch, offset, false, ret_bytes);
}

void scratch_unpeek(struct scratch *scratch, uint64_t offset)
{
	leave(scratch, offset);
}

int scratch_write(struct scratch *scratch, uint64_t offset, const void *data,
		  size_t bytes)
{
	const char *from = data;
	int r = 0;
	while (bytes > 0 && r == 0) {
		size_t n;
		char *memory = enter(scratch, offset, true, &n);
		if (n > bytes)
			n = bytes;
		if (memory == NULL) {
			r = write_file(scratch, offset, from, n);
		} else {
			memcpy(memory, from, n);
			leave(scratch, offset);
		}
		from += n;
		offset += n;
		bytes -= n;
	}
	return r;
}

int scratch_read(struct scratch *scratch, uint64_t offset, void *data,
		 size_t bytes)
{
	char *to = data;
	int r = 0;
	while (bytes > 0 && r == 0) {
		size_t n;
		const char *memory = enter(scratch, offset, false, &n);
		if (n > bytes)
			n = bytes;
		if (memory == NULL) {
			r = read_file(scratch, offset, to, n);
		} else {
			memcpy(to, memory, n);
			leave(scratch, offset);
		}
		to += n;
		offset += n;
		bytes -= n;
	}
	return r;
}
