/* SPDX-License-Identifier: MIT */
/*
 * The process that serves a mount.
 */
#ifndef FLAKEY_TOOLS_DAEMON_H
#define FLAKEY_TOOLS_DAEMON_H

#include <sys/types.h>

struct errmsg;
struct fusefs_config;

/* Mounts, and serves in this process until the end. */
int daemon_foreground(const struct fusefs_config *config,
		      struct errmsg *reterr_why);

/* Mounts in a new process that leaves the terminal, and returns once the mount
 * was seen to answer. */
int daemon_background(const struct fusefs_config *config, pid_t *ret_pid,
		      struct errmsg *reterr_why);

#endif
