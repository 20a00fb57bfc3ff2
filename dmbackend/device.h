/* SPDX-License-Identifier: MIT */
/*
 * Devices of the kernel's device mapper, through libdevmapper. Every change is
 * made in the explicit steps create, load, resume, because the combined one
 * loses the reason of a failure.
 *
 * libdevmapper is not thread-safe: one mutex inside. Nothing here waits for
 * udev, so nothing hangs in a container without it.
 */
#ifndef FLAKEY_DMBACKEND_DEVICE_H
#define FLAKEY_DMBACKEND_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct errmsg;

#define DEVICE_NAME_MAX 64
#define DEVICE_PATH_MAX 128

struct device_info {
	char name[DEVICE_NAME_MAX];
	bool suspended;
	bool live; /* has a table in force */
	int open_count;
	uint32_t major;
	uint32_t minor;
};

/* Whether this process can use the device mapper at all: 0, or a sentence that
 * says what is missing. */
int device_available(struct errmsg *reterr_why);

/* -EINVAL with a sentence for what cannot name a device. */
int device_check_name(const char *name, struct errmsg *reterr_why);

/* Looks a device up by its uuid. -ENXIO: there is none. */
int device_find(const char *uuid, struct device_info *ret_info,
		struct errmsg *reterr_why);

/* Writes the names of devices that begin so into ret_names, and returns how many
 * there are, DEVICE_LIST_MAX at most; 0 after a failure, too. */
#define DEVICE_LIST_MAX 64
size_t device_list(const char *prefix,
		   char ret_names[static DEVICE_LIST_MAX][DEVICE_NAME_MAX]);

/* Makes a device without a table. -EBUSY: the name or uuid is taken. */
int device_create(const char *name, const char *uuid,
		  struct errmsg *reterr_why);
/* Gives it a table that is not in force yet. -EINVAL: the kernel refuses it,
 * -ENODEV: no such disk, -EBUSY: the disk is in use. */
int device_load(const char *name, uint64_t sectors, const char *parameters,
		struct errmsg *reterr_why);
/* Takes a loaded table into force, without asking the file system on it to
 * write anything first: what is under way is waited for, all else meets the new
 * table. A device that was suspended works again. */
int device_resume(const char *name, struct errmsg *reterr_why);
/* Forgets a table that was loaded and is not in force. */
int device_clear(const char *name, struct errmsg *reterr_why);
/* Holds all transfers back, once those under way are done. */
int device_suspend(const char *name, struct errmsg *reterr_why);
/* -EBUSY: in use, after some seconds of trying. */
int device_remove(const char *name, struct errmsg *reterr_why);

/* Where its node is; it may be known by its number only. */
void device_path(const struct device_info *info,
		 char ret_path[static DEVICE_PATH_MAX]);

#endif
