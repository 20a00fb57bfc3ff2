/* SPDX-License-Identifier: MIT */
#include "tests/unit/fusefs/strict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define PATH_BYTES 512
#define ROOM 200 /* for what one operation may add */
#define MEANINGS (TWIN_NODES * TWIN_NAMES * 2)

/* The names as some changes make them. */
struct names {
	struct strict_meaning list[MEANINGS];
	int count;
};

static struct strict_node *find(const struct strict *strict, unsigned long id)
{
	for (int i = 0; i < strict->node_count; i++)
		if (strict->nodes[i].id == id)
			return (struct strict_node *)&strict->nodes[i];
	return NULL;
}

static void copy_content(struct strict_node *to, const struct twin_node *from)
{
	if (!S_ISREG(from->mode))
		return;
	memcpy(to->bytes, from->bytes, TWIN_BYTES);
	to->size = from->size;
}

static void copy_status(struct strict_node *to, const struct twin_node *from)
{
	to->mode = from->mode;
	memcpy(to->xattrs, from->xattrs, sizeof(to->xattrs));
}

static struct strict_node *add_node(struct strict *strict,
				    const struct twin_node *node)
{
	assert_true(strict->node_count < STRICT_NODES);
	struct strict_node *added = &strict->nodes[strict->node_count++];
	*added = (struct strict_node){.id = node->id, .mode = node->mode};
	if (S_ISREG(node->mode)) {
		added->bytes = calloc(TWIN_BYTES, 1);
		assert_non_null(added->bytes);
	}
	return added;
}

static int list_names(const struct twin *twin, struct strict_meaning *list)
{
	int count = 0;

	for (int i = 0; i < TWIN_NODES; i++) {
		const struct twin_node *node = &twin->nodes[i];
		if (!S_ISDIR(node->mode))
			continue;
		for (unsigned int name = 0; name < TWIN_NAMES; name++)
			if (node->entries[name] != NULL)
				list[count++] = (struct strict_meaning){
					node->id, name,
					node->entries[name]->id};
	}
	return count;
}

void strict_done(struct strict *strict)
{
	for (int i = 0; i < strict->node_count; i++)
		free(strict->nodes[i].bytes);
	strict->node_count = 0;
}

void strict_begin(struct strict *strict, const struct twin *twin)
{
	strict_done(strict);
	strict->change_count = 0;
	for (int i = 0; i < TWIN_NODES; i++) {
		const struct twin_node *node = &twin->nodes[i];
		if (node->mode == 0)
			continue;
		struct strict_node *added = add_node(strict, node);
		copy_content(added, node);
		copy_status(added, node);
	}
	strict->base_count = list_names(twin, strict->base);
	strict->seen_count = list_names(twin, strict->seen);
}

bool strict_is_full(const struct strict *strict)
{
	return strict->node_count > STRICT_NODES - ROOM ||
	       strict->change_count > STRICT_CHANGES - ROOM;
}

static bool is_same(const struct strict_meaning *a,
		    const struct strict_meaning *b)
{
	return a->directory == b->directory && a->name == b->name;
}

static unsigned long meaning_of(const struct strict_meaning *list, int count,
				const struct strict_meaning *place)
{
	for (int i = 0; i < count; i++)
		if (is_same(&list[i], place))
			return list[i].node;
	return 0;
}

static bool is_directory(const struct strict *strict, unsigned long id)
{
	const struct strict_node *node = find(strict, id);

	return node != NULL && S_ISDIR(node->mode);
}

static struct strict_change *add_change(struct strict *strict,
					struct strict_meaning now)
{
	assert_true(strict->change_count < STRICT_CHANGES);
	struct strict_change *change = &strict->changes[strict->change_count++];
	*change = (struct strict_change){.now = {now}, .count = 1};
	return change;
}

/* One name that means something else now. */
struct difference {
	struct strict_meaning now;
	unsigned long before;
};

static void log_one(struct strict *strict, const struct difference *one)
{
	struct strict_change *change = add_change(strict, one->now);

	if (one->now.node == 0 && is_directory(strict, one->before))
		change->removed = one->before;
}

/* from and to of a rename. */
static void log_two(struct strict *strict, const struct difference *from,
		    const struct difference *to)
{
	bool exchange = from->now.node != 0;
	bool between = from->now.directory != to->now.directory;
	bool directory = is_directory(strict, to->now.node) ||
			 (exchange && is_directory(strict, from->now.node));

	if (between && !directory) {
		add_change(strict, to->now);
		add_change(strict, from->now);
		return;
	}
	struct strict_change *change = add_change(strict, to->now);
	change->now[change->count++] = from->now;
	change->between = between;
	change->exchange = exchange;
	change->moved = to->now.node;
	if (!exchange && is_directory(strict, to->before))
		change->removed = to->before;
}

void strict_observe(struct strict *strict, const struct twin *twin)
{
	struct strict_meaning now[TWIN_NODES * TWIN_NAMES];
	struct difference different[4];
	int count = 0;

	for (int i = 0; i < TWIN_NODES; i++)
		if (twin->nodes[i].mode != 0 &&
		    find(strict, twin->nodes[i].id) == NULL)
			add_node(strict, &twin->nodes[i]);
	int now_count = list_names(twin, now);
	for (int i = 0; i < now_count; i++) {
		unsigned long before =
			meaning_of(strict->seen, strict->seen_count, &now[i]);
		if (before == now[i].node)
			continue;
		assert_true(count < 4);
		different[count++] = (struct difference){now[i], before};
	}
	for (int i = 0; i < strict->seen_count; i++) {
		struct strict_meaning gone = strict->seen[i];
		if (meaning_of(now, now_count, &gone) != 0)
			continue;
		assert_true(count < 4);
		gone.node = 0;
		different[count++] =
			(struct difference){gone, strict->seen[i].node};
	}
	/* What a rename leaves comes after what it enters, in this order. */
	assert_true(count <= 2);
	if (count == 1)
		log_one(strict, &different[0]);
	if (count == 2)
		log_two(strict, &different[1], &different[0]);
	memcpy(strict->seen, now, sizeof(now));
	strict->seen_count = now_count;
}

void strict_sync_file(struct strict *strict, const struct twin_node *node,
		      bool datasync)
{
	struct strict_node *copy = find(strict, node->id);

	assert_non_null(copy);
	copy_content(copy, node);
	if (!datasync)
		copy_status(copy, node);
}

static void apply(struct names *names, const struct strict_change *change)
{
	for (int i = 0; i < change->count; i++) {
		int at = 0;
		while (at < names->count &&
		       !is_same(&names->list[at], &change->now[i]))
			at++;
		assert_true(at < MEANINGS);
		if (at == names->count)
			names->count++;
		names->list[at] = change->now[i];
	}
}

static void replay(const struct strict *strict, struct names *names)
{
	names->count = strict->base_count;
	memcpy(names->list, strict->base,
	       sizeof(strict->base[0]) * (size_t)strict->base_count);
	for (int i = 0; i < strict->change_count; i++)
		if (strict->changes[i].paid)
			apply(names, &strict->changes[i]);
}

static bool is_reachable(const struct strict *strict, const struct names *names,
			 unsigned long id)
{
	unsigned long root = strict->nodes[0].id;

	for (int steps = 0; id != root; steps++) {
		int i = 0;
		while (i < names->count && names->list[i].node != id)
			i++;
		if (i == names->count || steps > TWIN_NODES)
			return false;
		id = names->list[i].directory;
	}
	return true;
}

/* Whether a directory that survives would do so inside of the other one. */
static bool is_inside(const struct strict *strict, const struct names *names,
		      unsigned long id, unsigned long other)
{
	unsigned long root = strict->nodes[0].id;

	if (!is_reachable(strict, names, id))
		return false;
	while (id != root && id != other) {
		int i = 0;
		while (names->list[i].node != id)
			i++;
		id = names->list[i].directory;
	}
	return id == other;
}

/* Those up to limit that touch the name; of all names if it is NULL. */
static bool pay(struct strict *strict, unsigned long directory,
		const unsigned int *name, int limit)
{
	bool more = false;

	for (int i = 0; i < limit; i++) {
		struct strict_change *change = &strict->changes[i];
		for (int j = 0; j < change->count; j++)
			if (change->now[j].directory == directory &&
			    (name == NULL || change->now[j].name == *name) &&
			    !change->paid) {
				change->paid = true;
				more = true;
			}
	}
	return more;
}

static bool pay_way(struct strict *strict, const struct names *before,
		    unsigned long id)
{
	bool more = false;

	while (!is_reachable(strict, before, id)) {
		int i = 0;
		while (i < strict->seen_count && strict->seen[i].node != id)
			i++;
		if (i == strict->seen_count)
			break;
		more |= pay(strict, strict->seen[i].directory,
			    &strict->seen[i].name, strict->change_count);
		id = strict->seen[i].directory;
	}
	return more;
}

/* One round: whether anything was added. */
static bool close_over(struct strict *strict, const struct names *before,
		       const bool *was_paid)
{
	bool more = false;

	for (int i = 0; i < strict->change_count; i++) {
		const struct strict_change *change = &strict->changes[i];
		if (!change->paid || was_paid[i])
			continue;
		for (int j = 0; j < change->count; j++)
			more |= pay(strict, change->now[j].directory,
				    &change->now[j].name, i);
		if (change->removed != 0)
			more |= pay(strict, change->removed, NULL, i);
		if (!change->between)
			continue;
		unsigned long to = change->now[0].directory;
		unsigned long from = change->now[1].directory;
		if (is_reachable(strict, before, from))
			more |= pay_way(strict, before, to);
		if (change->exchange && is_reachable(strict, before, to))
			more |= pay_way(strict, before, from);
	}
	return more;
}

bool strict_sync_directory(struct strict *strict, const struct twin *twin,
			   const struct twin_node *node)
{
	static bool was_paid[STRICT_CHANGES];
	static struct names names;

	(void)twin;
	copy_status(find(strict, node->id), node);
	for (int i = 0; i < strict->change_count; i++)
		was_paid[i] = strict->changes[i].paid;
	replay(strict, &names);
	pay(strict, node->id, NULL, strict->change_count);
	while (close_over(strict, &names, was_paid))
		;
	for (int i = 0; i < strict->change_count; i++) {
		const struct strict_change *change = &strict->changes[i];
		if (!change->paid || was_paid[i])
			continue;
		if (change->between) {
			bool to = is_reachable(strict, &names,
					       change->now[0].directory);
			bool from = is_reachable(strict, &names,
						 change->now[1].directory);
			if (to != from &&
			    (change->exchange || !to ||
			     is_reachable(strict, &names, change->moved)))
				return false;
			if (is_inside(strict, &names, change->now[0].directory,
				      change->moved) ||
			    (change->exchange &&
			     is_inside(strict, &names, change->now[1].directory,
				       change->now[1].node)))
				return false;
		}
		apply(&names, change);
	}
	return true;
}

/* The image */

static unsigned int count_links(const struct strict *strict,
				const struct names *names,
				const struct strict_node *node)
{
	unsigned int links = S_ISDIR(node->mode) ? 2 : 0;

	for (int i = 0; i < names->count; i++) {
		const struct strict_meaning *meaning = &names->list[i];
		if (S_ISDIR(node->mode))
			links += meaning->directory == node->id &&
				 is_directory(strict, meaning->node);
		else
			links +=
				meaning->node == node->id &&
				is_reachable(strict, names, meaning->directory);
	}
	return links;
}

static void add_entry(const struct strict *strict, const struct names *names,
		      struct image *image, const struct strict_node *node,
		      const char *path)
{
	char xattrs[128] = "";
	size_t used = 0;

	for (int i = 0; i < TWIN_XATTRS; i++)
		if (node->xattrs[i][0] != '\0')
			used += (size_t)snprintf(
				xattrs + used, sizeof(xattrs) - used, "%s%s=%s",
				used > 0 ? " " : "", twin_xattrs[i],
				node->xattrs[i]);
	const struct image_entry entry = {
		.path = path,
		.st = {.st_mode = node->mode,
		       .st_uid = geteuid(),
		       .st_gid = getegid(),
		       .st_nlink = count_links(strict, names, node),
		       .st_size = node->size},
		.data = node->bytes,
		.target = S_ISLNK(node->mode) ? "target" : NULL,
		.xattrs = used > 0 ? xattrs : NULL,
	};
	image_add(image, &entry);
}

void strict_image(const struct strict *strict, struct image *image, int parts)
{
	static struct names names;
	static char paths[MEANINGS][PATH_BYTES];
	static const struct strict_node *nodes[MEANINGS];
	int count = 1;

	image_init(image, parts);
	replay(strict, &names);
	nodes[0] = &strict->nodes[0];
	paths[0][0] = '\0';
	add_entry(strict, &names, image, nodes[0], "/");
	for (int next = 0; next < count; next++) {
		for (int i = 0; i < names.count; i++) {
			const struct strict_meaning *meaning = &names.list[i];
			if (meaning->directory != nodes[next]->id ||
			    meaning->node == 0)
				continue;
			assert_true(count < MEANINGS);
			nodes[count] = find(strict, meaning->node);
			assert_non_null(nodes[count]);
			char path[PATH_BYTES];
			snprintf(path, sizeof(path), "%.400s/%s", paths[next],
				 twin_names[meaning->name]);
			memcpy(paths[count], path, sizeof(path));
			add_entry(strict, &names, image, nodes[count],
				  paths[count]);
			count++;
		}
	}
	image_finish(image);
}
