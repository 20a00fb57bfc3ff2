/* SPDX-License-Identifier: MIT */
/*
 * A process beside the daemon, for the case that the daemon is killed while the kernel
 * forgets names for it. That waits for the lock of a directory, in a system call that
 * no signal ends; who has the lock may wait for an answer that the daemon owes; and
 * while a thread of it is in that call, the connection to the kernel stays open, so
 * that nobody is told that there will be none.
 *
 * The warden has the connection, too. When the daemon dies, it answers what is left
 * with an error until nothing of the daemon is there any more, and ends, too. It does
 * nothing else, and has nothing else open.
 */
#ifndef FLAKEY_FUSEFS_WARDEN_H
#define FLAKEY_FUSEFS_WARDEN_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "fusefs/loop.h"

struct warden {
	pid_t pid;
	/* The request that each thread has taken, 0: none; and the last. Shared. */
	_Atomic uint64_t *taken;
};

/* To be called before there are threads, by the one that ends last. NULL: there can be
 * none, and a daemon that is killed may leave somebody waiting. */
struct warden *warden_start(int fuse_fd);
/* What the thread with this slot has taken; 0: it is done. Takes NULL. */
void warden_note(struct warden *warden, int slot, uint64_t unique);
/* Ends it: the connection is the daemon's alone. Takes NULL. */
void warden_stop(struct warden *warden);

#endif
