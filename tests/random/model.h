/* SPDX-License-Identifier: MIT */
/*
 * What a random test knows of some files in two directories: the bytes that
 * programs see now, and those that a power failure now would leave, both exact.
 * In between are the journal's changes, in order, and the bytes that are only in
 * the page cache. Which event moves what from one to the other is the business of
 * the survival rule (survive.h); here the changes themselves are made.
 *
 * Where only the store's own file system can tell (has this page space?), the
 * model looks there. Where even that leaves two answers, the file is in doubt:
 * the test then syncs it, which makes all of it certain again, and counts that.
 *
 * One thread.
 */
#ifndef FLAKEY_TESTS_RANDOM_MODEL_H
#define FLAKEY_TESTS_RANDOM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct survive_rule;

#define MODEL_DIRECTORIES 2
#define MODEL_NAMES 8 /* in all of them */
#define MODEL_NAME_BYTES 16
#define MODEL_FILES 32
#define MODEL_BYTES 98304 /* of a file at most */
#define MODEL_UNIT 1024	  /* the smallest block of a profile */
#define MODEL_PAGE 4096

enum model_sure {
	MODEL_NO,
	MODEL_MAYBE,
	MODEL_YES
};

struct model_file {
	bool used;
	bool open; /* the target has a descriptor of it */
	int name;  /* a live one, or -1 */
	int64_t size;
	uint8_t *live; /* MODEL_BYTES of each; zeros behind the size */
	uint8_t *dirty;
	int64_t dirty_from; /* no byte outside of these is dirty */
	int64_t dirty_to;
	bool truncated; /* to 0, and not closed since */
	bool mapped;	/* has stores that the kernel may not have sent yet */
	bool changed;	/* since the last commit of the journal */
	bool resized;	/* its size or its map */
	bool doubt;	/* two results of the last event are legal */
	int64_t ordered_from; /* pages that go out with that, if any */
	int64_t ordered_to;
	unsigned int changes; /* in the journal, of its content */

	bool stored; /* the store has it */
	int store_fd;
	int64_t stored_size;
	uint8_t *kept; /* what the store has of it, or would with a name */
	/* Pages that have data there, by a look and what was done since; those
	 * that were given space without data, which a look takes for data when
	 * they were read; units that were written since they were last freed;
	 * and blocks below it, and that one, are known to have space without a
	 * look. */
	bool map[MODEL_BYTES / MODEL_PAGE];
	bool spaced[MODEL_BYTES / MODEL_PAGE];
	bool map_stale;
	bool map_unsure;
	bool written[MODEL_BYTES / MODEL_UNIT];
	bool fresh; /* not opened since it was made, or came back */
	int64_t known_to;
	int64_t tail_block; /* -1: none */
};

enum model_kind {
	MODEL_CREATE,
	MODEL_UNLINK,
	MODEL_RENAME,
	MODEL_SIZE,
	MODEL_DATA,
	MODEL_SPACE,
};

struct model_piece {
	int64_t offset;
	int64_t length;
	uint8_t *bytes; /* owned */
};

struct model_record {
	enum model_kind kind;
	struct model_file *file;
	int from; /* names */
	int to;
	int mode; /* MODEL_SPACE: as for fallocate(2) */
	int64_t offset;
	int64_t length; /* or the size */
	struct model_piece *pieces;
	size_t count;
};

struct model {
	const struct survive_rule *rule;
	int store; /* directory */
	struct model_file files[MODEL_FILES];
	struct model_file *names[MODEL_NAMES];	/* as programs see them */
	struct model_file *stored[MODEL_NAMES]; /* as the store has them */
	struct model_record *journal;
	size_t count;
	size_t capacity;
};

void model_init(struct model *model, const struct survive_rule *rule,
		int store);
void model_done(struct model *model);

/* The name's directory, and its path; returns buffer. */
int model_directory_of(int name);
const char *model_path(int name, char buffer[MODEL_NAME_BYTES]);
/* Some live name of the file, or -1. */
int model_name_of(const struct model *model, const struct model_file *file);

/* A free slot, or NULL. */
struct model_file *model_new(struct model *model);
/* Whether nothing needs the file any more; then the slot is free. */
void model_release(struct model *model, struct model_file *file);

/* Changes of what programs see. None of them asks the rule. */
void model_put(struct model_file *file, int64_t offset, const uint8_t *bytes,
	       int64_t length);
void model_resize(struct model_file *file, int64_t size);
void model_zero(struct model_file *file, int64_t offset, int64_t length);
void model_move(struct model_file *file, bool insert, int64_t offset,
		int64_t length);

/* The next byte that is dirty in [*from, to), and where the run ends. */
bool model_dirty_run(const struct model_file *file, int64_t *from, int64_t to,
		     int64_t *ret_end);
void model_clean(struct model_file *file, int64_t from, int64_t to);

struct model_record *model_append(struct model *model, enum model_kind kind,
				  struct model_file *file);
void model_add_piece(struct model_record *record, int64_t offset,
		     int64_t length);

/* The whole journal goes into the store. */
void model_commit(struct model *model);
/* Of it only what names things in the directory, or what changes the content of
 * the file. */
void model_commit_names(struct model *model, int directory);
void model_commit_content(struct model *model, struct model_file *file);
/* Bytes of the live file are written to the store. */
void model_store(struct model *model, struct model_file *file, int64_t from,
		 int64_t to);
/* Everything that the store does not have is gone. */
void model_crash(struct model *model);

/* Learns which pages have data in the store, before they change. */
void model_look(struct model *model, struct model_file *file);
/* A descriptor was opened: what is known then (known_to, tail_block). */
void model_learn(struct model *model, struct model_file *file);
/* It is about to end there, if not before: what is known of that block. */
void model_learn_below(const struct model *model, struct model_file *file,
		       int64_t end);

#endif
