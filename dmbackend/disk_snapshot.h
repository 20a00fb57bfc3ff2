/* SPDX-License-Identifier: MIT */
/*
 * A copy of the disk as it is at one moment, which is what a crash at that moment
 * would leave.
 */
#ifndef FLAKEY_DMBACKEND_DISK_SNAPSHOT_H
#define FLAKEY_DMBACKEND_DISK_SNAPSHOT_H

struct backend_report;
struct dmbackend;
struct errmsg;
struct plan;

/* Writes an image into the directory, which is new or empty, under the name that
 * a mount looks for in a directory. Holds the disk's transfers back meanwhile. */
int disk_snapshot(struct dmbackend *backend, const struct plan *plan,
		  const char *directory, struct backend_report *ret_report,
		  struct errmsg *reterr_why);

#endif
