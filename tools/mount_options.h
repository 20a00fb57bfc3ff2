/* SPDX-License-Identifier: MIT */
/*
 * The options of a mount, however they are given: `--cache back`, or
 * `-o cache=back` as mount(8) and fstab(5) write them.
 */
#ifndef FLAKEY_TOOLS_MOUNT_OPTIONS_H
#define FLAKEY_TOOLS_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "fusefs/fusefs.h"

struct errmsg;

struct mount_options {
	/* Strings are borrowed from the command line, or from lists. */
	struct fusefs_config config;
	bool foreground;
};

/* Sets one option by its long name; value is NULL for a flag. -ENOENT: no such
 * option, -EINVAL: not such a value. */
int mount_options_set(struct mount_options *options, const char *name,
		      const char *value, struct errmsg *reterr_why);

/* "64M" to bytes: 0 or -EINVAL. */
int mount_options_size(const char *value, uint64_t *ret_bytes,
		       struct errmsg *reterr_why);

/* The name of the control directory: 0 or -EINVAL. */
int mount_options_control(const char *value, struct errmsg *reterr_why);

/* Sets those of a list "NAME,NAME=VALUE,...", which is cut up and kept pointing
 * into. Options of mount(8) that mean nothing here are passed over; those that
 * would promise what we do not keep are refused. */
int mount_options_list(struct mount_options *options, char *list,
		       struct errmsg *reterr_why);

#endif
