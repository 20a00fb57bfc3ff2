/* SPDX-License-Identifier: MIT */
/*
 * The naive twin of a live image: a tree of files in plain memory, in which
 * every operation is the few lines that it ought to be. A model test does each
 * thing to a volume and to its twin, and compares.
 *
 * A directory has room for a fixed set of names; a node is freed when it has no
 * name and the test does not hold it.
 */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_TWIN_H
#define FLAKEY_TESTS_UNIT_FUSEFS_TWIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/unit/fusefs/image.h"

struct inode;

#define TWIN_NAMES 7 /* in a directory */
#define TWIN_XATTRS 3
#define TWIN_NODES 80
#define TWIN_DEPTH 5
#define TWIN_BYTES 49152 /* in a file */
#define TWIN_VALUE_BYTES 8

struct twin_node {
	mode_t mode;	  /* 0: the slot is free */
	unsigned long id; /* of no other node, ever */
	unsigned int names;
	bool unnamed;	/* never had one */
	bool truncated; /* to 0, and not closed since */
	bool changed;	/* since the last commit of names */
	uint8_t *bytes; /* of a file, TWIN_BYTES of them; zeros at the end */
	int64_t size;
	char xattrs[TWIN_XATTRS][TWIN_VALUE_BYTES]; /* "": none */
	struct twin_node *entries[TWIN_NAMES];
	struct inode *inode; /* the volume's, or NULL */
	uint64_t lookups;    /* references to it that we have */
};

struct twin {
	struct twin_node nodes[TWIN_NODES]; /* the first is the root */
	unsigned int count;		    /* in use */
	unsigned long made;		    /* ever */
};

/* Where a node has a name; directory is NULL if it has none. */
struct twin_place {
	struct twin_node *directory;
	unsigned int name;
};

extern const char *const twin_names[TWIN_NAMES];
extern const char *const twin_xattrs[TWIN_XATTRS];

void twin_init(struct twin *twin);
void twin_done(struct twin *twin);

/* NULL when full. */
struct twin_node *twin_new(struct twin *twin, mode_t mode);
/* Frees the node if nothing is left of it. */
void twin_release(struct twin *twin, struct twin_node *node);
void twin_enter(struct twin_place place, struct twin_node *node);
/* The node that was there; the caller releases it. */
struct twin_node *twin_remove(struct twin_place place);
struct twin_place twin_place_of(struct twin *twin,
				const struct twin_node *node);
/* Whether directory is node or lies inside of it. */
bool twin_is_inside(struct twin *twin, const struct twin_node *directory,
		    const struct twin_node *node);
bool twin_is_empty(const struct twin_node *directory);
/* Below the root, which is at 0. */
unsigned int twin_depth(struct twin *twin, const struct twin_node *node);
unsigned int twin_height(const struct twin_node *node);
nlink_t twin_links(const struct twin_node *node);
void twin_path(struct twin *twin, const struct twin_node *node, char *path,
	       size_t size);

void twin_write(struct twin_node *node, int64_t offset, const uint8_t *data,
		size_t size);
void twin_truncate(struct twin_node *node, int64_t size);
/* Within the file. */
void twin_zero(struct twin_node *node, int64_t offset, int64_t length);
void twin_collapse(struct twin_node *node, int64_t offset, int64_t length);
void twin_insert(struct twin_node *node, int64_t offset, int64_t length);

/* The tree that a directory of the host holds, with our names only. */
void twin_load(struct twin *twin, const char *directory);
void twin_image(struct twin *twin, struct image *image, int parts);

#endif
