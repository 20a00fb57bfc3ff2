/* SPDX-License-Identifier: MIT */
/*
 * The plan of a mount: from what is wanted and what is there to what will be
 * done. Pure: everything that can be refused by looking is refused here, before
 * anything is touched.
 */
#ifndef FLAKEY_DMBACKEND_SETUP_H
#define FLAKEY_DMBACKEND_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fields.h"

struct errmsg;
struct filesystem;
struct image;
struct text;

#define SETUP_DEFAULT_BYTES ((uint64_t)1 << 30)
/* Of a size; file systems have blocks of so much. */
#define SETUP_SIZE_STEP 4096
#define SETUP_SECTOR_BYTES 512

struct setup_wish {
	const char *source;
	const char *mountpoint;
	const char *control;	   /* NULL: no control files */
	const char *name;	   /* of the device */
	const char *fstype;	   /* NULL: what is there, else ext4 */
	const char *mkfs_options;  /* NULL: none */
	const char *mount_options; /* NULL: none */
	uint64_t size_bytes;	   /* 0: what is there, else 1 GiB */
	bool format;
};

struct setup {
	const struct filesystem *filesystem;
	uint64_t size_bytes;
	bool attach; /* a loop device is needed */
	bool format;
};

/* 0, -EINVAL, or -EEXIST for what holds something and may not be formatted. */
int setup_plan(const struct setup_wish *wish, const struct image *image,
	       struct setup *ret_setup, struct errmsg *reterr_why);

/* The steps, one a line, or as a record. */
int setup_describe(const struct setup_wish *wish, const struct image *image,
		   const struct setup *setup, enum fields_format format,
		   struct text *text, struct errmsg *reterr_why);

#endif
