/* SPDX-License-Identifier: MIT */
/*
 * Shows that something which takes long goes on: a line on stderr with the time
 * since its start, if that is a terminal, after half a second. It is gone when
 * the thing is done. In a pipe there is nothing.
 */
#ifndef FLAKEY_TOOLS_PROGRESS_H
#define FLAKEY_TOOLS_PROGRESS_H

struct progress;

/* what is borrowed until the stop. Returns NULL if there is nothing to show, or
 * nothing to show it with. */
struct progress *progress_start(const char *what);

/* Before anything else is printed. Takes NULL. */
void progress_stop(struct progress *progress);

#endif
