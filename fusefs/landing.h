/* SPDX-License-Identifier: MIT */
/*
 * Reading requests. What a program writes in large pieces is read into the memory
 * of the scratch file, page on page, where it stays: nobody copies it. Since
 * nobody knows what comes before it is there, this is done while the last
 * requests were such writes; anything else that comes is put where libfuse looks
 * for it, and so is a write that is small or has a part of a page.
 *
 * Only the thread that reads from the descriptor may be in landing_read().
 */
#ifndef FLAKEY_FUSEFS_LANDING_H
#define FLAKEY_FUSEFS_LANDING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct scratch;

/* As read(2). The rest of a write that has landed lies where all of it would. */
ssize_t landing_read(struct scratch *scratch, int fd, void *buffer,
		     size_t size);

/* How many of the first bytes of the write that this thread processes have
 * landed, and where: their hold is the caller's. */
size_t landing_take(uint64_t *ret_offset);
/* The other way: another thread goes on with the request. */
void landing_give(struct scratch *scratch, uint64_t offset, size_t bytes);
/* They are wanted where the rest of the write is, which begins at data. */
void landing_return(void *data);
/* Whoever did not take them does not want them. */
void landing_drop(void);

#endif
