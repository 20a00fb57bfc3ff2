/* SPDX-License-Identifier: MIT */
/*
 * What a crash keeps whose plan keeps a share: survivors.h chooses, and this takes
 * the chosen changes into the store, in journal order and by the same steps as a
 * commit, and then the chosen bytes of each file. Being killed in between leaves
 * what a power failure with another seed could have left.
 */
#ifndef FLAKEY_FUSEFS_SALVAGE_H
#define FLAKEY_FUSEFS_SALVAGE_H

#include "common/backend.h"

struct plan;
struct volume;

struct salvage {
	struct volume *volume;
	const struct plan *plan; /* with its seed */
	/* Is told of what is kept, before it is; or NULL. */
	backend_loss_fn *note;
	void *user;
};

/* With the gate closed. On a disk that takes no writes nothing is kept. 0, or an
 * error of the store or of memory: then what was kept already is durable, and the
 * journal has the rest. */
int salvage_run(const struct salvage *salvage);

#endif
