/* SPDX-License-Identifier: MIT */
/* The part of salvage.h about the unsynced bytes of one file. */
#ifndef FLAKEY_FUSEFS_SALVAGE_DATA_H
#define FLAKEY_FUSEFS_SALVAGE_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "common/backend.h"

struct inode;
struct plan;
struct volume;

struct salvage_data {
	struct volume *volume;
	const struct plan *plan;
	backend_loss_fn *note; /* or NULL */
	void *user;
	uint64_t whole_seq; /* every change up to it is in the store */
	bool any_names;	    /* some change was kept */
};

/* With the gate closed and the commit lock, after the changes of the journal that
 * are kept. 0 or an error. */
int salvage_data_of(const struct salvage_data *data, struct inode *inode);

#endif
