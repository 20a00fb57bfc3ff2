/* SPDX-License-Identifier: MIT */
#include "tests/kill/scribe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_BYTES 32

typedef void action_fn(struct scribe *scribe);

static unsigned int pick(struct scribe *scribe, unsigned int limit)
{
	/* xorshift64*: small, seeded, and good enough to shuffle. */
	scribe->random ^= scribe->random >> 12;
	scribe->random ^= scribe->random << 25;
	scribe->random ^= scribe->random >> 27;
	return (unsigned int)((scribe->random * 2685821657736338717u) >> 33) %
	       limit;
}

static uint64_t draw(struct scribe *scribe)
{
	return atomic_fetch_add(&scribe->board->ticket, 1);
}

/* Every call on the mount is counted, and one of them is the sign to kill. */
static void count_operation(struct scribe *scribe)
{
	struct scribe_board *board = scribe->board;

	if (atomic_fetch_add(&board->operations, 1) + 1 == board->kill_at)
		/* The pipe is empty; if not, the round ends in a stall. */
		(void)!write(board->bell, "", 1);
}

static bool means_dead(int error)
{
	return error == ENOTCONN || error == ECONNABORTED;
}

/* A daemon that is killed while the kernel hands it the request leaves EIO. */
static bool is_dead(const struct scribe *scribe)
{
	struct statvfs st;

	if (errno != EIO)
		return means_dead(errno);
	return fstatvfs(scribe->directory, &st) < 0 && means_dead(errno);
}

/* False, and the end of the work, if the daemon did not do it. */
static bool did(struct scribe *scribe, const char *what, long result)
{
	if (result >= 0)
		return true;
	int error = errno;

	if (!is_dead(scribe))
		(void)snprintf(scribe->trouble, sizeof(scribe->trouble),
			       "%s: %s", what, strerror(error));
	scribe->directory = -1;
	return false;
}

static bool works(const struct scribe *scribe)
{
	return scribe->directory >= 0;
}

static struct step *begin(struct scribe *scribe, struct step step)
{
	struct history *history = &scribe->history;
	struct step *kept = &history->steps[history->step_count];

	*kept = step;
	kept->begin = draw(scribe);
	history->step_count++;
	count_operation(scribe);
	return kept;
}

static bool end(struct scribe *scribe, struct step *step, const char *what,
		long result)
{
	if (!did(scribe, what, result))
		return false;
	step->end = draw(scribe);
	history_apply(step, &scribe->names);
	return true;
}

static int new_object(struct scribe *scribe, bool link)
{
	struct history *history = &scribe->history;

	history->objects[history->object_count].link = link;
	return history->object_count++;
}

/* A slot that is taken, or free; -1 if there is none. */
static int pick_slot(struct scribe *scribe, bool taken)
{
	unsigned int start = pick(scribe, HISTORY_SLOTS);

	for (unsigned int i = 0; i < HISTORY_SLOTS; i++) {
		int slot = (int)((start + i) % HISTORY_SLOTS);

		if ((slot < HISTORY_TOP || scribe->names.directory != 0) &&
		    (scribe->names.slots[slot] != 0) == taken)
			return slot;
	}
	return -1;
}

static const char *path_of(const struct scribe *scribe, int slot, char *buffer)
{
	history_path(&scribe->names, slot, buffer, PATH_BYTES);
	return buffer;
}

static void act_create(struct scribe *scribe)
{
	static const mode_t modes[] = {0644, 0600, 0444, 0755};
	char path[PATH_BYTES];
	int slot = pick_slot(scribe, false);
	mode_t mode = modes[pick(scribe, 4)];

	if (slot < 0)
		return;
	path_of(scribe, slot, path);
	struct step *step =
		begin(scribe, (struct step){.kind = STEP_CREATE,
					    .slot = slot,
					    .object = new_object(scribe, false),
					    .mode = mode});
	int fd = openat(scribe->directory, path,
			O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, mode);

	(void)end(scribe, step, "create", fd);
	if (fd >= 0)
		(void)close(fd); /* nothing was written */
}

static void act_symlink(struct scribe *scribe)
{
	char path[PATH_BYTES], target[PATH_BYTES];
	int slot = pick_slot(scribe, false);

	if (slot < 0)
		return;
	int object = new_object(scribe, true);
	struct step *step = begin(scribe, (struct step){.kind = STEP_SYMLINK,
							.slot = slot,
							.object = object,
							.mode = 0777});

	(void)snprintf(target, sizeof(target), "o%d", object);
	(void)end(scribe, step, "symlink",
		  symlinkat(target, scribe->directory,
			    path_of(scribe, slot, path)));
}

static void act_unlink(struct scribe *scribe)
{
	char path[PATH_BYTES];
	int slot = pick_slot(scribe, true);

	if (slot < 0)
		return;
	struct step *step =
		begin(scribe, (struct step){.kind = STEP_UNLINK, .slot = slot});

	(void)end(scribe, step, "unlink",
		  unlinkat(scribe->directory, path_of(scribe, slot, path), 0));
}

static void act_rename(struct scribe *scribe)
{
	char from[PATH_BYTES], to[PATH_BYTES];
	int slot = pick_slot(scribe, true);
	int other = pick_slot(scribe, pick(scribe, 2));

	if (slot < 0 || other < 0 ||
	    scribe->names.slots[slot] == scribe->names.slots[other])
		return;
	struct object *object =
		&scribe->history.objects[scribe->names.slots[slot]];
	struct step *step = begin(scribe, (struct step){.kind = STEP_RENAME,
							.slot = slot,
							.other = other});

	/* Replacing a file pushes the data of the new one. */
	if (scribe->names.slots[other] != 0)
		object->permitted = object->change_count;
	(void)end(scribe, step, "rename",
		  renameat(scribe->directory, path_of(scribe, slot, from),
			   scribe->directory, path_of(scribe, other, to)));
}

static void act_link(struct scribe *scribe)
{
	char from[PATH_BYTES], to[PATH_BYTES];
	int slot = pick_slot(scribe, true);
	int other = pick_slot(scribe, false);

	if (slot < 0 || other < 0)
		return;
	struct step *step = begin(
		scribe,
		(struct step){.kind = STEP_LINK, .slot = slot, .other = other});

	(void)end(scribe, step, "link",
		  linkat(scribe->directory, path_of(scribe, slot, from),
			 scribe->directory, path_of(scribe, other, to), 0));
}

/* A slot with a file that can be opened for writing, or -1. */
static int open_file(struct scribe *scribe, int *ret_object)
{
	char path[PATH_BYTES];
	int slot = pick_slot(scribe, true);
	int object = slot < 0 ? 0 : scribe->names.slots[slot];

	if (object == 0 || scribe->history.objects[object].link ||
	    (scribe->names.modes[object] & 0600) != 0600)
		return -1;
	count_operation(scribe);
	*ret_object = object;
	int fd = openat(scribe->directory, path_of(scribe, slot, path),
			O_RDWR | O_CLOEXEC);

	(void)did(scribe, "open", fd);
	return fd;
}

static struct change *begin_change(struct scribe *scribe, int number)
{
	struct object *object = &scribe->history.objects[number];

	if (object->change_count == HISTORY_CHANGES)
		return NULL;
	object->last_write = draw(scribe);
	count_operation(scribe);
	return &object->changes[object->change_count++];
}

static void write_units(struct scribe *scribe, int number, int fd)
{
	char buffer[HISTORY_FILE_MAX];
	const struct object *object = &scribe->history.objects[number];
	int units = HISTORY_FILE_MAX / HISTORY_UNIT;
	int size = history_size(object, object->change_count) / HISTORY_UNIT;
	int from = pick(scribe, 2) ? size : (int)pick(scribe, (unsigned)units);
	int count = 1 + (int)pick(scribe, pick(scribe, 4) ? 8 : 200);

	if (from >= units)
		from = 0;
	if (from + count > units)
		count = units - from;
	struct change *change = begin_change(scribe, number);

	if (change == NULL)
		return;
	change->from = from * HISTORY_UNIT;
	change->to = (from + count) * HISTORY_UNIT;
	for (int i = 0; i < count; i++)
		history_unit(buffer + (ptrdiff_t)i * HISTORY_UNIT,
			     scribe->number, number, object->change_count,
			     (from + i) * HISTORY_UNIT);
	(void)did(
		scribe, "write",
		pwrite(fd, buffer, (size_t)count * HISTORY_UNIT, change->from));
}

static void truncate_units(struct scribe *scribe, int number, int fd)
{
	struct change *change = begin_change(scribe, number);

	if (change == NULL)
		return;
	change->truncate = true;
	change->to =
		pick(scribe, 3) ? (int)pick(scribe, 100) * HISTORY_UNIT : 0;
	(void)did(scribe, "truncate", ftruncate(fd, change->to));
}

/* From here on a commit may be under way. */
static uint64_t begin_sync(struct scribe *scribe)
{
	scribe->history.quiet_since = 0;
	count_operation(scribe);
	return draw(scribe);
}

static void end_sync(struct scribe *scribe, uint64_t covers)
{
	struct history *history = &scribe->history;

	if (history->synced_before < covers)
		history->synced_before = covers;
	history->quiet_since = draw(scribe);
}

static void sync_file(struct scribe *scribe, int number, int fd)
{
	struct object *object = &scribe->history.objects[number];
	bool data = pick(scribe, 4) == 0;

	object->permitted = object->change_count;
	(void)begin_sync(scribe);
	if (!did(scribe, "fsync", data ? fdatasync(fd) : fsync(fd)))
		return;
	object->durable = object->change_count;
	/* fsync takes the names of before the change that it stores, at least;
	 * with fdatasync it depends. */
	end_sync(scribe, data ? 0 : object->last_write);
}

static void sync_directory(struct scribe *scribe, int fd)
{
	uint64_t before = begin_sync(scribe);

	if (did(scribe, "fsync of a directory", fsync(fd)))
		end_sync(scribe, before);
}

static void act_write(struct scribe *scribe)
{
	int object;
	int fd = open_file(scribe, &object);

	for (unsigned int i = pick(scribe, 3) + 1;
	     works(scribe) && fd >= 0 && i; i--)
		if (pick(scribe, 6))
			write_units(scribe, object, fd);
		else
			truncate_units(scribe, object, fd);
	if (fd >= 0 && works(scribe) && scribe->style != SCRIBE_NEVER_SYNCS &&
	    pick(scribe, scribe->style == SCRIBE_MIXED ? 3 : 1) == 0)
		sync_file(scribe, object, fd);
	if (fd >= 0)
		(void)close(fd); /* what is not synced is not promised */
}

static bool change_mode(struct scribe *scribe, int fd, struct step step)
{
	struct step *kept = begin(scribe, step);

	return end(scribe, kept, "chmod", fchmod(fd, step.mode));
}

/* Content goes to a file that its owner may not touch any more. */
static void act_close_file(struct scribe *scribe)
{
	int object;
	int fd = open_file(scribe, &object);
	struct step step = {.kind = STEP_CHMOD,
			    .object = fd < 0 ? 0 : object,
			    .mode = pick(scribe, 2) ? 0 : 0444};

	if (fd < 0)
		return;
	if (change_mode(scribe, fd, step))
		write_units(scribe, object, fd);
	if (works(scribe) && scribe->style != SCRIBE_NEVER_SYNCS)
		sync_file(scribe, object, fd);
	step.mode = 0644;
	if (works(scribe) && pick(scribe, 4))
		(void)change_mode(scribe, fd, step);
	(void)close(fd); /* as above */
}

/* Makes, removes or renames the directory, or closes it for a while. */
static void act_directory(struct scribe *scribe)
{
	struct names *names = &scribe->names;
	const char *name = history_directory_name(names->directory);
	bool empty = true;

	for (int i = HISTORY_TOP; i < HISTORY_SLOTS; i++)
		empty = empty && names->slots[i] == 0;
	if (names->directory == 0) {
		struct step *step =
			begin(scribe,
			      (struct step){.kind = STEP_MKDIR, .mode = 0755});

		(void)end(scribe, step, "mkdir",
			  mkdirat(scribe->directory, history_directory_name(1),
				  0755));
	} else if (empty && pick(scribe, 2)) {
		struct step *step =
			begin(scribe, (struct step){.kind = STEP_RMDIR});

		(void)end(scribe, step, "rmdir",
			  unlinkat(scribe->directory, name, AT_REMOVEDIR));
	} else {
		struct step *step =
			begin(scribe, (struct step){.kind = STEP_RENAME_DIR});

		(void)end(
			scribe, step, "rename of a directory",
			renameat(scribe->directory, name, scribe->directory,
				 history_directory_name(3 - names->directory)));
	}
}

static void act_close_directory(struct scribe *scribe)
{
	struct step step = {.kind = STEP_CHMOD_DIR,
			    .mode = pick(scribe, 2) ? 0 : 0500};

	if (scribe->names.directory == 0)
		return;
	count_operation(scribe);
	int fd = openat(scribe->directory,
			history_directory_name(scribe->names.directory),
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!did(scribe, "open a directory", fd))
		return;
	if (change_mode(scribe, fd, step) &&
	    scribe->style != SCRIBE_NEVER_SYNCS)
		sync_directory(scribe, fd);
	step.mode = 0755;
	if (works(scribe))
		(void)change_mode(scribe, fd, step);
	(void)close(fd); /* as above */
}

static void act_sync_names(struct scribe *scribe)
{
	if (scribe->style != SCRIBE_NEVER_SYNCS)
		sync_directory(scribe, scribe->directory);
}

static action_fn *const actions[] = {
	act_create,	act_create,    act_create,    act_symlink,
	act_unlink,	act_rename,    act_rename,    act_link,
	act_write,	act_write,     act_write,     act_close_file,
	act_directory,	act_directory, act_directory, act_close_directory,
	act_sync_names,
};

void scribe_run(struct scribe *scribe)
{
	const struct history *history = &scribe->history;

	/* The longest action has 3 steps and makes 1 object. */
	while (works(scribe) && history->step_count + 3 < HISTORY_STEPS &&
	       history->object_count < HISTORY_OBJECTS)
		actions[pick(scribe, sizeof(actions) / sizeof(actions[0]))](
			scribe);
}
