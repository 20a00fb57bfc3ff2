/* SPDX-License-Identifier: MIT */
/*
 * What the kernel must be told when a sync has failed: pages that it holds show
 * what the file system has given up, or all of its caches show a file system that
 * answers nothing any more.
 */
#ifndef FLAKEY_FUSEFS_SHUTDOWN_H
#define FLAKEY_FUSEFS_SHUTDOWN_H

#include <stdbool.h>

struct fuse_buf;
struct fusefs;
struct inode;

/* After a commit, with no lock held but the gate; inode: whose sync it was, or
 * NULL. */
void shutdown_tell(struct fusefs *fusefs, struct inode *inode);

/* Answers a request that a file system which is shut down refuses. False: it is
 * to be processed. The control files, and the way to them, stay open. */
bool shutdown_refuses(struct fusefs *fusefs, const struct fuse_buf *request);

#endif
