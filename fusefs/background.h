/* SPDX-License-Identifier: MIT */
/*
 * What a file system commits and writes by itself, without a sync: a thread that
 * does it when something is old enough. Off unless asked for, since a test that
 * loses what it has not synced must not depend on the clock.
 *
 * What fails is recorded (errseq.h), and nobody is told until they sync.
 */
#ifndef FLAKEY_FUSEFS_BACKGROUND_H
#define FLAKEY_FUSEFS_BACKGROUND_H

#include <stdint.h>

struct background;
struct fusefs;

/* commit_ms: how old a change of names may get before it is committed, as jbd2
 * does after 5 s; writeback_ms: how old data may get, as after 30 s. 0: for ever.
 * Both 0: there is no thread, and *ret_background is NULL. 0 or -errno. */
int background_start(struct fusefs *fusefs, int64_t commit_ms,
		     int64_t writeback_ms, struct background **ret_background);
/* Ends it: what is under way is finished. Takes NULL. */
void background_stop(struct background *background);

#endif
