/* SPDX-License-Identifier: MIT */
/*
 * Power fails and comes back: the device drops all writes, the file system is
 * unmounted, the device takes writes again, and the file system is mounted
 * anew, as it finds the disk.
 */
#ifndef FLAKEY_DMBACKEND_POWER_H
#define FLAKEY_DMBACKEND_POWER_H

struct backend_report;
struct dmbackend;
struct errmsg;
struct plan;

/* Mounts the file system that is on the device. */
int power_mount(struct dmbackend *backend, struct errmsg *reterr_why);

/* -ENOTSUP for a plan that a real disk cannot follow. */
int power_check_plan(const struct plan *plan, struct errmsg *reterr_why);

/* -EBUSY: programs use the mount, and nothing has happened; -ENOTSUP: as
 * above. */
int power_crash(struct dmbackend *backend, const struct plan *plan,
		struct backend_report *ret_report, struct errmsg *reterr_why);

#endif
