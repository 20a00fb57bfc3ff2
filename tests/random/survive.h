/* SPDX-License-Identifier: MIT */
/*
 * Survival rules: what of a model an event makes durable, profile by profile, as
 * docs/persistence.md has it. Each function is called when the event has
 * happened to the real thing, with survive_look() before it, and does to the
 * model what had to come of it.
 *
 * A rule is a row of facts and one function that says what a sync takes along: a
 * profile with other ideas needs another row.
 */
#ifndef FLAKEY_TESTS_RANDOM_SURVIVE_H
#define FLAKEY_TESTS_RANDOM_SURVIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/random/model.h"

struct survive_sync {
	struct model_file *file; /* NULL: of a directory */
	int directory;
	bool datasync;
	int64_t from; /* pages of own data */
	int64_t to;
};

struct survive_rule {
	const char *name;
	void (*sync)(struct model *model, const struct survive_sync *sync);
	int block_bytes;
	bool grows_in_block;
	bool pushes_on_replace;
	bool pushes_on_close;
	bool direct_is_durable;
	bool orders_zeroed_blocks;
	bool pushes_before_punching;
	/* A sync takes what its file or directory owns: nothing depends on
	 * which blocks the store has, nor on when the kernel sends a page. */
	bool by_parts;
};

/* NULL: there is none for the profile. */
const struct survive_rule *survive_find(const char *profile);
int64_t survive_block(const struct survive_rule *rule, int64_t offset);

/* Before an event that may write the file, or any if NULL, to the store. */
void survive_look(struct model *model, struct model_file *file);

void survive_create(struct model *model, struct model_file *file, int name);
void survive_unlink(struct model *model, int name);
/* from and to are different files. */
void survive_rename(struct model *model, int from, int to);
void survive_write(struct model *model, struct model_file *file, int64_t offset,
		   const uint8_t *bytes, int64_t length);
/* Before and after it is written. */
void survive_direct_begins(struct model *model, struct model_file *file,
			   int64_t offset, int64_t length);
void survive_direct(struct model *model, struct model_file *file,
		    int64_t offset, int64_t length);
void survive_truncate(struct model *model, struct model_file *file,
		      int64_t size);
void survive_space(struct model *model, struct model_file *file, int mode,
		   int64_t offset, int64_t length);
/* The last descriptor of the file was closed. */
void survive_close(struct model *model, struct model_file *file);
void survive_sync(struct model *model, const struct survive_sync *sync);
/* Before it: the stores through a mapping arrive, with whatever else the kernel
 * writes along with their pages. */
void survive_mapped(struct model *model, const struct survive_sync *sync);
/* Everything is stored. */
void survive_sync_all(struct model *model);

#endif
