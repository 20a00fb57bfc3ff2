/* SPDX-License-Identifier: MIT */
/*
 * Where threads wait that a point has paused. Opening it lets out all who wait,
 * and those who were on their way to it when they looked; it is closed again for
 * who looks later. Who was let out is not counted any more, even before it runs.
 *
 * All but gate_forked() may be called by any thread; gate_look() and gate_wait()
 * are async-signal-safe.
 */
#ifndef FLAKEY_FAILPOINTS_GATE_H
#define FLAKEY_FAILPOINTS_GATE_H

#include <stdatomic.h>
#include <stdint.h>

/* Zeroed memory is a gate. */
struct gate {
	/* How often it was opened, and how many wait since. */
	_Atomic uint64_t word;
};

/* What gate_wait() takes. */
uint32_t gate_look(const struct gate *gate);
void gate_wait(struct gate *gate, uint32_t seen);

/* Returns how many were let out. */
unsigned int gate_open(struct gate *gate);
unsigned int gate_waiting(const struct gate *gate);

/* In the child of a fork, where nobody waits. */
void gate_forked(struct gate *gate);

#endif
