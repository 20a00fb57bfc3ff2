/* SPDX-License-Identifier: MIT */
/*
 * A volume, its naive twin, and the steps that a model test takes with both.
 * Each step makes its own random choices, does the thing to the volume, says
 * what had to come of it, and does it to the twin. FLAKEY_TEST_TRACE in the
 * environment prints them: nodes are then numbered by their slot in the twin.
 */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_MODEL_H
#define FLAKEY_TESTS_UNIT_FUSEFS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/mode.h"
#include "tests/unit/fusefs/sandbox.h"
#include "tests/unit/fusefs/seed.h"
#include "tests/unit/fusefs/twin.h"

struct model {
	struct sandbox sandbox;
	struct volume *volume;
	struct twin twin;
	struct seed seed;
	struct image stored; /* what the store has to be */
	struct image names;  /* the same without content */
	bool stale; /* bytes, but no names, may have changed in the store */
	int parts;
	enum mode_kind mode;
	/* A sync was acknowledged, or refused, since the last crash that did
	 * not store everything. */
	bool tainted;
	bool xattrs;	  /* the store has them */
	uint64_t settled; /* the journal's committed, when last seen */
	bool trace;
	unsigned long number; /* of the step */
};

uint32_t model_below(struct model *model, uint32_t limit);
/* Fails the test unless both are the same. */
void model_expect(const char *what, int64_t got, int64_t want);
__attribute__((format(printf, 2, 3))) void
model_trace(const struct model *model, const char *format, ...);
/* What a node is called in a trace; -1 for none. */
int model_id(const struct model *model, const struct twin_node *node);

bool model_is_file(const struct twin_node *node);
bool model_is_directory(const struct twin_node *node);
typedef bool model_choice_fn(const struct twin_node *node);
/* A random node that fits, or NULL. */
struct twin_node *model_choose(struct model *model, model_choice_fn *fits);

/* The volume's inode, looked up from the nearest directory that is known. */
struct inode *model_inode(struct model *model, struct twin_node *node);
/* Gives all references back, and the node if it has no name. */
void model_forget(struct model *model, struct twin_node *node);

/* Takes what the store has now for what it has to be. */
void model_look_at_store(struct model *model);
/* The store is still what it has to be. */
void model_check_store(struct model *model, const char *what);
/* Some of a file's data may have been written to blocks that the store has; but
 * no name, size or time. */
void model_pushed(struct model *model);

void model_check_content(struct model *model, struct twin_node *node);
int64_t model_random_offset(struct model *model, const struct twin_node *node,
			    uint32_t limit);
int64_t model_random_length(struct model *model, int64_t room);
void model_write(struct model *model, struct twin_node *node, int64_t offset,
		 int64_t length);

void model_step_create(struct model *model);
void model_step_create_unnamed(struct model *model);
void model_step_link(struct model *model);
void model_step_unlink(struct model *model);
void model_step_rename(struct model *model);
void model_step_lookup(struct model *model);
void model_step_list(struct model *model);
void model_step_forget(struct model *model);
void model_step_write(struct model *model);
void model_step_truncate(struct model *model);
void model_step_allocate(struct model *model);
void model_step_read(struct model *model);
void model_step_seek(struct model *model);
void model_step_xattr(struct model *model);
void model_step_attributes(struct model *model);

#endif
