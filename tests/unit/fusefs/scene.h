/* SPDX-License-Identifier: MIT */
/*
 * A scene with every operation of the volume, as steps in a fixed order. Each
 * can be played with its nth call of some kind failing: which calls those are,
 * and how they fail, is the business of arm and disarm, which a step calls
 * around the one expression that it is about.
 */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_SCENE_H
#define FLAKEY_TESTS_UNIT_FUSEFS_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/fusefs/image.h"
#include "tests/unit/fusefs/sandbox.h"

struct inode;
struct volume;

struct scene {
	struct sandbox sandbox;
	struct volume *volume;
	struct inode *unnamed;
	unsigned int nth; /* the call that fails in this step; 0: none */
	void (*arm)(unsigned int nth);
	bool (*disarm)(void); /* whether it came to that */
	bool fired;
};

enum scene_kind {
	SCENE_CHANGES,	/* the live image: all or nothing */
	SCENE_PREPARES, /* for what it did before the call, and stores */
	SCENE_LOSES,	/* what is in the journal cannot be stored any more */
};

struct scene_step {
	const char *name;
	int64_t (*run)(struct scene *scene);
	enum scene_kind kind;
	bool promises; /* success means that the store has it */
};

#define SCENE_STEPS 47
extern const struct scene_step scene_steps[SCENE_STEPS];

/* A store with all that the steps need, read again from the beginning; if asked
 * for and possible, on a tmpfs, which is quicker and can do less. */
void scene_set(struct scene *scene, bool on_tmpfs);
/* The steps before the one with this index, without a failure. */
void scene_play_until(struct scene *scene, size_t index);
void scene_take_image(struct scene *scene, struct image *image);

#endif
