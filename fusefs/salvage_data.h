/* SPDX-License-Identifier: MIT */
/* The part of salvage.h about the unsynced bytes of one file. */
#ifndef FLAKEY_FUSEFS_SALVAGE_DATA_H
#define FLAKEY_FUSEFS_SALVAGE_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/backend.h"

struct inode;
struct plan;
struct volume;

/* A change that was kept: the file got this size, or -1 if it got space. */
struct salvage_cut {
	const struct inode *inode;
	uint64_t seq;
	int64_t size_bytes;
};

struct salvage_data {
	struct volume *volume;
	const struct plan *plan;
	backend_loss_fn *note; /* or NULL */
	void *user;
	uint64_t whole_seq; /* every change up to it is in the store */
	bool any_names;	    /* some change was kept */
	const struct salvage_cut *cuts; /* sorted */
	size_t cut_count;
};

/* For qsort(). */
int salvage_data_compare_cuts(const void *a, const void *b);

/* With the gate closed and the commit lock, after the changes of the journal that
 * are kept. 0 or an error. */
int salvage_data_of(const struct salvage_data *data, struct inode *inode);

#endif
