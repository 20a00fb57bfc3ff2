/* SPDX-License-Identifier: MIT */
/* fallocate(2) on the live image. */
#ifndef FLAKEY_FUSEFS_SPACE_H
#define FLAKEY_FUSEFS_SPACE_H

#include <stdint.h>

struct inode;
struct volume;

int space_allocate(struct volume *volume, struct inode *inode, int mode,
		   int64_t offset_bytes, int64_t length_bytes);

#endif
