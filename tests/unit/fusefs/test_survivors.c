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
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/plan.h"
#include "fusefs/attrs.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"
#include "tests/unit/fusefs/legal.h"
#include "tests/unit/fusefs/sandbox.h"
#include "tests/unit/fusefs/seed.h"

#define PLANS 1500
/* For what is asked of the kinds that are seen. */
#define KINDS_PLANS 300
#define KINDS_SEED 5
#define ROOT 1
#define MARK "user.mark"

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

static bool find_directory(int directory, int *ret_parent, int *ret_name)
{
	for (int d = ROOT; d < 4; d++)
		for (int n = 0; n < LEGAL_NAMES; n++)
			if (legal.objects[d].entries[n] == directory) {
				*ret_parent = d;
				*ret_name = n;
				return true;
			}
	return false;
}

/* "2" in the root, "x/1", "x/y/1" */
static const char *path_of(int directory, int name)
{
	static char paths[4][16];
	static int next;
	char *path = paths[next++ % 4];
	int parent = ROOT;
	int here = 0;

	snprintf(path, 16, "%d", name);
	while (directory != ROOT) {
		char below_it[8];
		assert_true(find_directory(directory, &parent, &here));
		memcpy(below_it, path, sizeof(below_it));
		below_it[7] = '\0';
		snprintf(path, 16, "%.1d/%.7s", here % 10, below_it);
		directory = parent;
	}
	return path;
}

/* Whether it is the other one, or above that. */
static bool is_above(int directory, int other)
{
	int name;

	while (other != directory)
		if (other == ROOT || !find_directory(other, &other, &name))
			return false;
	return true;
}

static int random_directory(void)
{
	int directories[3] = {ROOT};
	int count = 1;

	for (int d = 2; d < 4; d++)
		if (is_above(ROOT, d))
			directories[count++] = d;
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
	if (object == end || !random_name(false, &directory, &name))
		return;
	legal_op(&legal);
	mode_t mode = (is_directory ? S_IFDIR | 0700u : S_IFREG | 0600u) |
		      (mode_t)object;
	struct inode *inode =
		sandbox_create(&sandbox, path_of(directory, name), mode);
	names_forget(sandbox.volume, inode, 1);
	legal.objects[object].directory = is_directory;
	legal_change(&legal, directory, name, object);
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
	legal_change(&legal, directory, name, 0)->removed =
		object < 4 ? object : 0;
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

/* Whether one may take the other one's name. */
static bool may_replace(int object, int old)
{
	if (old == 0)
		return true;
	if (object < 4 || old < 4)
		return object < 4 && old < 4 && is_empty(old);
	/* What is pushed, and when, is what tests/litmus has. */
	return !legal.rules->pushes || !is_dirty(object);
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
	bool moves = object < 4;
	if (object == old || !may_replace(object, old) ||
	    (moves && is_above(object, to)))
		return;
	legal_op(&legal);
	assert_int_equal(sandbox_rename(&sandbox, path_of(from, from_name),
					path_of(to, to_name), 0),
			 0);
	bool free = from != to && legal.rules->any_entries && !moves;
	if (old != 0)
		legal.objects[old].last_op = legal.ops;
	struct legal_change *there = legal_change(&legal, to, to_name, object);
	struct legal_change *gone = legal_change(&legal, from, from_name, 0);
	there->free = gone->free = free;
	there->after_all = gone->after_all = moves && from != to;
	there->removed = moves ? old : 0;
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
		int parent = ROOT;
		int here = 0;
		assert_true(find_directory(to, &parent, &here));
		place = sandbox_find(&sandbox, path_of(parent, here));
	}
	legal_op(&legal);
	assert_int_equal(names_link(sandbox.volume, inode, place, name), 0);
	names_forget(sandbox.volume, inode, 1);
	if (to != ROOT)
		names_forget(sandbox.volume, place, 1);
	legal_change(&legal, to, to_name, object);
}

/* Of the root, too. */
static void mark_one(void)
{
	int directory;
	int name;
	struct inode *inode = sandbox.volume->root;
	int object = ROOT;

	if (!random_name(true, &directory, &name))
		return;
	if (!seed_once_in(&seed, 8)) {
		object = legal.objects[directory].entries[name];
		inode = sandbox_find(&sandbox, path_of(directory, name));
	}
	int op = legal_op(&legal);
	int mark = 0;
	assert_int_equal(attrs_refresh(sandbox.volume, inode), 0);
	if (seed_once_in(&seed, 2)) {
		mark = (int)seen.plans * 16 + op;
		assert_int_equal(xattrs_set(sandbox.volume, inode, MARK, &mark,
					    sizeof(mark), 0),
				 0);
	} else {
		const struct stat st = {.st_mode = inode->mode ^ S_ISVTX};
		assert_int_equal(
			attrs_set(sandbox.volume, inode, ATTRS_MODE, &st), 0);
	}
	legal_mark(&legal, object, mark);
	if (object != ROOT)
		names_forget(sandbox.volume, inode, 1);
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
	switch (below(14)) {
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
	case 8:
		mark_one();
		break;
	default:
		change_content(false);
		break;
	}
}

/* The store, as it is. */

static void look_at_marks(int fd, int object, mode_t mode)
{
	found.sticky[object] = mode & S_ISVTX;
	if (fgetxattr(fd, MARK, &found.marks[object], sizeof(int)) < 0)
		assert_int_equal(errno, ENODATA);
}

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
	look_at_marks(fd, object, st->st_mode);
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
		look_at_marks(below_fd, child, st.st_mode);
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
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	look_at_marks(fd, ROOT, st.st_mode);
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
		.prefix = plan.order == PLAN_ORDER_PREFIX,
		.fills = plan.fill != PLAN_FILL_OLD,
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
			if (o->marked[op] != 0 || o->flipped[op])
				printf("# op %d: %d mark %d\n", op, i,
				       o->marked[op]);
			else if (o->cut[op] >= 0 || o->written[op] > 0)
				printf("# op %d: %d cut %d, written to %d from "
				       "size %d\n",
				       op, i, o->cut[op], o->written[op],
				       o->size_before[op]);
		if (found.there[i])
			printf("# %d: %d bytes, was %d, live %d; mark %d, was "
			       "%d; sticky %d, was %d; %d %d %d %d\n",
			       i, found.sizes[i], o->base_size, o->live_size,
			       found.marks[i], o->base_mark, found.sticky[i],
			       o->base_sticky, found.entries[i][0],
			       found.entries[i][1], found.entries[i][2],
			       found.entries[i][3]);
		if (found.there[i])
			dump_bytes(i);
	}
}

/* The object of a path like "/0/2", or 0. Each name is one that there was last, or
 * one that is left: a bit for each. */
static int object_at(const char *path, unsigned int last)
{
	int object = ROOT;

	for (; path[0] == '/' && object > 0 && object < 4; path += 2) {
		int name = path[1] - '0';
		if (name < 0 || name >= LEGAL_NAMES)
			return 0;
		object = last & 1 ? legal.objects[object].entries[name]
				  : found.entries[object][name];
		last >>= 1;
	}
	return *path == '\0' ? object : 0;
}

static bool has_bytes(int object, int from, int to, bool zeros)
{
	if (object < 4 || !found.there[object] || found.sizes[object] < to)
		return false;
	for (int b = from; b < to; b++)
		if (legal.objects[object].dirty[b] &&
		    found.bytes[object][b] !=
			    (zeros ? 0 : legal.objects[object].live[b]))
			return false;
	return true;
}

static bool is_kept_at(const char *path, int from, int to, bool zeros)
{
	for (unsigned int last = 0; last < 8; last++)
		if (has_bytes(object_at(path, last), from, to, zeros))
			return true;
	return false;
}

/* A line of the report that says of data that it was kept, and it was not. */
static const char *find_lie(char *report)
{
	char *next;

	for (char *line = report; line != NULL && *line != '\0'; line = next) {
		char path[32];
		int from;
		int to;
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (sscanf(line, "data %31s %d..%d", path, &from, &to) != 3 ||
		    path[0] != '/' || strchr(path, '(') != NULL ||
		    strstr(line, "garbage") != NULL)
			continue; /* one without a path, or with any bytes */
		if (!is_kept_at(path, from, to + 1,
				strstr(line, "zeros") != NULL))
			return line;
	}
	return NULL;
}

static void play(void)
{
	struct legal_plan limits;
	int moment = -1;
	int ops = below(LEGAL_OPS + 1);

	for (int i = 0; i < 3 * LEGAL_OPS && legal.ops < ops; i++)
		act();
	struct plan plan = random_plan(&limits);
	char *kept = sandbox_crash_reported(&sandbox, &plan);
	look();
	const char *why = legal_judge(&legal, &limits, &found, &moment);
	const char *line = why == NULL ? find_lie(kept) : NULL;
	if (line != NULL)
		why = "the report has what is not there";
	if (why != NULL) {
		char text[PLAN_TEXT_MAX];
		plan_format(&plan, text, sizeof(text));
		if (getenv("FLAKEY_TEST_TRACE"))
			dump();
		fail_msg("plan %lu, %s, after %d ops, moment %d: %s%s%s",
			 seen.plans, text, legal.ops, moment, why,
			 line ? ": " : "", line ? line : "");
	}
	free(kept);
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
	assert_true(seen.names_only > 0 && seen.part_of_names > 20);
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
