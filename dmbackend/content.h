/* SPDX-License-Identifier: MIT */
/*
 * What a file or a device holds, by its signatures.
 */
#ifndef FLAKEY_DMBACKEND_CONTENT_H
#define FLAKEY_DMBACKEND_CONTENT_H

#define CONTENT_NAME_MAX 32

struct errmsg;

/* "ext4", the name of another file system, RAID or table of partitions,
 * "several things", or "" where nothing is known. 0 or a negative errno. */
int content_probe(int fd, const char *path,
		  char ret_name[static CONTENT_NAME_MAX],
		  struct errmsg *reterr_why);

#endif
