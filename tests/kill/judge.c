/* SPDX-License-Identifier: MIT */
#include "tests/kill/judge.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kill/scribe.h"

#define PATH_BYTES 32

/* One worker's directory as the store has it. */
struct found {
	bool there[HISTORY_SLOTS];
	struct stat stats[HISTORY_SLOTS];
	char *contents[HISTORY_SLOTS]; /* of files and links */
	int directory;
	mode_t directory_mode;
	bool strange; /* there is something that nobody has made */
};

/* How many steps may have been taken. */
struct prefixes {
	int first;
	int last;
};

__attribute__((format(printf, 2, 3))) static bool
complain(const struct scribe *scribe, const char *format, ...)
{
	va_list arguments;

	printf("# worker %d: ", scribe->number);
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	return false;
}

static void names_at(const struct history *history, int count,
		     struct names *names)
{
	memset(names, 0, sizeof(*names));
	for (int i = 0; i < count; i++)
		history_apply(&history->steps[i], names);
}

static bool same_mode(const struct judge *judge, mode_t found, mode_t wanted)
{
	found &= 07777;
	return found == wanted || (judge->lent && found == (wanted | 0700));
}

/* The object that a content says it belongs to; 0: it says nothing. */
static int object_of(const struct found *found, int slot)
{
	const char *content = found->contents[slot];
	int object = 0;

	if (S_ISLNK(found->stats[slot].st_mode))
		(void)sscanf(content, "o%d", &object);
	for (off_t at = 0; at < found->stats[slot].st_size && object == 0;
	     at += HISTORY_UNIT)
		if (content[at] != '\0')
			(void)sscanf(content + at, "w%*d o%d", &object);
	return object;
}

/* Names of one object are one file, those of two are two. */
static bool links_match(const struct found *found, const struct names *names,
			int slot)
{
	for (int i = 0; i < slot; i++)
		if (found->there[i] &&
		    (found->stats[i].st_ino == found->stats[slot].st_ino) !=
			    (names->slots[i] == names->slots[slot]))
			return false;
	return true;
}

static bool names_match(const struct judge *judge,
			const struct history *history,
			const struct found *found, const struct names *names)
{
	if (found->directory != names->directory ||
	    (found->directory != 0 &&
	     !same_mode(judge, found->directory_mode, names->directory_mode)))
		return false;
	for (int i = 0; i < HISTORY_SLOTS; i++) {
		int object = names->slots[i];

		if (found->there[i] != (object != 0))
			return false;
		if (object == 0)
			continue;
		int said = object_of(found, i);

		if (S_ISLNK(found->stats[i].st_mode) !=
			    history->objects[object].link ||
		    (said != 0 && said != object) ||
		    !same_mode(judge, found->stats[i].st_mode,
			       names->modes[object]) ||
		    !links_match(found, names, i))
			return false;
	}
	return true;
}

/* What the change that the unit names may have left there. */
static bool is_own_unit(const struct scribe *scribe, int number, int offset,
			const char *unit, int *ret_change)
{
	char wanted[HISTORY_UNIT];

	if (sscanf(unit, "w%*d o%*d c%d", ret_change) != 1)
		return false;
	history_unit(wanted, scribe->number, number, *ret_change, offset);
	return memcmp(unit, wanted, HISTORY_UNIT) == 0;
}

static bool unit_is_legal(const struct object *object, int offset, int change)
{
	int durable = object->durable;
	bool cut = false;

	if (change == history_content(object, durable, offset))
		return true;
	for (int i = durable + 1; i <= object->change_count; i++) {
		/* A truncation is a record, and takes along what it cuts. */
		cut = cut || object->changes[i - 1].truncate;
		if ((i <= object->permitted || cut) &&
		    change == history_content(object, i, offset))
			return true;
	}
	/* The file may have grown, and what fills it not have arrived. */
	return change == 0 && (offset >= history_size(object, durable) || cut);
}

static bool size_is_legal(const struct object *object, int size)
{
	int least = history_size(object, object->durable);
	int most = least;

	for (int i = object->durable + 1; i <= object->change_count; i++) {
		int one = history_size(object, i);

		least = one < least ? one : least;
		most = one > most ? one : most;
	}
	return size >= least && size <= most;
}

static bool content_is_legal(const struct scribe *scribe, int number,
			     const char *content, int size, bool aloud)
{
	static const char zeros[HISTORY_UNIT];
	const struct object *object = &scribe->history.objects[number];

	if (!size_is_legal(object, size))
		return aloud &&
		       complain(scribe,
				"object %d has %d bytes, %d were synced",
				number, size,
				history_size(object, object->durable));
	for (int at = 0; at + HISTORY_UNIT <= size; at += HISTORY_UNIT) {
		int change = 0;

		if (memcmp(content + at, zeros, HISTORY_UNIT) != 0 &&
		    !is_own_unit(scribe, number, at, content + at, &change))
			return aloud &&
			       complain(scribe, "object %d has '%.*s' at %d",
					number, HISTORY_UNIT, content + at, at);
		if (!unit_is_legal(object, at, change))
			return aloud &&
			       complain(
				       scribe,
				       "object %d has change %d at %d; %d of %d were"
				       " synced, %d begun",
				       number, change, at, object->durable,
				       object->change_count, object->permitted);
	}
	return true;
}

static bool contents_are_legal(const struct scribe *scribe,
			       const struct found *found,
			       const struct names *names, bool aloud)
{
	for (int i = 0; i < HISTORY_SLOTS; i++)
		if (found->there[i] && S_ISREG(found->stats[i].st_mode) &&
		    !content_is_legal(scribe, names->slots[i],
				      found->contents[i],
				      (int)found->stats[i].st_size, aloud))
			return false;
	return true;
}

/* The shortest and the longest history that explains what is there. */
static bool match(const struct judge *judge, const struct scribe *scribe,
		  const struct found *found, struct prefixes *ret)
{
	const struct history *history = &scribe->history;
	struct names names, wrong;
	bool any_wrong = false;

	ret->first = -1;
	for (int count = 0; count <= history->step_count; count++) {
		names_at(history, count, &names);
		if (!names_match(judge, history, found, &names))
			continue;
		if (!contents_are_legal(scribe, found, &names, false)) {
			wrong = names;
			any_wrong = true;
			continue;
		}
		if (ret->first < 0)
			ret->first = count;
		ret->last = count;
	}
	if (ret->first < 0 && any_wrong)
		(void)contents_are_legal(scribe, found, &wrong, true);
	return ret->first >= 0 && !found->strange;
}

/* All that ended before a sync began which was acknowledged, and nothing that
 * began when no sync followed. */
static bool keeps_promises(const struct judge *judge,
			   const struct scribe *scribe,
			   const struct prefixes *prefixes)
{
	uint64_t synced = 0, quiet = 1;

	for (int i = 0; i < judge->count; i++) {
		const struct history *one = &judge->scribes[i].history;

		if (one->synced_before > synced)
			synced = one->synced_before;
		if (one->quiet_since == 0)
			quiet = UINT64_MAX;
		else if (one->quiet_since > quiet)
			quiet = one->quiet_since;
	}
	const struct history *history = &scribe->history;

	if (prefixes->last < history->step_count) {
		const struct step *lost = &history->steps[prefixes->last];

		if (lost->end != 0 && lost->end < synced)
			return complain(scribe,
					"step %d of %d ended at %lu, all before"
					" %lu was synced, and it is lost",
					prefixes->last, history->step_count,
					(unsigned long)lost->end,
					(unsigned long)synced);
	}
	if (prefixes->first > 0 &&
	    history->steps[prefixes->first - 1].begin > quiet)
		return complain(scribe,
				"step %d is there, and nothing was"
				" synced after it",
				prefixes->first - 1);
	return true;
}

/* No step is there while one of another worker is not that came before it. */
static bool is_one_prefix(const struct judge *judge,
			  const struct prefixes *prefixes)
{
	for (int i = 0; i < judge->count; i++) {
		const struct history *lost = &judge->scribes[i].history;

		if (prefixes[i].last == lost->step_count ||
		    lost->steps[prefixes[i].last].end == 0)
			continue;
		for (int j = 0; j < judge->count; j++) {
			const struct history *kept = &judge->scribes[j].history;
			int first = prefixes[j].first;

			if (first > 0 &&
			    kept->steps[first - 1].begin >
				    lost->steps[prefixes[i].last].end)
				return complain(
					&judge->scribes[i],
					"step %d is lost, and step %d of worker"
					" %d came later and is not",
					prefixes[i].last, first - 1, j);
		}
	}
	return true;
}

static bool look_at_slot(int fd, const char *path, struct found *found,
			 int slot)
{
	struct stat *st = &found->stats[slot];

	if (fstatat(fd, path, st, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	found->there[slot] = true;
	found->contents[slot] = calloc(1, HISTORY_FILE_MAX + 1);
	if (found->contents[slot] == NULL || st->st_size > HISTORY_FILE_MAX)
		return false;
	if (S_ISLNK(st->st_mode))
		return readlinkat(fd, path, found->contents[slot],
				  HISTORY_FILE_MAX) == st->st_size;
	/* The judge may not be root, and is the owner. */
	bool closed = (st->st_mode & 0400) == 0;

	if (closed && fchmodat(fd, path, st->st_mode | 0400, 0) < 0)
		return false;
	int file = openat(fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(file, found->contents[slot], HISTORY_FILE_MAX);

	(void)close(file); /* only read from; -1 is harmless */
	if (closed)
		(void)fchmodat(fd, path, st->st_mode & 07777, 0); /* or shown */
	return n == st->st_size;
}

static int count_entries(int fd)
{
	int count = 0;
	DIR *stream = fdopendir(openat(fd, ".", O_RDONLY | O_CLOEXEC));

	while (stream != NULL && readdir(stream) != NULL)
		count++;
	if (stream != NULL)
		(void)closedir(stream); /* only read from */
	return count - 2;
}

/* Reads all slots of one level; false if there are others. */
static bool look_at_level(int fd, struct found *found, int first, int last)
{
	int count = 0;
	char path[PATH_BYTES];
	const struct names top = {0};

	for (int i = first; i < last; i++) {
		history_path(&top, i, path, sizeof(path));
		const char *name = strrchr(path, '/');

		if (!look_at_slot(fd, name ? name + 1 : path, found, i))
			return false;
		count += found->there[i];
	}
	return count_entries(fd) ==
	       count + (first == 0 && found->directory != 0);
}

static void look(int fd, struct found *found)
{
	struct stat st;
	bool good = true;

	for (int i = 1; i <= 2; i++) {
		const char *name = history_directory_name(i);

		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		good = good && found->directory == 0;
		found->directory = i;
		found->directory_mode = st.st_mode;
		(void)fchmodat(fd, name, 0700, 0); /* given back below */
		int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		good = look_at_level(sub, found, HISTORY_TOP, HISTORY_SLOTS) &&
		       good;
		(void)close(sub); /* only read from */
		(void)fchmodat(fd, name, st.st_mode & 07777, 0);
	}
	found->strange = !look_at_level(fd, found, 0, HISTORY_TOP) || !good;
}

static void show(const struct scribe *scribe, const struct found *found)
{
	struct names last;

	names_at(&scribe->history, scribe->history.step_count, &last);
	printf("#   directory %d mode %o%s\n", found->directory,
	       found->directory_mode, found->strange ? ", and more" : "");
	for (int i = 0; i < HISTORY_SLOTS; i++)
		printf("#   slot %d: there %d, mode %o, size %ld, object %d;"
		       " in the end object %d\n",
		       i, found->there[i], found->stats[i].st_mode,
		       (long)found->stats[i].st_size,
		       found->there[i] ? object_of(found, i) : 0,
		       last.slots[i]);
}

static bool judge_one(const struct judge *judge, const struct scribe *scribe,
		      int round_fd, struct prefixes *prefixes)
{
	struct found found = {0};
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "w%d", scribe->number);
	int fd = openat(round_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	look(fd, &found);
	(void)close(fd); /* only read from */
	bool good = match(judge, scribe, &found, prefixes);

	if (!good)
		(void)complain(scribe,
			       "no history of its %d steps explains"
			       " the names",
			       scribe->history.step_count);
	good = good && keeps_promises(judge, scribe, prefixes);
	if (!good)
		show(scribe, &found);
	for (int i = 0; i < HISTORY_SLOTS; i++)
		free(found.contents[i]);
	return good;
}

bool judge_store(const struct judge *judge, int round_fd)
{
	struct prefixes prefixes[JUDGE_SCRIBES_MAX];
	bool good = true;

	for (int i = 0; i < judge->count; i++)
		good = judge_one(judge, &judge->scribes[i], round_fd,
				 &prefixes[i]) &&
		       good;
	return good && is_one_prefix(judge, prefixes);
}
