/* SPDX-License-Identifier: MIT */
/*
 * Loop devices: a file as a block device. They free themselves when their last
 * user goes, also after a death of ours.
 */
#ifndef FLAKEY_DMBACKEND_LOOPDEV_H
#define FLAKEY_DMBACKEND_LOOPDEV_H

#include <sys/stat.h>

struct errmsg;

#define LOOPDEV_PATH_MAX 32

/* Attaches an open file. The device stays as long as ret_fd, or somebody else,
 * has it open. name is what losetup(8) shall show. */
int loopdev_attach(int file_fd, const char *name, int *ret_fd,
		   char ret_path[static LOOPDEV_PATH_MAX],
		   struct errmsg *reterr_why);

/* The loop device that has this file already: 1 and its path, or 0. */
int loopdev_of_file(const struct stat *file,
		    char ret_path[static LOOPDEV_PATH_MAX]);

#endif
