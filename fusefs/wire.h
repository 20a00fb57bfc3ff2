/* SPDX-License-Identifier: MIT */
/*
 * What the FUSE protocol says and libfuse before 3.17 does not pass on. Requests
 * are looked at before libfuse gets them, and one reply, that to INIT, on its
 * way out.
 *
 *	O_TMPFILE	arrives as a request of its own, in the form of a CREATE
 *	set-id bits	with HANDLE_KILLPRIV_V2 the kernel says with a write or
 *			truncation that it must clear them, instead of asking
 *			for an xattr before each write, which doubles its cost
 *	access lists	with SETXATTR_EXT it says the same when one is set by
 *			somebody who is not in the file's group
 */
#ifndef FLAKEY_FUSEFS_WIRE_H
#define FLAKEY_FUSEFS_WIRE_H

#include <stdbool.h>
#include <stdint.h>

struct fuse_buf;
struct fuse_session;

/* Puts itself between a mounted session and its descriptor. */
int wire_attach(struct fuse_session *session);

/* Looks at a request that this thread is about to process, and makes it one
 * that libfuse knows. */
void wire_note(struct fuse_buf *buffer);

/* Of the request that this thread processes: */
/* It must be done before anything that was queued behind it begins. */
bool wire_is_ordered(void);
bool wire_is_tmpfile(void);
bool wire_clears_set_id(void);
/* How long it took up to its reply: telling the kernel wakes the client, which
 * may run before we do. */
int64_t wire_duration_ns(void);

#endif
