/* SPDX-License-Identifier: MIT */
/*
 * What this host's kernel can do for the dm backend, found out on a scratch
 * device of its own: no version is asked for, since kernels of distributions have
 * what their numbers do not say.
 */
#ifndef FLAKEY_DMBACKEND_EXAMINE_H
#define FLAKEY_DMBACKEND_EXAMINE_H

#include <stdbool.h>
#include <stddef.h>

struct errmsg;

/* One thing that is needed, or that a mode needs. */
struct examine_item {
	const char *what; /* "drop_writes", "mkfs.xfs" */
	bool needed;	  /* nothing works without it */
	bool there;
	const struct errmsg *remedy; /* how to get it, if it is not there */
};

typedef void examine_fn(void *user, const struct examine_item *item);

/* Looks at everything. Makes and removes a device, if it may. */
void examine_host(examine_fn *each, void *user);

/* 1: the byte of what is read is changed, as it should be; 0: the kernel takes
 * the table and does nothing; negative: cannot be found out. */
int examine_read_corruption(struct errmsg *reterr_why);

/* Removes the scratch devices of those who were killed while they looked. */
void examine_clean_up(void);

#endif
