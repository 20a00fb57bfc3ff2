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
	uint64_t nodeid; /* 0: it is not to be forgotten after all */
	char *name; /* an entry of directory nodeid; NULL: the inode itself */
	bool forgotten; /* by the kernel, if it is a name */
};

struct crash_stales {
	struct crash_stale *list;
	size_t count;
	size_t capacity;
};

/* Whether the profile can have such a plan. 0 or -EINVAL, in words. */
int crash_check(const struct volume *volume, const struct plan *plan,
		struct errmsg *reterr_why);

/* Takes what the plan keeps into the store, and says what is kept and what will
 * be lost. With the gate closed. 0, or the error of storing. */
int crash_keep(struct volume *volume, const struct plan *plan,
	       struct backend_report *ret_report, struct errmsg *reterr_why);

/* Adds the digest of what the store has, if the plan asks. */
void crash_digest(struct volume *volume, const struct plan *plan,
		  struct backend_report *report);

/* Closes the gate, lets the past go, opens it again. The caller then makes the
 * kernel forget ret_stales, without any lock, and sets volume->invalidating to
 * false, and trims the scratch file. The plan has its seed. 0, -EINVAL or -ENOMEM
 * (nothing happened), or the error of storing what is kept. The report's lists are
 * the caller's in any case. */
int crash_power(struct volume *volume, const struct plan *plan,
		struct crash_stales *ret_stales,
		struct backend_report *ret_report, struct errmsg *reterr_why);

int crash_stales_add(struct crash_stales *stales, uint64_t nodeid,
		     const char *name);
void crash_stales_done(struct crash_stales *stales);

#endif
