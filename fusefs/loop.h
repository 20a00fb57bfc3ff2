/* SPDX-License-Identifier: MIT */
/*
 * The threads that serve a mount. One at a time, the leader, waits for
 * requests. It serves what it received itself, so a lone client costs no
 * hand-over; if more is waiting, or a handler is about to take long, another
 * thread becomes the leader first. So there always is one that can take the
 * request which a crash or a long commit needs served.
 */
#ifndef FLAKEY_FUSEFS_LOOP_H
#define FLAKEY_FUSEFS_LOOP_H

#include <stddef.h>

struct faults;
struct fuse_session;
struct fusefs;
struct loop;

#define LOOP_THREADS_MAX 16

/* Serves the session of a mount; both are borrowed. */
int loop_new(struct fuse_session *session, struct fusefs *fusefs,
	     struct loop **ret_loop);

/* Starts serving. Handlers may use the loop, so its pointer must be where they
 * look for it before this. */
int loop_start(struct loop *loop);

/* Readable once the kernel has let the mount go. */
int loop_ended_fd(const struct loop *loop);

/* Stops: running handlers finish. Takes NULL. */
void loop_stop(struct loop *loop);

/* Memory for a reply, the calling thread's until its next request: warm, where
 * large memory from malloc(3) is new pages each time. NULL: out of memory. */
void *loop_room(size_t size_bytes);

/* The calling thread, one that is not the loop's, has no more requests. */
void loop_forget_room(void);

/* The calling handler may take long: lets another thread lead. */
void loop_step_aside(struct loop *loop);

/* Waits until all requests that the kernel has queued so far are answered, but
 * not for ever: handlers may be slow. Not to be called by a handler. */
void loop_catch_up(struct loop *loop);
/* The kernel's answer to what loop_catch_up() asked it. */
void loop_caught_up(struct loop *loop);

#endif
