/* SPDX-License-Identifier: MIT */
/*
 * `flakey mount --backend dm`: its options, and what it does. In a build without
 * that backend it says so.
 */
#ifndef FLAKEY_TOOLS_MOUNT_DM_H
#define FLAKEY_TOOLS_MOUNT_DM_H

#include <stdbool.h>

struct cmd_args;

/* Which backend the command line asks for: by --backend, by -o backend=, or
 * else by $FLAKEY_BACKEND. */
bool mount_dm_is_asked_for(const struct cmd_args *args);

/* Does the verb. Returns the exit status, having printed why. */
int mount_dm_run(const struct cmd_args *args);

#endif
