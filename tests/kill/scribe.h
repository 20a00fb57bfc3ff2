/* SPDX-License-Identifier: MIT */
/*
 * A scribe is a thread that does random things to its directory on the mount and
 * writes down what it began and what was acknowledged, until the daemon is gone.
 */
#ifndef FLAKEY_TESTS_KILL_SCRIBE_H
#define FLAKEY_TESTS_KILL_SCRIBE_H

#include "tests/kill/history.h"

enum scribe_style {
	SCRIBE_MIXED,
	SCRIBE_NEVER_SYNCS,
	SCRIBE_SYNCS_MUCH,
	SCRIBE_STYLES
};

/* Shared by the scribes of one round. */
struct scribe_board {
	atomic_ulong ticket;	 /* the next one */
	atomic_ulong operations; /* begun */
	unsigned long kill_at;	 /* of them, the daemon is killed */
	int bell;		 /* a pipe to who does it */
};

struct scribe {
	struct scribe_board *board;
	struct history history;
	struct names names; /* as they are on the mount */
	int number;
	int directory; /* descriptor of its directory */
	enum scribe_style style;
	uint64_t random;
	char trouble[128]; /* an error that a dead daemon does not explain */
};

/* Works until the daemon is gone or there is trouble. */
void scribe_run(struct scribe *scribe);

#endif
