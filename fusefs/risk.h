/* SPDX-License-Identifier: MIT */
/* What a crash now would lose: each record and each unsynced range, and since
 * when. The finder of missing fsyncs. */
#ifndef FLAKEY_FUSEFS_RISK_H
#define FLAKEY_FUSEFS_RISK_H

#include <stdint.h>

#include "common/backend.h"

struct volume;

/* Calls each for every loss, names in journal order first, with the volume's
 * lock held: each must only take notes. Stops at its first result that is not
 * 0, which it returns. */
int risk_each(struct volume *volume, backend_loss_fn *each, void *user);

/* The same for the records that are selected (journal.h), with the volume's lock
 * and the commit lock held. */
int risk_each_selected_locked(struct volume *volume, backend_loss_fn *each,
			      void *user);

struct risk_totals {
	uint64_t records; /* dropped ones included */
	uint64_t dropped_records;
	uint64_t dirty_bytes;	/* in extents and records */
	uint64_t dropped_bytes; /* shown, never to be stored */
	uint64_t files;		/* with either */
	uint64_t open_files;
	uint64_t inodes;
};
void risk_sum(struct volume *volume, struct risk_totals *ret_totals);

#endif
