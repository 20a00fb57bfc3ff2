/* SPDX-License-Identifier: MIT */
/* What a walk does next. */
#include <linux/falloc.h>
#include <string.h>

#include "tests/random/survive.h"
#include "tests/random/target.h"
#include "tests/random/walk.h"

/* How often, in 1,000; reading takes what the others cannot. */
static const unsigned int weights[ACT_KINDS] = {
	[ACT_READ] = 150,	   [ACT_WRITE] = 300,	[ACT_APPEND] = 60,
	[ACT_DIRECT] = 30,	   [ACT_DSYNC] = 15,	[ACT_SYNC] = 10,
	[ACT_TRUNCATE] = 60,	   [ACT_SPACE] = 90,	[ACT_COPY] = 30,
	[ACT_SEEK] = 30,	   [ACT_MAP_LOAD] = 30, [ACT_MAP_STORE] = 30,
	[ACT_MAP_SYNC] = 6,	   [ACT_FSYNC] = 30,	[ACT_FDATASYNC] = 30,
	[ACT_FSYNC_DIRECTORY] = 8, [ACT_SYNC_ALL] = 4,	[ACT_REOPEN] = 20,
	[ACT_REOPEN_EMPTY] = 10,   [ACT_CREATE] = 25,	[ACT_UNLINK] = 10,
	[ACT_CLOSE] = 3,	   [ACT_RENAME] = 15,	[ACT_CRASH] = 6,
};

static unsigned int below(struct walk *walk, unsigned int limit)
{
	return seed_below(&walk->seed, limit);
}

static enum act_kind random_kind(struct walk *walk)
{
	unsigned int total = 0;

	for (int i = 0; i < ACT_KINDS; i++)
		total += weights[i];
	unsigned int pick = below(walk, total);
	int kind = 0;
	while (pick >= weights[kind])
		pick -= weights[kind++];
	return (enum act_kind)kind;
}

/* An open file; -1 if there is none. */
static int random_file(struct walk *walk, bool named)
{
	unsigned int start = below(walk, MODEL_FILES);

	for (unsigned int i = 0; i < MODEL_FILES; i++) {
		unsigned int slot = (start + i) % MODEL_FILES;
		const struct model_file *file = &walk->model.files[slot];
		if (file->used && file->open && (!named || file->name >= 0))
			return (int)slot;
	}
	return -1;
}

/* Files are of three kinds: those that stay in a page, in a few, and others. */
static int64_t room_of(int file)
{
	static const int64_t rooms[] = {5000, 24576, MODEL_BYTES};

	return rooms[file % 3];
}

static int64_t random_offset(struct walk *walk, int file)
{
	static const uint32_t units[] = {4096, 1024, 512, 1};
	int64_t room = room_of(file);
	int64_t size = walk->model.files[file].size;
	uint32_t unit = units[below(walk, 4)];

	if (below(walk, 4) == 0 && size < room)
		return size;
	int64_t offset = (int64_t)below(walk, (uint32_t)(room / unit)) * unit;
	/* Just beside an edge is where things go wrong. */
	if (unit > 1 && below(walk, 4) == 0)
		offset += (int64_t)below(walk, 7) - 3;
	return offset < 0 ? 0 : offset;
}

static int64_t random_length(struct walk *walk, int64_t room)
{
	static const uint32_t most[] = {3, 100, 1200, 5000, 20000};
	int64_t length = 1 + below(walk, most[below(walk, 5)]);

	if (below(walk, 4) == 0)
		length = (1 + below(walk, 4)) * MODEL_PAGE;
	return length < room ? length : room;
}

static void choose_range(struct walk *walk, struct act *act)
{
	int64_t room = room_of(act->file);

	act->offset = random_offset(walk, act->file);
	if (act->offset >= room)
		act->offset = room - 1;
	act->length = random_length(walk, room - act->offset);
}

static bool choose_append(struct walk *walk, struct act *act)
{
	int64_t room = room_of(act->file);

	act->offset = walk->model.files[act->file].size;
	if (act->offset >= room)
		return false;
	act->length = random_length(walk, room - act->offset);
	return true;
}

/* Only what is allowed: what is not is the conformance suite's business. */
static bool choose_move(struct walk *walk, struct act *act)
{
	int64_t block = walk->model.rule->block_bytes;
	int64_t size = walk->model.files[act->file].size;
	bool insert = act->mode & FALLOC_FL_INSERT_RANGE;

	act->offset = act->offset / block * block;
	act->length = (act->length + block - 1) / block * block;
	if (insert)
		return act->offset < size && size + act->length <= MODEL_BYTES;
	return act->offset + act->length < size;
}

static bool choose_space(struct walk *walk, struct act *act)
{
	static const int modes[] = {
		0,
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE,
	};

	choose_range(walk, act);
	act->mode = modes[below(walk, walk->target->moves ? 8 : 6)];
	if (act->mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
		return choose_move(walk, act);
	return true;
}

static bool choose_copy(struct walk *walk, struct act *act)
{
	act->file2 = random_file(walk, false);
	const struct model_file *from = &walk->model.files[act->file2];
	if (from->size == 0 || from->mapped)
		return false;
	act->offset2 = below(walk, (uint32_t)from->size);
	choose_range(walk, act);
	if (act->length > from->size - act->offset2)
		act->length = from->size - act->offset2;
	/* The kernel refuses to copy within a file over itself. */
	return act->file2 != act->file ||
	       act->offset + act->length <= act->offset2 ||
	       act->offset2 + act->length <= act->offset;
}

/* Within the file: behind its last page there is nothing to map. */
static bool choose_mapped(struct walk *walk, struct act *act)
{
	const struct model_file *file = &walk->model.files[act->file];

	if (walk->target->table->map == NULL || file->size == 0)
		return false;
	/* These pages go out at a commit of others, if they were sent. */
	if (act->kind == ACT_MAP_STORE && file->ordered_to > 0)
		return false;
	act->offset = below(walk, (uint32_t)file->size);
	act->length = random_length(walk, file->size - act->offset);
	return true;
}

static bool choose_create(struct walk *walk, struct act *act)
{
	int slot = 0;

	act->name = (int)below(walk, MODEL_NAMES);
	while (slot < MODEL_FILES && walk->model.files[slot].used)
		slot++;
	act->file = slot;
	return walk->model.names[act->name] == NULL && slot < MODEL_FILES;
}

static bool choose_name(struct walk *walk, struct act *act)
{
	act->name = (int)below(walk, MODEL_NAMES);
	act->name2 = (int)below(walk, MODEL_NAMES);
	const struct model_file *file = walk->model.names[act->name];
	const struct model_file *other = walk->model.names[act->name2];
	if (file == NULL || file->mapped || act->name == act->name2)
		return false;
	act->file = (int)(file - walk->model.files);
	if (act->kind == ACT_RENAME && other != NULL)
		act->file2 = (int)(other - walk->model.files);
	/* Between two names of one file rename(2) does nothing. */
	return act->kind != ACT_RENAME || other == NULL ||
	       (!other->mapped && other != file);
}

static bool choose_nameless(struct walk *walk, struct act *act)
{
	const struct model_file *file = &walk->model.files[act->file];

	act->name = -1;
	return file->name < 0;
}

/* What a file with stores through a mapping bears until they were sent. */
static bool bears_mapped(enum act_kind kind)
{
	switch (kind) {
	case ACT_READ:
	case ACT_MAP_LOAD:
	case ACT_MAP_STORE:
	case ACT_MAP_SYNC:
	case ACT_FSYNC:
	case ACT_FDATASYNC:
		return true;
	default:
		return false;
	}
}

static bool choose_for_file(struct walk *walk, struct act *act)
{
	act->file = random_file(walk, act->kind == ACT_REOPEN ||
					      act->kind == ACT_REOPEN_EMPTY);
	if (act->file < 0)
		return false;
	const struct model_file *file = &walk->model.files[act->file];
	if (file->mapped && !bears_mapped(act->kind))
		return false;
	switch (act->kind) {
	case ACT_APPEND:
		return choose_append(walk, act);
	case ACT_TRUNCATE:
		act->offset =
			below(walk, 4) ? random_offset(walk, act->file) : 0;
		return true;
	case ACT_SPACE:
		return choose_space(walk, act);
	case ACT_COPY:
		return choose_copy(walk, act);
	case ACT_MAP_LOAD:
	case ACT_MAP_STORE:
		return choose_mapped(walk, act);
	case ACT_MAP_SYNC:
		return file->mapped;
	case ACT_CLOSE:
		return choose_nameless(walk, act);
	default:
		choose_range(walk, act);
		return true;
	}
}

static bool try_kind(struct walk *walk, struct act *act)
{
	switch (act->kind) {
	case ACT_CREATE:
		return choose_create(walk, act);
	case ACT_UNLINK:
	case ACT_RENAME:
		return choose_name(walk, act);
	case ACT_FSYNC_DIRECTORY:
		act->directory = (int)below(walk, MODEL_DIRECTORIES);
		return true;
	case ACT_SYNC_ALL:
	case ACT_CRASH:
		return walk->crashes == NULL;
	default:
		return choose_for_file(walk, act);
	}
}

void walk_choose(struct walk *walk, struct act *ret_act)
{
	for (;;) {
		*ret_act = (struct act){
			.number = walk->number,
			.kind = random_kind(walk),
			.file = -1,
			.file2 = -1,
			.name = -1,
			.name2 = -1,
		};
		if (!try_kind(walk, ret_act))
			continue;
		switch (ret_act->kind) {
		case ACT_FSYNC:
		case ACT_FDATASYNC:
		case ACT_SEEK:
		case ACT_REOPEN:
		case ACT_REOPEN_EMPTY:
		case ACT_MAP_SYNC:
			ret_act->offset = 0;
			ret_act->length = 0;
			return;
		default:
			return;
		}
	}
}
