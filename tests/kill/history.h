/* SPDX-License-Identifier: MIT */
/*
 * What a worker has done to its directory: kept outside of the file system under
 * test, by a process that outlives it. A worker is alone in its directory, so its
 * steps are in order. Tickets, drawn from one counter before and after each
 * step, say what came first of different workers' steps.
 */
#ifndef FLAKEY_TESTS_KILL_HISTORY_H
#define FLAKEY_TESTS_KILL_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Places for names: some in the worker's directory, the others in a directory
 * in it, which is there or not and has one of two names. */
#define HISTORY_TOP 6
#define HISTORY_SUB 3
#define HISTORY_SLOTS (HISTORY_TOP + HISTORY_SUB)
#define HISTORY_STEPS 4096
#define HISTORY_OBJECTS 1024
#define HISTORY_CHANGES 64 /* of one object */

/* Contents are made of units that say what they are. */
#define HISTORY_UNIT 64
#define HISTORY_FILE_MAX 16384

enum step_kind {
	STEP_CREATE,  /* a new object in slot */
	STEP_SYMLINK, /* the same */
	STEP_UNLINK,
	STEP_RENAME, /* slot to other, over what is there */
	STEP_LINK,   /* slot to other, which is free */
	STEP_CHMOD,
	STEP_MKDIR,
	STEP_RMDIR,
	STEP_RENAME_DIR, /* to its other name */
	STEP_CHMOD_DIR,
};

/* Of names and attributes: what ext4 keeps in order. */
struct step {
	enum step_kind kind;
	int slot;
	int other;
	int object;
	mode_t mode;
	uint64_t begin;
	uint64_t end; /* 0: not acknowledged */
};

/* Of the content of an object. */
struct change {
	bool truncate; /* to `to` */
	int from;
	int to;
};

struct object {
	bool link; /* a symbolic one */
	int change_count;
	struct change changes[HISTORY_CHANGES];
	int durable;	     /* changes that a sync has acknowledged */
	int permitted;	     /* and those that one may have begun to store */
	uint64_t last_write; /* ticket before the latest change */
};

struct history {
	int step_count;
	struct step steps[HISTORY_STEPS];
	int object_count; /* the first is none */
	struct object objects[HISTORY_OBJECTS];
	/* What ended before this ticket is in the store. */
	uint64_t synced_before;
	/* No sync was under way from this ticket on; 0: one still is. */
	uint64_t quiet_since;
};

/* The names as they are after some of the steps. */
struct names {
	int slots[HISTORY_SLOTS]; /* objects; 0: none */
	mode_t modes[HISTORY_OBJECTS];
	int directory; /* 0: none, else which of its names it has */
	mode_t directory_mode;
};

/* One step further. */
void history_apply(const struct step *step, struct names *names);
/* Where a slot is, below the worker's directory. */
void history_path(const struct names *names, int slot, char *ret_path,
		  size_t size);
const char *history_directory_name(int directory);

/* The unit of an object at an offset as a change left it; change counts from 1. */
void history_unit(char *unit, int worker, int object, int change, int offset);
/* What the unit at an offset is after the first count changes: the number of one
 * that wrote it, or 0 for zeros; and the size then. */
int history_content(const struct object *object, int count, int offset);
int history_size(const struct object *object, int count);

#endif
