/* SPDX-License-Identifier: MIT */
/*
 * A power failure: the journal is forgotten, and the live image is what the
 * store has. Files that were open or had changed get a new identity, so that
 * descriptors of the past stay with the dead one; directories that survived
 * keep theirs, so that working directories live on.
 */
#ifndef FLAKEY_FUSEFS_CRASH_H
#define FLAKEY_FUSEFS_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backend_report;
struct errmsg;
struct plan;
struct volume;

/* What the kernel may have cached of the lost past. */
struct crash_stale {
	uint64_t nodeid;
	char *name; /* an entry of directory nodeid; NULL: the inode itself */
	bool forgotten; /* by the kernel, if it is a name */
};

struct crash_stales {
	struct crash_stale *list;
	size_t count;
	size_t capacity;
};

/* Closes the gate, lets the past go, opens it again. The caller then makes the
 * kernel forget ret_stales, without any lock, and sets volume->invalidating to
 * false, and trims the scratch file. 0, -ENOMEM (nothing happened), or for keep=all
 * the error of storing. */
int crash_power(struct volume *volume, const struct plan *plan,
		struct crash_stales *ret_stales,
		struct backend_report *ret_report, struct errmsg *reterr_why);

int crash_stales_add(struct crash_stales *stales, uint64_t nodeid,
		     const char *name);
void crash_stales_done(struct crash_stales *stales);

#endif
