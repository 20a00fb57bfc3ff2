/* SPDX-License-Identifier: MIT */
#include "tests/random/model.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/random/survive.h"

static void *must(void *memory)
{
	if (memory == NULL)
		abort(); /* a test without memory says nothing */
	return memory;
}

void model_init(struct model *model, const struct survive_rule *rule, int store)
{
	*model = (struct model){.rule = rule, .store = store};
}

int model_directory_of(int name)
{
	return name * MODEL_DIRECTORIES / MODEL_NAMES;
}

const char *model_path(int name, char buffer[MODEL_NAME_BYTES])
{
	snprintf(buffer, MODEL_NAME_BYTES, "%sf%d",
		 model_directory_of(name) > 0 ? "d/" : "", name);
	return buffer;
}

int model_name_of(const struct model *model, const struct model_file *file)
{
	for (int i = 0; i < MODEL_NAMES; i++)
		if (model->names[i] == file)
			return i;
	return -1;
}

static void free_file(struct model_file *file)
{
	free(file->live);
	free(file->dirty);
	free(file->kept);
	if (file->store_fd >= 0)
		close(file->store_fd);
	*file = (struct model_file){.used = false};
}

static void free_record(struct model_record *record)
{
	for (size_t i = 0; i < record->count; i++)
		free(record->pieces[i].bytes);
	free(record->pieces);
}

static void empty_journal(struct model *model)
{
	for (size_t i = 0; i < model->count; i++)
		free_record(&model->journal[i]);
	model->count = 0;
	for (int i = 0; i < MODEL_FILES; i++)
		model->files[i].changes = 0;
}

void model_done(struct model *model)
{
	empty_journal(model);
	free(model->journal);
	for (int i = 0; i < MODEL_FILES; i++)
		if (model->files[i].used)
			free_file(&model->files[i]);
}

struct model_file *model_new(struct model *model)
{
	for (int i = 0; i < MODEL_FILES; i++) {
		struct model_file *file = &model->files[i];
		if (file->used)
			continue;
		*file = (struct model_file){
			.used = true,
			.name = -1,
			.store_fd = -1,
			.tail_block = -1,
			.changed = true,
			.fresh = true,
			.resized = true,
			.live = must(calloc(1, MODEL_BYTES)),
			.dirty = must(calloc(1, MODEL_BYTES)),
			.kept = must(calloc(1, MODEL_BYTES)),
			.dirty_from = MODEL_BYTES,
		};
		return file;
	}
	return NULL;
}

static bool names_something(const struct model_record *record)
{
	return record->kind == MODEL_CREATE || record->kind == MODEL_UNLINK ||
	       record->kind == MODEL_RENAME;
}

/* The records that are chosen leave the journal, applied or not. */
typedef bool choice_fn(const struct model_record *record, const void *what);
static void take(struct model *model, choice_fn *is_chosen, const void *what,
		 bool applied);

static bool is_content_of(const struct model_record *record, const void *file)
{
	return !names_something(record) && record->file == file;
}

void model_release(struct model *model, struct model_file *file)
{
	if (!file->used || file->open || file->name >= 0)
		return;
	for (int i = 0; i < MODEL_NAMES; i++)
		if (model->stored[i] == file)
			return;
	bool recorded = false;
	for (size_t i = 0; i < model->count; i++) {
		if (model->journal[i].file != file)
			continue;
		if (names_something(&model->journal[i]) ||
		    !model->rule->by_parts)
			return;
		recorded = true;
	}
	if (recorded)
		take(model, is_content_of, file, false);
	free_file(file);
}

void model_put(struct model_file *file, int64_t offset, const uint8_t *bytes,
	       int64_t length)
{
	assert(offset + length <= MODEL_BYTES);
	if (length <= 0)
		return;
	if (bytes != file->live + offset)
		memcpy(file->live + offset, bytes, (size_t)length);
	memset(file->dirty + offset, 1, (size_t)length);
	if (offset < file->dirty_from)
		file->dirty_from = offset;
	if (offset + length > file->dirty_to)
		file->dirty_to = offset + length;
	if (offset + length > file->size)
		file->size = offset + length;
}

void model_clean(struct model_file *file, int64_t from, int64_t to)
{
	if (to > MODEL_BYTES)
		to = MODEL_BYTES;
	if (from >= to)
		return;
	memset(file->dirty + from, 0, (size_t)(to - from));
	if (from <= file->dirty_from && to >= file->dirty_to) {
		file->dirty_from = MODEL_BYTES;
		file->dirty_to = 0;
	}
}

void model_zero(struct model_file *file, int64_t offset, int64_t length)
{
	int64_t end =
		offset + length < MODEL_BYTES ? offset + length : MODEL_BYTES;
	if (offset >= end)
		return;
	memset(file->live + offset, 0, (size_t)(end - offset));
	model_clean(file, offset, end);
}

void model_resize(struct model_file *file, int64_t size)
{
	if (size < file->size)
		model_zero(file, size, MODEL_BYTES - size);
	file->size = size;
}

void model_move(struct model_file *file, bool insert, int64_t offset,
		int64_t length)
{
	uint8_t *from = file->live + offset + (insert ? 0 : length);
	uint8_t *to = file->live + offset + (insert ? length : 0);
	int64_t bytes = file->size - (from - file->live);

	memmove(to, from, (size_t)bytes);
	if (insert) {
		memset(file->live + offset, 0, (size_t)length);
		file->size += length;
	} else {
		file->size -= length;
		memset(file->live + file->size, 0, (size_t)length);
	}
}

bool model_dirty_run(const struct model_file *file, int64_t *from, int64_t to,
		     int64_t *ret_end)
{
	if (*from < file->dirty_from)
		*from = file->dirty_from;
	if (to > file->dirty_to)
		to = file->dirty_to;
	if (*from >= to)
		return false;
	const uint8_t *begin =
		memchr(file->dirty + *from, 1, (size_t)(to - *from));
	if (begin == NULL)
		return false;
	*from = begin - file->dirty;
	const uint8_t *end = memchr(begin, 0, (size_t)(to - *from));
	*ret_end = end != NULL ? end - file->dirty : to;
	return true;
}

struct model_record *model_append(struct model *model, enum model_kind kind,
				  struct model_file *file)
{
	if (model->count == model->capacity) {
		model->capacity = model->capacity ? model->capacity * 2 : 64;
		model->journal =
			must(reallocarray(model->journal, model->capacity,
					  sizeof(*model->journal)));
	}
	struct model_record *record = &model->journal[model->count++];
	*record = (struct model_record){
		.kind = kind, .file = file, .from = -1, .to = -1};
	if (kind != MODEL_UNLINK && kind != MODEL_RENAME)
		file->changes++;
	return record;
}

void model_add_piece(struct model_record *record, int64_t offset,
		     int64_t length)
{
	struct model_piece *list = must(
		reallocarray(record->pieces, record->count + 1, sizeof(*list)));
	record->pieces = list;
	list += record->count++;
	*list = (struct model_piece){
		.offset = offset,
		.length = length,
		.bytes = must(malloc((size_t)length)),
	};
	memcpy(list->bytes, record->file->live + offset, (size_t)length);
}

/* The store */

static void mark_written(struct model_file *file, int64_t from, int64_t to)
{
	for (int64_t i = from / MODEL_UNIT; i * MODEL_UNIT < to; i++)
		file->written[i] = true;
	for (int64_t i = from / MODEL_PAGE; i * MODEL_PAGE < to; i++)
		file->map[i] = true;
	file->map_stale = true;
}

static void mark_freed(struct model_file *file, int64_t from, int64_t to)
{
	int64_t i = (from + MODEL_UNIT - 1) / MODEL_UNIT;
	for (; (i + 1) * MODEL_UNIT <= to; i++)
		file->written[i] = false;
	i = (from + MODEL_PAGE - 1) / MODEL_PAGE;
	for (; (i + 1) * MODEL_PAGE <= to; i++) {
		file->map[i] = false;
		file->spaced[i] = false;
	}
	file->map_stale = true;
}

static void mark_spaced(struct model_file *file, int64_t from, int64_t to)
{
	if (to > MODEL_BYTES)
		to = MODEL_BYTES;
	for (int64_t i = from / MODEL_PAGE; i * MODEL_PAGE < to; i++)
		file->spaced[i] = true;
}

static void keep_bytes(struct model *model, struct model_file *file,
		       const struct model_piece *piece)
{
	int64_t from = piece->offset;
	int64_t to = from + piece->length;

	memcpy(file->kept + from, piece->bytes, (size_t)piece->length);
	if (to > file->stored_size)
		file->stored_size = to;
	mark_written(file, from, to);
	int64_t block = model->rule->block_bytes;
	int64_t known = (file->known_to + block - 1) / block * block;
	if (from <= known && to > file->known_to)
		file->known_to = to;
	if (to >= file->size)
		file->tail_block = survive_block(model->rule, to - 1);
}

void model_store(struct model *model, struct model_file *file, int64_t from,
		 int64_t to)
{
	keep_bytes(model, file,
		   &(struct model_piece){from, to - from, file->live + from});
}

static void forget_from(const struct model *model, struct model_file *file,
			int64_t from)
{
	int64_t block = model->rule->block_bytes;

	from = (from + block - 1) / block * block;
	if (file->known_to > from)
		file->known_to = from;
	if (file->tail_block >= from)
		file->tail_block = -1;
}

static void resize_kept(struct model_file *file, int64_t size)
{
	if (size < file->stored_size) {
		memset(file->kept + size, 0, (size_t)(MODEL_BYTES - size));
		mark_freed(file, size, MODEL_BYTES);
	}
	file->stored_size = size;
}

static void move_kept(struct model_file *file,
		      const struct model_record *record)
{
	struct model_file moved = {
		.live = file->kept,
		.size = file->stored_size,
	};
	bool insert = record->mode & FALLOC_FL_INSERT_RANGE;

	/* Moved without what it moves: it is not stored either. */
	if ((insert ? record->offset : record->offset + record->length) >=
	    file->stored_size)
		return;
	model_move(&moved, insert, record->offset, record->length);
	file->stored_size = moved.size;
	/* How the blocks lie now is only known by a look, if at all. */
	mark_freed(file, record->offset, MODEL_BYTES);
	mark_spaced(file, record->offset, MODEL_BYTES);
}

static void apply_space(const struct model *model, struct model_file *file,
			const struct model_record *record)
{
	int64_t end = record->offset + record->length;

	if (record->mode &
	    (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) {
		move_kept(file, record);
	} else if (record->mode &
		   (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
		int64_t to = end < MODEL_BYTES ? end : MODEL_BYTES;
		if (record->offset < to)
			memset(file->kept + record->offset, 0,
			       (size_t)(to - record->offset));
		mark_freed(file, record->offset, to);
	}
	if (!(record->mode & FALLOC_FL_PUNCH_HOLE))
		mark_spaced(file, record->offset, end);
	file->map_stale = true;
	if (!(record->mode & (FALLOC_FL_KEEP_SIZE | FALLOC_FL_COLLAPSE_RANGE |
			      FALLOC_FL_INSERT_RANGE)) &&
	    end > file->stored_size)
		file->stored_size = end;
	forget_from(model, file, record->offset);
}

static void apply_pieces(struct model *model, struct model_file *file,
			 const struct model_record *record)
{
	for (size_t i = 0; i < record->count; i++)
		keep_bytes(model, file, &record->pieces[i]);
}

static void apply(struct model *model, const struct model_record *record)
{
	struct model_file *file = record->file;

	switch (record->kind) {
	case MODEL_CREATE:
		model->stored[record->to] = file;
		file->stored = true;
		break;
	case MODEL_UNLINK:
		model->stored[record->from] = NULL;
		break;
	case MODEL_RENAME:
		model->stored[record->from] = NULL;
		model->stored[record->to] = file;
		break;
	case MODEL_SIZE:
		resize_kept(file, record->length);
		forget_from(model, file, record->length);
		break;
	case MODEL_DATA:
		apply_pieces(model, file, record);
		break;
	case MODEL_SPACE:
		apply_space(model, file, record);
		break;
	}
}

static void release_all(struct model *model)
{
	for (int i = 0; i < MODEL_FILES; i++)
		model_release(model, &model->files[i]);
}

void model_commit(struct model *model)
{
	for (size_t i = 0; i < model->count; i++)
		apply(model, &model->journal[i]);
	empty_journal(model);
	release_all(model);
}

static void take(struct model *model, choice_fn *is_chosen, const void *what,
		 bool applied)
{
	size_t left = 0;

	for (size_t i = 0; i < model->count; i++) {
		struct model_record record = model->journal[i];
		if (!is_chosen(&record, what)) {
			model->journal[left++] = record;
			continue;
		}
		if (applied)
			apply(model, &record);
		if (record.kind != MODEL_UNLINK && record.kind != MODEL_RENAME)
			record.file->changes--;
		free_record(&record);
	}
	model->count = left;
}

static bool is_entry_of(const struct model_record *record, const void *what)
{
	const int *directory = what;

	return names_something(record) &&
	       model_directory_of(record->to >= 0 ? record->to
						  : record->from) == *directory;
}

void model_commit_names(struct model *model, int directory)
{
	take(model, is_entry_of, &directory, true);
	release_all(model);
}

void model_commit_content(struct model *model, struct model_file *file)
{
	take(model, is_content_of, file, true);
}

static void revive(struct model_file *file, int name)
{
	file->name = name;
	file->size = file->stored_size;
	memcpy(file->live, file->kept, MODEL_BYTES);
	model_clean(file, 0, MODEL_BYTES);
	file->truncated = false;
	file->mapped = false;
	file->changed = false;
	file->resized = false;
	file->doubt = false;
	file->ordered_to = 0;
	file->fresh = true;
	file->map_stale = true;
}

void model_crash(struct model *model)
{
	empty_journal(model);
	for (int i = 0; i < MODEL_FILES; i++) {
		model->files[i].name = -1;
		model->files[i].open = false;
	}
	for (int i = 0; i < MODEL_NAMES; i++) {
		model->names[i] = model->stored[i];
		if (model->names[i] != NULL)
			revive(model->names[i], i);
	}
	release_all(model);
}

/* Looks at the store */

static int open_stored(struct model *model, struct model_file *file)
{
	if (file->store_fd >= 0 || !file->stored)
		return file->store_fd;
	for (int i = 0; i < MODEL_NAMES; i++) {
		char name[MODEL_NAME_BYTES];
		if (model->stored[i] == file)
			file->store_fd =
				openat(model->store, model_path(i, name),
				       O_RDONLY | O_CLOEXEC);
	}
	return file->store_fd;
}

void model_look(struct model *model, struct model_file *file)
{
	if (!file->map_stale)
		return;
	int fd = open_stored(model, file);
	file->map_unsure = fd < 0;
	file->map_stale = false;
	memset(file->map, 0, sizeof(file->map));
	for (off_t at = 0; fd >= 0 && at < MODEL_BYTES;) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0)
			break;
		at = lseek(fd, data, SEEK_HOLE);
		for (off_t i = data; i < at && i < MODEL_BYTES; i += MODEL_PAGE)
			file->map[i / MODEL_PAGE] = true;
	}
}

void model_learn(struct model *model, struct model_file *file)
{
	struct stat st;
	int fd = open_stored(model, file);
	int64_t hole = 0;
	int64_t tail = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
		hole = lseek(fd, 0, SEEK_HOLE);
		tail = survive_block(model->rule, st.st_size - 1);
		if (lseek(fd, tail, SEEK_DATA) < tail)
			tail = -1;
	}
	/* What was known may have been forgotten at the last close, or not. */
	if (file->fresh || hole < file->known_to)
		file->known_to = hole;
	if (file->fresh || tail != file->tail_block)
		file->tail_block = file->fresh ? tail : -1;
	file->fresh = false;
}

void model_learn_below(const struct model *model, struct model_file *file,
		       int64_t end)
{
	if (end > file->stored_size)
		end = file->stored_size;
	if (!file->stored || end <= 0 || file->known_to > 0)
		return;
	int64_t block = survive_block(model->rule, end - 1);
	int64_t page = block / MODEL_PAGE;
	bool sure = !file->map_unsure && !file->map[0] && !file->spaced[0] &&
		    !file->spaced[page];
	if (block == file->tail_block || (sure && !file->map[page]))
		return;
	file->tail_block = sure ? block : -1;
}
