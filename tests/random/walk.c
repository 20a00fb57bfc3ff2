/* SPDX-License-Identifier: MIT */
#include "tests/random/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/random/survive.h"
#include "tests/random/target.h"

#define LIVE_EVERY 40  /* acts between looks at a whole file */
#define STORE_EVERY 60 /* and at the store */
#define STORY_MAX 40   /* acts that a failure tells */

static struct target *target_of(struct walk *walk)
{
	return walk->target;
}

static struct model_file *file_of(struct walk *walk, int file)
{
	return file < 0 ? NULL : &walk->model.files[file];
}

bool walk_is_over(const struct walk *walk)
{
	return walk->crashes != NULL &&
	       atomic_load(walk->crashes) != walk->crashes_seen;
}

/* Failures */

__attribute__((format(printf, 2, 3))) static bool fail(struct walk *walk,
						       const char *format, ...)
{
	va_list list;

	if (walk->quiet || walk_is_over(walk))
		return false;
	walk->failed = true;
	printf("# after %lu: ", walk->number);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	return false;
}

/* The last acts of this round that can have to do with these bytes. */
static void tell(const struct walk *walk, int file, int64_t from, int64_t to)
{
	unsigned long told[STORY_MAX];
	size_t count = 0;
	char line[160];

	if (!walk->failed)
		return;
	for (unsigned long i = walk->logged; i > 0 && count < STORY_MAX; i--)
		if (act_touches(&walk->log[i - 1], file, from, to))
			told[count++] = i - 1;
	while (count > 0)
		printf("#   %s\n", act_describe(&walk->log[told[--count]], line,
						sizeof(line)));
}

struct span {
	int64_t from;
	int64_t length;
};

static bool fail_bytes(struct walk *walk, const char *what,
		       const struct model_file *file, const uint8_t *got,
		       const uint8_t *want, struct span span)
{
	int slot = (int)(file - walk->model.files);
	int64_t first = 0;

	while (first < span.length && got[first] == want[first])
		first++;
	int64_t last = span.length - 1;
	while (last > first && got[last] == want[last])
		last--;
	fail(walk, "%s of file %d (f%d): bytes %lld to %lld: %d.., not %d..",
	     what, slot, file->name, (long long)span.from + first,
	     (long long)span.from + last, got[first], want[first]);
	tell(walk, slot, span.from + first, span.from + last + 1);
	return false;
}

/* Comparisons */

static bool check_live(struct walk *walk, const struct model_file *file)
{
	static _Thread_local uint8_t back[MODEL_BYTES + 1];
	struct target *target = target_of(walk);
	int slot = (int)(file - walk->model.files);
	int64_t size = target->table->size(target, slot);
	ssize_t n = target->table->read(target, slot, back, sizeof(back), 0);

	if (size != file->size || n != size) {
		fail(walk, "file %d (f%d): size %lld, read gives %zd, not %lld",
		     slot, file->name, (long long)size, n,
		     (long long)file->size);
		tell(walk, slot, 0, MODEL_BYTES);
		return false;
	}
	if (memcmp(back, file->live, (size_t)n) == 0)
		return true;
	return fail_bytes(walk, "content", file, back, file->live,
			  (struct span){0, n});
}

static bool check_all_live(struct walk *walk)
{
	for (int i = 0; i < MODEL_FILES; i++)
		if (walk->model.files[i].used && walk->model.files[i].open &&
		    !check_live(walk, &walk->model.files[i]))
			return false;
	return true;
}

static bool check_stored_file(struct walk *walk, int name)
{
	static _Thread_local uint8_t back[MODEL_BYTES + 1];
	const struct model_file *file = walk->model.stored[name];
	int slot = file == NULL ? -1 : (int)(file - walk->model.files);
	char path[MODEL_NAME_BYTES];

	int fd = openat(walk->model.store, model_path(name, path),
			O_RDONLY | O_CLOEXEC);
	if (file == NULL && fd < 0)
		return true;
	if (file == NULL || fd < 0) {
		fail(walk, "the store has %s '%s'", fd < 0 ? "no" : "a", path);
		tell(walk, slot, 0, 0);
		return false;
	}
	ssize_t n = pread(fd, back, sizeof(back), 0);
	close(fd);
	if (n != file->stored_size) {
		fail(walk, "stored size of file %d (%s): %zd, not %lld", slot,
		     path, n, (long long)file->stored_size);
		tell(walk, slot, 0, MODEL_BYTES);
		return false;
	}
	if (memcmp(back, file->kept, (size_t)n) == 0)
		return true;
	return fail_bytes(walk, "stored content", file, back, file->kept,
			  (struct span){0, n});
}

static bool check_store(struct walk *walk)
{
	for (int i = 0; i < MODEL_NAMES; i++)
		if (!check_stored_file(walk, i))
			return false;
	return true;
}

/* Acts */

static void pay(struct walk *walk, const struct survive_sync *sync)
{
	walk->owes = walk_is_over(walk);
	walk->owed = *sync;
	if (!walk->owes)
		survive_sync(&walk->model, sync);
}

static int do_read(struct walk *walk, const struct act *act)
{
	static _Thread_local uint8_t back[MODEL_BYTES];
	struct target *target = target_of(walk);
	const struct model_file *file = file_of(walk, act->file);
	int64_t want = file->size - act->offset;
	ssize_t n = target->table->read(target, act->file, back,
					(size_t)act->length, act->offset);

	if (n < 0)
		return (int)n;
	if (want > act->length)
		want = act->length;
	if (want < 0)
		want = 0;
	if (n != want)
		fail(walk, "read gives %zd bytes, not %lld", n,
		     (long long)want);
	else if (memcmp(back, file->live + act->offset, (size_t)n) != 0)
		fail_bytes(walk, "read", file, back, file->live + act->offset,
			   (struct span){act->offset, n});
	return 0;
}

/* The bytes that arrive: the range, or the pages that it dirties. */
static void write_model(struct walk *walk, const struct act *act,
			const uint8_t *data, int64_t length)
{
	static _Thread_local uint8_t pages[MODEL_BYTES + MODEL_PAGE];
	struct model_file *file = file_of(walk, act->file);
	int64_t end = act->offset + length;

	if (act->kind == ACT_DIRECT)
		survive_direct_begins(&walk->model, file, act->offset, length);
	if (!walk->target->by_pages || act->kind == ACT_DIRECT) {
		survive_write(&walk->model, file, act->offset, data, length);
		return;
	}
	int64_t from = act->offset / MODEL_PAGE * MODEL_PAGE;
	int64_t to = (end + MODEL_PAGE - 1) / MODEL_PAGE * MODEL_PAGE;
	int64_t size = end > file->size ? end : file->size;
	if (to > size)
		to = size;
	memcpy(pages, file->live + from, (size_t)(to - from));
	memcpy(pages + (act->offset - from), data, (size_t)length);
	survive_write(&walk->model, file, from, pages, to - from);
}

static void settle_write(struct walk *walk, const struct act *act)
{
	struct model_file *file = file_of(walk, act->file);
	struct survive_sync sync = {
		.file = file,
		.datasync = act->kind == ACT_DSYNC,
		.from = act->offset,
		.to = act->offset + act->length,
	};

	if (act->kind == ACT_DIRECT)
		survive_direct(&walk->model, file, act->offset, act->length);
	if (act->kind != ACT_DSYNC && act->kind != ACT_SYNC)
		return;
	if (walk->target->by_pages) {
		sync.from = 0;
		sync.to = MODEL_BYTES;
	}
	pay(walk, &sync);
}

static int do_write(struct walk *walk, const struct act *act)
{
	static _Thread_local uint8_t data[MODEL_BYTES];
	struct target *target = target_of(walk);

	for (int64_t i = 0; i < act->length; i++)
		data[i] = act_byte(act->number, act->offset + i);
	/* The kernel asks for a sync of its own after these. */
	survive_look(&walk->model,
		     act->kind == ACT_DSYNC || act->kind == ACT_SYNC
			     ? NULL
			     : file_of(walk, act->file));
	int r = target->table->write(target, act->file, act->kind, data,
				     (size_t)act->length, act->offset);
	/* It may have been stored before the second of its two requests, the
	 * sync that the kernel adds, found the power gone. */
	if (r < 0 && !walk_is_over(walk))
		return r;
	write_model(walk, act, data, act->length);
	settle_write(walk, act);
	return 0;
}

static int do_truncate(struct walk *walk, const struct act *act)
{
	struct model_file *file = file_of(walk, act->file);

	survive_look(&walk->model, file);
	int r = walk->target->table->truncate(walk->target, act->file,
					      act->offset);
	if (r == 0)
		survive_truncate(&walk->model, file, act->offset);
	return r;
}

static int do_space(struct walk *walk, const struct act *act)
{
	struct model_file *file = file_of(walk, act->file);

	survive_look(&walk->model, file);
	int r = walk->target->table->space(walk->target, act->file, act->mode,
					   act->offset, act->length);
	if (r == 0)
		survive_space(&walk->model, file, act->mode, act->offset,
			      act->length);
	return r;
}

static int do_copy(struct walk *walk, const struct act *act)
{
	static _Thread_local uint8_t data[MODEL_BYTES];
	struct model_file *file = file_of(walk, act->file);

	survive_look(&walk->model, file);
	int r = walk->target->table->copy(walk->target, act);
	if (r < 0)
		return r;
	memcpy(data, file_of(walk, act->file2)->live + act->offset2,
	       (size_t)act->length);
	/* In how many writes is the kernel's affair. */
	if (act->offset + act->length > file->size)
		file->doubt = walk->target->table->map != NULL &&
			      !walk->model.rule->by_parts;
	write_model(walk, act, data, act->length);
	return 0;
}

/* What is called a hole reads as zeros, and the two alternate to the end. */
static int do_seek(struct walk *walk, const struct act *act)
{
	struct target *target = target_of(walk);
	const struct model_file *file = file_of(walk, act->file);
	int64_t offset = 0;

	while (offset < file->size) {
		int64_t data =
			target->table->seek(target, act->file, offset, false);
		if (data == -ENXIO)
			data = file->size;
		if (data < offset || data > file->size) {
			fail(walk, "SEEK_DATA from %lld gives %lld",
			     (long long)offset, (long long)data);
			return 0;
		}
		for (int64_t i = offset; i < data; i++)
			if (file->live[i] != 0) {
				fail(walk, "byte %lld is called a hole",
				     (long long)i);
				tell(walk, act->file, i, i + 1);
				return 0;
			}
		if (data == file->size)
			break;
		offset = target->table->seek(target, act->file, data, true);
		if (offset <= data || offset > file->size) {
			fail(walk, "SEEK_HOLE from %lld gives %lld",
			     (long long)data, (long long)offset);
			return 0;
		}
	}
	int64_t behind =
		target->table->seek(target, act->file, file->size, false);
	if (behind != -ENXIO)
		fail(walk, "SEEK_DATA at the end gives %lld",
		     (long long)behind);
	return 0;
}

static int do_mapped(struct walk *walk, const struct act *act)
{
	struct target *target = target_of(walk);
	struct model_file *file = file_of(walk, act->file);
	uint8_t *map = target->table->map(target, act->file);

	/* Not with cache=none on most kernels. */
	if (map == NULL)
		return errno == ENODEV ? 0 : -errno;
	if (act->kind == ACT_MAP_LOAD) {
		if (memcmp(map + act->offset, file->live + act->offset,
			   (size_t)act->length) != 0)
			fail_bytes(walk, "mapping", file, map + act->offset,
				   file->live + act->offset,
				   (struct span){act->offset, act->length});
		return 0;
	}
	for (int64_t i = act->offset; i < act->offset + act->length; i++) {
		map[i] = act_byte(act->number, i);
		file->live[i] = map[i];
	}
	file->mapped = true;
	return 0;
}

/* All of a file that may have stores through its mapping. */
static int do_sync(struct walk *walk, const struct act *act)
{
	struct target *target = target_of(walk);
	struct model_file *file = file_of(walk, act->file);
	const struct survive_sync sync = {
		.file = file,
		.directory = act->directory,
		/* msync(2) asks for no more than that. */
		.datasync = act->kind != ACT_FSYNC,
		.to = MODEL_BYTES,
	};
	int r;

	survive_look(&walk->model, NULL);
	if (act->kind == ACT_MAP_SYNC)
		r = target->table->map_sync(target, act->file);
	else if (file == NULL)
		r = target->table->sync_directory(target, act->directory);
	else
		r = target->table->sync(target, act->file, sync.datasync);
	if (r < 0 && !walk_is_over(walk))
		return r;
	int64_t known = file != NULL ? file->known_to : 0;
	bool mapped = file != NULL && file->mapped;
	/* The kernel may have sent the pages before, with an earlier commit. */
	bool sent = mapped && !file->changed && !walk->model.rule->by_parts;
	if (mapped)
		survive_mapped(&walk->model, &sync);
	if (sent)
		file->doubt = true;
	/* Such a kernel has times of its own, and sends them when it likes. */
	if (file != NULL && walk->target->by_pages && !sync.datasync &&
	    !walk->model.rule->by_parts)
		file->doubt |= !file->changed;
	pay(walk, &sync);
	/* Less was sent than all of it. */
	if (mapped && file->known_to > known)
		file->known_to = known;
	if (mapped)
		file->tail_block = -1;
	return 0;
}

static int do_sync_all(struct walk *walk)
{
	survive_look(&walk->model, NULL);
	/* The kernel's pages are not asked for: that is what sync(2) does. */
	for (int i = 0; i < MODEL_FILES; i++) {
		const struct act act = {.kind = ACT_FSYNC, .file = i};
		if (walk->model.files[i].mapped && do_sync(walk, &act) < 0)
			return -EIO;
	}
	int r = walk->target->table->sync_all(walk->target);
	if (r == 0)
		survive_sync_all(&walk->model);
	return r;
}

/* Names */

static int open_named(struct walk *walk, int name, int flags)
{
	struct model_file *file = walk->model.names[name];
	char path[MODEL_NAME_BYTES];
	int r = walk->target->table->open(walk->target,
					  (int)(file - walk->model.files),
					  model_path(name, path), flags);

	if (r < 0)
		return r;
	file->open = true;
	if (flags == O_TRUNC)
		survive_truncate(&walk->model, file, 0);
	if (!walk->model.rule->by_parts)
		model_learn(&walk->model, file);
	return 0;
}

static void close_slot(struct walk *walk, int slot)
{
	struct model_file *file = file_of(walk, slot);

	survive_look(&walk->model, file);
	walk->target->table->close(walk->target, slot);
	survive_close(&walk->model, file);
	file->open = false;
	model_release(&walk->model, file);
}

static int do_reopen(struct walk *walk, const struct act *act)
{
	int name = file_of(walk, act->file)->name;

	close_slot(walk, act->file);
	survive_look(&walk->model, file_of(walk, act->file));
	return open_named(walk, name,
			  act->kind == ACT_REOPEN_EMPTY ? O_TRUNC : 0);
}

static int do_create(struct walk *walk, const struct act *act)
{
	struct model_file *file = model_new(&walk->model);

	survive_create(&walk->model, file, act->name);
	return open_named(walk, act->name, O_CREAT);
}

static int do_rename(struct walk *walk, const struct act *act)
{
	char from[MODEL_NAME_BYTES];
	char to[MODEL_NAME_BYTES];

	survive_look(&walk->model, walk->model.names[act->name]);
	int r = walk->target->table->rename(walk->target,
					    model_path(act->name, from),
					    model_path(act->name2, to));
	if (r == 0)
		survive_rename(&walk->model, act->name, act->name2);
	return r;
}

static int do_unlink(struct walk *walk, const struct act *act)
{
	char path[MODEL_NAME_BYTES];
	int r = walk->target->table->unlink(walk->target,
					    model_path(act->name, path));

	if (r == 0)
		survive_unlink(&walk->model, act->name);
	return r;
}

/* Everybody sees what the power failure left. */
static int come_back(struct walk *walk)
{
	int r = 0;

	model_crash(&walk->model);
	for (int i = 0; i < MODEL_NAMES && r == 0; i++)
		if (walk->model.names[i] != NULL && !walk->model.names[i]->open)
			r = open_named(walk, i, 0);
	if (r == 0 && check_store(walk))
		check_all_live(walk);
	return r;
}

static int do_crash(struct walk *walk)
{
	if (!check_store(walk))
		return 0;
	int r = walk->target->table->crash(walk->target);
	return r < 0 ? r : come_back(walk);
}

static int dispatch(struct walk *walk, const struct act *act)
{
	switch (act->kind) {
	case ACT_READ:
		return do_read(walk, act);
	case ACT_WRITE:
	case ACT_APPEND:
	case ACT_DIRECT:
	case ACT_DSYNC:
	case ACT_SYNC:
		return do_write(walk, act);
	case ACT_TRUNCATE:
		return do_truncate(walk, act);
	case ACT_SPACE:
		return do_space(walk, act);
	case ACT_COPY:
		return do_copy(walk, act);
	case ACT_SEEK:
		return do_seek(walk, act);
	case ACT_MAP_LOAD:
	case ACT_MAP_STORE:
		return do_mapped(walk, act);
	case ACT_SYNC_ALL:
		return do_sync_all(walk);
	case ACT_REOPEN:
	case ACT_REOPEN_EMPTY:
		return do_reopen(walk, act);
	case ACT_CREATE:
		return do_create(walk, act);
	case ACT_UNLINK:
		return do_unlink(walk, act);
	case ACT_CLOSE:
		close_slot(walk, act->file);
		return 0;
	case ACT_RENAME:
		return do_rename(walk, act);
	case ACT_CRASH:
		return do_crash(walk);
	default:
		return do_sync(walk, act);
	}
}

/* What was legal in two ways becomes certain: all of the file is written again,
 * in order, and synced. Then it is known, too, which blocks are known. */
static int write_again(struct walk *walk, int slot)
{
	struct model_file *file = file_of(walk, slot);
	const struct act act = {
		.kind = file->size > 0 ? ACT_WRITE : ACT_FSYNC,
		.file = slot,
		.length = file->size,
	};
	int r;

	if (file->size > 0)
		r = walk->target->table->write(walk->target, slot, ACT_WRITE,
					       file->live, (size_t)file->size,
					       0);
	else
		r = do_truncate(walk, &act);
	if (r < 0)
		return r;
	if (file->size > 0)
		write_model(walk, &act, file->live, file->size);
	file->doubt = false;
	r = do_sync(walk, &(struct act){.kind = ACT_FSYNC, .file = slot});
	file->doubt = false;
	return r;
}

static int settle(struct walk *walk, int slot)
{
	if (!walk->model.files[slot].open)
		return -EBADF;
	if (walk->trace_to > 0 && walk->number >= walk->trace_from)
		printf("#   file %d is written again, for it was in doubt\n",
		       slot);
	/* What a zeroed block may take along comes out of order: once more. */
	int r = write_again(walk, slot);
	return r == 0 ? write_again(walk, slot) : r;
}

static int settle_doubts(struct walk *walk)
{
	for (int i = 0; i < MODEL_FILES; i++) {
		if (!walk->model.files[i].used || !walk->model.files[i].doubt)
			continue;
		walk->doubts++;
		int r = settle(walk, i);
		if (r < 0)
			return r;
		i = -1; /* the commit may have raised others */
	}
	return 0;
}

bool walk_do(struct walk *walk, const struct act *act)
{
	char line[160];

	walk->log[walk->logged++] = *act;
	walk->kinds[act->kind]++;
	bool trace = walk->trace_to > 0 && walk->number >= walk->trace_from &&
		     walk->number <= walk->trace_to;
	if (trace)
		printf("# %s\n", act_describe(act, line, sizeof(line)));
	int r = dispatch(walk, act);
	if (r == 0 && !walk->failed)
		r = settle_doubts(walk);
	if (r < 0) {
		fail(walk, "%s: %s", act_describe(act, line, sizeof(line)),
		     strerror(-r));
		tell(walk, act->file, 0, MODEL_BYTES);
	}
	if (!walk->failed && walk->number % LIVE_EVERY == 0)
		check_all_live(walk);
	if (!walk->failed && walk->number % STORE_EVERY == 0)
		check_store(walk);
	return !walk->failed;
}

bool walk_step(struct walk *walk)
{
	struct act act;

	if (walk->logged == WALK_ROUND)
		walk->logged = 0;
	walk->number++;
	walk_choose(walk, &act);
	return walk_do(walk, &act);
}

/* The kernel sends a write in parts when it has to wait for memory of the program:
 * then power may have failed between two of them. */
static void pay_owed(struct walk *walk)
{
	struct survive_sync part = walk->owed;
	int64_t to = walk->owed.to <= MODEL_BYTES ? walk->owed.to : 0;

	for (part.to = (part.from / MODEL_PAGE + 1) * MODEL_PAGE; part.to < to;
	     part.to += MODEL_PAGE) {
		survive_sync(&walk->model, &part);
		if (check_store(walk))
			return;
	}
	survive_sync(&walk->model, &walk->owed);
}

bool walk_come_back(struct walk *walk)
{
	walk->crashes_seen++;
	walk->quiet = true;
	if (!check_store(walk) && walk->owes)
		pay_owed(walk);
	walk->quiet = false;
	walk->owes = false;
	if (!check_store(walk))
		return false;
	int r = walk->target->table->come_back(walk->target);
	if (r == 0)
		r = come_back(walk);
	if (r < 0)
		fail(walk, "after the crash: %s", strerror(-r));
	walk->logged = 0;
	return !walk->failed;
}

static bool clear(struct walk *walk)
{
	char path[MODEL_NAME_BYTES];

	for (int i = 0; i < MODEL_FILES; i++)
		if (walk->model.files[i].used && walk->model.files[i].open)
			walk->target->table->close(walk->target, i);
	for (int i = 0; i < MODEL_NAMES; i++)
		if (walk->model.names[i] != NULL &&
		    walk->target->table->unlink(walk->target,
						model_path(i, path)) < 0)
			return fail(walk, "cannot clear");
	if (walk->target->table->sync_all(walk->target) < 0)
		return fail(walk, "cannot sync");
	return true;
}

bool walk_round(struct walk *walk, const struct survive_rule *rule,
		unsigned long first)
{
	int store =
		open(walk->target->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = store >= 0;

	model_init(&walk->model, rule, store);
	walk->logged = 0;
	walk->seed.state =
		((walk->seed.number + 1) * UINT64_C(0x9e3779b97f4a7c15)) ^
		((uint64_t)(first + 1) * UINT64_C(0xbf58476d1ce4e5b9));
	for (unsigned long i = 0; i < WALK_ROUND && good; i++) {
		struct act act;
		walk->number = first + i;
		walk_choose(walk, &act);
		good = walk_do(walk, &act);
		if (walk->trace_to > 0 && walk->number >= walk->trace_to)
			break;
	}
	if (good)
		good = check_all_live(walk) && check_store(walk) && clear(walk);
	model_done(&walk->model);
	if (store >= 0)
		close(store);
	return good;
}
