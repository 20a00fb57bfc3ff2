/* SPDX-License-Identifier: MIT */
/*
 * Who arms a point that ends the process over HTTP shall get the reply. So such
 * a point asks here first, and waits while a reply is on its way; not for ever,
 * since a client may be slow.
 */
#ifndef FLAKEY_FAILPOINTS_DEATH_H
#define FLAKEY_FAILPOINTS_DEATH_H

/* Death waits no longer than this. */
#define DEATH_WAIT_MS 1000

/* From the one to the other a reply is on its way. Any thread, any number. */
void death_hold(void);
void death_release(void);

/* Returns when the process may end. Async-signal-safe. */
void death_wait(void);

/* In the child of a fork, which sends no replies. */
void death_forked(void);

#endif
