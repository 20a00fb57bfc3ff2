/* SPDX-License-Identifier: MIT */
/*
 * Whether a store is a state that ext4 allows a power failure to leave: the
 * steps on names survive as a prefix of their one order, with all that a sync
 * acknowledged and nothing that no sync has asked for; a file has what was
 * synced, and newer content only where a sync of it was under way.
 */
#ifndef FLAKEY_TESTS_KILL_JUDGE_H
#define FLAKEY_TESTS_KILL_JUDGE_H

#include <stdbool.h>

struct scribe;

#define JUDGE_SCRIBES_MAX 8

struct judge {
	const struct scribe *scribes; /* of the round */
	int count;
	/* The owner's bits may have been lent when the daemon was killed. */
	bool lent;
};

/* Prints, as comments, what is wrong with the scribes' directories, which are in
 * the given one. */
bool judge_store(const struct judge *judge, int round_fd);

#endif
