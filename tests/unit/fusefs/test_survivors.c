/* SPDX-License-Identifier: MIT */
/*
 * Random crash plans over random journals: whatever survives is legal by the
 * definition (legal.h), the same seed on the same journal gives the same, and all
 * kinds of survivors are seen. FLAKEY_TEST_PROFILE says of which profile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/plan.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/legal.h"
#include "tests/unit/fusefs/sandbox.h"
#include "tests/unit/fusefs/seed.h"

#define PLANS 1500
/* For what is asked of the kinds that are seen. */
#define KINDS_PLANS 300
#define KINDS_SEED 5
#define ROOT 1

static struct sandbox sandbox;
static struct legal legal;
static struct legal_found found;
static struct seed seed;

static int found_names[LEGAL_OBJECTS];
static int found_links[LEGAL_OBJECTS];

/* What has been seen. */
static struct {
	unsigned long nothing, everything, names_only, part_of_names;
	unsigned long part_of_data, filled, linked, plans;
} seen;

static int below(int limit)
{
	return (int)seed_below(&seed, (uint32_t)limit);
}

/* "2" in the root, "x/1" */
static const char *path_of(int directory, int name)
{
	static char paths[4][16];
	static int next;
	char *path = paths[next++ % 4];

	for (int n = 0; n < LEGAL_NAMES && directory != ROOT; n++)
		if (legal.objects[ROOT].entries[n] == directory) {
			snprintf(path, 16, "%d/%d", n, name);
			return path;
		}
	snprintf(path, 16, "%d", name);
	return path;
}

static int random_directory(void)
{
	int directories[3] = {ROOT};
	int count = 1;

	for (int n = 0; n < LEGAL_NAMES; n++) {
		int object = legal.objects[ROOT].entries[n];
		if (object > ROOT && object < 4)
			directories[count++] = object;
	}
	return directories[below(count)];
}

/* A name that means something, or nothing; false if chance finds none. */
static bool random_name(bool taken, int *ret_directory, int *ret_name)
{
	for (int i = 0; i < 20; i++) {
		*ret_directory = random_directory();
		*ret_name = below(LEGAL_NAMES);
		int object = legal.objects[*ret_directory].entries[*ret_name];
		if ((object != 0) == taken)
			return true;
	}
	return false;
}

static bool is_used(int object)
{
	if (legal.objects[object].used || legal.objects[object].last_op > 0)
		return true;
	return false;
}

static void create(bool is_directory)
{
	int directory;
	int name;
	int object = is_directory ? 2 : 4;
	int end = is_directory ? 4 : LEGAL_OBJECTS;

	while (object < end && is_used(object))
		object++;
	if (object == end || !random_name(false, &directory, &name) ||
	    (is_directory && directory != ROOT))
		return;
	legal_op(&legal);
	mode_t mode = (is_directory ? S_IFDIR | 0700u : S_IFREG | 0600u) |
		      (mode_t)object;
	struct inode *inode =
		sandbox_create(&sandbox, path_of(directory, name), mode);
	names_forget(sandbox.volume, inode, 1);
	legal.objects[object].directory = is_directory;
	legal_change(&legal, directory, name, object, false, 0);
}

static bool is_empty(int directory)
{
	for (int n = 0; n < LEGAL_NAMES; n++)
		if (legal.objects[directory].entries[n] != 0)
			return false;
	return true;
}

static void unlink_one(void)
{
	int directory;
	int name;

	if (!random_name(true, &directory, &name))
		return;
	int object = legal.objects[directory].entries[name];
	if (object < 4 && !is_empty(object))
		return;
	legal_op(&legal);
	sandbox_unlink(&sandbox, path_of(directory, name));
	legal.objects[object].last_op = legal.ops;
	legal_change(&legal, directory, name, 0, false,
		     object < 4 ? object : 0);
}

static bool is_linked_twice(int object)
{
	int count = 0;

	for (int d = 1; d < 4; d++)
		for (int n = 0; n < LEGAL_NAMES; n++)
			count += legal.objects[d].entries[n] == object;
	return count > 1;
}

static bool is_dirty(int object)
{
	for (int b = 0; b < LEGAL_BYTES; b++)
		if (legal.objects[object].dirty[b])
			return true;
	return false;
}

static void rename_one(void)
{
	int from;
	int from_name;
	int to = random_directory();
	int to_name = below(LEGAL_NAMES);

	if (!random_name(true, &from, &from_name))
		return;
	int object = legal.objects[from].entries[from_name];
	int old = legal.objects[to].entries[to_name];
	if (object == old || object < 4 || (old != 0 && old < 4))
		return;
	/* What is pushed, and when, is what tests/litmus has. */
	if (old != 0 && legal.rules->pushes && is_dirty(object))
		return;
	legal_op(&legal);
	assert_int_equal(sandbox_rename(&sandbox, path_of(from, from_name),
					path_of(to, to_name), 0),
			 0);
	bool free = from != to && legal.rules->any_entries;
	if (old != 0)
		legal.objects[old].last_op = legal.ops;
	legal_change(&legal, to, to_name, object, free, 0);
	legal_change(&legal, from, from_name, 0, free, 0);
}

static void link_one(void)
{
	int from;
	int from_name;
	int to;
	int to_name;

	if (!random_name(true, &from, &from_name) ||
	    !random_name(false, &to, &to_name))
		return;
	int object = legal.objects[from].entries[from_name];
	if (object < 4 || is_linked_twice(object))
		return;
	struct inode *inode = sandbox_find(&sandbox, path_of(from, from_name));
	struct inode *place = sandbox.volume->root;
	char name[2] = {(char)('0' + to_name), '\0'};
	if (to != ROOT) {
		char directory[8];
		snprintf(directory, sizeof(directory), "%.1s",
			 path_of(to, to_name));
		place = sandbox_find(&sandbox, directory);
	}
	legal_op(&legal);
	assert_int_equal(names_link(sandbox.volume, inode, place, name), 0);
	names_forget(sandbox.volume, inode, 1);
	if (to != ROOT)
		names_forget(sandbox.volume, place, 1);
	legal_change(&legal, to, to_name, object, false, 0);
}

static void change_content(bool truncates)
{
	static const int grains[] = {4096, 1024, 512, 1};
	int directory;
	int name;

	if (!random_name(true, &directory, &name))
		return;
	int object = legal.objects[directory].entries[name];
	if (object < 4)
		return;
	int grain = grains[below(4)];
	int offset = below(LEGAL_BYTES / grain) * grain;
	if (!seed_once_in(&seed, 4) && offset > legal.objects[object].live_size)
		offset = legal.objects[object].live_size;
	int length = (1 + below(3 * 4096 / grain)) * grain;
	if (length > LEGAL_BYTES - offset)
		length = LEGAL_BYTES - offset;
	if (length == 0)
		return;
	struct inode *inode = sandbox_find(&sandbox, path_of(directory, name));
	int op = legal_op(&legal);
	if (truncates) {
		assert_int_equal(data_truncate(sandbox.volume, inode, offset),
				 0);
		legal_truncate(&legal, object, offset);
	} else {
		uint8_t byte =
			(uint8_t)(1 +
				  (seen.plans * 13 + (unsigned long)op) % 255);
		assert_int_equal(sandbox_write(&sandbox, inode, offset,
					       (size_t)length, (char)byte),
				 0);
		legal_write(&legal, object, offset, length, byte);
	}
	names_forget(sandbox.volume, inode, 1);
}

static void act(void)
{
	switch (below(12)) {
	case 0:
	case 1:
		create(false);
		break;
	case 2:
		create(true);
		break;
	case 3:
		unlink_one();
		break;
	case 4:
	case 5:
		rename_one();
		break;
	case 6:
		link_one();
		break;
	case 7:
		change_content(true);
		break;
	default:
		change_content(false);
		break;
	}
}

/* The store, as it is. */

static void read_file(int directory, const char *name, int object,
		      const struct stat *st)
{
	found_names[object]++;
	if (found.there[object]) {
		seen.linked++;
		return;
	}
	found_links[object] = (int)st->st_nlink;
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	found.there[object] = true;
	found.sizes[object] = (int)st->st_size;
	assert_in_range(st->st_size, 0, LEGAL_BYTES);
	assert_int_equal(read(fd, found.bytes[object], LEGAL_BYTES),
			 st->st_size);
	close(fd);
}

static void look_at(int fd, int object)
{
	DIR *entries = fdopendir(fd);
	const struct dirent *entry;

	assert_non_null(entries);
	found.there[object] = true;
	while ((entry = readdir(entries)) != NULL) {
		struct stat st;
		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(
			fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW),
			0);
		int child = (int)(st.st_mode & 077);
		int name = entry->d_name[0] - '0';
		assert_in_range(name, 0, LEGAL_NAMES - 1);
		assert_in_range(child, 2, LEGAL_OBJECTS - 1);
		found.entries[object][name] = child;
		if (S_ISREG(st.st_mode)) {
			read_file(fd, entry->d_name, child, &st);
			continue;
		}
		int below_fd = openat(fd, entry->d_name,
				      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(below_fd >= 0);
		look_at(below_fd, child);
	}
	closedir(entries);
}

static void look(void)
{
	int fd = open(sandbox.store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	memset(&found, 0, sizeof(found));
	memset(found_names, 0, sizeof(found_names));
	look_at(fd, ROOT);
	for (int i = 4; i < LEGAL_OBJECTS; i++)
		assert_true(found_names[i] == 0 ||
			    found_names[i] == found_links[i]);
}

static struct plan random_plan(struct legal_plan *ret_limits)
{
	static const int units[] = {0, 512, 4096};
	struct plan plan = {
		.keep = PLAN_KEEP_SHARE,
		.keep_ppm = (uint32_t)below(21) * (PLAN_PPM_MAX / 20),
		.order = (enum plan_order)below(2),
		.torn = (enum plan_torn)below(3),
		.fill = (enum plan_fill)below(legal.rules->any_entries ? 3 : 2),
		.seed = seed_below(&seed, 1u << 30),
		.has_seed = true,
	};

	*ret_limits = (struct legal_plan){
		.unit = units[plan.torn],
		.garbage = plan.fill == PLAN_FILL_GARBAGE,
	};
	return plan;
}

/* Of one kind of file system: bytes of all files that are as they were live. */
static void count(int moment)
{
	bool all = true;
	bool none = true;
	bool filled = false;

	for (int i = 4; i < LEGAL_OBJECTS; i++) {
		const struct legal_object *o = &legal.objects[i];
		for (int b = 0; found.there[i] && b < o->live_size; b++) {
			if (!o->dirty[b] || o->live[b] == o->base[b])
				continue;
			bool kept = b < found.sizes[i] &&
				    found.bytes[i][b] == o->live[b];
			all &= kept;
			none &= !kept;
			filled |= b >= o->base_size && b < found.sizes[i] &&
				  found.bytes[i][b] == 0;
		}
	}
	seen.nothing += moment == 0 && none;
	seen.everything += moment == legal.ops && all;
	seen.names_only += moment == legal.ops && none && !all;
	seen.part_of_names += moment > 0 && moment < legal.ops;
	seen.part_of_data += !none && !all;
	seen.filled += filled;
}

/* What became of the unsynced bytes, run by run. */
static void dump_bytes(int object)
{
	const struct legal_object *o = &legal.objects[object];
	int from = 0;
	char last = ' ';

	for (int b = 0; b <= LEGAL_BYTES; b++) {
		char now = ' ';
		if (b < LEGAL_BYTES && o->dirty[b])
			now = b >= found.sizes[object]		     ? 'b'
			      : found.bytes[object][b] == o->live[b] ? 'k'
								     : 'l';
		if (now == last)
			continue;
		if (last != ' ')
			printf("# %d: %d to %d %s\n", object, from, b,
			       last == 'k'   ? "kept"
			       : last == 'l' ? "lost"
					     : "behind the end");
		from = b;
		last = now;
	}
}

/* For who has to find out. */
static void dump(void)
{
	for (int i = 0; i < legal.change_count; i++)
		printf("# op %d: %d/%d = %d%s\n", legal.changes[i].op,
		       legal.changes[i].directory, legal.changes[i].name,
		       legal.changes[i].meaning,
		       legal.changes[i].free ? ", free" : "");
	for (int i = 1; i < LEGAL_OBJECTS; i++) {
		const struct legal_object *o = &legal.objects[i];
		for (int op = 1; op <= legal.ops; op++)
			if (o->cut[op] >= 0 || o->written[op] > 0)
				printf("# op %d: %d cut %d, written to %d from "
				       "size %d\n",
				       op, i, o->cut[op], o->written[op],
				       o->size_before[op]);
		if (found.there[i])
			printf("# %d: %d bytes, was %d, live %d; %d %d %d %d\n",
			       i, found.sizes[i], o->base_size, o->live_size,
			       found.entries[i][0], found.entries[i][1],
			       found.entries[i][2], found.entries[i][3]);
		if (found.there[i])
			dump_bytes(i);
	}
}

static void play(void)
{
	struct legal_plan limits;
	int moment = -1;
	int ops = below(LEGAL_OPS + 1);

	for (int i = 0; i < 3 * LEGAL_OPS && legal.ops < ops; i++)
		act();
	struct plan plan = random_plan(&limits);
	sandbox_crash_planned(&sandbox, &plan);
	look();
	const char *why = legal_judge(&legal, &limits, &found, &moment);
	if (why != NULL) {
		char text[PLAN_TEXT_MAX];
		plan_format(&plan, text, sizeof(text));
		if (getenv("FLAKEY_TEST_TRACE"))
			dump();
		fail_msg("plan %lu, %s, after %d ops, moment %d: %s",
			 seen.plans, text, legal.ops, moment, why);
	}
	if (legal.ops > 1)
		count(moment);
	seen.plans++;
	legal_begin(&legal, &found);
}

static void play_many(unsigned long plans)
{
	const char *profile = getenv("FLAKEY_TEST_PROFILE");

	memset(&legal, 0, sizeof(legal));
	memset(&seen, 0, sizeof(seen));
	legal.rules = legal_rules_of(profile != NULL ? profile : "ext4");
	assert_non_null(legal.rules);
	umask(0);
	sandbox_open_quick(&sandbox);
	look();
	legal_begin(&legal, &found);
	while (seen.plans < plans)
		play();
	sandbox_close(&sandbox);
	printf("# %lu plans: nothing %lu, everything %lu, names alone %lu, "
	       "part of the names %lu, part of the data %lu, filled %lu, "
	       "linked twice %lu\n",
	       seen.plans, seen.nothing, seen.everything, seen.names_only,
	       seen.part_of_names, seen.part_of_data, seen.filled, seen.linked);
}

static void survivors_are_legal(void **state)
{
	(void)state;
	seed_start(&seed);
	play_many(seed_steps(PLANS));
}

/* A planner that never tears, fills or cuts is legal, too. Always the same chance,
 * so that numbers can be asked for. */
static void all_kinds_of_survivors_are_seen(void **state)
{
	(void)state;
	seed = (struct seed){.number = KINDS_SEED, .state = KINDS_SEED};
	play_many(KINDS_PLANS);
	assert_true(seen.linked > 0);
	assert_true(legal.rules->one_piece || seen.part_of_data > 20);
	if (legal.rules->any_entries)
		return;
	assert_true(seen.nothing > 10 && seen.everything > 10);
	if (legal.rules->one_piece)
		return;
	assert_true(seen.names_only > 2 && seen.part_of_names > 20);
	assert_true(seen.filled > 10 || !legal.rules->size_alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survivors_are_legal),
		cmocka_unit_test(all_kinds_of_survivors_are_seen),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
