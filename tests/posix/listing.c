/* SPDX-License-Identifier: MIT */
/* readdir(3) and friends while the directory changes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

static void make_many(const char *prefix, int count)
{
	char name[32];

	for (int i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "d/%s%d", prefix, i);
		int fd = thing_open(name, O_WRONLY | O_CREAT);
		if (fd < 0 || close(fd) < 0)
			return;
	}
}

static DIR *open_listing(void)
{
	DIR *stream = opendir("d");

	if (stream == NULL)
		see_ok("opendir", -1);
	return stream;
}

static bool is_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") == 0 ||
	       strcmp(entry->d_name, "..") == 0;
}

/* Counts what is left of the stream by first letter: no name may come twice,
 * and none that was there all the time may be missing. */
struct tally {
	int dots, twice, letters[26];
	bool seen[26][12000];
};

static struct tally *tally_rest(DIR *stream, struct tally *tally)
{
	const struct dirent *entry;

	errno = 0;
	while ((entry = readdir(stream)) != NULL) {
		if (is_dots(entry)) {
			tally->dots++;
			continue;
		}
		int letter = entry->d_name[0] - 'a';
		int number = atoi(entry->d_name + 1);
		if (tally->seen[letter][number])
			tally->twice++;
		tally->seen[letter][number] = true;
		tally->letters[letter]++;
	}
	if (errno != 0)
		see_ok("readdir", -1);
	return tally;
}

static struct tally *new_tally(void)
{
	return calloc(1, sizeof(struct tally));
}

static void complete_listing(const struct stage_choice *choice)
{
	static const int counts[] = {0, 1, 2, 100, 1000, 10000};
	struct tally *tally = new_tally();

	see_must("prepare", mkdir("d", 0755));
	make_many("f", counts[choice->a]);
	if (choice->b) {
		int fd = thing_open("d", O_RDONLY | O_DIRECTORY);
		see_must("prepare", fsync(fd));
		make_many("g", counts[choice->a]);
	}
	DIR *stream = open_listing();
	tally_rest(stream, tally);
	see_say("dots=%d files=%d more=%d twice=%d", tally->dots,
		tally->letters[5], tally->letters[6], tally->twice);
	see_ok("close", closedir(stream));
	free(tally);
}

/* Half is read, then something happens, then the rest is read. */
static void change_while_listing(const struct stage_choice *choice)
{
	struct tally *tally = new_tally();
	struct dirent *entry;
	char name[32], other[32];
	int read = 0;

	see_must("prepare", mkdir("d", 0755));
	make_many("f", 500);
	DIR *stream = open_listing();
	for (; read < 100 && (entry = readdir(stream)) != NULL; read++) {
		if (is_dots(entry))
			continue;
		tally->letters[5]++;
		tally->seen[5][atoi(entry->d_name + 1)] = true;
	}
	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "d/f%d", i);
		(void)snprintf(other, sizeof(other), "d/g%d", i);
		bool seen = tally->seen[5][i];
		if (choice->a == 0 && seen) /* what was seen goes */
			see_must("change", unlink(name));
		else if (choice->a == 1) /* more come */
			see_must("change", symlink("x", other));
		else if (choice->a == 2 && seen) /* what was seen is renamed */
			see_must("change", rename(name, other));
		else if (choice->a == 3 && seen) /* replaced by new ones */
			thing_file(name, "new");
		else if (choice->a == 4) /* all go */
			see_must("change", unlink(name));
	}
	tally_rest(stream, tally);
	/* Whether names that came or went meanwhile are shown is open; those
	 * that stayed are there, and once. */
	bool all = true;
	for (int i = 0; i < 500; i++)
		all = all && (tally->seen[5][i] || choice->a == 4);
	see_say("all=%d twice=%d", all, tally->twice);
	see_ok("close", closedir(stream));
	free(tally);
}

static void rewound(const struct stage_choice *choice)
{
	struct tally *tally = new_tally();

	(void)choice;
	see_must("prepare", mkdir("d", 0755));
	make_many("f", 50);
	DIR *stream = open_listing();
	tally_rest(stream, tally);
	make_many("g", 50);
	see_ok("unlink", unlink("d/f7"));
	rewinddir(stream);
	memset(tally, 0, sizeof(*tally));
	tally_rest(stream, tally);
	see_say("files=%d more=%d dots=%d twice=%d", tally->letters[5],
		tally->letters[6], tally->dots, tally->twice);
	see_say("gone=%d", !tally->seen[5][7]);
	free(tally);
}

/* telldir(3) leads back to the same entry, from anywhere. */
static void told_positions(const struct stage_choice *choice)
{
	char names[60][16];
	long positions[60];
	struct dirent *entry;
	int count = 0, right = 0;

	see_must("prepare", mkdir("d", 0755));
	make_many("f", 50);
	DIR *stream = open_listing();
	for (; count < 60; count++) {
		positions[count] = telldir(stream);
		entry = readdir(stream);
		if (entry == NULL)
			break;
		(void)snprintf(names[count], sizeof(names[0]), "%.15s",
			       entry->d_name);
	}
	if (choice->a)
		make_many("g", 30);
	for (int i = count - 1; i >= 0; i--) {
		seekdir(stream, positions[i]);
		entry = readdir(stream);
		right += entry != NULL && strcmp(entry->d_name, names[i]) == 0;
	}
	see_say("entries=%d right=%d", count, right);
}

static void types_and_numbers(const struct stage_choice *choice)
{
	struct dirent *entry;
	struct stat st;
	char name[300];
	int right = 0, same = 0, count = 0;

	see_must("prepare", mkdir("d", 0755));
	for (int kind = 1; kind < THING_COUNT; kind++) {
		(void)snprintf(name, sizeof(name), "d/%s", thing_name(kind));
		thing_make(kind, name);
	}
	if (choice->a) {
		int fd = thing_open("d", O_RDONLY | O_DIRECTORY);
		see_must("prepare", fsync(fd));
	}
	DIR *stream = open_listing();
	while ((entry = readdir(stream)) != NULL) {
		if (is_dots(entry))
			continue;
		(void)snprintf(name, sizeof(name), "d/%s", entry->d_name);
		see_must("lstat", lstat(name, &st));
		count++;
		right += entry->d_type == IFTODT(st.st_mode);
		same += entry->d_ino == st.st_ino;
	}
	see_say("count=%d types=%d numbers=%d", count, right, same);
}

static void numbers_of_dots(const struct stage_choice *choice)
{
	struct dirent *entry;
	struct stat here, up;

	(void)choice;
	see_must("prepare", mkdir("d", 0755));
	see_must("stat", stat("d", &here));
	see_must("stat", stat(".", &up));
	DIR *stream = open_listing();
	while ((entry = readdir(stream)) != NULL)
		if (is_dots(entry))
			see_say("%s=%d%d", entry->d_name,
				entry->d_ino == here.st_ino,
				entry->d_ino == up.st_ino);
}

static void removed_directory(const struct stage_choice *choice)
{
	struct tally *tally = new_tally();

	(void)choice;
	see_must("prepare", mkdir("d", 0755));
	DIR *stream = open_listing();
	see_ok("rmdir", rmdir("d"));
	tally_rest(stream, tally);
	see_say("dots=%d files=%d", tally->dots, tally->letters[5]);
	see_ok("close", closedir(stream));
	free(tally);
}

static void two_streams(const struct stage_choice *choice)
{
	struct tally *one = new_tally(), *other = new_tally();

	(void)choice;
	see_must("prepare", mkdir("d", 0755));
	make_many("f", 300);
	DIR *first = open_listing();
	DIR *second = open_listing();
	see_ok("read", readdir(first) != NULL ? 0 : -1);
	tally_rest(second, other);
	tally_rest(first, one);
	see_say("one=%d other=%d", one->letters[5] + one->dots + 1,
		other->letters[5] + other->dots);
	free(one);
	free(other);
}

static void not_a_directory(const struct stage_choice *choice)
{
	thing_make(choice->a, "t");
	DIR *stream = opendir("t");
	see_ok("opendir", stream != NULL ? 0 : -1);
	int fd = open("t", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char bytes[64];
	see_number("read", read(fd, bytes, 0));
	if (choice->a == THING_DIR)
		see_number("read_dir", read(fd, bytes, sizeof(bytes)));
	see_ok("fdopendir", fdopendir(fd) != NULL ? 0 : -1);
	see_ok("write", open("t", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
}

static void removal_by_listing(const struct stage_choice *choice)
{
	struct dirent *entry;
	int removed = 0;

	(void)choice;
	see_must("prepare", mkdir("d", 0755));
	make_many("f", 500);
	DIR *stream = open_listing();
	while ((entry = readdir(stream)) != NULL)
		if (!is_dots(entry))
			removed +=
				unlinkat(dirfd(stream), entry->d_name, 0) == 0;
	see_say("removed=%d", removed);
	see_ok("rmdir", rmdir("d"));
}

static const struct stage_case cases[] = {
	{"rewound", rewound},
	{"numbers_of_dots", numbers_of_dots},
	{"removed_directory", removed_directory},
	{"two_streams", two_streams},
	{"removal_by_listing", removal_by_listing},
};

void listing_theme(void)
{
	static const char *const changes[] = {"removed", "added", "renamed",
					      "rewritten", "emptied"};

	/* Half synced and half not, as far as a thousand. */
	for (int a = 0; a < 6; a++)
		for (int b = 0; b < 2 - a / 5; b++)
			stage_run(complete_listing,
				  (struct stage_choice){.a = a, .b = b},
				  "readdir.all%d%s", a, b ? ".synced" : "");
	for (int a = 0; a < 5; a++)
		stage_run(change_while_listing, (struct stage_choice){.a = a},
			  "readdir.while_%s", changes[a]);
	for (int a = 0; a < 2; a++) {
		stage_run(told_positions, (struct stage_choice){.a = a},
			  "readdir.told_positions%d", a);
		stage_run(types_and_numbers, (struct stage_choice){.a = a},
			  "readdir.types_and_numbers%d", a);
	}
	for (int a = 0; a < THING_COUNT; a++)
		stage_run(not_a_directory, (struct stage_choice){.a = a},
			  "readdir.of_%s", thing_name(a));
	STAGE_RUN_ALL("readdir", cases);
}
