/* SPDX-License-Identifier: MIT */
/*
 * A step of a commit: one record leaves the journal, into the store, or into
 * limbo, or, where the mode or the store does not let it, to those that were
 * dropped.
 */
#ifndef FLAKEY_FUSEFS_STEP_H
#define FLAKEY_FUSEFS_STEP_H

#include "common/mode.h"

struct record;
struct volume;

/* Records stored per hold of the volume's lock: others get in between. */
#define STEP_BATCH 64

/* Called with commit_lock and the volume's lock, which is let go while data is
 * written. 0: done; ret_refused is set to an error of the store that will never
 * go away, if that is why the record was dropped. Or an error whose cause can go
 * away: then the record is still in the journal. */
int step_record_locked(struct volume *volume, enum mode_kind mode,
		       struct record *record, int *ret_refused);

#endif
