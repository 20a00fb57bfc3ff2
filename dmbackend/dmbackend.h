/* SPDX-License-Identifier: MIT */
/*
 * The backend on a real dm-flakey device, as the command sees it: a file system
 * of the kernel on a disk that can lose power.
 */
#ifndef FLAKEY_DMBACKEND_DMBACKEND_H
#define FLAKEY_DMBACKEND_DMBACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fields.h"

struct dmbackend;
struct errmsg;
struct text;

struct dmbackend_config {
	const char *source;	   /* an image, a device, a folder, or "new" */
	const char *mountpoint;	   /* an existing directory */
	const char *control;	   /* NULL: ".flakey"; "none": none */
	const char *name;	   /* of the device; NULL: by the mountpoint */
	const char *fstype;	   /* NULL: what is there, else "ext4" */
	const char *mkfs_options;  /* NULL: none */
	const char *mount_options; /* NULL: none but ours */
	uint64_t size_bytes;	   /* 0: what is there, else 1 GiB */
	bool format;		   /* even if something is there */
};

/* What dmbackend_mount() would do, one step a line. Needs no privileges. */
int dmbackend_describe(const struct dmbackend_config *config,
		       enum fields_format format, struct text *text,
		       struct errmsg *reterr_why);

/* Removes what a killed server has left at a mountpoint. -EBUSY: its server
 * lives. */
int dmbackend_prepare(const char *mountpoint, struct errmsg *reterr_why);

/* Sets everything up. After 0 the mount works, but its control files answer only
 * after dmbackend_start(). Otherwise nothing is left behind. Must be called
 * before the process starts threads. */
int dmbackend_mount(const struct dmbackend_config *config,
		    struct dmbackend **ret_backend, struct errmsg *reterr_why);
int dmbackend_start(struct dmbackend *backend, struct errmsg *reterr_why);
/* Goes on until the mount was taken down, or SIGTERM, SIGINT or SIGHUP arrives,
 * when it takes it down itself. */
int dmbackend_serve(struct dmbackend *backend, struct errmsg *reterr_why);
/* Takes down what is there. Takes NULL. */
void dmbackend_free(struct dmbackend *backend);

/* Whether there is, or was until its server was killed, a mount of this backend
 * at a mountpoint: an absolute path without symbolic links. */
bool dmbackend_exists(const char *mountpoint);
/* Takes it down, whether its server lives or not; a living one ends by itself a
 * little later. -EBUSY: in use, and all is as it was. */
int dmbackend_unmount(const char *mountpoint, const char *control, bool kill,
		      struct errmsg *reterr_why);

#endif
