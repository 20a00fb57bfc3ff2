/* SPDX-License-Identifier: MIT */
/* Steps on names. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "fusefs/listing.h"
#include "fusefs/names.h"
#include "fusefs/profile.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/model.h"

#define HELD_MAX 6    /* nodes without a name */
#define NODES_FULL 60 /* of TWIN_NODES: then nothing new is made */

static bool is_unnamed(const struct twin_node *node)
{
	return S_ISREG(node->mode) && node->unnamed;
}

static bool can_be_linked(const struct twin_node *node)
{
	return node->mode != 0 && !S_ISDIR(node->mode) &&
	       (node->names > 0 || node->unnamed);
}

static bool can_be_forgotten(const struct twin_node *node)
{
	return node->lookups > 0;
}

static struct twin_place choose_place(struct model *model)
{
	struct twin_node *directory = model_choose(model, model_is_directory);

	return (struct twin_place){directory, model_below(model, TWIN_NAMES)};
}

static struct twin_node *at(struct twin_place place)
{
	return place.directory->entries[place.name];
}

/* An operation on a name fails only after the kernel has looked it up: what the
 * volume has read for it goes when the kernel forgets it. */
static int known(struct model *model, struct twin_place place, int r)
{
	if (r < 0 && at(place) != NULL)
		(void)model_inode(model, at(place));
	return r;
}

/* A node that has just lost a name: now and then it stays open. */
static void lost_name(struct model *model, struct twin_node *node)
{
	unsigned int held = 0;

	node->changed = true;
	/* What is not open the kernel forgets with the name it knew. */
	if (node->names > 0 && !S_ISREG(node->mode))
		model_forget(model, node);
	if (node->names > 0 || node->mode == 0)
		return;
	for (int i = 0; i < TWIN_NODES; i++)
		if (model->twin.nodes[i].mode != 0 &&
		    model->twin.nodes[i].names == 0)
			held++;
	if (S_ISREG(node->mode) && node->lookups > 0 && held <= HELD_MAX &&
	    !seed_once_in(&model->seed, 3))
		return;
	model_forget(model, node);
}

static mode_t random_mode(struct model *model)
{
	static const mode_t types[] = {S_IFREG, S_IFREG, S_IFREG, S_IFREG,
				       S_IFDIR, S_IFDIR, S_IFLNK, S_IFIFO};
	mode_t type =
		types[model_below(model, sizeof(types) / sizeof(types[0]))];

	if (type == S_IFLNK)
		return S_IFLNK | 0777;
	return type | 0700 | model_below(model, 0100);
}

void model_step_create(struct model *model)
{
	struct twin_place place = choose_place(model);
	const struct names_new what = {
		.mode = random_mode(model),
		.uid = geteuid(),
		.gid = getegid(),
		.target = "target",
	};
	struct names_new made = what;
	struct inode *inode = NULL;

	if (model->twin.count > NODES_FULL ||
	    twin_depth(&model->twin, place.directory) >= TWIN_DEPTH - 1)
		return;
	if (!S_ISLNK(what.mode))
		made.target = NULL;
	int r = names_create(model->volume, model_inode(model, place.directory),
			     twin_names[place.name], &made, &inode);
	model_expect("create", r, at(place) != NULL ? -EEXIST : 0);
	if (known(model, place, r) < 0)
		return;
	struct twin_node *node = twin_new(&model->twin, what.mode);
	node->inode = inode;
	node->lookups = 1;
	twin_enter(place, node);
	model_trace(model, "create %d %o in %d as %u", model_id(model, node),
		    what.mode, model_id(model, place.directory), place.name);
	place.directory->changed = true;
}

void model_step_create_unnamed(struct model *model)
{
	const struct names_new what = {
		.mode = S_IFREG | 0600, .uid = geteuid(), .gid = getegid()};
	struct twin_node *directory = model_choose(model, model_is_directory);
	struct inode *inode = NULL;

	if (model->twin.count > NODES_FULL)
		return;
	model_expect("create without a name",
		     names_create_unnamed(model->volume,
					  model_inode(model, directory), &what,
					  &inode),
		     0);
	struct twin_node *node = twin_new(&model->twin, what.mode);
	node->unnamed = true;
	node->inode = inode;
	node->lookups = 1;
	model_trace(model, "create %d without a name", model_id(model, node));
}

static void look_up(struct model *model, struct twin_place place)
{
	struct twin_node *node = at(place);
	struct inode *inode = NULL;

	int r = names_lookup(model->volume, model_inode(model, place.directory),
			     twin_names[place.name], &inode);
	model_expect("lookup", r, node == NULL ? -ENOENT : 0);
	if (r < 0)
		return;
	/* All names of a file lead to one inode. */
	if (node->inode != NULL)
		assert_ptr_equal(inode, node->inode);
	node->inode = inode;
	node->lookups++;
}

void model_step_link(struct model *model)
{
	struct twin_place place = choose_place(model);
	struct twin_node *node = model_choose(
		model,
		seed_once_in(&model->seed, 2) ? is_unnamed : can_be_linked);

	if (node == NULL)
		return;
	/* It is named by a path, which the kernel looks up. */
	if (node->names > 0)
		look_up(model, twin_place_of(&model->twin, node));
	struct inode *inode = model_inode(model, node);
	int r = names_link(model->volume, inode,
			   model_inode(model, place.directory),
			   twin_names[place.name]);
	model_expect("link", r, at(place) != NULL ? -EEXIST : 0);
	if (known(model, place, r) < 0)
		return;
	model_trace(model, "link %d in %d as %u", model_id(model, node),
		    model_id(model, place.directory), place.name);
	node->lookups++;
	node->changed = true;
	twin_enter(place, node);
	place.directory->changed = true;
}

static int expected_of_unlink(const struct twin_node *node, bool directory)
{
	if (node == NULL)
		return -ENOENT;
	if (S_ISDIR(node->mode) != directory)
		return directory ? -ENOTDIR : -EISDIR;
	return directory && !twin_is_empty(node) ? -ENOTEMPTY : 0;
}

void model_step_unlink(struct model *model)
{
	struct twin_place place = choose_place(model);
	struct twin_node *node = at(place);
	bool directory = node != NULL && S_ISDIR(node->mode);

	if (seed_once_in(&model->seed, 20))
		directory = !directory;
	int r = names_unlink(model->volume, model_inode(model, place.directory),
			     twin_names[place.name], directory);
	model_expect("unlink", r, expected_of_unlink(node, directory));
	if (known(model, place, r) < 0)
		return;
	model_trace(model, "unlink %d in %d", model_id(model, node),
		    model_id(model, place.directory));
	twin_remove(place);
	place.directory->changed = true;
	lost_name(model, node);
}

static int expected_of_rename(const struct model *model,
			      const struct twin_node *moved,
			      const struct twin_node *replaced,
			      unsigned int flags)
{
	if (moved == NULL || (flags & RENAME_EXCHANGE && replaced == NULL))
		return -ENOENT;
	if (replaced != NULL && flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (moved == replaced || replaced == NULL || flags & RENAME_EXCHANGE)
		return 0;
	if (S_ISDIR(moved->mode) != S_ISDIR(replaced->mode))
		return S_ISDIR(moved->mode) ? -ENOTDIR : -EISDIR;
	return S_ISDIR(replaced->mode) && !twin_is_empty(replaced)
		       ? profile_not_empty_error(model->volume->profile)
		       : 0;
}

/* What the kernel does not let through to a file system, and what would make
 * the tree too deep for us. */
static bool is_refused(struct model *model, struct twin_place from,
		       struct twin_place to)
{
	struct twin *twin = &model->twin;
	const struct twin_node *moved = at(from);

	return moved != NULL && S_ISDIR(moved->mode) &&
	       (twin_is_inside(twin, to.directory, moved) ||
		twin_depth(twin, to.directory) + twin_height(moved) >=
			TWIN_DEPTH - 1);
}

static void rename_in_twin(struct model *model, struct twin_place from,
			   struct twin_place to, bool exchange)
{
	model_trace(model, "rename %d in %d to %d in %d%s",
		    model_id(model, at(from)), model_id(model, from.directory),
		    model_id(model, at(to)), model_id(model, to.directory),
		    exchange ? ", exchange" : "");
	struct twin_node *moved = twin_remove(from);
	struct twin_node *replaced = at(to);
	if (replaced != NULL)
		twin_remove(to);
	twin_enter(to, moved);
	bool files = !exchange ||
		     profile_exchange_changes_files(model->volume->profile);
	moved->changed |= files;
	from.directory->changed = true;
	to.directory->changed = true;
	if (replaced != NULL && exchange) {
		twin_enter(from, replaced);
		replaced->changed |= files;
	} else if (replaced != NULL) {
		lost_name(model, replaced);
		model_pushed(model);
	}
}

void model_step_rename(struct model *model)
{
	static const unsigned int kinds[] = {0, 0, 0, RENAME_NOREPLACE,
					     RENAME_EXCHANGE};
	struct twin_place from = choose_place(model);
	struct twin_place to = choose_place(model);
	unsigned int flags = kinds[model_below(model, 5)];
	bool exchange = flags & RENAME_EXCHANGE;

	if (is_refused(model, from, to) ||
	    (exchange && is_refused(model, to, from)))
		return;
	const struct names_rename rename = {
		.from_directory = model_inode(model, from.directory),
		.from_name = twin_names[from.name],
		.to_directory = model_inode(model, to.directory),
		.to_name = twin_names[to.name],
		.flags = flags,
	};
	int r = names_rename(model->volume, &rename);
	model_expect("rename", r,
		     expected_of_rename(model, at(from), at(to), flags));
	if (r == 0 && at(from) != at(to)) {
		rename_in_twin(model, from, to, exchange);
	} else {
		(void)known(model, from, -1);
		(void)known(model, to, -1);
	}
}

void model_step_lookup(struct model *model)
{
	look_up(model, choose_place(model));
}

void model_step_list(struct model *model)
{
	struct twin_node *directory = model_choose(model, model_is_directory);
	struct listing *listing = NULL;
	unsigned int want = 0;

	model_expect("listing",
		     listing_new(model->volume, model_inode(model, directory),
				 &listing),
		     0);
	for (int i = 0; i < TWIN_NAMES; i++)
		want += directory->entries[i] != NULL;
	model_expect("entries listed", (int64_t)listing_count(listing), want);
	for (size_t i = 0; i < listing_count(listing); i++) {
		struct listing_entry entry = listing_at(listing, i);
		const struct twin_node *node =
			directory->entries[entry.name[0] - 'a'];
		assert_non_null(node);
		model_expect("type", entry.type, node->mode & S_IFMT);
	}
	listing_free(listing);
}

void model_step_forget(struct model *model)
{
	struct twin_node *node = model_choose(model, can_be_forgotten);

	model_trace(model, "forget %d", model_id(model, node));
	if (node != NULL && node != &model->twin.nodes[0])
		model_forget(model, node);
}
