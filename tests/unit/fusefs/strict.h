/* SPDX-License-Identifier: MIT */
/*
 * What the profile posix promises, written down naively: a log of every change
 * of a name since everything was durable, with a mark on those that a sync has
 * paid for, and a copy of every file as it was last synced. What survives is what
 * the marked changes make of the names, and under each the copy.
 *
 * A rename of a file between two directories is two changes; one in which a
 * directory takes part is one.
 */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_STRICT_H
#define FLAKEY_TESTS_UNIT_FUSEFS_STRICT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/unit/fusefs/image.h"
#include "tests/unit/fusefs/twin.h"

#define STRICT_CHANGES 4000
#define STRICT_NODES 4000

/* A file or directory as it was last synced. */
struct strict_node {
	unsigned long id;
	mode_t mode;
	uint8_t *bytes;
	int64_t size;
	char xattrs[TWIN_XATTRS][TWIN_VALUE_BYTES];
};

/* A name means a node, or none (0). */
struct strict_meaning {
	unsigned long directory;
	unsigned int name;
	unsigned long node;
};

struct strict_change {
	struct strict_meaning now[2];
	int count;
	bool between;	       /* two directories, at once */
	bool exchange;	       /* of such */
	unsigned long removed; /* a directory, or 0 */
	unsigned long moved;   /* between */
	bool paid;
};

struct strict {
	struct strict_node nodes[STRICT_NODES];
	int node_count;
	struct strict_change changes[STRICT_CHANGES];
	int change_count;
	struct strict_meaning base[TWIN_NODES * TWIN_NAMES];
	int base_count;
	struct strict_meaning seen[TWIN_NODES * TWIN_NAMES];
	int seen_count;
};

void strict_done(struct strict *strict);
/* All that the twin has is durable: at first, after a sync and after a crash. */
void strict_begin(struct strict *strict, const struct twin *twin);
/* At most one operation was done to the twin since the last time. */
void strict_observe(struct strict *strict, const struct twin *twin);
/* The logs are nearly full: a sync of everything is due. */
bool strict_is_full(const struct strict *strict);

void strict_sync_file(struct strict *strict, const struct twin_node *node,
		      bool datasync);
/* False if by the rules of the profile this takes all changes of all files. */
bool strict_sync_directory(struct strict *strict, const struct twin *twin,
			   const struct twin_node *node);

/* What a power failure now would leave. */
void strict_image(const struct strict *strict, struct image *image, int parts);

#endif
