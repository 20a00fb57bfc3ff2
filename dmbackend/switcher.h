/* SPDX-License-Identifier: MIT */
/*
 * The mode of a device: which table is in force, and the thread that changes it
 * when a mode runs out or goes round.
 *
 * Threads: switches exclude each other, from whatever thread; switcher_get()
 * never waits for one.
 */
#ifndef FLAKEY_DMBACKEND_SWITCHER_H
#define FLAKEY_DMBACKEND_SWITCHER_H

#include <stdint.h>

struct errmsg;
struct event_log;
struct mode;
struct switcher;

/* For a device that allows writes now. lower is the disk under it. Borrows
 * events. NULL: out of memory. */
struct switcher *switcher_new(const char *device, const char *lower,
			      uint64_t sectors, struct event_log *events);
/* Starts the thread. */
int switcher_start(struct switcher *switcher);
/* Leaves the device as it is. Takes NULL. */
void switcher_free(struct switcher *switcher);

/* -EOPNOTSUPP: this kernel has no such feature, and nothing has happened. */
int switcher_set(struct switcher *switcher, const struct mode *mode,
		 struct errmsg *reterr_why);
void switcher_get(struct switcher *switcher, struct mode *ret_mode,
		  int64_t *ret_elapsed_ms);

/* Between these no transfer happens, and no switch. */
int switcher_hold(struct switcher *switcher, struct errmsg *reterr_why);
int switcher_release(struct switcher *switcher, struct errmsg *reterr_why);
/* The same, with another mode from then on; after a failure with the old one. */
int switcher_release_to(struct switcher *switcher, const struct mode *mode,
			struct errmsg *reterr_why);

#endif
