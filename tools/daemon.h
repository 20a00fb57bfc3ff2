/* SPDX-License-Identifier: MIT */
/*
 * The process that serves a mount.
 */
#ifndef FLAKEY_TOOLS_DAEMON_H
#define FLAKEY_TOOLS_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

struct errmsg;

/* What is served: a row of functions. All return 0 or a negative errno, and
 * have set the sentence then. */
struct daemon_server {
	/* After it the mount exists; must be called without threads. */
	int (*mount)(const void *config, void **ret_server,
		     struct errmsg *reterr_why);
	/* After it the mount works. */
	int (*start)(void *server, struct errmsg *reterr_why);
	/* Until the end. */
	int (*serve)(void *server, struct errmsg *reterr_why);
	void (*free)(void *server);
	bool is_fuse; /* the mountpoint's own file system */
};

/* Its config is a struct fusefs_config. */
extern const struct daemon_server daemon_fusefs;
/* Its config is a struct dmbackend_config. Only where that is built. */
extern const struct daemon_server daemon_dmbackend;

/* Mounts, and serves in this process until the end. */
int daemon_foreground(const struct daemon_server *server, const void *config,
		      struct errmsg *reterr_why);

/* Mounts in a new process that leaves the terminal, and returns once the mount
 * was seen to answer. */
int daemon_background(const struct daemon_server *server, const void *config,
		      const char *mountpoint, pid_t *ret_pid,
		      struct errmsg *reterr_why);

/* What a mount in the background says with --json, to standard output. */
void daemon_print_json(const char *source, const char *mountpoint, pid_t pid);

#endif
