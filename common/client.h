/* SPDX-License-Identifier: MIT */
/*
 * A client of the control files of one mount, for the command and libflakey.
 * It keeps no file of the mount open between calls, so that it never keeps the
 * mount busy. Calls on one client may run in several threads at once.
 */
#ifndef FLAKEY_COMMON_CLIENT_H
#define FLAKEY_COMMON_CLIENT_H

#include <stdbool.h>

struct client;
struct errmsg;
struct text;

/* path is anything on a mount of ours; control is the name of its control
 * directory, NULL for the usual one. -ENOTTY: no mount of ours; -ENOTCONN: one
 * whose server is dead. */
int client_open(const char *path, const char *control,
		struct client **ret_client, struct errmsg *reterr_why);
/* Takes NULL. */
void client_close(struct client *client);

/* The path of the mount's root; lives as long as the client. */
const char *client_mountpoint(const struct client *client);

/* Whether the mount has a block device of its own (the dm backend). */
bool client_has_device(const struct client *client);

/* Writes one line to `control` and appends its answer to ret_answer, which may
 * be NULL. The sentence of a refusal is the server's own. */
int client_command(const struct client *client, const char *line,
		   struct text *ret_answer, struct errmsg *reterr_why);

/* Opens a control file. Returns the file descriptor. */
int client_file(const struct client *client, const char *name, int flags,
		struct errmsg *reterr_why);

#endif
