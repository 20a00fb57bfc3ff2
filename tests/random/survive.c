/* SPDX-License-Identifier: MIT */
#include "tests/random/survive.h"

#include <linux/falloc.h>
#include <stddef.h>
#include <string.h>

#define END MODEL_BYTES

#define MODE_MOVES (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)
#define MODE_ZEROES (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)

int64_t survive_block(const struct survive_rule *rule, int64_t offset)
{
	return offset / rule->block_bytes * rule->block_bytes;
}

static int64_t page_of(int64_t offset)
{
	return offset / MODEL_PAGE * MODEL_PAGE;
}

static int64_t page_behind(int64_t offset)
{
	return page_of(offset + MODEL_PAGE - 1);
}

void survive_look(struct model *model, struct model_file *file)
{
	for (int i = 0; i < MODEL_FILES && !model->rule->by_parts; i++)
		if (model->files[i].used && model->files[i].stored &&
		    (file == NULL || file == &model->files[i] ||
		     model->files[i].ordered_to > 0))
			model_look(model, &model->files[i]);
}

/* Which blocks have space */

static enum model_sure store_has(const struct model *model,
				 const struct model_file *file, int64_t block)
{
	/* A range may end where the largest file does. */
	if (!file->stored || block >= MODEL_BYTES)
		return MODEL_NO;
	if (file->map_unsure)
		return MODEL_MAYBE;
	int64_t page = block / MODEL_PAGE;
	int64_t size = model->rule->block_bytes;
	bool written = false;
	for (int64_t at = block; at < block + size; at += MODEL_UNIT)
		written |= file->written[at / MODEL_UNIT];
	/* A store whose blocks are larger knows the others no better. */
	bool known = size >= MODEL_PAGE || block < file->known_to ||
		     block == file->tail_block;
	if (written && known && file->map[page])
		return MODEL_YES;
	if (written)
		return MODEL_MAYBE;
	return file->map[page] || file->spaced[page] ? MODEL_MAYBE : MODEL_NO;
}

static bool has_piece(const struct model_record *record, int64_t from,
		      int64_t to)
{
	for (size_t i = 0; i < record->count; i++)
		if (record->pieces[i].offset < to &&
		    record->pieces[i].offset + record->pieces[i].length > from)
			return true;
	return false;
}

/* Whether the block has space once this is committed; false: it does not say. */
static bool record_tells(const struct model_record *record, int64_t block,
			 int64_t end, enum model_sure *ret_has)
{
	*ret_has = MODEL_NO;
	switch (record->kind) {
	case MODEL_DATA:
		*ret_has = MODEL_YES;
		return has_piece(record, block, end);
	case MODEL_SIZE:
		return record->length <= block;
	case MODEL_SPACE:
		if (record->mode & MODE_MOVES) {
			*ret_has = MODEL_MAYBE;
			return record->offset < end;
		}
		return record->mode & MODE_ZEROES && record->offset <= block &&
		       record->offset + record->length >= end;
	default:
		return false;
	}
}

/* Space that is allocated ahead. */
static bool gives_space(const struct model_record *record, int64_t block,
			int64_t end)
{
	return record->kind == MODEL_SPACE &&
	       !(record->mode & (FALLOC_FL_PUNCH_HOLE | MODE_MOVES)) &&
	       record->offset < end && record->offset + record->length > block;
}

static bool journal_tells(const struct model *model,
			  const struct model_file *file, int64_t block,
			  enum model_sure *ret_has)
{
	int64_t end = block + model->rule->block_bytes;

	for (size_t i = model->count; i > 0; i--)
		if (model->journal[i - 1].file == file &&
		    record_tells(&model->journal[i - 1], block, end, ret_has))
			return true;
	return false;
}

/* What is allocated ahead is space, too. */
static enum model_sure has_space(const struct model *model,
				 const struct model_file *file, int64_t block)
{
	int64_t end = block + model->rule->block_bytes;
	enum model_sure has;

	for (size_t i = model->count; i > 0; i--) {
		const struct model_record *record = &model->journal[i - 1];

		if (record->file != file)
			continue;
		if (gives_space(record, block, end))
			return MODEL_YES;
		if (record_tells(record, block, end, &has))
			return has;
	}
	return store_has(model, file, block);
}

typedef enum model_sure has_fn(const struct model *model,
			       const struct model_file *file, int64_t block);

static enum model_sure is_allocated(const struct model *model,
				    const struct model_file *file,
				    int64_t block)
{
	enum model_sure has;

	if (journal_tells(model, file, block, &has))
		return has;
	return store_has(model, file, block);
}

/* The same without a look at the store, which a write does not take. */
static enum model_sure is_known(const struct model *model,
				const struct model_file *file, int64_t block)
{
	enum model_sure has;

	if (journal_tells(model, file, block, &has))
		return has;
	has = store_has(model, file, block);
	if (has == MODEL_YES && block >= file->known_to &&
	    block != file->tail_block)
		return MODEL_MAYBE;
	return has;
}

/* Whether any dirty byte of the range needs a block. */
static enum model_sure any_without(const struct model *model,
				   const struct model_file *file, int64_t from,
				   int64_t to, has_fn *has_block)
{
	int64_t size = model->rule->block_bytes;
	enum model_sure result = MODEL_NO;
	int64_t end;

	for (int64_t at = 0; model_dirty_run(file, &at, END, &end); at = end) {
		for (int64_t block = survive_block(model->rule, at);
		     block < end; block += size) {
			enum model_sure has = has_block(model, file, block);
			/* What begins in the range counts as a whole, and where
			 * it begins depends on how it was written. */
			bool inside = block + size > from && block < to;
			if (has == MODEL_NO && inside)
				return MODEL_YES;
			if (has != MODEL_YES && end > from && at < to)
				result = MODEL_MAYBE;
		}
	}
	return result;
}

static enum model_sure allocates(const struct model *model,
				 const struct model_file *file, int64_t from,
				 int64_t to)
{
	return any_without(model, file, from, to, is_allocated);
}

static bool changes_bytes(const struct model_record *record, int64_t from,
			  int64_t to)
{
	switch (record->kind) {
	case MODEL_DATA:
		return has_piece(record, from, to);
	case MODEL_SIZE:
		return record->length < to;
	case MODEL_SPACE:
		if (record->mode & MODE_MOVES)
			return record->offset < to;
		return record->mode & MODE_ZEROES && record->offset < to &&
		       record->offset + record->length > from;
	default:
		return false;
	}
}

/* Whether the byte lies in a block of the store that no record changes. */
static enum model_sure is_stored(const struct model *model,
				 const struct model_file *file, int64_t offset)
{
	int64_t block = survive_block(model->rule, offset);
	int64_t end = block + model->rule->block_bytes;

	if (!file->stored || offset >= file->stored_size)
		return MODEL_NO;
	if (end > file->stored_size)
		end = file->stored_size;
	for (size_t i = 0; i < model->count; i++)
		if (model->journal[i].file == file &&
		    changes_bytes(&model->journal[i], block, end))
			return MODEL_NO;
	return store_has(model, file, block);
}

/* The next dirty bytes of one block, on one side of the stored size. */
static bool next_part(const struct model *model, const struct model_file *file,
		      int64_t *from, int64_t to, int64_t *ret_end)
{
	if (!model_dirty_run(file, from, to, ret_end))
		return false;
	int64_t edge =
		survive_block(model->rule, *from) + model->rule->block_bytes;
	if (*ret_end > edge)
		*ret_end = edge;
	if (*from<file->stored_size && * ret_end> file->stored_size)
		*ret_end = file->stored_size;
	return true;
}

/* Whether its changes count: some name leads to it; or may again, and where no
 * name does, nobody looks. */
static bool is_recorded(const struct model *model,
			const struct model_file *file)
{
	return model->rule->by_parts || file->name >= 0;
}

/* Moves */

static void touch(struct model_file *file, bool resized)
{
	file->changed = true;
	file->resized |= resized;
}

static void store_stored(struct model *model, struct model_file *file,
			 int64_t from, int64_t to)
{
	int64_t end;

	for (; next_part(model, file, &from, to, &end); from = end) {
		enum model_sure stored = is_stored(model, file, from);
		if (stored == MODEL_MAYBE)
			file->doubt = true;
		if (stored != MODEL_YES)
			continue;
		model_store(model, file, from, end);
		model_clean(file, from, end);
	}
}

static void record_unstored(struct model *model, struct model_file *file,
			    int64_t from, int64_t to, bool all)
{
	struct model record = {.rule = NULL};
	struct model_record *pieces = model_append(&record, MODEL_DATA, file);
	int64_t end;

	for (; next_part(model, file, &from, to, &end); from = end) {
		enum model_sure stored = is_stored(model, file, from);
		if (stored == MODEL_MAYBE && !all)
			file->doubt = true;
		if (stored == MODEL_NO || all)
			model_add_piece(pieces, from, end - from);
	}
	file->changes--;
	if (pieces->count == 0) {
		model_done(&record);
		return;
	}
	for (size_t i = 0; i < pieces->count; i++)
		model_clean(file, pieces->pieces[i].offset,
			    pieces->pieces[i].offset +
				    pieces->pieces[i].length);
	*model_append(model, MODEL_DATA, file) = *pieces;
	record.count = 0;
	model_done(&record);
	touch(file, true);
}

/* Dirty bytes that the real file system begins to write by itself. */
static void push(struct model *model, struct model_file *file, int64_t from,
		 int64_t to)
{
	if (file->name < 0)
		return;
	record_unstored(model, file, from, to, false);
	store_stored(model, file, from, to);
}

static void push_if_it_allocates(struct model *model, struct model_file *file)
{
	if (file->name < 0)
		return;
	enum model_sure go = any_without(model, file, 0, END, has_space);
	if (go == MODEL_MAYBE)
		file->doubt = true;
	if (go == MODEL_YES)
		push(model, file, 0, END);
}

static void order_bytes(struct model_file *file, int64_t from, int64_t to)
{
	if (file->ordered_to == 0 || from < file->ordered_from)
		file->ordered_from = from;
	if (to > file->ordered_to)
		file->ordered_to = to;
}

/* A part of the block was zeroed. */
static void order(struct model *model, struct model_file *file, int64_t offset)
{
	int64_t block = survive_block(model->rule, offset);
	int64_t to = block + model->rule->block_bytes;
	int64_t at = block;
	int64_t end;

	if (offset == block || !model->rule->orders_zeroed_blocks ||
	    block >= END)
		return;
	enum model_sure has = is_known(model, file, block);
	if (has != MODEL_YES && model_dirty_run(file, &at, to, &end))
		has = file->changes > 0 && at > block ? MODEL_MAYBE : MODEL_YES;
	if (has == MODEL_MAYBE)
		file->doubt = true;
	if (has != MODEL_YES)
		return;
	order_bytes(file, block, to);
}

/* What it allocates behind the end is ordered, whatever is written there later. */
void survive_direct_begins(struct model *model, struct model_file *file,
			   int64_t offset, int64_t length)
{
	int64_t edge = survive_block(model->rule,
				     file->size + model->rule->block_bytes - 1);
	int64_t from = offset > edge ? offset : edge;

	if (from < offset + length && model->rule->orders_zeroed_blocks)
		order_bytes(file, from, offset + length);
}

static void order_if(struct model *model, struct model_file *file,
		     int64_t offset, enum model_sure had_space)
{
	if (had_space == MODEL_YES)
		order(model, file, offset);
	else if (had_space == MODEL_MAYBE &&
		 offset != survive_block(model->rule, offset))
		file->doubt = true;
}

/* Events */

void survive_create(struct model *model, struct model_file *file, int name)
{
	model_append(model, MODEL_CREATE, file)->to = name;
	file->name = name;
	model->names[name] = file;
	touch(file, true);
}

void survive_unlink(struct model *model, int name)
{
	struct model_file *file = model->names[name];

	model_append(model, MODEL_UNLINK, file)->from = name;
	model->names[name] = NULL;
	file->name = model_name_of(model, file);
	touch(file, false);
	model_release(model, file);
}

void survive_rename(struct model *model, int from, int to)
{
	struct model_file *file = model->names[from];
	struct model_file *replaced = model->names[to];

	if (replaced != NULL && model->rule->pushes_on_replace)
		push_if_it_allocates(model, file);
	bool halves = model->rule->by_parts &&
		      model_directory_of(from) != model_directory_of(to);
	if (halves) {
		model_append(model, MODEL_CREATE, file)->to = to;
		model_append(model, MODEL_UNLINK, file)->from = from;
	} else {
		struct model_record *record =
			model_append(model, MODEL_RENAME, file);
		record->from = from;
		record->to = to;
	}
	model->names[from] = NULL;
	model->names[to] = file;
	file->name = to;
	touch(file, false);
	if (replaced == NULL)
		return;
	replaced->name = model_name_of(model, replaced);
	touch(replaced, false);
	model_release(model, replaced);
}

static void grow(struct model *model, struct model_file *file, int64_t offset,
		 int64_t end)
{
	int64_t edge = page_behind(file->size);

	if (end > edge)
		end = edge;
	if (!model->rule->grows_in_block || file->name < 0 ||
	    end <= file->size || file->size == edge || offset >= edge)
		return;
	switch (is_known(model, file, survive_block(model->rule, end - 1))) {
	case MODEL_NO:
		return;
	case MODEL_MAYBE:
		file->doubt = true;
		return;
	case MODEL_YES:
		model_append(model, MODEL_SIZE, file)->length = end;
		touch(file, true);
	}
}

void survive_write(struct model *model, struct model_file *file, int64_t offset,
		   const uint8_t *bytes, int64_t length)
{
	if (length <= 0)
		return;
	grow(model, file, offset, offset + length);
	model_put(file, offset, bytes, length);
	touch(file, false);
}

void survive_direct(struct model *model, struct model_file *file,
		    int64_t offset, int64_t length)
{
	if (model->rule->direct_is_durable)
		push(model, file, offset, offset + length);
}

/* Whether the disk is to have the file with this size, for all that is known. */
static bool has_size(const struct model *model, const struct model_file *file,
		     int64_t size)
{
	for (size_t i = model->count; i > 0; i--) {
		const struct model_record *record = &model->journal[i - 1];
		if (record->file != file)
			continue;
		if (record->kind == MODEL_SIZE)
			return record->length == size;
		if (record->kind == MODEL_DATA || record->kind == MODEL_SPACE)
			return false;
	}
	return file->stored_size == size;
}

void survive_truncate(struct model *model, struct model_file *file,
		      int64_t size)
{
	if (size % model->rule->block_bytes != 0)
		model_learn_below(model, file, size);
	bool orders = size <= file->size;
	bool resized = size != file->size || !model->rule->grows_in_block;
	/* To the size that it has, but the disk may be told of it only now. */
	if (!resized && !has_size(model, file, size))
		file->doubt = true;
	if (is_recorded(model, file))
		model_append(model, MODEL_SIZE, file)->length = size;
	if (size == 0)
		file->truncated = true;
	model_resize(file, size);
	if (orders)
		order(model, file, size);
	touch(file, resized);
}

void survive_space(struct model *model, struct model_file *file, int mode,
		   int64_t offset, int64_t length)
{
	int64_t end = offset + length;

	bool pushes = mode & FALLOC_FL_PUNCH_HOLE &&
		      model->rule->pushes_before_punching;

	if (pushes)
		push(model, file, page_of(offset), page_behind(end));
	/* Behind the end there is nothing to punch but the rest of its page. */
	if (mode & FALLOC_FL_PUNCH_HOLE && offset >= file->size)
		return;
	if (mode & FALLOC_FL_PUNCH_HOLE && end > file->size) {
		end = page_of(file->size) + MODEL_PAGE;
		length = end - offset;
	}
	if (mode & MODE_MOVES && is_recorded(model, file))
		record_unstored(model, file, page_of(offset), END, true);
	/* What has no space yet gets some that waits to be written. */
	enum model_sure first =
		is_allocated(model, file, survive_block(model->rule, offset));
	enum model_sure last =
		is_allocated(model, file, survive_block(model->rule, end));
	/* No unsynced data tells of the size any more. */
	if (mode & MODE_ZEROES && model->rule->pushes_before_punching)
		file->doubt = true; /* which of its sizes is stored */
	else if (mode & MODE_ZEROES && end >= file->size && !pushes)
		model_append(model, MODEL_SIZE, file)->length = file->size;
	if (is_recorded(model, file)) {
		struct model_record *record =
			model_append(model, MODEL_SPACE, file);
		record->mode = mode;
		record->offset = offset;
		record->length = length;
	}
	if (mode & MODE_ZEROES)
		model_zero(file, offset, length);
	if (mode & MODE_MOVES)
		model_move(file, mode & FALLOC_FL_INSERT_RANGE, offset, length);
	else if (!(mode & FALLOC_FL_KEEP_SIZE) && end > file->size)
		file->size = end;
	if (mode & MODE_ZEROES) {
		order_if(model, file, offset, first);
		order_if(model, file, end, last);
	}
	touch(file, true);
}

void survive_close(struct model *model, struct model_file *file)
{
	if (file->truncated && model->rule->pushes_on_close)
		push_if_it_allocates(model, file);
	file->truncated = false;
}

/* Pages that need no block do not make a file longer; what they have behind its
 * stored end stays unsynced. */
static int64_t end_of_range(const struct model *model, struct model_file *file,
			    int64_t from, int64_t to)
{
	int64_t stored = file->stored_size;
	int64_t before = to;

	if (!model->rule->grows_in_block || to >= file->size || !file->stored)
		return to;
	while (to > from && to > stored) {
		enum model_sure has =
			allocates(model, file, to - MODEL_PAGE, to);
		if (has == MODEL_MAYBE)
			file->doubt = true;
		if (has != MODEL_NO)
			return to;
		to -= MODEL_PAGE;
	}
	return stored > before ? before : stored;
}

static void store_range(struct model *model, struct model_file *file,
			int64_t from, int64_t to)
{
	int64_t before = file->stored_size;
	int64_t last = 0;
	int64_t end;

	if (!is_recorded(model, file))
		return;
	to = end_of_range(model, file, from, to);
	for (; model_dirty_run(file, &from, to, &end); from = end) {
		model_store(model, file, from, end);
		model_clean(file, from, end);
		last = end;
	}
	/* It grows by pages, as far as it goes in memory. */
	if (last <= before || model->rule->by_parts)
		return;
	last = page_behind(last) < file->size ? page_behind(last) : file->size;
	if (last > file->stored_size)
		file->stored_size = last;
}

/* The running transaction, whole, with the blocks that it has to wait for. */
static void commit_journal(struct model *model)
{
	model_commit(model);
	for (int i = 0; i < MODEL_FILES; i++) {
		struct model_file *file = &model->files[i];
		if (!file->used)
			continue;
		file->changed = false;
		file->resized = false;
		if (file->ordered_to > 0 && file->name >= 0)
			store_stored(model, file, page_of(file->ordered_from),
				     page_behind(file->ordered_to));
		file->ordered_to = 0;
	}
}

static void sync_ext4(struct model *model, const struct survive_sync *sync)
{
	struct model_file *file = sync->file;

	if (file == NULL) {
		commit_journal(model);
		return;
	}
	enum model_sure names = file->doubt ? MODEL_MAYBE : MODEL_YES;
	if (!file->doubt && !(sync->datasync ? file->resized : file->changed))
		names = file->name < 0
				? MODEL_MAYBE
				: allocates(model, file, sync->from, sync->to);
	if (names == MODEL_MAYBE) {
		file->doubt = true;
		return; /* all that it may have taken, the next one takes */
	}
	if (names == MODEL_YES)
		commit_journal(model);
	store_range(model, file, sync->from, sync->to);
}

static void sync_posix(struct model *model, const struct survive_sync *sync)
{
	if (sync->file == NULL) {
		model_commit_names(model, sync->directory);
		return;
	}
	model_commit_content(model, sync->file);
	store_range(model, sync->file, sync->from, sync->to);
}

void survive_sync(struct model *model, const struct survive_sync *sync)
{
	struct survive_sync pages = *sync;

	pages.from = page_of(sync->from);
	pages.to = page_behind(sync->to);
	model->rule->sync(model, &pages);
}

void survive_mapped(struct model *model, const struct survive_sync *sync)
{
	struct model_file *file = sync->file;
	bool sure = !sync->datasync || file->resized ||
		    allocates(model, file, 0, END) == MODEL_YES;

	survive_write(model, file, 0, file->live, file->size);
	sure = sure || model->rule->by_parts;
	if (!sure && allocates(model, file, 0, END) != MODEL_NO)
		file->doubt = true;
	file->mapped = false;
}

void survive_sync_all(struct model *model)
{
	commit_journal(model);
	for (int i = 0; i < MODEL_FILES; i++)
		if (model->files[i].used)
			store_range(model, &model->files[i], 0, END);
}

#define RULE_EXT4                                                              \
	.sync = sync_ext4, .grows_in_block = true, .pushes_on_replace = true,  \
	.pushes_on_close = true, .direct_is_durable = true,                    \
	.orders_zeroed_blocks = true, .pushes_before_punching = true

static const struct survive_rule rules[] = {
	{.name = "ext4", .block_bytes = 1024, RULE_EXT4},
	{.name = "ext4,block=4096", .block_bytes = 4096, RULE_EXT4},
	{.name = "posix",
	 .block_bytes = 1024,
	 .sync = sync_posix,
	 .by_parts = true},
};

const struct survive_rule *survive_find(const char *profile)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rules[i].name, profile) == 0)
			return &rules[i];
	return NULL;
}
