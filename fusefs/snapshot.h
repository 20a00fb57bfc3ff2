/* SPDX-License-Identifier: MIT */
/*
 * The image that a crash would leave now, in a directory, while programs go on.
 *
 * The store is copied while commits go on, and again what they have changed. Then
 * the process is doubled at one moment at which no request runs. The new one
 * completes the copy, makes it its store, and then does to it what the crash would
 * do, by the same code. Until the copy is complete no commit begins here; all else
 * goes on at once. Until all is done, bytes in the scratch file that the new
 * process may read are neither overwritten nor given to others.
 */
#ifndef FLAKEY_FUSEFS_SNAPSHOT_H
#define FLAKEY_FUSEFS_SNAPSHOT_H

#include <stdint.h>
#include <sys/types.h>

struct backend_report;
struct errmsg;
struct plan;
struct volume;

struct snapshot {
	struct volume *volume;
	const struct plan *plan; /* with its seed */
	const char *directory;	 /* new or empty; begins with '/' */
	uint64_t mount_device;	 /* st_dev of what is mounted */
};

/* Whether one could be taken now: 0, or an error in words. Nothing is made. */
int snapshot_check(const struct snapshot *snapshot, struct errmsg *reterr_why);

/* 0, or an error in words; then the directory is as it was. The report's lists
 * are the caller's in any case. */
int snapshot_take(const struct snapshot *snapshot,
		  struct backend_report *ret_report, struct errmsg *reterr_why);

#endif
