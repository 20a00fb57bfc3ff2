/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of the scratch file share: scratch.c gives space out and
 * takes it back, scratch_memory.c knows where its bytes are. For nobody else.
 */
#ifndef FLAKEY_FUSEFS_SCRATCH_CHUNKS_H
#define FLAKEY_FUSEFS_SCRATCH_CHUNKS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fusefs/scratch.h"

#define UNITS (SCRATCH_CHUNK / SCRATCH_UNIT)
#define NO_CHUNK SIZE_MAX

struct chunk {
	uint8_t *touched; /* a count for each unit; NULL: whole chunk free */
	uint32_t used;	  /* units with a count above 0 */
	uint32_t cursor;  /* where the next search begins */
	bool untrimmed;	  /* free, but still on the disk */
	char *memory;	  /* its data; NULL: that is in the file */
	uint32_t users;	  /* threads that use it in memory right now */
	bool moving;	  /* from memory to the file: no writing */
};

/* A drop that waits until the file is not pinned any more. */
struct late_drop {
	uint64_t offset;
	uint64_t bytes;
};

struct scratch {
	int fd;
	/* After scratch_part(): chunks below are another process's. */
	size_t foreign_count;
	int own_fd;
	uint64_t limit_bytes;
	pthread_mutex_t lock; /* guards everything below */
	struct chunk *chunks;
	size_t count;
	size_t capacity;
	size_t current;
	size_t landing; /* the chunk that only landings take from, or NO_CHUNK */
	bool expected;	/* and one is under way */
	uint64_t used_units;
	bool deferred;
	bool pinned;
	struct late_drop *late;
	size_t late_count;
	size_t late_capacity;
	/* Memory for chunks, and what of it is free, last used on top. */
	char *memory;
	size_t memory_chunks;
	char **free_memory;
	size_t free_count;
	/* The thread that moves chunks to the file, once it was needed. */
	pthread_t mover;
	bool has_mover;
	bool stop;
	size_t next_moved;
	pthread_cond_t wanted; /* memory is short */
	pthread_cond_t moved;  /* a chunk, or one user less of it */
};

/* All but the last with the lock held. */
/* A new chunk at the end: its index, or NO_CHUNK. */
size_t scratch_add_chunk(struct scratch *scratch);
/* Free units of a chunk get their first holder, and are behind the cursor. */
void scratch_take_units(struct scratch *scratch, struct chunk *chunk,
			uint32_t at, uint32_t count);
/* Whether so much of the file is free that it should not grow. */
bool scratch_has_holes(const struct scratch *scratch);
/* No more landings in their chunk, which becomes one like the others. */
void scratch_end_landing(struct scratch *scratch);
/* A chunk begins to be used: in memory, if there is room. */
void scratch_settle_in(struct scratch *scratch, struct chunk *chunk);
/* A chunk in memory leaves it. */
void scratch_give_memory(struct scratch *scratch, struct chunk *chunk);
/* A chunk that nobody holds any more. */
void scratch_release(struct scratch *scratch, size_t index);
/* Remembers a drop for scratch_unpin(). */
void scratch_drop_later(struct scratch *scratch, uint64_t offset,
			uint64_t bytes);
/* The file that has a place. */
static inline int scratch_file_of(const struct scratch *scratch,
				  uint64_t offset)
{
	return offset / SCRATCH_CHUNK < scratch->foreign_count ||
			       scratch->own_fd < 0
		       ? scratch->fd
		       : scratch->own_fd;
}
/* When the file is closed: no thread moves anything, and there is no memory. */
void scratch_stop_mover(struct scratch *scratch);

#endif
