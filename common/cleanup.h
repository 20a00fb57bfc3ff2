/* SPDX-License-Identifier: MIT */
/*
 * Release at the end of the scope: `cleanup_free char *p = NULL;`. A variable
 * that is marked so must be initialised at its declaration. steal() hands the
 * value over and leaves an empty variable behind.
 */
#ifndef FLAKEY_COMMON_CLEANUP_H
#define FLAKEY_COMMON_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close_fd(const int *fd)
{
	/* Nothing was written through these that a failed close could lose. */
	if (*fd >= 0)
		(void)close(*fd);
}

#define cleanup_free __attribute__((cleanup(cleanup_free_pointer)))
#define cleanup_fd __attribute__((cleanup(cleanup_close_fd)))

#define steal(pointer)                                                         \
	({                                                                     \
		__typeof__(pointer) steal_value = (pointer);                   \
		(pointer) = NULL;                                              \
		steal_value;                                                   \
	})

static inline int steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}

#endif
