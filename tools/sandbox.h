/* SPDX-License-Identifier: MIT */
/*
 * A private mount that never outlives us. A supervisor process holds the other
 * end of a pipe: when we close it, or die in any way, the supervisor kills the
 * command that we ran, unmounts, and removes the directories.
 */
#ifndef FLAKEY_TOOLS_SANDBOX_H
#define FLAKEY_TOOLS_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

struct errmsg;
struct sandbox;

struct sandbox_config {
	const char *store;   /* NULL: a private one, removed at the end */
	const char *profile; /* NULL: the default */
	const char *cache;   /* NULL: the default */
	bool keep;	     /* leave the private store in place */
};

/* Makes the directories, starts the supervisor and mounts. */
int sandbox_open(const struct sandbox_config *config,
		 struct sandbox **ret_sandbox, struct errmsg *reterr_why);

const char *sandbox_mountpoint(const struct sandbox *sandbox);
const char *sandbox_store(const struct sandbox *sandbox);

/* Where to write (as a pid_t) which process group is to be killed should we
 * die; 0: none. */
int sandbox_guard_fd(const struct sandbox *sandbox);

/* Tears all down and waits for it. -EIO: something is left, and the supervisor
 * has said what. Takes NULL. */
int sandbox_close(struct sandbox *sandbox);

#endif
