/* SPDX-License-Identifier: MIT */
/*
 * Fault rules, acting. A request of the kernel goes through
 *
 *	before --> handler [--> points of the store] --> answer --> after
 *
 * and at each of these the rules may have something done to it: an error, fewer
 * bytes, other bytes, a crash, a wait. Here it is done. What is done before and
 * after is done outside of the handler, without the gate or any lock, and so that
 * no handler knows of it; what has to happen inside of one, it asks for below.
 *
 * Nothing sleeps here with a thread. A request that has to wait is parked
 * (park.h) as the bytes that came, or as the answer that is held back, and gone
 * on with later. In the middle of a handler, at a point of the store, it is the
 * handler that ends, with -FAULT_AGAIN, and is called again.
 *
 * While no rule is set this costs a request two loads.
 */
#ifndef FLAKEY_FUSEFS_FAULT_H
#define FLAKEY_FUSEFS_FAULT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct commit_fault;
struct crash_stales;
struct faults;
struct fuse_buf;
struct fusefs;
struct iovec;

/* What a handler fails with that has to be called again: nobody else's error. */
#define FAULT_AGAIN ERESTART

/* Those of a mount, which has its rules already. NULL: out of memory. */
struct faults *fault_new(struct fusefs *fusefs);
/* The mount ends: what sleeps is woken, and nothing sleeps any more. Takes NULL,
 * as does the next. */
void fault_stop(struct faults *faults);
/* Nothing is served any more. */
void fault_free(struct faults *faults);

/* For the loop. A request has come, and nobody else has looked at it yet. True:
 * it is dealt with, or will be; else it is to be processed. */
bool fault_takes(struct faults *faults, struct fuse_buf *buffer);
/* It was processed. */
void fault_leave(struct fuse_buf *buffer);

/* For the wire: whether the thread is about a request that rules look at; then
 * its answer goes this way. As writev(2). */
bool fault_is_here(void);
ssize_t fault_reply(int fd, const struct iovec *iov, int count);

/* For handlers: what the request is told. */
/* What it changes is acknowledged, and never stored. */
bool fault_drops(void);
/* Whether the sync goes otherwise than the mode says, and how. */
bool fault_sync(struct commit_fault *ret_fault);
/* It was called before, and came as far as to the store. */
bool fault_is_repeated(void);

/*
 * For verbs that make the kernel give pages back or forget names: it waits for
 * requests that are under way, so none may sleep between the two. A crash ends
 * all sleeps, and others those on files' pages. fault_hold() wakes nobody yet, but
 * nobody falls asleep; fault_rouse() wakes, and waits for those who were.
 */
enum fault_sleepers {
	FAULT_SLEEPERS_OF_PAGES,
	FAULT_SLEEPERS_ALL,
};
void fault_hold(struct faults *faults, enum fault_sleepers whose);
void fault_rouse(struct faults *faults, enum fault_sleepers whose);
void fault_unhold(struct faults *faults, enum fault_sleepers whose);

/* After a crash, before fault_rouse(): takes from what the kernel is to forget the
 * files that it has not been told of, for the answer to their open(2) is held back.
 * On its way out of that it would ask for the attributes that it was made to
 * forget, and tell the program that the file is dead, though it was opened. */
void fault_spare(struct faults *faults, struct crash_stales *stales);

#endif
