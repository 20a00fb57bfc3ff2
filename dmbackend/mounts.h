/* SPDX-License-Identifier: MIT */
/*
 * Mounting and unmounting of a device's file system, and of the second view of
 * the control files in its root.
 */
#ifndef FLAKEY_DMBACKEND_MOUNTS_H
#define FLAKEY_DMBACKEND_MOUNTS_H

#include <stdbool.h>

struct errmsg;

/* Whether the kernel knows the mount options, as far as that can be told
 * without a device: 0, or -EINVAL with a sentence. */
int mounts_check_options(const char *fstype, const char *options,
			 struct errmsg *reterr_why);

int mounts_mount(const char *device, const char *mountpoint, const char *fstype,
		 const char *options, struct errmsg *reterr_why);

/* Shows the control files, mounted at from, in the root of what is mounted at
 * mountpoint. */
int mounts_show_control(const char *from, const char *mountpoint,
			const char *control, struct errmsg *reterr_why);
/* Takes all views of control files below the mountpoint away; those who have
 * one open may go on. */
void mounts_hide_control(const char *mountpoint);

/* Whether the newest mount at mountpoint is that of the device; name is the
 * device's. */
bool mounts_is_there(const char *mountpoint, const char *device_name,
		     unsigned int minor);

/* 0, or -EBUSY with a sentence that names the programs that use it. With kill,
 * those are ended first. */
int mounts_check_unused(const char *mountpoint, bool kill,
			struct errmsg *reterr_why);

/* Tries for a moment. -EBUSY: see above. */
int mounts_unmount(const char *mountpoint, bool kill,
		   struct errmsg *reterr_why);

#endif
